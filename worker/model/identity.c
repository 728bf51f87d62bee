#include "worker/model/identity.h"

#include <assert.h>
#include <stdint.h>
#include <xxhash.h>
#ifdef __x86_64__
#include <xxh_x86dispatch.h> /* the functions with the widest instructions that the processor has; others use SSE2 */
#endif

#include "common/hexadecimal.h"
#include "common/sha1.h"

void hash_text(struct span bytes, char text[HASH_LENGTH])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.at, bytes.length));
    hexadecimal_write(canonical.digest, text);
}

/* RFC 4122, section 3. */
static void uuid_text(const unsigned char uuid[HEXADECIMAL_BYTES], char text[CLIENT_ID_LENGTH])
{
    char digits[HEXADECIMAL_DIGITS];
    hexadecimal_write(uuid, digits);
    memcpy(text, digits, 8);
    memcpy(text + 9, digits + 8, 4);
    memcpy(text + 14, digits + 12, 4);
    memcpy(text + 19, digits + 16, 4);
    memcpy(text + 24, digits + 20, 12);
    text[8] = text[13] = text[18] = text[23] = '-';
}

void client_id_text(struct span workspace, struct span command_id, char text[CLIENT_ID_LENGTH])
{
    /* CLIENT_ID_NAMESPACE; a unit test compares the two. */
    static const struct span namespace = SPAN("\x5b\x0e\xd2\xf4\x6f\x0c\x4d\x0a\x9a\x3e\x6d\x0f\x5f\x6b\x7c\x21");
    char name[SHA1_PADDED(HEXADECIMAL_BYTES + WORKSPACE_ID_CHARACTERS + 1 + COMMAND_ID_BYTES)], *end = name;
    assert(workspace.length <= WORKSPACE_ID_CHARACTERS && command_id.length <= COMMAND_ID_BYTES);
    end = span_copy(end, namespace);
    end = span_copy(end, workspace);
    *end++ = '/';
    end = span_copy(end, command_id);

    unsigned char id[SHA1_BYTES];
    sha1(name, (size_t)(end - name), id);
    id[6] = (unsigned char)((id[6] & 0x0f) | 0x50); /* version 5 */
    id[8] = (unsigned char)((id[8] & 0x3f) | 0x80); /* the variant of RFC 4122 */
    uuid_text(id, text);
}
