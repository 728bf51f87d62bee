/* Wherever memory runs out, the call fails as its header says, nothing is leaked, and the next try finds all in order.
 * Each way is gone once for each of its allocations, of which that one fails. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/lines.h"
#include "common/ordered_queue.h"
#include "tests/lib/quick_check.h"
#include "tests/unit/failing_allocator.h"
#include "worker/commands/validation.h"
#include "worker/daemon/reload.h"
#include "worker/definitions/definitions_cache.h"
#include "worker/definitions/definitions_import.h"
#include "worker/index/index.h"
#include "worker/metrics/metrics.h"
#include "worker/redis/redis_cluster.h"
#include "worker/replay/definitions_library.h"
#include "worker/replay/recorded_replies.h"
#include "worker/replay/workspace_counts.h"
#include "worker/tracing/batch_trace.h"
#include "worker/validate/evaluate.h"
#include "worker/validate/reply.h"

#define ALLOCATIONS_MOST 20000 /* of a way, so that a test ends */

/* How a way ended. */
enum ending { SUCCESS, FAILURE };

static const char definitions_json[] =
    "{\"data\":[{\"key\":\"services\",\"name\":\"S\",\"type\":\"multiSelect\",\"order\":2,\"options\":[{\"key\":"
    "\"fileSharing\"},{\"key\":\"metrics\"}],\"rules\":{\"required\":true}},"
    "{\"key\":\"pronouns\",\"name\":\"P\",\"type\":\"text\",\"order\":1,\"rules\":{\"maxLength\":100}},"
    "{\"key\":\"n\",\"type\":\"number\"}]}";
static const char faulty_json[] =
    "[{\"key\":\"a\",\"type\":\"colour\",\"rules\":{\"frob\":1}},7,{\"key\":\"\"},{\"key\":\"a\"}]";
#define FAULTS 6 /* of faulty_json */
static const char command[] = "{\"commandId\":\"c-1\",\"workspaceId\":\"acme\",\"givenName\":\"A\",\"familyName\":"
                              "\"B\",\"email\":\"a@b.example\","
                              "\"customFields\":{\"services\":[\"metrics\"],\"pronouns\":\"e\\u0301\",\"n\":1.5}}\n";

static char folder[32];
static FILE *nowhere;
static struct config *config;
static struct definitions *definitions;

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void open_all(void)
{
    strcpy(folder, "/tmp/no-memory-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    nowhere = fopen("/dev/null", "we");
    ck_assert_ptr_nonnull(nowhere);
    static const char *const settings[] = {"limits.command_bytes=64 KiB", NULL}; /* read again by a reload */
    config = config_read(&(struct config_sources){.settings = settings});
    ck_assert_ptr_nonnull(config);
    definitions = definitions_compile(span_of_text(definitions_json), NULL);
    ck_assert_ptr_nonnull(definitions);
    write_file("secret", "s3cret\n");
    write_file("config", "[log]\nlevel = error\n[replies]\nallowed = replies.a, replies.b, replies.c\n[kafka]\n"
                         "client.id = ${CLIENT_NAME}\n[kafka.consumer]\nsasl.password = ${file:secret}\n");
    write_file("mistakes",
               "[log]\nlevel = loud\nlevel = louder\n[nowhere]\nkey = ${file:none}\nno\n[kafka]\nclient.idd = x\n"
               "[batch]\ncommands = many\n[replies]\nallowed = a,,\xff\n[dead_letters]\ntopic = ${\n");
    write_file("commands", command);
    ck_assert_int_eq(setenv("CLIENT_NAME", "name", 1), 0);
    ck_assert_int_eq(setenv("CLIENT_INTAKE_BATCH_COMMANDS", "7", 1), 0);
    ck_assert_int_eq(setenv("CLIENT_INTAKE_KAFKA_PRODUCER_LINGER_MS", "5", 1), 0);
}

static void close_all(void)
{
    static const char *const files[] = {"secret", "config", "mistakes", "commands"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        unlink(files[i]);
    ck_assert_int_eq(chdir("/"), 0);
    rmdir(folder);
    fclose(nowhere);
    config_free(config);
    definitions_free(definitions);
}

/* ---- the ways; each gives back all that it took ---- */

static void pass_over(void *listener, const char *place, const char *message)
{
    (void)listener;
    ck_assert(place[0] != '\0' && message[0] != '\0');
}

static enum ending read_config(void)
{
    static const char *const settings[] = {"worker.threads=2", "kafka.consumer.fetch.min.bytes=2", NULL};
    struct config *read =
        config_read(&(struct config_sources){.path = "config", .settings = settings, .take_fault = pass_over});
    if (!read)
        return FAILURE;
    ck_assert_uint_eq(read->replies.allowed.count, 3);
    ck_assert_str_eq(config_kafka(read, read->kafka_consumer, "sasl.password"), "s3cret");
    ck_assert_str_eq(config_kafka(read, read->kafka_consumer, "client.id"), "name");
    ck_assert_int_eq(read->batch.commands, 7);
    config_free(read);
    return SUCCESS;
}

/* Refused in any case. */
static enum ending read_mistakes(void)
{
    static const char *const settings[] = {"nonsense", "a.b=c", NULL};
    ck_assert_ptr_null(
        config_read(&(struct config_sources){.path = "mistakes", .settings = settings, .take_fault = pass_over}));
    return SUCCESS;
}

static enum ending reload_config(void)
{
    struct reload *reload = reload_open(config);
    if (!reload)
        return FAILURE;
    const struct config *fresh = reload_read(reload);
    reload_close(reload);
    return fresh ? SUCCESS : FAILURE;
}

static enum ending open_batch(void)
{
    struct batch batch;
    if (batch_open(&batch, 10, 65536, 65536) != 0)
        return FAILURE;
    batch_close(&batch);
    return SUCCESS;
}

static enum ending compile_definitions(void)
{
    struct definitions_fault *faults = NULL;
    struct definitions *compiled = definitions_compile(span_of_text(definitions_json), &faults);
    ck_assert_ptr_null(faults);
    if (!compiled)
        return FAILURE;
    ck_assert_int_eq(field_option(definitions_field(compiled, SPAN("services")), SPAN("metrics")), 1);
    definitions_free(compiled);
    return SUCCESS;
}

/* A fault that finds no memory is not listed, but never forgotten. */
static enum ending list_faults(void)
{
    struct definitions_fault *faults = NULL;
    ck_assert_ptr_null(definitions_compile(span_of_text(faulty_json), &faults));
    size_t count = 0;
    for (const struct definitions_fault *fault = faults; fault; fault = fault->next)
        count++;
    definitions_faults_free(faults);
    return count == FAULTS ? SUCCESS : FAILURE;
}

static enum ending import_options(void)
{
    char why[256];
    size_t length;
    char *merged =
        definitions_import_options(SPAN("[{\"key\":\"s\"}]"), SPAN("s"), SPAN("[]"), &length, why, sizeof(why));
    if (!merged)
        ck_assert_ptr_nonnull(strstr(why, "out of memory"));
    failing_free(merged);
    return merged ? SUCCESS : FAILURE;
}

/* Puts one set after the other, until one fails. Then that one is tried again, and must be there. */
static enum ending fill_cache(void)
{
    enum ending ending = SUCCESS;
    struct definitions_cache *cache = definitions_cache_new(1000, NULL);
    if (!cache)
        return FAILURE;
    for (int number = 0; number < 400; number++) {
        char name[16];
        snprintf(name, sizeof(name), "w-%d", number % 390);
        definitions_cache_begin(cache, NULL, 0);
        struct definitions_entry *entry = definitions_cache_entry(cache, span_of_text(name));
        if (!entry || !definitions_cache_put(cache, entry, span_of_text(definitions_json), TTL_ENDLESS)) {
            ck_assert_int_eq(ending, SUCCESS);
            ending = FAILURE;
            if (entry)
                ck_assert(!entry->definitions && !entry->broken);
            number--;
            continue;
        }
        ck_assert(entry->definitions && !entry->broken);
    }
    ck_assert_uint_eq(definitions_cache_counts(cache).broken, 0);
    definitions_cache_free(cache);
    return ending;
}

/* From the bytes of a command to its reply and headers. */
/* What failed is tried again, and then finds all in order. */
static enum ending fill_library(void)
{
    char error[256];
    enum ending ending = FAILURE;
    struct spill *spill = spill_open(error, sizeof(error));
    struct definitions_library *library = spill ? definitions_library_new(spill, 1) : NULL;
    if (library)
        ending = SUCCESS;
    for (int number = 0; library && number < 100; number++) {
        char name[16], json[sizeof(definitions_json) + 16];
        snprintf(name, sizeof(name), "w-%d", number);
        int length = snprintf(json, sizeof(json), "%s%*s", definitions_json, number % 10 + 1, "");
        errno = 0;
        if (definitions_library_add(library, span_of_text(name), span_of(json, (size_t)length), 0, number, 0))
            continue;
        ck_assert_int_eq(errno, ENOMEM);
        ck_assert_int_eq(ending, SUCCESS);
        ending = FAILURE;
        number--;
    }
    if (library)
        definitions_library_seal(library);
    for (int number = 0; library && number < 30; number++) {
        char name[16];
        const struct definitions *found;
        snprintf(name, sizeof(name), "w-%d", number);
        enum library_finding finding = definitions_library_at(library, span_of_text(name), 0, &found);
        if (finding == LIBRARY_FOUND) {
            ck_assert_uint_eq(found->count, 3);
            definitions_library_release(library, found);
            continue;
        }
        ck_assert_int_eq(finding, LIBRARY_FAILED);
        ck_assert_int_eq(ending, SUCCESS);
        ending = FAILURE;
        number--;
    }
    definitions_library_free(library);
    spill_close(spill);
    return ending;
}

/* Replies to 300 commands of two blocks, and counts of as many workspaces, most of them in the spill. */
static enum ending keep_replies_and_counts(void)
{
    char reason[256];
    struct replay_range range = {.from = REPLY_BLOCK - 150, .to = REPLY_BLOCK + 150};
    struct spill *spill = spill_open(reason, sizeof(reason));
    struct recorded_replies *replies =
        spill ? recorded_replies_new(&(struct replay_ranges){&range, 1}, spill, 0) : NULL;
    struct workspace_counts *counts = spill ? workspace_counts_new(spill, 20) : NULL;
    struct reply_block *block = NULL;
    bool ok = replies && counts;
    for (int64_t offset = range.from; ok && offset < range.to; offset++) {
        char name[32];
        const struct recorded_reply entry = {.command = offset};
        const struct comparison comparison = {.class = CLASS_NOW_VALID};
        const int length = snprintf(name, sizeof(name), "%lld", (long long)offset);
        errno = 0;
        ok = recorded_replies_add(replies, 0, &entry, SPAN("[]")) &&
             workspace_counts_add(counts, span_of(name, (size_t)length), &comparison);
        ck_assert(ok || errno == ENOMEM);
    }
    if (ok && recorded_replies_seal(replies))
        block = recorded_replies_block(replies, 0, range.from);
    struct workspace_count top[3];
    uint32_t count;
    ok = block && workspace_counts_top(counts, top, 3, &count);
    ck_assert(!ok || (count == 3 && reply_block_find(block, range.from)));
    reply_block_release(block);
    workspace_counts_free(counts);
    recorded_replies_free(replies);
    spill_close(spill);
    return ok ? SUCCESS : FAILURE;
}

static enum ending evaluate_command(void)
{
    enum ending ending = FAILURE;
    struct batch batch;
    struct json_parser *parser = json_parser_new(65536);
    if (parser && batch_open(&batch, 1, 65536, 65536) == 0) {
        struct header headers[REPLY_HEADERS];
        struct evaluation evaluation = {.config = config, .definitions = definitions, .parser = parser};
        batch.items[0] = (struct item){.from = {.topic = "clients.commands"}, .value = span_of_text(command)};
        evaluate_item(&evaluation, &batch.items[0], &batch.arena);
        ck_assert_int_eq(batch.items[0].outcome, OUTCOME_CREATED);
        ck_assert_uint_gt(batch.items[0].reply.length, 100);
        ck_assert_uint_gt(reply_headers(&batch.items[0], config, headers), 3);
        batch_close(&batch);
        ending = SUCCESS;
    }
    json_parser_free(parser);
    return ending;
}

/* The reader, the threads that evaluate, and the writer of `client-intake validate`. */
static enum ending validate_file(void)
{
    int input = open("commands", O_RDONLY | O_CLOEXEC), output = fileno(nowhere);
    struct validation_job job = {.config = config,
                                 .definitions = definitions,
                                 .input = input,
                                 .output = output,
                                 .source = "commands",
                                 .threads = 1};
    bool any_rejected = false;
    enum validation_result result = validation_run(&job, &any_rejected);
    close(input);
    ck_assert(!any_rejected);
    ck_assert(result == VALIDATION_OK || result == VALIDATION_NO_MEMORY);
    return result == VALIDATION_OK ? SUCCESS : FAILURE;
}

static enum ending open_index(void)
{
    struct index *index = index_open(config);
    index_close(index);
    return index ? SUCCESS : FAILURE;
}

/* Ranges of two masters, and a cluster that is not connected. */
static enum ending read_cluster(void)
{
    static const char answer[] =
        "*2\r\n*3\r\n:0\r\n:9\r\n*3\r\n$1\r\na\r\n:1\r\n$40\r\n1111111111111111111111111111111111111111\r\n"
        "*3\r\n:10\r\n:20\r\n*3\r\n$1\r\nb\r\n:1\r\n$40\r\n2222222222222222222222222222222222222222\r\n";
    char error[256];
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();
    ck_assert_int_eq(redisReaderFeed(reader, answer, strlen(answer)), REDIS_OK);
    ck_assert_int_eq(redisReaderGetReply(reader, &reply), REDIS_OK);
    struct redis_cluster *cluster = redis_cluster_open(config);
    struct cluster_map *map =
        cluster ? cluster_map_read(reply, &(struct redis_place){"a", 1}, error, sizeof(error)) : NULL;
    const enum ending ending = map ? SUCCESS : FAILURE;
    ck_assert(!map || map->count == 2);
    ck_assert(map || !cluster || strcmp(error, "CLUSTER SLOTS: out of memory") == 0);
    cluster_map_free(map);
    redis_cluster_close(cluster);
    redisReaderFree(reader);
    freeReplyObject(reply);
    return ending;
}

static enum ending make_metrics(void)
{
    struct metrics *metrics = metrics_new();
    metrics_free(metrics);
    return metrics ? SUCCESS : FAILURE;
}

/* A batch with a trace; the receiver is not there. A trace that finds no memory is counted as dropped. */
static enum ending trace_batch(void)
{
    struct config traced = *config;
    struct tracing *tracing;
    char endpoint[] = "http://127.0.0.1:1";
    traced.tracing.endpoint = endpoint;
    if (!tracing_open(&traced, &tracing))
        return FAILURE;
    const struct header parent = {SPAN("traceparent"), SPAN("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")};
    struct item item = {.headers = &parent, .header_count = 1, .outcome = OUTCOME_CREATED};
    const struct batch batch = {.items = &item, .count = 1};
    struct batch_trace *notes = batch_trace_new(tracing, 0);
    if (notes) {
        batch_trace_begin(notes, &batch, 1);
        batch_trace_end(notes, &batch, TRACE_COMMITTED, 2);
        batch_trace_free(notes);
    }
    const struct timespec deadline = clock_time(clock_wall_ms() + 60000);
    tracing_finish(tracing, 0);
    ck_assert(tracing_end(tracing, &deadline));
    const bool dropped = tracing_count(tracing, SPAN_QUEUE_FULL) > 0;
    ck_assert(!notes || dropped == (tracing_count(tracing, SPAN_UNSENT) == 0));
    tracing_free(tracing);
    return notes && !dropped ? SUCCESS : FAILURE;
}

static enum ending read_whole_file(void)
{
    size_t length;
    char *bytes = file_read("config", 65536, &length);
    failing_free(bytes);
    return bytes ? SUCCESS : FAILURE;
}

static const struct way {
    const char *name;
    enum ending (*go)(void);
    size_t allocations;  /* at least so many, so that the way was gone at all */
    bool may_do_without; /* an allocation that fails need not make the whole fail */
} ways[] = {
    {"reading a config", read_config, 120, false},
    {"refusing a config", read_mistakes, 80, true},
    {"reloading a config", reload_config, 100, false},
    {"opening a batch", open_batch, 2, false},
    {"compiling definitions", compile_definitions, 3, false},
    {"listing the faults of definitions", list_faults, 7, false},
    {"importing options", import_options, 5, false},
    {"the cache of definitions", fill_cache, 800, false},
    {"the library of definitions", fill_library, 170, false},
    {"recorded replies and counts of workspaces", keep_replies_and_counts, 300, false},
    {"evaluating a command", evaluate_command, 3, false},
    {"validating a file", validate_file, 10, false},
    {"opening the index", open_index, 1, false},
    {"the map of a cluster", read_cluster, 3, false},
    {"metrics", make_metrics, 1, false},
    {"the trace of a batch", trace_batch, 8, false},
    {"reading a file", read_whole_file, 1, false},
};

START_TEST(memory_may_end_anywhere)
{
    const struct way *way = &ways[_i];
    enum ending ending;
    size_t n = 0, asked;
    do {
        ck_assert_uint_lt(++n, ALLOCATIONS_MOST);
        allocator_arm(n);
        ending = way->go();
        asked = allocator_disarm();
        ck_assert_msg(allocator_held() == 0, "%s: %zu are not given back after the %zu. failed", way->name,
                      allocator_held(), n);
        ck_assert_msg(asked < n || ending == FAILURE || way->may_do_without,
                      "%s: the %zu. allocation failed, and nothing tells", way->name, n);
    } while (asked >= n);
    ck_assert_msg(ending == SUCCESS, "%s: fails with all the memory", way->name);
    ck_assert_msg(asked >= way->allocations, "%s: only %zu allocations", way->name, asked);
}
END_TEST

/* The test would see nothing if the linker had left the calls alone. */
START_TEST(the_allocator_fails_and_counts)
{
    size_t length;
    allocator_arm(1);
    ck_assert_ptr_null(file_read("config", 65536, &length));
    ck_assert_uint_eq(allocator_disarm(), 1);
    allocator_arm(0);
    char *bytes = file_read("config", 65536, &length);
    ck_assert_uint_eq(allocator_disarm(), 1);
    ck_assert_uint_eq(allocator_held(), 1);
    failing_free(bytes);
    ck_assert_uint_eq(allocator_held(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("no memory");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, open_all, close_all);
    tcase_add_test(tests, the_allocator_fails_and_counts);
    tcase_add_loop_test(tests, memory_may_end_anywhere, 0, (int)(sizeof(ways) / sizeof(ways[0])));
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
