/* decode: results that the cases do not show. */
#include "tests/unit/evaluating.h"

#include <uuid/uuid.h>
#include <xxhash.h>

#include "worker/validate/decode.h"

static struct evaluating evaluating;

static void open_evaluating(void)
{
    evaluating_open(&evaluating, NULL, NULL);
}

static void close_evaluating(void)
{
    evaluating_close(&evaluating);
}

static struct item *decode(const char *value, const struct header *headers, uint32_t count)
{
    struct item *item = evaluating_item(&evaluating, value);
    item->headers = headers;
    item->header_count = count;
    decode_item(item, evaluating.config, evaluating.evaluate.parser, &evaluating.batch.arena);
    return item;
}

/* A command is identified when its workspace and its own id are valid. The position is an id too, but not for a
 * command with an invalid id. */
#define NO_HEADERS                                                                                                     \
    {                                                                                                                  \
        {                                                                                                              \
            {NULL, 0},                                                                                                 \
            {                                                                                                          \
                NULL, 0                                                                                                \
            }                                                                                                          \
        }                                                                                                              \
    }
#define COMMAND_HEADER                                                                                                 \
    {                                                                                                                  \
        {"command-id", 10},                                                                                            \
        {                                                                                                              \
            "c", 1                                                                                                     \
        }                                                                                                              \
    }
#define WORKSPACE_HEADER                                                                                               \
    {                                                                                                                  \
        {"workspace-id", 12},                                                                                          \
        {                                                                                                              \
            "w", 1                                                                                                     \
        }                                                                                                              \
    }
#define CE_HEADER                                                                                                      \
    {                                                                                                                  \
        {"ce_id", 5},                                                                                                  \
        {                                                                                                              \
            "c", 1                                                                                                     \
        }                                                                                                              \
    }
#define CE_WORKSPACE_HEADER                                                                                            \
    {                                                                                                                  \
        {"ce_workspaceid", 14},                                                                                        \
        {                                                                                                              \
            "w", 1                                                                                                     \
        }                                                                                                              \
    }

static const struct identity_row {
    const char *value;
    struct header headers[2];
    bool has_identity;
    const char *command_id, *workspace; /* NULL: none */
} identities[] = {
    {"{\"commandId\":\"c\",\"workspaceId\":\"w\"}", NO_HEADERS, true, "c", "w"},
    {"{\"workspaceId\":\"w\"}", NO_HEADERS, true, "clients.commands/3/17", "w"},
    {"{\"commandId\":\"c\"}", NO_HEADERS, false, "c", NULL},
    {"{\"commandId\":\"\",\"workspaceId\":\"w\"}", NO_HEADERS, false, "clients.commands/3/17", "w"},
    {"{\"commandId\":\"c\",\"workspaceId\":\"\"}", NO_HEADERS, false, "c", NULL},
    {"{\"commandId\":{},\"workspaceId\":\"w\"}", NO_HEADERS, false, "clients.commands/3/17", "w"},
    {"{}", {COMMAND_HEADER, WORKSPACE_HEADER}, true, "c", "w"},
    {"{", {COMMAND_HEADER, WORKSPACE_HEADER}, true, "c", "w"},
    {"{", {CE_HEADER, CE_WORKSPACE_HEADER}, true, "c", "w"},
    {"{", {WORKSPACE_HEADER}, false, "clients.commands/3/17", "w"},
    {"{", {COMMAND_HEADER}, false, "c", NULL},
    {"{\"type\":\"x\",\"commandId\":\"c\",\"workspaceId\":\"w\"}", NO_HEADERS, true, "c", "w"},
    {"{\"specversion\":\"1.0\",\"id\":\"c\",\"workspaceid\":\"w\"}", NO_HEADERS, true, "c", "w"},
    {NULL, {COMMAND_HEADER, WORKSPACE_HEADER}, true, "c", "w"},
};

START_TEST(test_identity)
{
    const struct identity_row *row = &identities[_i];
    struct item *item = decode(row->value, row->headers, 2);
    expect_span(item->command_id, row->command_id);
    ck_assert_int_eq(item->workspace.at != NULL, row->workspace != NULL);
    if (row->workspace)
        expect_span(item->workspace, row->workspace);
    ck_assert_int_eq(item->has_identity, row->has_identity);
    char expected[CLIENT_ID_LENGTH] = {0};
    if (row->has_identity)
        client_id_text(item->workspace, item->command_id, expected);
    ck_assert_mem_eq(item->client_id, expected, CLIENT_ID_LENGTH);
    expect_span(span_of(item->time, TIME_LENGTH), "2026-11-23T06:38:00.123Z");
}
END_TEST

/* UUIDs of Python's uuid.uuid5(namespace, name). */
START_TEST(test_client_id)
{
    char text[CLIENT_ID_LENGTH];
    client_id_text(SPAN("acme"), SPAN("import-7/001"), text);
    expect_span(span_of(text, sizeof(text)), "c705de71-3695-5583-8297-37fc27f7dead");
    client_id_text(SPAN("acme"), SPAN("clients.commands/0/17"), text);
    expect_span(span_of(text, sizeof(text)), "3d63998c-0d0a-54e2-afb2-e6a0f2822c4a");
}
END_TEST

/* The longest names, and the documented namespace. */
START_TEST(test_client_id_of_longest_name)
{
    char name[WORKSPACE_ID_CHARACTERS + 1 + COMMAND_ID_BYTES], text[CLIENT_ID_LENGTH], expected[UUID_STR_LEN];
    memset(name, 'x', sizeof(name));
    name[WORKSPACE_ID_CHARACTERS] = '/';
    uuid_t namespace, id;
    ck_assert_int_eq(uuid_parse(CLIENT_ID_NAMESPACE, namespace), 0);
    uuid_generate_sha1(id, namespace, name, sizeof(name));
    uuid_unparse_lower(id, expected);
    client_id_text(span_of(name, WORKSPACE_ID_CHARACTERS),
                   span_of(name + WORKSPACE_ID_CHARACTERS + 1, COMMAND_ID_BYTES), text);
    expect_span(span_of(text, sizeof(text)), expected);
}
END_TEST

/* Known values of XXH3's 128 bits, seed 0. */
START_TEST(test_hash)
{
    char text[HASH_LENGTH];
    hash_text(SPAN(""), text);
    expect_span(span_of(text, sizeof(text)), "99aa06d3014798d86001c324468d497f");
    hash_text(SPAN_NONE, text);
    expect_span(span_of(text, sizeof(text)), "99aa06d3014798d86001c324468d497f");
    XXH128_hash_t hash = XXH3_128bits("{\"a\":1}", 7);
    char expected[HASH_LENGTH + 1];
    snprintf(expected, sizeof(expected), "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
    hash_text(SPAN("{\"a\":1}"), text);
    expect_span(span_of(text, sizeof(text)), expected);

    /* Of any length, with whatever instructions the processor has. */
    char bytes[2048];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 31 + i / 256);
    for (size_t length = 0; length <= sizeof(bytes); length++) {
        hash = XXH3_128bits(bytes, length);
        snprintf(expected, sizeof(expected), "%016llx%016llx", (unsigned long long)hash.high64,
                 (unsigned long long)hash.low64);
        hash_text(span_of(bytes, length), text);
        expect_span(span_of(text, sizeof(text)), expected);
    }
}
END_TEST

/* The hash is of the original bytes. */
START_TEST(test_hash_of_item)
{
    static const char *const values[] = {"{\"a\":\"\\u0041\"}", "{\"a\":\"A\"}", "nonsense"};
    for (size_t i = 0; i < 3; i++) {
        char expected[HASH_LENGTH];
        hash_text(span_of_text(values[i]), expected);
        struct item *item = decode(values[i], NULL, 0);
        ck_assert_mem_eq(item->hash, expected, HASH_LENGTH);
        ck_assert_ptr_eq(item->value.at, values[i]);
    }
}
END_TEST

/* The value belongs to the message and goes to the dead letters unchanged. */
START_TEST(test_value_is_not_touched)
{
    char value[] = "{\"commandId\":\"\\u0041\",\"workspaceId\":\"\\u0042\"";
    char before[sizeof(value)];
    memcpy(before, value, sizeof(value));
    struct item *item = decode(value, NULL, 0);
    ck_assert_int_eq(item->error, ERROR_MALFORMED_JSON);
    ck_assert_mem_eq(value, before, sizeof(value));
}
END_TEST

/* A value that is too large is not copied. */
START_TEST(test_too_large_is_not_copied)
{
    size_t length = (size_t)evaluating.config->limits.command_bytes + 1;
    char *large = malloc(length + 1);
    memset(large, ' ', length);
    large[length] = '\0';
    struct item *item = decode(large, NULL, 0);
    ck_assert_int_eq(item->error, ERROR_TOO_LARGE);
    ck_assert_uint_lt(evaluating.batch.arena.used, 1024);
    free(large);

    struct item *unread = evaluating_item(&evaluating, "");
    decode_too_large(unread, evaluating.config, &evaluating.batch.arena);
    ck_assert_int_eq(unread->error, ERROR_TOO_LARGE);
    expect_span(span_of(unread->time, TIME_LENGTH), "2026-11-23T06:38:00.123Z");
}
END_TEST

/* The size of a message outside of its value is limited, too. This is checked before the value, and with the ids of
 * headers. */
static const struct {
    size_t key_bytes, header_bytes;
    enum header_state state;
    enum error error;
    const char *message; /* its beginning */
} outsides[] = {
    {262144, 0, HEADERS_READ, ERROR_NONE, ""},
    {0, 262144, HEADERS_READ, ERROR_NONE, ""},
    {262145, 0, HEADERS_READ, ERROR_TOO_LARGE, "key and headers have 262145 bytes together, more than the 262144"},
    {200000, 62145, HEADERS_READ, ERROR_TOO_LARGE, "key and headers have 262145 bytes together"},
    {0, 5000000, HEADERS_READ, ERROR_TOO_LARGE, "key and headers have 5000000 bytes together"},
    {0, 0, HEADERS_UNREADABLE, ERROR_TOO_LARGE, "the headers cannot be read"},
    {0, 0, MESSAGE_UNREADABLE, ERROR_TOO_LARGE, "nothing of the command can be read"},
};

START_TEST(test_outside)
{
    static const struct header headers[] = {{{"command-id", 10}, {"c-1", 3}}, {{"workspace-id", 12}, {"acme", 4}}};
    static char key[300000];
    static const char *const values[] = {"{}", "not JSON"};
    memset(key, 'k', sizeof(key));
    for (size_t i = 0; i < 2; i++) {
        struct item *item = evaluating_item(&evaluating, values[i]);
        bool is_unreadable = outsides[_i].state != HEADERS_READ;
        item->key = span_of(key, outsides[_i].key_bytes);
        item->headers = headers;
        item->header_count = is_unreadable ? 0 : 2;
        item->header_state = outsides[_i].state;
        item->outer_bytes = outsides[_i].key_bytes + outsides[_i].header_bytes;
        decode_item(item, evaluating.config, evaluating.evaluate.parser, &evaluating.batch.arena);
        enum error expected = outsides[_i].error == ERROR_NONE && i == 1 ? ERROR_MALFORMED_JSON : outsides[_i].error;
        ck_assert_int_eq(item->error, expected);
        if (outsides[_i].error != ERROR_NONE)
            ck_assert(span_begins_with(item->error_message, span_of_text(outsides[_i].message)));
        expect_span(item->command_id, is_unreadable ? "clients.commands/3/17" : "c-1");
    }
}
END_TEST

START_TEST(test_members)
{
    struct item *item = decode("{\"x\":{\"email\":1},\"email\":\"e\",\"workspaceId\":\"w\"}", NULL, 0);
    ck_assert_uint_eq(item->members[MEMBER_GIVEN_NAME], 0);
    expect_span(json_text(&item->document, item->members[MEMBER_EMAIL]), "e");
    ck_assert_uint_eq(item->command, 0);
    ck_assert(!item->structured);
}
END_TEST

START_TEST(test_structured)
{
    struct item *item =
        decode("{\"email\":1,\"data\":{\"email\":\"e\"},\"specversion\":\"1.0\",\"id\":\"i\"}", NULL, 0);
    ck_assert(item->structured);
    expect_span(json_name(&item->document, item->command), "data");
    expect_span(json_text(&item->document, item->members[MEMBER_EMAIL]), "e");
    expect_span(item->command_id, "i");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decode");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, open_evaluating, close_evaluating);
    tcase_add_loop_test(tests, test_identity, 0, (int)(sizeof(identities) / sizeof(identities[0])));
    tcase_add_test(tests, test_client_id);
    tcase_add_test(tests, test_client_id_of_longest_name);
    tcase_add_test(tests, test_hash);
    tcase_add_test(tests, test_hash_of_item);
    tcase_add_test(tests, test_value_is_not_touched);
    tcase_add_test(tests, test_too_large_is_not_copied);
    tcase_add_loop_test(tests, test_outside, 0, sizeof(outsides) / sizeof(outsides[0]));
    tcase_add_test(tests, test_members);
    tcase_add_test(tests, test_structured);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
