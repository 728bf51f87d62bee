/* metrics: every row of the table is shown, once and well-formed; counts arrive in the right place; and what is not
 * a metric cannot be counted. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/stop.h"
#include "tests/lib/quick_check.h"
#include "worker/http/health.h"
#include "worker/metrics/batch_metrics.h"
#include "worker/metrics/metrics.h"
#include "worker/model/batch.h"
#include "worker/source/lag.h"

/* ---- a strict reader of the text format 0.0.4: any unexpected line fails the test ---- */

#define SAMPLES_MOST  2000
#define FAMILIES_MOST 100

struct sample {
    char name[64], labels[256]; /* labels as between the braces */
    double value;
};

struct family {
    char name[64], type[16];
    size_t samples;
};

static struct sample samples[SAMPLES_MOST];
static struct family families[FAMILIES_MOST];
static size_t sample_count, family_count;

static size_t name_length(const char *at)
{
    size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:");
    ck_assert_msg(length > 0 && (at[0] < '0' || at[0] > '9'), "no name: %.40s", at);
    return length;
}

static const char *expect(const char *at, const char *text)
{
    ck_assert_msg(strncmp(at, text, strlen(text)) == 0, "\"%s\" expected: %.60s", text, at);
    return at + strlen(text);
}

static const char *copy_until(const char *at, size_t length, char *to, size_t size)
{
    ck_assert_uint_lt(length, size);
    memcpy(to, at, length);
    to[length] = '\0';
    return at + length;
}

/* Skips to after the closing quote. Escapes are \\, \" and \n. */
static const char *skip_label_value(const char *at)
{
    at = expect(at, "\"");
    for (; *at != '"'; at++) {
        ck_assert_msg(*at != '\n' && *at != '\0', "a label value does not end");
        if (*at == '\\') {
            at++;
            ck_assert_msg(*at == '\\' || *at == '"' || *at == 'n', "no such escape: \\%c", *at);
        }
    }
    return at + 1;
}

static const char *read_labels(const char *at, struct sample *sample)
{
    const char *begin = at + 1;
    do {
        at++; /* { or , */
        at += name_length(at);
        at = skip_label_value(expect(at, "="));
    } while (*at == ',');
    copy_until(begin, (size_t)(at - begin), sample->labels, sizeof(sample->labels));
    return expect(at, "}");
}

/* A histogram's samples have a suffix after the family's name; others have none. */
static bool belongs(const struct sample *sample, const struct family *family)
{
    size_t length = strlen(family->name);
    if (strncmp(sample->name, family->name, length) != 0)
        return false;
    const char *part = sample->name + length;
    if (strcmp(family->type, "histogram") != 0)
        return *part == '\0';
    return strcmp(part, "_bucket") == 0 || strcmp(part, "_sum") == 0 || strcmp(part, "_count") == 0;
}

static const char *read_sample(const char *at)
{
    ck_assert_uint_lt(sample_count, SAMPLES_MOST);
    ck_assert_uint_gt(family_count, 0);
    struct sample *sample = &samples[sample_count];
    *sample = (struct sample){.name = ""};
    at = copy_until(at, name_length(at), sample->name, sizeof(sample->name));
    if (*at == '{')
        at = read_labels(at, sample);
    at = expect(at, " ");
    char *end;
    sample->value = strtod(at, &end);
    ck_assert_msg(end > at && *at != ' ', "no number: %.40s", at);
    struct family *family = &families[family_count - 1];
    ck_assert_msg(belongs(sample, family), "%s stands under %s", sample->name, family->name);
    for (size_t i = 0; i < sample_count; i++)
        ck_assert_msg(strcmp(samples[i].name, sample->name) != 0 || strcmp(samples[i].labels, sample->labels) != 0,
                      "%s{%s} stands twice", sample->name, sample->labels);
    family->samples++;
    sample_count++;
    return expect(end, "\n");
}

/* "# HELP name text", then "# TYPE name type". */
static const char *read_family(const char *at)
{
    ck_assert_uint_lt(family_count, FAMILIES_MOST);
    struct family *family = &families[family_count];
    *family = (struct family){.samples = 0};
    at = expect(at, "# HELP ");
    at = copy_until(at, name_length(at), family->name, sizeof(family->name));
    at = expect(at, " ");
    size_t help = strcspn(at, "\n");
    ck_assert_msg(help > 10, "%s has no help", family->name);
    for (const char *mark = memchr(at, '\\', help); mark && mark < at + help; mark = strchr(mark + 2, '\\'))
        ck_assert_msg(mark[1] == '\\' || mark[1] == 'n', "no such escape in a help: \\%c", mark[1]);
    at = expect(at + help, "\n# TYPE ");
    at = expect(at, family->name);
    at = expect(at, " ");
    at = copy_until(at, strcspn(at, "\n"), family->type, sizeof(family->type));
    ck_assert_msg(strcmp(family->type, "counter") == 0 || strcmp(family->type, "gauge") == 0 ||
                      strcmp(family->type, "histogram") == 0,
                  "%s: type %s", family->name, family->type);
    for (size_t i = 0; i < family_count; i++)
        ck_assert_msg(strcmp(families[i].name, family->name) != 0, "%s stands twice", family->name);
    family_count++;
    return expect(at, "\n");
}

static void read_all(struct metrics *const *threads, size_t count)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    metrics_write(out, threads, count);
    fclose(out);
    ck_assert_uint_eq(strlen(text), size);
    sample_count = family_count = 0;
    for (const char *at = text; *at;)
        at = *at == '#' ? read_family(at) : read_sample(at);
    free(text);
}

/* ---- queries on the samples ---- */

static const struct family *family_named(const char *name)
{
    for (size_t i = 0; i < family_count; i++)
        if (strcmp(families[i].name, name) == 0)
            return &families[i];
    return NULL;
}

static double value_of(const char *name, const char *labels)
{
    for (size_t i = 0; i < sample_count; i++)
        if (strcmp(samples[i].name, name) == 0 && strcmp(samples[i].labels, labels) == 0)
            return samples[i].value;
    ck_abort_msg("there is no %s{%s}", name, labels);
    return 0;
}

static bool has(const char *name, const char *labels)
{
    for (size_t i = 0; i < sample_count; i++)
        if (strcmp(samples[i].name, name) == 0 && strcmp(samples[i].labels, labels) == 0)
            return true;
    return false;
}

/* ---- fixture ---- */

static struct metrics *threads[2];

static void open_threads(void)
{
    for (size_t i = 0; i < 2; i++)
        ck_assert_ptr_nonnull(threads[i] = metrics_new());
}

static void close_threads(void)
{
    for (size_t i = 0; i < 2; i++)
        metrics_free(threads[i]);
}

/* ---- the whole ---- */

/* The metrics of the contract, and those that the program adds. */
static const struct {
    const char *name, *type;
    size_t series; /* before anything was counted */
} promised[METRIC_COUNT] = {
    {"commands_total", "counter", 3},
    {"rejections_total", "counter", 7},
    {"duplicates_total", "counter", 1},
    {"dead_letters_total", "counter", 1},
    {"replies_refused_total", "counter", 1},
    {"dead_letters_refused_total", "counter", 1},
    {"replies_unaddressed_total", "counter", 5},
    {"dead_letters_incomplete_total", "counter", 1},
    {"repetitions_total", "counter", 1},
    {"unreadable_commands_total", "counter", 1},
    {"offset_probes_total", "counter", 1},
    {"logs_replaced_total", "counter", 1},
    {"transactions_total", "counter", 3},
    {"redis_retries_total", "counter", 1},
    {"rebuilds_total", "counter", 1},
    {"rebuilding_threads", "gauge", 1},
    {"index_audited", "gauge", 1},
    {"definitions_cache_total", "counter", 6},
    {"definitions_waiting_partitions", "gauge", 1},
    {"batch_seconds", "histogram", 6 * (19 + 2)},
    {"reply_seconds", "histogram", 19 + 2},
    {"batch_commands", "histogram", 14 + 2},
    {"consumer_lag", "gauge", 0},
    {"oldest_unanswered_seconds", "gauge", 0},
    {"spans_total", "counter", 5},
    {"ready", "gauge", 1},
    {"redis_up", "gauge", 1},
    {"redis_may_evict", "gauge", 1},
    {"kafka_up", "gauge", 1},
    {"build_info", "gauge", 1},
};

START_TEST(every_metric_stands_once_with_help_and_type)
{
    read_all(threads, 2);
    ck_assert_uint_eq(family_count, METRIC_COUNT);
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        char name[64];
        ck_assert_ptr_nonnull(promised[i].name);
        snprintf(name, sizeof(name), "client_intake_%s", promised[i].name);
        const struct family *family = family_named(name);
        ck_assert_msg(family != NULL, "%s is missing", name);
        ck_assert_str_eq(family->type, promised[i].type);
        ck_assert_msg(family->samples == promised[i].series, "%s: %zu series", name, family->samples);
    }
    ck_assert_double_eq(value_of("client_intake_build_info", "version=\"" CLIENT_INTAKE_VERSION "\""), 1);
}
END_TEST

START_TEST(every_code_of_a_command_is_a_label)
{
    read_all(threads, 2);
    for (unsigned i = ERROR_NONE + 1; i < ERROR_COUNT; i++) {
        char labels[64];
        snprintf(labels, sizeof(labels), "code=\"%s\"", error_row(i)->code);
        ck_assert_msg(has("client_intake_rejections_total", labels) == (error_row(i)->scope == ERROR_SCOPE_COMMAND),
                      "%s", labels);
    }
}
END_TEST

START_TEST(threads_are_added_up_and_gauges_show_the_least)
{
    metrics_add(threads[0], METRIC_COMMANDS, OUTCOME_CREATED, 3);
    metrics_add(threads[1], METRIC_COMMANDS, OUTCOME_CREATED, 4);
    metrics_add(threads[1], METRIC_COMMANDS, OUTCOME_REJECTED, 5);
    metrics_set(threads[0], METRIC_REDIS_RETRIES, 0, 2);
    metrics_set(threads[1], METRIC_REDIS_RETRIES, 0, 6);
    metrics_set(threads[1], METRIC_REDIS_RETRIES, 0, 7);
    metrics_set(threads[0], METRIC_REDIS_UP, 0, 1);
    metrics_set(threads[0], METRIC_KAFKA_UP, 0, 1);
    metrics_set(threads[1], METRIC_KAFKA_UP, 0, 1);
    read_all(threads, 2);
    ck_assert_double_eq(value_of("client_intake_commands_total", "result=\"created\""), 7);
    ck_assert_double_eq(value_of("client_intake_commands_total", "result=\"rejected\""), 5);
    ck_assert_double_eq(value_of("client_intake_commands_total", "result=\"duplicate\""), 0);
    ck_assert_double_eq(value_of("client_intake_redis_retries_total", ""), 9);
    ck_assert_double_eq(value_of("client_intake_redis_up", ""), 0);
    ck_assert_double_eq(value_of("client_intake_kafka_up", ""), 1);
}
END_TEST

/* A value counts in the first bucket whose bound is not below it, and in all later ones. */
START_TEST(histograms_are_cumulative)
{
    const double seconds[] = {0, 0.00005, 0.0001, 0.0002, 0.3, 60, 61, 1e9};
    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
        metrics_observe(threads[i % 2], METRIC_BATCH_SECONDS, STAGE_CLAIM, seconds[i]);
    metrics_observe(threads[0], METRIC_BATCH_COMMANDS, 0, 500);
    metrics_observe(threads[0], METRIC_BATCH_COMMANDS, 0, 501);
    read_all(threads, 2);
    const struct {
        const char *bound;
        double count;
    } rows[] = {{"0.0001", 3}, {"0.00025", 4}, {"0.25", 4}, {"0.5", 5}, {"30", 5}, {"60", 6}, {"+Inf", 8}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char labels[64];
        snprintf(labels, sizeof(labels), "stage=\"claim\",le=\"%s\"", rows[i].bound);
        ck_assert_double_eq(value_of("client_intake_batch_seconds_bucket", labels), rows[i].count);
    }
    ck_assert_double_eq(value_of("client_intake_batch_seconds_count", "stage=\"claim\""), 8);
    ck_assert_double_eq_tol(value_of("client_intake_batch_seconds_sum", "stage=\"claim\""), 1e9 + 121.30035, 1e-4);
    ck_assert_double_eq(value_of("client_intake_batch_seconds_count", "stage=\"check\""), 0);
    ck_assert_double_eq(value_of("client_intake_batch_commands_bucket", "le=\"200\""), 0);
    ck_assert_double_eq(value_of("client_intake_batch_commands_bucket", "le=\"500\""), 1);
    ck_assert_double_eq(value_of("client_intake_batch_commands_bucket", "le=\"1000\""), 2);
    ck_assert_double_eq(value_of("client_intake_batch_commands_sum", ""), 1001);
}
END_TEST

static void expect_lag(const char *partition, double commands, double seconds)
{
    read_all(threads, 1);
    ck_assert_double_eq(value_of("client_intake_consumer_lag", partition), commands);
    ck_assert_double_eq(value_of("client_intake_oldest_unanswered_seconds", partition), seconds);
}

/* Times: since 1970, and of the monotonic clock. */
START_TEST(the_oldest_command_has_an_age_by_its_timestamp_or_since_it_was_seen)
{
    const char *const three = "topic=\"commands\",partition=\"3\"";
    struct lag *lag = lag_new("commands", threads[0]);
    ck_assert_ptr_nonnull(lag);
    struct lag_position position = {.partition = 3, .offset = 10, .end = 10, .timestamp_ms = -1};
    lag_show(lag, &position, 1, 1700000000000, 5000);
    expect_lag(three, 0, 0);
    position = (struct lag_position){3, 10, 14, 1700000001500};
    lag_show(lag, &position, 1, 1700000004000, 9000);
    expect_lag(three, 4, 2.5);
    position.timestamp_ms = 1700000009000; /* of a producer whose clock is ahead */
    lag_show(lag, &position, 1, 1700000004000, 10000);
    expect_lag(three, 4, 0);
    position.timestamp_ms = -1;
    lag_show(lag, &position, 1, 0, 12000); /* our own clock was set */
    expect_lag(three, 4, 3);
    position.offset = 12;
    lag_show(lag, &position, 1, 0, 13000);
    expect_lag(three, 2, 0);
    lag_show(lag, &position, 1, 0, 14500);
    expect_lag(three, 2, 1.5);
    position.offset = 20; /* the known end may be older than the position */
    lag_show(lag, &position, 1, 0, 15000);
    expect_lag(three, 0, 0);
    position.end = -1;
    lag_show(lag, &position, 1, 0, 15000);
    read_all(threads, 1);
    ck_assert_uint_eq(family_named("client_intake_oldest_unanswered_seconds")->samples, 0);
    lag_free(lag);
}
END_TEST

START_TEST(lags_are_shown_by_partition_and_never_twice)
{
    const struct partition_lag first[] = {{4, 10, 2.5}, {0, 7000000000, 86400}}, second[] = {{4, 99, 7}, {300, 0, 0}};
    metrics_show_lags(threads[0], "clients.commands", first, 2);
    metrics_show_lags(threads[1], "clients.commands", second, 2);
    read_all(threads, 2);
    ck_assert_uint_eq(family_named("client_intake_consumer_lag")->samples, 3);
    ck_assert_double_eq(value_of("client_intake_consumer_lag", "topic=\"clients.commands\",partition=\"4\""), 10);
    ck_assert_double_eq(value_of("client_intake_consumer_lag", "topic=\"clients.commands\",partition=\"0\""), 7e9);
    ck_assert_double_eq(value_of("client_intake_consumer_lag", "topic=\"clients.commands\",partition=\"300\""), 0);
    ck_assert_uint_eq(family_named("client_intake_oldest_unanswered_seconds")->samples, 3);
    ck_assert_double_eq(
        value_of("client_intake_oldest_unanswered_seconds", "topic=\"clients.commands\",partition=\"4\""), 2.5);
    ck_assert_double_eq(
        value_of("client_intake_oldest_unanswered_seconds", "topic=\"clients.commands\",partition=\"300\""), 0);
    metrics_show_lags(threads[0], "clients.commands", NULL, 0);
    read_all(threads, 2);
    ck_assert_uint_eq(family_named("client_intake_consumer_lag")->samples, 2);
    ck_assert_double_eq(value_of("client_intake_consumer_lag", "topic=\"clients.commands\",partition=\"4\""), 99);
}
END_TEST

START_TEST(label_values_are_escaped)
{
    const struct partition_lag lag = {1, 2, 0};
    metrics_show_lags(threads[0], "a\"b\\c\nd", &lag, 1);
    read_all(threads, 2);
    ck_assert_double_eq(value_of("client_intake_consumer_lag", "topic=\"a\\\"b\\\\c\\nd\",partition=\"1\""), 2);
}
END_TEST

/* ---- numbers that are not metrics ---- */

static void count_a_metric_that_is_none(void)
{
    metrics_add(threads[0], METRIC_COUNT, 0, 1);
}

static void count_a_label_that_is_none(void)
{
    metrics_add(threads[0], METRIC_TRANSACTIONS, TRANSACTION_RESULTS, 1);
}

static void count_an_undecided_command(void)
{
    metrics_add(threads[0], METRIC_COMMANDS, OUTCOME_UNDECIDED, 1);
}

static void count_a_violation_as_a_rejection(void)
{
    metrics_add(threads[0], METRIC_REJECTIONS, ERROR_PHONE_PLUS, 1);
}

static void add_to_a_gauge(void)
{
    metrics_add(threads[0], METRIC_REDIS_UP, 0, 1);
}

static void add_to_a_histogram(void)
{
    metrics_add(threads[0], METRIC_REPLY_SECONDS, 0, 1);
}

static void observe_a_counter(void)
{
    metrics_observe(threads[0], METRIC_DUPLICATES, 0, 1);
}

static void set_a_counter_back(void)
{
    metrics_set(threads[0], METRIC_REDIS_RETRIES, 0, 2);
    metrics_set(threads[0], METRIC_REDIS_RETRIES, 0, 1);
}

static void (*const mistakes[])(void) = {
    count_a_metric_that_is_none,
    count_a_label_that_is_none,
    count_an_undecided_command,
    count_a_violation_as_a_rejection,
    add_to_a_gauge,
    add_to_a_histogram,
    observe_a_counter,
    set_a_counter_back,
};

START_TEST(what_is_no_metric_cannot_be_counted)
{
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr)); /* assert writes there */
    mistakes[_i]();
}
END_TEST

/* ---- one writer and one reader at once ---- */

#define ADDED 200000

static void *add_many(void *argument)
{
    struct metrics *metrics = argument;
    for (int i = 0; i < ADDED; i++) {
        metrics_add(metrics, METRIC_DUPLICATES, 0, 1);
        metrics_observe(metrics, METRIC_REPLY_SECONDS, 0, 0.5);
    }
    return NULL;
}

START_TEST(counters_never_go_back_while_they_are_read)
{
    pthread_t writers[2];
    double last = 0;
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&writers[i], NULL, add_many, threads[i]), 0);
    for (int i = 0; i < 50; i++) {
        read_all(threads, 2);
        double now = value_of("client_intake_duplicates_total", "");
        ck_assert_double_ge(now, last);
        last = now;
    }
    for (size_t i = 0; i < 2; i++)
        pthread_join(writers[i], NULL);
    read_all(threads, 2);
    ck_assert_double_eq(value_of("client_intake_duplicates_total", ""), 2 * ADDED);
    ck_assert_double_eq(value_of("client_intake_reply_seconds_count", ""), 2 * ADDED);
    ck_assert_double_eq(value_of("client_intake_reply_seconds_sum", ""), ADDED);
}
END_TEST

/* ---- the metrics of a batch ---- */

START_TEST(a_batch_is_counted_by_what_became_of_it)
{
    const int64_t now_ms = 1000000;
    struct item items[] = {
        {.outcome = OUTCOME_CREATED, .from.timestamp_ms = now_ms - 40},
        {.outcome = OUTCOME_CREATED, .from.timestamp_ms = now_ms + 5000}, /* a clock ahead of ours */
        {.outcome = OUTCOME_DUPLICATE, .from.timestamp_ms = 0},           /* no timestamp */
        {.outcome = OUTCOME_REJECTED, .error = ERROR_VALIDATION_FAILED, .from.timestamp_ms = now_ms - 7000},
        {.outcome = OUTCOME_REJECTED,
         .error = ERROR_TOO_LARGE,
         .from.timestamp_ms = now_ms,
         .header_state = HEADERS_UNREADABLE,
         .dead_letter_form = FORM_NONE},
        {.outcome = OUTCOME_REJECTED, .error = ERROR_MALFORMED_JSON, .from.timestamp_ms = now_ms},
        {.outcome = OUTCOME_REJECTED,
         .error = ERROR_TOO_LARGE,
         .from.timestamp_ms = now_ms,
         .header_state = HEADERS_UNREADABLE},
        {.outcome = OUTCOME_REJECTED, .error = ERROR_TOO_LARGE, .header_state = MESSAGE_UNREADABLE},
        {.outcome = OUTCOME_CREATED, .from.timestamp_ms = 0, .reply_form = FORM_NONE},
        {.outcome = OUTCOME_CREATED, .from.timestamp_ms = 0, .reply_form = FORM_KEYLESS},
        {.outcome = OUTCOME_CREATED, .from.timestamp_ms = now_ms, .custody = CUSTODY_REVOKED},
        {.outcome = OUTCOME_UNDECIDED, .from.timestamp_ms = now_ms, .custody = CUSTODY_REVOKED},
    };
    const struct batch batch = {.items = items, .count = sizeof(items) / sizeof(items[0])};
    batch_metrics_count(threads[0], &batch, now_ms);
    const struct batch dropped = {.items = items + 10, .count = 2};
    batch_metrics_count(threads[0], &dropped, now_ms);
    read_all(threads, 2);
    const struct {
        const char *name, *labels;
        double value;
    } rows[] = {
        {"commands_total", "result=\"created\"", 4},
        {"commands_total", "result=\"duplicate\"", 1},
        {"commands_total", "result=\"rejected\"", 5},
        {"duplicates_total", "", 1},
        {"rejections_total", "code=\"validation_failed\"", 1},
        {"rejections_total", "code=\"too_large\"", 3},
        {"rejections_total", "code=\"malformed_json\"", 1},
        {"rejections_total", "code=\"email_taken\"", 0},
        {"dead_letters_total", "", 3},
        {"dead_letters_refused_total", "", 1},
        {"dead_letters_incomplete_total", "", 2},
        {"unreadable_commands_total", "", 1},
        {"replies_refused_total", "", 1},
        {"batch_commands_count", "", 1},
        {"batch_commands_sum", "", 10},
        {"reply_seconds_count", "", 6},
        {"reply_seconds_sum", "", 7.04},
        {"reply_seconds_bucket", "le=\"0.0001\"", 4},
        {"reply_seconds_bucket", "le=\"0.05\"", 5},
        {"reply_seconds_bucket", "le=\"5\"", 5},
        {"reply_seconds_bucket", "le=\"10\"", 6},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[64];
        snprintf(name, sizeof(name), "client_intake_%s", rows[i].name);
        double value = value_of(name, rows[i].labels);
        ck_assert_msg(value > rows[i].value - 1e-9 && value < rows[i].value + 1e-9, "%s{%s} is %g", name,
                      rows[i].labels, value);
    }
}
END_TEST

/* ---- health ---- */

START_TEST(it_is_live_as_long_as_every_thread_beats)
{
    char reason[HEALTH_REASON_SIZE];
    struct config config = {.redis.timeout_ms = 1000};
    int64_t now_ms = metrics_last_beat_ms(threads[0]);
    ck_assert(health_is_live(threads, 2, &config, now_ms + 59000, reason));
    ck_assert(!health_is_live(threads, 2, &config, now_ms + 75000, reason));
    ck_assert_str_eq(reason, "no heartbeat of thread 0 for 75 s");
    config.redis.timeout_ms = 30000;
    ck_assert(health_is_live(threads, 2, &config, now_ms + 75000, reason));
    ck_assert(!health_is_live(threads, 2, &config, now_ms + 125000, reason));
    stop_request();
    ck_assert(health_is_live(threads, 2, &config, now_ms + 125000, reason));
}
END_TEST

START_TEST(it_is_ready_when_every_thread_has_both)
{
    const struct {
        unsigned kafka[2], redis[2], rebuilding[2], audited[2];
        const char *reason; /* NULL: ready */
    } rows[] = {
        {{0, 0}, {0, 0}, {0, 0}, {0, 0}, "no connection to Kafka and Redis"},
        {{1, 1}, {1, 0}, {0, 0}, {1, 1}, "no connection to Redis"},
        {{0, 1}, {1, 1}, {0, 0}, {1, 1}, "no connection to Kafka"},
        {{0, 1}, {1, 0}, {0, 0}, {1, 1}, "no connection to Kafka and Redis"},
        {{1, 1}, {1, 1}, {0, 0}, {0, 0}, "Redis has not been audited yet"},
        {{1, 1}, {1, 1}, {0, 0}, {1, 0}, "Redis has not been audited yet"},
        {{1, 1}, {1, 1}, {0, 1}, {1, 0}, "Redis is being rebuilt"},
        {{1, 1}, {1, 1}, {0, 1}, {1, 1}, "Redis is being rebuilt"},
        {{1, 0}, {1, 1}, {1, 1}, {1, 1}, "no connection to Kafka"},
        {{1, 1}, {1, 1}, {0, 0}, {1, 1}, NULL},
    };
    char reason[HEALTH_REASON_SIZE];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t j = 0; j < 2; j++) {
            metrics_set(threads[j], METRIC_KAFKA_UP, 0, rows[i].kafka[j]);
            metrics_set(threads[j], METRIC_REDIS_UP, 0, rows[i].redis[j]);
            metrics_set(threads[j], METRIC_REBUILDING, 0, rows[i].rebuilding[j]);
            metrics_set(threads[j], METRIC_INDEX_AUDITED, 0, rows[i].audited[j]);
        }
        ck_assert(health_is_ready(threads, 2, reason) == (rows[i].reason == NULL));
        if (rows[i].reason)
            ck_assert_str_eq(reason, rows[i].reason);
    }
    stop_request();
    ck_assert(!health_is_ready(threads, 2, reason));
    ck_assert_str_eq(reason, "draining");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tcase = tcase_create("metrics");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, open_threads, close_threads);
    tcase_add_test(tcase, every_metric_stands_once_with_help_and_type);
    tcase_add_test(tcase, every_code_of_a_command_is_a_label);
    tcase_add_test(tcase, threads_are_added_up_and_gauges_show_the_least);
    tcase_add_test(tcase, histograms_are_cumulative);
    tcase_add_test(tcase, lags_are_shown_by_partition_and_never_twice);
    tcase_add_test(tcase, the_oldest_command_has_an_age_by_its_timestamp_or_since_it_was_seen);
    tcase_add_test(tcase, label_values_are_escaped);
    tcase_add_loop_test_raise_signal(tcase, what_is_no_metric_cannot_be_counted, SIGABRT, 0,
                                     (int)(sizeof(mistakes) / sizeof(mistakes[0])));
    tcase_add_test(tcase, counters_never_go_back_while_they_are_read);
    tcase_add_test(tcase, a_batch_is_counted_by_what_became_of_it);
    tcase_add_test(tcase, it_is_live_as_long_as_every_thread_beats);
    tcase_add_test(tcase, it_is_ready_when_every_thread_has_both);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
