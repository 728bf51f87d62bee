/* sha1: the examples of FIPS 180, and every length of a name against libuuid's UUIDs. */
#include "tests/unit/evaluating.h"

#include <uuid/uuid.h>

#include "common/sha1.h"
#include "worker/model/identity.h"

static void expect_digest(struct span text, const char *expected)
{
    unsigned char digest[SHA1_BYTES];
    char found[2 * SHA1_BYTES + 1], *padded = malloc(SHA1_PADDED(text.length));
    ck_assert_ptr_nonnull(padded);
    span_copy(padded, text);
    sha1(padded, text.length, digest);
    free(padded);
    for (size_t i = 0; i < SHA1_BYTES; i++)
        sprintf(found + 2 * i, "%02x", digest[i]);
    ck_assert_str_eq(found, expected);
}

START_TEST(the_examples_of_the_standard_are_right)
{
    expect_digest(SPAN("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    expect_digest(SPAN(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    expect_digest(SPAN("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                  "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
}
END_TEST

START_TEST(a_million_bytes_are_right)
{
    static char text[1000000];
    memset(text, 'a', sizeof(text));
    expect_digest(span_of(text, sizeof(text)), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}
END_TEST

/* Each length of the padding, on one block and on several. */
START_TEST(a_client_id_is_libuuids_for_every_length_of_its_name)
{
    char workspace[WORKSPACE_ID_CHARACTERS], command[COMMAND_ID_BYTES];
    char name[sizeof(workspace) + 1 + sizeof(command)];
    uuid_t namespace;
    ck_assert_int_eq(uuid_parse(CLIENT_ID_NAMESPACE, namespace), 0);
    for (size_t i = 0; i < sizeof(workspace); i++)
        workspace[i] = (char)('a' + i % 26);
    for (size_t i = 0; i < sizeof(command); i++)
        command[i] = (char)(200 + i);
    for (size_t length = 0; length <= sizeof(command); length++) {
        const size_t before = length % (sizeof(workspace) + 1);
        memcpy(name, workspace, before);
        name[before] = '/';
        memcpy(name + before + 1, command, length);
        uuid_t id;
        char expected[UUID_STR_LEN], text[CLIENT_ID_LENGTH];
        uuid_generate_sha1(id, namespace, name, before + 1 + length);
        uuid_unparse_lower(id, expected);
        client_id_text(span_of(workspace, before), span_of(command, length), text);
        ck_assert_mem_eq(text, expected, CLIENT_ID_LENGTH);
    }
}
END_TEST

/* Names of random bytes and lengths, the same in every run. */
START_TEST(client_ids_of_random_names_are_libuuids)
{
    enum { NAMES = 100000 };
    uint64_t state = 20261127;
    uuid_t namespace;
    ck_assert_int_eq(uuid_parse(CLIENT_ID_NAMESPACE, namespace), 0);
    for (int round = 0; round < NAMES; round++) {
        char name[WORKSPACE_ID_CHARACTERS + 1 + COMMAND_ID_CHARACTERS];
        for (size_t i = 0; i < sizeof(name); i++) {
            state = state * 6364136223846793005 + 1442695040888963407;
            name[i] = (char)(state >> 56);
        }
        const size_t before = (state >> 32) % (WORKSPACE_ID_CHARACTERS + 1);
        const size_t length = (state >> 40) % (COMMAND_ID_CHARACTERS + 1);
        name[before] = '/';
        uuid_t id;
        char expected[UUID_STR_LEN], text[CLIENT_ID_LENGTH];
        uuid_generate_sha1(id, namespace, name, before + 1 + length);
        uuid_unparse_lower(id, expected);
        client_id_text(span_of(name, before), span_of(name + before + 1, length), text);
        ck_assert_mem_eq(text, expected, CLIENT_ID_LENGTH);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sha1");
    TCase *tests = tcase_create("sha1");
    tcase_add_test(tests, the_examples_of_the_standard_are_right);
    tcase_add_test(tests, a_million_bytes_are_right);
    tcase_add_test(tests, a_client_id_is_libuuids_for_every_length_of_its_name);
    tcase_add_test(tests, client_ids_of_random_names_are_libuuids);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
