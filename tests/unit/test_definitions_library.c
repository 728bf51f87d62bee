/* Every version is found by its hash and by its time, compiled once, and shared by the threads that need it. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/folder.h"
#include "common/log.h"
#include "common/quiet_thread.h"
#include "tests/lib/quick_check.h"
#include "worker/definitions/definitions_redis.h"
#include "worker/model/identity.h"
#include "worker/replay/definitions_library.h"

#define CACHE_BYTES ((size_t)64 << 20)
#define THREADS     4
#define TEXT_SIZE   128

/* How a look-up may end, beside the number of a text. */
#define NONE    (-1)
#define BROKEN  (-2)
#define LACKING (-3)
#define FAILED  (-4)

static char folder[512];
static struct spill *spill;
static struct definitions_library *library;

static void open_library(size_t cache_bytes)
{
    definitions_library_free(library);
    library = definitions_library_new(spill, cache_bytes);
    ck_assert_ptr_nonnull(library);
}

static void open_all(void)
{
    char error[256] = "";
    log_set_level(LOG_LEVEL_ERROR);
    ck_assert(folder_make_temporary("client-intake-library", folder, sizeof(folder)));
    ck_assert_int_eq(setenv("TMPDIR", folder, 1), 0);
    spill = spill_open(error, sizeof(error));
    ck_assert_msg(spill != NULL, "%s", error);
    open_library(CACHE_BYTES);
}

static void close_all(void)
{
    definitions_library_free(library);
    spill_close(spill);
    folder_remove(folder);
}

/* Text number `number`: a set of one field, which has that number as its key. */
static struct span text_of(int number, char text[TEXT_SIZE])
{
    return span_of(text, (size_t)snprintf(text, TEXT_SIZE, "[{\"key\":\"%d\",\"type\":\"text\"}]", number));
}

static void version_of(int number, char version[HASH_LENGTH])
{
    char text[TEXT_SIZE];
    hash_text(text_of(number, text), version);
}

static void add_json(const char *workspace, struct span json, int32_t partition, int64_t offset, int64_t time_ms)
{
    ck_assert_msg(definitions_library_add(library, span_of_text(workspace), json, partition, offset, time_ms), "%s",
                  strerror(errno));
}

/* `number` may be NONE. */
static void add(const char *workspace, int number, int32_t partition, int64_t offset, int64_t time_ms)
{
    char text[TEXT_SIZE];
    add_json(workspace, number == NONE ? SPAN_NONE : text_of(number, text), partition, offset, time_ms);
}

/* The number of the text that was found. */
static int number_of(const struct definitions *definitions)
{
    ck_assert_uint_eq(definitions->count, 1);
    char key[32];
    snprintf(key, sizeof(key), "%.*s", SPAN_FORMAT(definitions->fields[0].key));
    return atoi(key);
}

static int result_of(enum library_finding finding, const struct definitions *definitions)
{
    switch (finding) {
    case LIBRARY_FOUND: {
        int number = number_of(definitions);
        definitions_library_release(library, definitions);
        return number;
    }
    case LIBRARY_NONE:
        return NONE;
    case LIBRARY_BROKEN:
        return BROKEN;
    case LIBRARY_LACKING:
        return LACKING;
    case LIBRARY_FAILED:
        return FAILED;
    }
    ck_abort_msg("a finding that is none: %d", (int)finding);
}

static int at(const char *workspace, int64_t time_ms)
{
    const struct definitions *definitions = NULL;
    enum library_finding finding = definitions_library_at(library, span_of_text(workspace), time_ms, &definitions);
    return result_of(finding, definitions);
}

static int by_version(const char version[HASH_LENGTH])
{
    const struct definitions *definitions = NULL;
    enum library_finding finding = definitions_library_version(library, version, &definitions);
    return result_of(finding, definitions);
}

static int by_number(int number)
{
    char version[HASH_LENGTH];
    version_of(number, version);
    return by_version(version);
}

/* ---- by hash ---- */

START_TEST(a_version_is_found_by_its_hash)
{
    for (int i = 0; i < 1000; i++)
        add(i % 2 ? "acme" : "other", i, i % 3, i, 1000 - i);
    definitions_library_seal(library);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(by_number(i), i);
    ck_assert_int_eq(by_number(1000), LACKING);
}
END_TEST

START_TEST(what_is_no_hash_is_lacking)
{
    char version[HASH_LENGTH], upper[HASH_LENGTH];
    add("acme", 1, 0, 0, 0);
    definitions_library_seal(library);
    version_of(1, version);
    for (size_t i = 0; i < HASH_LENGTH; i++)
        upper[i] = (char)(version[i] >= 'a' ? version[i] - 'a' + 'A' : version[i]);
    ck_assert_int_eq(by_version(version), 1);
    ck_assert_int_ne(memcmp(version, upper, HASH_LENGTH), 0);
    ck_assert_int_eq(by_version(upper), LACKING);
    for (size_t i = 0; i < HASH_LENGTH; i++) {
        static const char others[] = {'g', 'x', '/', ':', '`', ' ', '\0', '\xff', -128};
        for (size_t j = 0; j < sizeof(others); j++) {
            char garbage[HASH_LENGTH];
            memcpy(garbage, version, HASH_LENGTH);
            garbage[i] = others[j];
            ck_assert_int_eq(by_version(garbage), LACKING);
        }
    }
}
END_TEST

START_TEST(an_empty_library_has_nothing)
{
    definitions_library_seal(library);
    ck_assert_int_eq(by_number(1), LACKING);
    ck_assert_int_eq(at("acme", INT64_MAX), NONE);
}
END_TEST

START_TEST(a_workspace_that_only_ever_had_none_has_none)
{
    add("acme", NONE, 0, 0, 5);
    definitions_library_seal(library);
    ck_assert_int_eq(at("acme", INT64_MAX), NONE);
    ck_assert_int_eq(by_number(1), LACKING);
}
END_TEST

START_TEST(equal_bytes_are_stored_and_compiled_once)
{
    char text[TEXT_SIZE];
    for (int i = 0; i < 100; i++)
        add(i % 2 ? "acme" : "other", 7, i % 3, i, i);
    definitions_library_seal(library);
    ck_assert_int_eq(spill_bytes(spill), (int64_t)text_of(7, text).length);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(i % 2 ? at("acme", i) : at("other", i), 7);
    struct library_counts counts = definitions_library_counts(library);
    ck_assert_uint_eq(counts.versions, 100);
    ck_assert_uint_eq(counts.texts, 1);
    ck_assert_uint_eq(counts.compiled, 1);
}
END_TEST

/* ---- by time ---- */

struct row {
    int number, partition, offset, time_ms;
};

static const struct timeline {
    const char *what;
    struct row rows[6];
    struct {
        int64_t time_ms;
        int number;
    } expected[8];
} timelines[] = {
    {"one after the other",
     {{1, 0, 0, 10}, {2, 0, 1, 20}, {3, 0, 2, 30}},
     {{INT64_MIN, NONE}, {9, NONE}, {10, 1}, {19, 1}, {20, 2}, {30, 3}, {INT64_MAX, 3}}},
    {"added in another order", {{3, 0, 2, 30}, {1, 0, 0, 10}, {2, 0, 1, 20}}, {{9, NONE}, {10, 1}, {20, 2}, {30, 3}}},
    {"gone for a while", {{1, 0, 0, 10}, {NONE, 0, 1, 20}, {3, 0, 2, 30}}, {{10, 1}, {20, NONE}, {29, NONE}, {30, 3}}},
    {"at one time the higher offset counts", {{1, 0, 0, 10}, {2, 0, 1, 10}, {3, 0, 2, 10}}, {{9, NONE}, {10, 3}}},
    {"the clock goes back: the first version is never the last one",
     {{1, 0, 0, 50}, {2, 0, 1, 20}},
     {{19, NONE}, {20, 2}, {50, 2}, {INT64_MAX, 2}}},
    {"the clock goes back, past two versions",
     {{1, 0, 0, 10}, {2, 0, 1, 50}, {3, 0, 2, 60}, {4, 0, 3, 40}, {5, 0, 4, 70}},
     {{10, 1}, {39, 1}, {40, 4}, {60, 4}, {70, 5}}},
    {"the clock goes back to a removal", {{1, 0, 0, 50}, {NONE, 0, 1, 20}}, {{20, NONE}, {50, NONE}}},
    {"partitions are ordered by time, not by offset",
     {{1, 0, 100, 10}, {2, 1, 0, 20}, {3, 0, 101, 30}},
     {{10, 1}, {20, 2}, {30, 3}}},
    {"at one time the higher partition counts", {{1, 2, 0, 10}, {2, 1, 7, 10}}, {{9, NONE}, {10, 1}}},
    /* At 60 the last one of partition 0 is the one of time 20, so partition 1 has the later one. */
    {"of each partition only its last version is compared",
     {{1, 0, 0, 50}, {2, 0, 1, 20}, {3, 1, 0, 40}},
     {{20, 2}, {40, 3}, {50, 3}, {60, 3}, {INT64_MAX, 3}}},
    {"without timestamps", {{1, 0, 0, -1}, {2, 0, 1, -1}}, {{-1, 2}, {0, 2}}},
    {"at any time", {{1, 0, 0, INT32_MIN}}, {{INT64_MIN, NONE}, {INT32_MIN, 1}, {0, 1}}},
};

START_TEST(the_last_version_that_is_not_later_is_found)
{
    const struct timeline *timeline = &timelines[_i];
    /* A row that is all zero ends the list. */
    for (const struct row *row = timeline->rows; row < timeline->rows + 6 && row->number != 0; row++)
        add("acme", row->number, row->partition, row->offset, row->time_ms);
    add("aaaa", 100, 0, 1000, 0);
    add("zzzz", 101, 0, 1001, 0);
    definitions_library_seal(library);
    for (size_t i = 0; i < 8 && timeline->expected[i].number != 0; i++)
        ck_assert_msg(at("acme", timeline->expected[i].time_ms) == timeline->expected[i].number, "%s: at %lld",
                      timeline->what, (long long)timeline->expected[i].time_ms);
    ck_assert_int_eq(at("aaaa", INT64_MAX), 100);
    ck_assert_int_eq(at("zzzz", INT64_MAX), 101);
    ck_assert_int_eq(at("acm", INT64_MAX), NONE);
}
END_TEST

START_TEST(a_version_of_the_lowest_time_counts_always)
{
    add("acme", 1, 0, 0, INT64_MIN);
    add("acme", 2, 0, 1, INT64_MIN);
    definitions_library_seal(library);
    ck_assert_int_eq(at("acme", INT64_MIN), 2);
    ck_assert_int_eq(at("acme", -1), 2);
    ck_assert_int_eq(at("acme", INT64_MAX), 2);
}
END_TEST

static uint64_t random_state = 88172645463325252u;

static int draw(int limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (int)((random_state >> 11) % (uint64_t)limit);
}

#define ROWS       12
#define WORKSPACES 5
#define MOMENTS    10

/* The definition in the header, word by word. */
static int expected_at(const struct row *rows, int count, int time_ms)
{
    const struct row *best = NULL;
    for (int partition = 0; partition < 3; partition++) {
        const struct row *last = NULL;
        for (int i = 0; i < count; i++)
            if (rows[i].partition == partition && rows[i].time_ms <= time_ms &&
                (!last || rows[i].offset > last->offset))
                last = &rows[i];
        if (last && (!best || last->time_ms >= best->time_ms))
            best = last;
    }
    return best ? best->number : NONE;
}

START_TEST(any_history_is_read_as_the_header_says)
{
    static const char *const names[WORKSPACES] = {"a", "b", "c", "d", "e"};
    for (int round = 0; round < 2000; round++) {
        struct row rows[WORKSPACES][ROWS];
        int counts[WORKSPACES] = {0};
        open_library(CACHE_BYTES);
        int total = draw(WORKSPACES * ROWS);
        for (int i = 0; i < total; i++) {
            int workspace = draw(WORKSPACES);
            if (counts[workspace] == ROWS)
                continue;
            struct row *row = &rows[workspace][counts[workspace]++];
            *row = (struct row){.number = draw(5) == 0 ? NONE : i + 1, .partition = draw(3), .time_ms = draw(MOMENTS)};
            /* Offsets are distinct, and come in no order. */
            row->offset = i % 2 ? i : 1000 - i;
            add(names[workspace], row->number, row->partition, row->offset, row->time_ms);
        }
        definitions_library_seal(library);
        for (int workspace = 0; workspace < WORKSPACES; workspace++)
            for (int time_ms = -1; time_ms <= MOMENTS; time_ms++)
                ck_assert_int_eq(at(names[workspace], time_ms),
                                 expected_at(rows[workspace], counts[workspace], time_ms));
    }
}
END_TEST

START_TEST(many_workspaces_and_versions_keep_apart)
{
    char name[32];
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof(name), "workspace-%d", i % 4000);
        add(name, i, 0, i, i / 4000 * 10);
    }
    definitions_library_seal(library);
    for (int i = 0; i < 20000; i += 7) {
        snprintf(name, sizeof(name), "workspace-%d", i % 4000);
        ck_assert_int_eq(at(name, i / 4000 * 10 + 3), i);
    }
}
END_TEST

/* ---- sets that cannot be used ---- */

START_TEST(a_broken_set_is_broken_each_time_and_compiled_once)
{
    char version[HASH_LENGTH];
    hash_text(SPAN("[{\"key\":\"a\",\"type\":\"colour\"}]"), version);
    add("acme", 1, 0, 0, 10);
    add_json("acme", SPAN("[{\"key\":\"a\",\"type\":\"colour\"}]"), 0, 1, 20);
    add_json("empty", SPAN(""), 0, 2, 0);
    definitions_library_seal(library);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(at("acme", 10), 1);
        ck_assert_int_eq(at("acme", 20), BROKEN);
        ck_assert_int_eq(by_version(version), BROKEN);
        ck_assert_int_eq(at("empty", 20), BROKEN);
    }
    ck_assert_uint_eq(definitions_library_counts(library).compiled, 3);
}
END_TEST

/* As the daemon does, which reads one byte more than it uses. */
START_TEST(of_a_set_that_is_too_long_the_part_that_the_daemon_reads_counts)
{
    static const char json[] = "[{\"key\":\"5\",\"type\":\"text\"}]";
    size_t size = DEFINITIONS_READ_BYTES + 100;
    char *bytes = malloc(size), version[HASH_LENGTH];
    memset(bytes, ' ', size);
    memcpy(bytes, json, strlen(json));
    add_json("white-space-behind", span_of(bytes, size), 0, 0, 0);
    hash_text(span_of(bytes, DEFINITIONS_READ_BYTES + 1), version);
    memset(bytes, ' ', size);
    memcpy(bytes + size - strlen(json), json, strlen(json));
    add_json("white-space-before", span_of(bytes, size), 0, 1, 0);
    free(bytes);
    definitions_library_seal(library);
    ck_assert_int_eq(at("white-space-behind", 0), 5);
    ck_assert_int_eq(by_version(version), 5);
    ck_assert_int_eq(at("white-space-before", 0), BROKEN);
}
END_TEST

/* ---- a spill that fails ---- */

START_TEST(an_addition_that_the_spill_refuses_fails_and_leaves_the_others)
{
    const size_t length = (size_t)1 << 19;
    struct rlimit limit;
    char *bytes = malloc(length);
    memset(bytes, ' ', length);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = (rlim_t)1 << 20;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    add("acme", 1, 0, 0, 0);
    bool ok = true;
    for (int i = 0; ok && i < 100; i++) {
        bytes[0] = (char)i;
        errno = 0;
        ok = definitions_library_add(library, SPAN("acme"), span_of(bytes, length), 0, i + 1, i + 1);
    }
    ck_assert(!ok);
    ck_assert_int_eq(errno, EFBIG);
    free(bytes);
    definitions_library_seal(library);
    ck_assert_int_eq(at("acme", 0), 1);
    ck_assert_int_eq(at("acme", 1), BROKEN);
}
END_TEST

START_TEST(a_workspace_whose_only_addition_failed_has_none)
{
    const size_t length = (size_t)2 << 20;
    struct rlimit limit;
    char *bytes = calloc(1, length);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 1000;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert(!definitions_library_add(library, SPAN("acme"), span_of(bytes, length), 0, 0, 0));
    free(bytes);
    definitions_library_seal(library);
    ck_assert_int_eq(at("acme", INT64_MAX), NONE);
}
END_TEST

/* Takes the bytes from the file of the spill. */
static void empty_the_file(void)
{
    char path[300], name[1024];
    int emptied = 0;
    DIR *listing = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(listing);
    for (const struct dirent *entry; (entry = readdir(listing));) {
        snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
        ssize_t length = readlink(path, name, sizeof(name) - 1);
        name[length < 0 ? 0 : length] = '\0';
        if (strncmp(name, folder, strlen(folder)) == 0)
            emptied += ftruncate(atoi(entry->d_name), 0) == 0;
    }
    closedir(listing);
    ck_assert_int_eq(emptied, 1);
}

START_TEST(a_set_that_cannot_be_read_back_is_a_failure_not_a_broken_set)
{
    char *filler = calloc(1, (size_t)2 << 20);
    add("acme", 1, 0, 0, 0);
    add("acme", 2, 0, 1, 1);
    add_json("other", span_of(filler, (size_t)2 << 20), 0, 2, 0); /* so that the file has them */
    free(filler);
    definitions_library_seal(library);
    ck_assert_int_eq(at("acme", 0), 1);
    empty_the_file();
    ck_assert_int_eq(at("acme", 1), FAILED);
    ck_assert_int_eq(at("acme", 1), FAILED);
    ck_assert_int_eq(at("acme", 0), 1); /* it is in the cache */
}
END_TEST

/* ---- the cache ---- */

static const struct definitions *hold(int number)
{
    char version[HASH_LENGTH];
    const struct definitions *definitions;
    version_of(number, version);
    ck_assert_int_eq(definitions_library_version(library, version, &definitions), LIBRARY_FOUND);
    return definitions;
}

static void fill_library(size_t cache_bytes, int count)
{
    open_library(cache_bytes);
    for (int i = 0; i < count; i++)
        add("acme", i, 0, i, i);
    definitions_library_seal(library);
}

START_TEST(the_cache_stays_within_its_bytes)
{
    const size_t bytes = 64 << 10;
    fill_library(bytes, 5000);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5000; i++) {
            ck_assert_int_eq(by_number(i), i);
            ck_assert_uint_le(definitions_library_counts(library).cache_bytes, bytes);
        }
    struct library_counts counts = definitions_library_counts(library);
    ck_assert_uint_eq(counts.compiled, 10000);
    ck_assert_uint_gt(counts.evicted, 9000);
    ck_assert_uint_lt(counts.evicted, 10000);
}
END_TEST

START_TEST(what_is_used_again_and_again_stays)
{
    fill_library(64 << 10, 5000);
    for (int i = 1; i < 5000; i++) {
        ck_assert_int_eq(by_number(0), 0);
        ck_assert_int_eq(by_number(i), i);
    }
    ck_assert_uint_eq(definitions_library_counts(library).compiled, 5000);
}
END_TEST

START_TEST(what_is_in_use_stays_however_small_the_cache)
{
    const struct definitions *held[100];
    fill_library(1, 200);
    for (int i = 0; i < 100; i++)
        held[i] = hold(i);
    for (int i = 100; i < 200; i++)
        ck_assert_int_eq(by_number(i), i);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(number_of(held[i]), i);
        ck_assert_ptr_eq(hold(i), held[i]);
        definitions_library_release(library, held[i]);
    }
    ck_assert_uint_eq(definitions_library_counts(library).compiled, 200);
    for (int i = 0; i < 100; i++)
        definitions_library_release(library, held[i]);
    definitions_library_release(library, NULL);
    ck_assert_int_eq(by_number(150), 150);
    ck_assert_uint_eq(definitions_library_counts(library).evicted, 200);
}
END_TEST

/* ---- threads ---- */

#define VERSIONS 500

struct look_ups {
    pthread_t thread;
    uint64_t seed;
    int count;
};

/* Looks up by hash and by time in turn; some are held while others are looked up. */
static void *look_up(void *argument)
{
    const struct look_ups *self = argument;
    const struct definitions *held[8] = {0};
    uint64_t state = self->seed;
    for (int i = 0; i < self->count; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        int number = (int)((state >> 33) % VERSIONS);
        const struct definitions *definitions = NULL;
        char version[HASH_LENGTH];
        version_of(number, version);
        enum library_finding finding = i % 2 ? definitions_library_version(library, version, &definitions)
                                             : definitions_library_at(library, SPAN("acme"), number, &definitions);
        ck_assert_int_eq(finding, LIBRARY_FOUND);
        ck_assert_int_eq(memcmp(definitions->version, version, HASH_LENGTH), 0);
        ck_assert_int_eq(number_of(definitions), number);
        definitions_library_release(library, held[i % 8]);
        held[i % 8] = definitions;
    }
    for (size_t i = 0; i < 8; i++)
        definitions_library_release(library, held[i]);
    return NULL;
}

static void run_threads(int count)
{
    struct look_ups threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        threads[i] = (struct look_ups){.seed = i + 1, .count = count};
        ck_assert_int_eq(quiet_thread_start(&threads[i].thread, look_up, &threads[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i].thread, NULL);
}

START_TEST(threads_share_what_one_of_them_compiled)
{
    fill_library(CACHE_BYTES, VERSIONS);
    run_threads(20000);
    struct library_counts counts = definitions_library_counts(library);
    ck_assert_uint_eq(counts.compiled, VERSIONS);
    ck_assert_uint_eq(counts.evicted, 0);
}
END_TEST

START_TEST(threads_never_see_what_was_evicted)
{
    fill_library(16 << 10, VERSIONS);
    run_threads(10000);
    struct library_counts counts = definitions_library_counts(library);
    ck_assert_uint_gt(counts.evicted, 5000);
    ck_assert_int_eq(by_number(0), 0); /* nothing is referred to any more, so there is room */
    ck_assert_uint_le(definitions_library_counts(library).cache_bytes, 16 << 10);
}
END_TEST

/* All threads want the same set at once, which takes a while to compile. */
static void *want_the_large_one(void *argument)
{
    pthread_barrier_t *barrier = argument;
    const struct definitions *definitions;
    pthread_barrier_wait(barrier);
    ck_assert_int_eq(definitions_library_at(library, SPAN("acme"), 0, &definitions), LIBRARY_FOUND);
    ck_assert_uint_eq(definitions->count, FIELDS_PER_WORKSPACE);
    definitions_library_release(library, definitions);
    return NULL;
}

START_TEST(threads_that_want_the_same_set_wait_for_one_compilation)
{
    char *json = NULL;
    size_t length;
    FILE *stream = open_memstream(&json, &length);
    for (int i = 0; i < FIELDS_PER_WORKSPACE; i++)
        fprintf(stream, "%c{\"key\":\"f%d\",\"type\":\"text\"}", i == 0 ? '[' : ',', i);
    fputc(']', stream);
    ck_assert_int_eq(fclose(stream), 0);
    for (int round = 0; round < 20; round++) {
        pthread_t threads[THREADS];
        pthread_barrier_t barrier;
        ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, THREADS), 0);
        open_library(CACHE_BYTES);
        add_json("acme", span_of(json, length), 0, 0, 0);
        definitions_library_seal(library);
        for (size_t i = 0; i < THREADS; i++)
            ck_assert_int_eq(quiet_thread_start(&threads[i], want_the_large_one, &barrier), 0);
        for (size_t i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        pthread_barrier_destroy(&barrier);
        ck_assert_uint_eq(definitions_library_counts(library).compiled, 1);
    }
    free(json);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("library");
    tcase_add_checked_fixture(tests, open_all, close_all);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_version_is_found_by_its_hash);
    tcase_add_test(tests, what_is_no_hash_is_lacking);
    tcase_add_test(tests, an_empty_library_has_nothing);
    tcase_add_test(tests, a_workspace_that_only_ever_had_none_has_none);
    tcase_add_test(tests, equal_bytes_are_stored_and_compiled_once);
    tcase_add_loop_test(tests, the_last_version_that_is_not_later_is_found, 0,
                        (int)(sizeof(timelines) / sizeof(timelines[0])));
    tcase_add_test(tests, a_version_of_the_lowest_time_counts_always);
    tcase_add_test(tests, any_history_is_read_as_the_header_says);
    tcase_add_test(tests, many_workspaces_and_versions_keep_apart);
    tcase_add_test(tests, a_broken_set_is_broken_each_time_and_compiled_once);
    tcase_add_test(tests, of_a_set_that_is_too_long_the_part_that_the_daemon_reads_counts);
    tcase_add_test(tests, an_addition_that_the_spill_refuses_fails_and_leaves_the_others);
    tcase_add_test(tests, a_workspace_whose_only_addition_failed_has_none);
    tcase_add_test(tests, a_set_that_cannot_be_read_back_is_a_failure_not_a_broken_set);
    tcase_add_test(tests, the_cache_stays_within_its_bytes);
    tcase_add_test(tests, what_is_used_again_and_again_stays);
    tcase_add_test(tests, what_is_in_use_stays_however_small_the_cache);
    tcase_add_test(tests, threads_share_what_one_of_them_compiled);
    tcase_add_test(tests, threads_never_see_what_was_evicted);
    tcase_add_test(tests, threads_that_want_the_same_set_wait_for_one_compilation);
    Suite *suite = suite_create("definitions library");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
