#include "worker/model/identity.h"

#include <assert.h>
#include <stdint.h>
#include <uuid/uuid.h>
#include <xxhash.h>

static char *append_hexadecimal(char *to, const unsigned char *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    return to;
}

void hash_text(struct span bytes, char text[HASH_LENGTH])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.at, bytes.length));
    append_hexadecimal(text, canonical.digest, sizeof(canonical.digest));
}

void client_id_text(struct span workspace, struct span command_id, char text[CLIENT_ID_LENGTH])
{
    /* CLIENT_ID_NAMESPACE; a unit test compares the two. */
    static const uuid_t namespace = {0x5b, 0x0e, 0xd2, 0xf4, 0x6f, 0x0c, 0x4d, 0x0a,
                                     0x9a, 0x3e, 0x6d, 0x0f, 0x5f, 0x6b, 0x7c, 0x21};
    char name[WORKSPACE_ID_CHARACTERS + 1 + COMMAND_ID_BYTES];
    assert(workspace.length <= WORKSPACE_ID_CHARACTERS && command_id.length <= COMMAND_ID_BYTES);
    memcpy(name, workspace.at, workspace.length);
    name[workspace.length] = '/';
    memcpy(name + workspace.length + 1, command_id.at, command_id.length);

    uuid_t id;
    uuid_generate_sha1(id, namespace, name, workspace.length + 1 + command_id.length);
    static const size_t groups[] = {4, 2, 2, 2, 6};
    const unsigned char *from = id;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (i > 0)
            *text++ = '-';
        text = append_hexadecimal(text, from, groups[i]);
        from += groups[i];
    }
}
