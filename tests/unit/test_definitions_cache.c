/* The cache of definitions. Names that come from strangers cost no more than others. */
#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/colliding_names.h"
#include "worker/definitions/definitions_cache.h"
#include "worker/definitions/definitions_history.h"

#define ROUNDS 3

/* CPU time to look up COLLIDING_NAMES workspaces of these names in an empty cache, again and again. */
static double look_up_all(void name_write(unsigned number, char name[COLLIDING_NAME_SIZE]))
{
    struct definitions_cache *cache = definitions_cache_new(COLLIDING_NAMES, NULL);
    ck_assert_ptr_nonnull(cache);
    definitions_cache_begin(cache, NULL, 0);
    const double began = cpu_seconds();
    for (int round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < COLLIDING_NAMES; i++) {
            char name[COLLIDING_NAME_SIZE];
            name_write(i, name);
            ck_assert_ptr_nonnull(definitions_cache_entry(cache, span_of_text(name)));
        }
    const double taken = cpu_seconds() - began;
    definitions_cache_free(cache);
    return taken;
}

START_TEST(names_that_collide_cost_no_more)
{
    const double usual = look_up_all(usual_name_write), colliding = look_up_all(colliding_name_write);
    ck_assert_msg(colliding < 3 * usual + 0.02, "%.1f ms, of others %.1f ms", colliding * 1000, usual * 1000);
}
END_TEST

/* CPU time to note a message of each of COLLIDING_NAMES workspaces, again and again, as a rebuild does. */
static double note_all(void name_write(unsigned number, char name[COLLIDING_NAME_SIZE]))
{
    struct definitions_history *history = definitions_history_new();
    ck_assert_ptr_nonnull(history);
    const double began = cpu_seconds();
    for (int round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < COLLIDING_NAMES; i++) {
            char name[COLLIDING_NAME_SIZE];
            name_write(i, name);
            /* Librdkafka asks a message with an error for no timestamp, which only its own messages have. */
            const rd_kafka_message_t message = {
                .err = RD_KAFKA_RESP_ERR__FAIL, .key = name, .key_len = strlen(name), .offset = round};
            ck_assert(definitions_history_note(history, &message));
        }
    const double taken = cpu_seconds() - began;
    definitions_history_free(history);
    return taken;
}

START_TEST(names_that_collide_cost_no_more_in_a_history)
{
    const double usual = note_all(usual_name_write), colliding = note_all(colliding_name_write);
    ck_assert_msg(colliding < 3 * usual + 0.02, "%.1f ms, of others %.1f ms", colliding * 1000, usual * 1000);
}
END_TEST

/* ---- sets of the largest kind: 16 MiB of options take some 90 MiB when they are compiled ---- */

enum { OPTIONS = 20000, SETS = 40, KEPT_MIB = 16 };

/* A set of so many options, and another one for each number. The caller frees it. */
static char *large_set(int number)
{
    char *json = NULL;
    size_t length;
    FILE *out = open_memstream(&json, &length);
    ck_assert_ptr_nonnull(out);
    fprintf(out, "[{\"key\":\"k%d\",\"type\":\"multiSelect\",\"options\":[{\"key\":\"a\"}", number);
    for (int i = 0; i < OPTIONS; i++)
        fprintf(out, ",{\"key\":\"%x\"}", i + 16);
    fprintf(out, "]}]");
    ck_assert_int_eq(fclose(out), 0);
    return json;
}

static void use(struct definitions_cache *cache, int number)
{
    char name[16], *json = large_set(number);
    snprintf(name, sizeof(name), "ws-%d", number);
    definitions_cache_begin(cache, NULL, 0);
    struct definitions_entry *entry = definitions_cache_entry(cache, span_of_text(name));
    ck_assert_ptr_nonnull(entry);
    ck_assert(definitions_cache_put(cache, entry, span_of_text(json), TTL_ENDLESS));
    ck_assert_ptr_nonnull(entry->definitions);
    free(json);
}

static size_t taken(void)
{
    struct mallinfo2 now = mallinfo2();
    return now.uordblks + now.hblkhd;
}

START_TEST(large_sets_are_bounded_by_their_bytes)
{
    struct definitions_cache *cache = definitions_cache_new(10000, NULL);
    ck_assert_ptr_nonnull(cache);
    definitions_cache_limit(cache, (size_t)KEPT_MIB << 20);
    const size_t before = taken();
    use(cache, 0);
    const size_t one = taken() - before;
    for (int i = 1; i < SETS; i++)
        use(cache, i);
    definitions_cache_begin(cache, NULL, 0);
    const size_t all = taken() - before;
    /* A sanitizer's allocator tells nothing. */
    ck_assert_msg(all <= ((size_t)KEPT_MIB << 20) + one, "%zu bytes, one set takes %zu", all, one);
    ck_assert_int_gt((int)definitions_cache_counts(cache).evicted, 0);

    /* Those that were used last are there still: the same bytes are not compiled again. */
    const uint64_t compiled = definitions_cache_counts(cache).compiled;
    use(cache, SETS - 1);
    use(cache, SETS - 2);
    ck_assert_int_eq((int)definitions_cache_counts(cache).compiled, (int)compiled);
    definitions_cache_free(cache);
}
END_TEST

/* It would be compiled for each batch. */
START_TEST(one_set_that_is_larger_than_all_may_be_stays)
{
    struct definitions_cache *cache = definitions_cache_new(10000, NULL);
    ck_assert_ptr_nonnull(cache);
    definitions_cache_limit(cache, 1000);
    use(cache, 0);
    use(cache, 0);
    ck_assert_int_eq((int)definitions_cache_counts(cache).compiled, 1);
    use(cache, 1);
    use(cache, 0);
    ck_assert_int_eq((int)definitions_cache_counts(cache).compiled, 3);
    definitions_cache_free(cache);
}
END_TEST

/* ---- what the log says of broken sets ---- */

static const char *const broken_names[] = {"ws-a", "ws-b", "ws-c"};

/* Each workspace in a batch of its own, with this set. */
static void use_all(struct definitions_cache *cache, struct span json)
{
    for (size_t i = 0; i < sizeof(broken_names) / sizeof(broken_names[0]); i++) {
        definitions_cache_begin(cache, NULL, 0);
        struct definitions_entry *entry = definitions_cache_entry(cache, span_of_text(broken_names[i]));
        ck_assert_ptr_nonnull(entry);
        ck_assert(definitions_cache_put(cache, entry, json, TTL_ENDLESS));
    }
}

/* The lines of the log that `part` of a test writes. */
static unsigned lines_of(void part(struct definitions_cache *one, struct definitions_cache *other),
                         struct definitions_cache *one, struct definitions_cache *other)
{
    unsigned lines = 0;
    FILE *captured = tmpfile();
    ck_assert_ptr_nonnull(captured);
    const int real = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(fileno(captured), STDERR_FILENO), 0);
    part(one, other);
    dup2(real, STDERR_FILENO);
    close(real);
    rewind(captured);
    for (int byte; (byte = fgetc(captured)) != EOF;)
        lines += byte == '\n';
    fclose(captured);
    return lines;
}

#define BROKEN SPAN("[{\"key\":\"a\",\"type\":\"nothing\"}]")
#define WHOLE  SPAN("[{\"key\":\"a\",\"type\":\"text\"}]")

static void broken_again_and_again(struct definitions_cache *one, struct definitions_cache *other)
{
    for (int round = 0; round < 4; round++) {
        use_all(one, BROKEN);
        use_all(other, BROKEN);
    }
}

static void mended_and_broken(struct definitions_cache *one, struct definitions_cache *other)
{
    use_all(one, WHOLE);
    use_all(other, BROKEN);
}

static void deleted_and_broken(struct definitions_cache *one, struct definitions_cache *other)
{
    use_all(one, SPAN_NONE);
    use_all(other, BROKEN);
}

static void broken_otherwise(struct definitions_cache *one, struct definitions_cache *other)
{
    use_all(one, SPAN("nonsense"));
    use_all(other, SPAN("nonsense"));
}

/* The caches are those of two threads, and too small for the workspaces, so each set is compiled each time. */
START_TEST(a_broken_set_is_logged_once)
{
    struct definitions_cache *one = definitions_cache_new(1, NULL), *other = definitions_cache_new(1, NULL);
    ck_assert(one && other);
    ck_assert_uint_eq(lines_of(broken_again_and_again, one, other), 3);
    ck_assert_uint_ge(definitions_cache_counts(one).broken, 9);
    ck_assert_uint_eq(lines_of(mended_and_broken, one, other), 3);
    ck_assert_uint_eq(lines_of(deleted_and_broken, one, other), 3);
    ck_assert_uint_eq(lines_of(broken_otherwise, one, other), 3);
    definitions_cache_free(one);
    definitions_cache_free(other);
}
END_TEST

/* On a cluster. What was read from one master proves nothing once another one has the slot, or the link was made again.
 */
START_TEST(set_counts_only_where_it_was_read)
{
    static const struct {
        struct definitions_server server;
        bool fresh;
    } batches[] = {
        {{"a", true, 7}, false},                          /* new */
        {{"a", true, 7}, true},                           /* read before, from there */
        {{"a", false, 7}, false},                         /* news may be missing */
        {{"a", true, 7}, true},                           /* as before */
        {{"b", true, 8}, false},                          /* the slot has moved */
        {{"b", true, 8}, true},                           /* as before */
        {{"b", true, 9}, false},                          /* the link was lost in between */
        {{"b", false, 0}, false},                         /* there is none */
        {{"b", true, 9}, false},  {{"b", true, 9}, true}, /* it was read without one */
    };
    struct definitions_cache *cache = definitions_cache_new(2, NULL);
    ck_assert_ptr_nonnull(cache);
    for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
        definitions_cache_begin_with(cache, NULL, 0, 0);
        struct definitions_entry *entry = definitions_cache_entry_at(cache, SPAN("acme"), &batches[i].server);
        ck_assert_ptr_nonnull(entry);
        ck_assert_msg(entry->fresh == batches[i].fresh, "batch %zu", i);
        if (!entry->fresh)
            ck_assert(definitions_cache_put(cache, entry, SPAN_NONE, -2));
    }
    ck_assert_uint_eq(definitions_cache_counts(cache).hits, 4);
    definitions_cache_free(cache);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("definitions cache");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, names_that_collide_cost_no_more);
    tcase_add_test(tests, set_counts_only_where_it_was_read);
    tcase_add_test(tests, large_sets_are_bounded_by_their_bytes);
    tcase_add_test(tests, one_set_that_is_larger_than_all_may_be_stays);
    tcase_add_test(tests, a_broken_set_is_logged_once);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, names_that_collide_cost_no_more_in_a_history);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
