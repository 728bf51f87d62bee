/* After a warm-up nothing on the path of a command takes memory from the heap: not decode, not check, not the reply.
 *
 * This program replaces malloc and its relatives and counts their calls. The address sanitizer has its own malloc;
 * there its hooks count. */
#include <check.h>
#include <stdlib.h>

#include "worker/validate/evaluate.h"
#include "worker/validate/reply.h"

static volatile size_t allocations; /* malloc is a builtin, and the compiler assumes that it changes no variable */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

/* Declared by <sanitizer/allocator_interface.h>, which not every compiler has. */
int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void *, size_t),
                                              void (*free_hook)(const volatile void *));

static void count_allocation(const volatile void *memory, size_t size)
{
    (void)memory;
    (void)size;
    allocations++;
}

static void count_nothing(const volatile void *memory)
{
    (void)memory;
}

static void start_counting(void)
{
    ck_assert_int_gt(__sanitizer_install_malloc_and_free_hooks(count_allocation, count_nothing), 0);
}

#else

/* glibc's own functions, under their internal names. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    allocations++;
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    allocations++;
    return __libc_memalign(alignment, size);
}

static void start_counting(void)
{
}

#endif

#define MEMBERS    "\"commandId\":\"c-1\",\"workspaceId\":\"acme\",\"givenName\":\"A\",\"familyName\":\"B\","
#define COMMAND(x) "{" MEMBERS "\"email\":\"a@b.example\"," x "}"
#define FIELDS(x)  COMMAND("\"customFields\":{" x "}")

static const char definitions_json[] =
    "[{\"key\":\"services\",\"type\":\"multiSelect\",\"options\":[{\"key\":\"fileSharing\"},{\"key\":\"metrics\"}]},"
    "{\"key\":\"pronouns\",\"type\":\"text\",\"rules\":{\"maxLength\":100}},{\"key\":\"phoneNumber\",\"type\":"
    "\"phoneNumber\"},"
    "{\"key\":\"address\",\"type\":\"address\"},{\"key\":\"n\",\"type\":\"number\"},{\"key\":\"e\",\"type\":\"email\"},"
    "{\"key\":\"u\",\"type\":\"url\"}]";

static const char *const commands[] = {
    /* The contract's example. */
    "{\"commandId\": \"import-7/001\", \"workspaceId\": \"acme\", \"sendInvite\": true,"
    " \"givenName\": \"Ada\", \"familyName\": \"Lovelace\", \"email\": \"ada@example.com\","
    " \"companyId\": \"29a80abc-8d1c\", \"customFields\": {"
    "  \"services\": [\"fileSharing\", \"metrics\"], \"pronouns\": \"She/Her/Hers\", \"phoneNumber\": \"+14441234576\","
    "  \"address\": {\"country\": \"US\", \"region\": \"New York\", \"postalCode\": \"10001\","
    "  \"addressLine1\": \"1201 Broadway\", \"addressLine2\": \"704\", \"city\": \"New York\","
    "  \"fullAddress\": \"1201 Broadway\\n704\\nNew York, New York, 10001\\nUnited States\"}}}",
    "{}",
    "",
    "[1,2",
    "\"\\ud800\"",
    "{\"a\":1,\"a\":2}",
    "{" MEMBERS "\"email\":\" \"}",
    COMMAND("\"type\":\"nope\""),
    COMMAND("\"companyIds\":[\"a\",\"b\",\"a\",\"c\"]"),
    COMMAND("\"companyId\":\"b\",\"companyIds\":[\"a\"]"),
    COMMAND("\"unknown\":[[[]]],\"other\":1e400"),
    FIELDS("\"pronouns\":\"e\\u0301 \\u212b \\ud834\\udd5e\\r\\n\""),
    FIELDS("\"pronouns\":\"\\u0000\",\"nope\":1"),
    FIELDS("\"n\":123456789.0123e-5"),
    FIELDS("\"n\":0.1000000000000000055511151231257827"),
    FIELDS("\"n\":\"12x\""),
    FIELDS("\"n\":1e400"),
    FIELDS("\"e\":\"Ada@EXAMPLE.com\""),
    FIELDS("\"e\":\"ada@@example.com\""),
    FIELDS("\"u\":\"HTTP://Example.com:80/a/../b%zz \\u00e9\""),
    FIELDS("\"u\":\"http://[::1]:8080/?q#f\""),
    FIELDS("\"u\":\"ftp://example.com\""),
    FIELDS("\"phoneNumber\":\"+1 (212) 555-0123\""),
    FIELDS("\"phoneNumber\":\"+999\""),
    FIELDS(
        "\"address\":{\"country\":\"ca\",\"fullAddress\":\"x\",\"region\":\"qu\\u00e9bec\",\"postalCode\":\"k1a0b1\"}"),
    FIELDS("\"address\":{\"country\":\"XK\"}"),
    FIELDS("\"services\":[\"metrics\",\"metrics\",\"nope\",null]"),
    "{\"specversion\":\"1.0\",\"id\":\"e\",\"workspaceid\":\"acme\",\"data\":{\"givenName\":\"\\u00a0x\"}}",
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static struct config *config;
static struct definitions *definitions;
static struct evaluation evaluate;
static struct batch batch;

static void open_all(void)
{
    start_counting();
    config = config_read(&(struct config_sources){0});
    ck_assert_ptr_nonnull(config);
    definitions = definitions_compile(span_of_text(definitions_json), NULL);
    ck_assert_ptr_nonnull(definitions);
    size_t bytes = (size_t)config->limits.command_bytes;
    evaluate = (struct evaluation){.config = config, .definitions = definitions, .parser = json_parser_new(bytes)};
    ck_assert_ptr_nonnull(evaluate.parser);
    ck_assert_int_eq(batch_open(&batch, 1, bytes, bytes), 0);
}

static void close_all(void)
{
    batch_close(&batch);
    json_parser_free(evaluate.parser);
    definitions_free(definitions);
    config_free(config);
}

static void evaluate_once(const char *command)
{
    static const struct header headers[] = {{{"kafka_correlationId", 19}, {"\0\1\2", 3}}};
    struct header out[REPLY_HEADERS];
    batch_reset(&batch);
    batch.items[0] = (struct item){.from = {.topic = "clients.commands", .timestamp_ms = 1795415880123},
                                   .value = span_of_text(command),
                                   .headers = headers,
                                   .header_count = 1};
    evaluate_item(&evaluate, &batch.items[0], &batch.arena);
    reply_headers(&batch.items[0], config, out);
}

START_TEST(test_counting_counts)
{
    size_t before = allocations;
    void *volatile memory = malloc(10);
    ck_assert_uint_eq(allocations, before + 1);
    free(memory);
}
END_TEST

START_TEST(test_command_allocates_nothing)
{
    const char *command = commands[_i];
    evaluate_once(command);
    size_t before = allocations;
    evaluate_once(command);
    ck_assert_msg(allocations == before, "%zu allocations: %s", allocations - before, command);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("no allocation");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, open_all, close_all);
    tcase_add_test(tests, test_counting_counts);
    tcase_add_loop_test(tests, test_command_allocates_nothing, 0, (int)COMMANDS);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
