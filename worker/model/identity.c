#include "worker/model/identity.h"

#include <assert.h>
#include <stdint.h>
#include <xxhash.h>
#ifdef __x86_64__
#include <xxh_x86dispatch.h> /* the functions with the widest instructions that the processor has; others use SSE2 */
#endif

#include "common/sha1.h"

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
    static const char namespace[] = "\x5b\x0e\xd2\xf4\x6f\x0c\x4d\x0a\x9a\x3e\x6d\x0f\x5f\x6b\x7c\x21";
    char name[WORKSPACE_ID_CHARACTERS + 1 + COMMAND_ID_BYTES];
    assert(workspace.length <= WORKSPACE_ID_CHARACTERS && command_id.length <= COMMAND_ID_BYTES);
    memcpy(name, workspace.at, workspace.length);
    name[workspace.length] = '/';
    memcpy(name + workspace.length + 1, command_id.at, command_id.length);

    unsigned char id[SHA1_BYTES];
    sha1(span_of(namespace, sizeof(namespace) - 1), span_of(name, workspace.length + 1 + command_id.length), id);
    id[6] = (unsigned char)((id[6] & 0x0f) | 0x50); /* version 5 */
    id[8] = (unsigned char)((id[8] & 0x3f) | 0x80); /* the variant of RFC 4122 */
    static const size_t groups[] = {4, 2, 2, 2, 6};
    const unsigned char *from = id;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (i > 0)
            *text++ = '-';
        text = append_hexadecimal(text, from, groups[i]);
        from += groups[i];
    }
}
