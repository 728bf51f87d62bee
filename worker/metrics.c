#include "worker/metrics.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "worker/batch.h"

enum metric_kind { KIND_COUNTER, KIND_GAUGE, KIND_SECONDS, KIND_COMMANDS, KIND_LAG };

/* ---- labels: the values that each can take; NULL for a number that is none ---- */

static const char *const no_values[] = {""};
static const char *const results[] = {
    [OUTCOME_CREATED] = "created", [OUTCOME_DUPLICATE] = "duplicate", [OUTCOME_REJECTED] = "rejected"};
static const char *const transactions[TRANSACTION_RESULTS] = {
    [TRANSACTION_COMMITTED] = "committed", [TRANSACTION_ABORTED] = "aborted", [TRANSACTION_LOST] = "lost"};
static const char *const cache_events[CACHE_EVENTS] = {
    [CACHE_HIT] = "hit", [CACHE_MISS] = "miss", [CACHE_BROKEN] = "broken"};
static const char *const stages[BATCH_STAGES] = {
    [STAGE_DECODE] = "decode", [STAGE_DEFINITIONS] = "definitions", [STAGE_CHECK] = "check",
    [STAGE_CLAIM] = "claim",   [STAGE_COMPOSE] = "compose",         [STAGE_COMMIT] = "commit"};
static const char *const versions[] = {CLIENT_INTAKE_VERSION};
#define CODE_OF_COMMAND(code)                          code
#define CODE_OF_VALUE(code)                            NULL
#define ERROR_ROW(name, code, scope, retryable, when) [ERROR_##name] = CODE_OF_##scope(code),
static const char *const codes[ERROR_COUNT] = {ERROR_TABLE(ERROR_ROW)};
#undef ERROR_ROW

/* ROW(labels, name of the label, its values) */
#define METRIC_LABELS(ROW)                                                                                             \
    ROW(NONE, NULL, no_values)                                                                                         \
    ROW(RESULT, "result", results)                                                                                     \
    ROW(CODE, "code", codes)                                                                                           \
    ROW(TRANSACTION, "result", transactions)                                                                           \
    ROW(CACHE, "event", cache_events)                                                                                  \
    ROW(STAGE, "stage", stages)                                                                                        \
    ROW(PARTITION, "partition", no_values)                                                                             \
    ROW(VERSION, "version", versions)

enum {
#define LABEL_ROW(labels, name, values) VALUES_OF_##labels = sizeof(values) / sizeof((values)[0]),
    METRIC_LABELS(LABEL_ROW)
#undef LABEL_ROW
};

enum label {
#define LABEL_ROW(labels, name, values) LABEL_##labels,
    METRIC_LABELS(LABEL_ROW)
#undef LABEL_ROW
};

static const struct label_row {
    const char *name;
    const char *const *values;
    unsigned count;
} label_rows[] = {
#define LABEL_ROW(labels, name, values) {name, values, VALUES_OF_##labels},
    METRIC_LABELS(LABEL_ROW)
#undef LABEL_ROW
};

/* ---- histograms: upper bounds, each bucket counting what lies above the bound before it; the last has no bound ---- */

static const double second_bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                       0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30,    60};
static const double command_bounds[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000};

#define BOUNDS(bounds) (sizeof(bounds) / sizeof((bounds)[0]))

/* Cells of one series: a number, or the buckets and then the sum, as the bits of a double. */
enum {
    CELLS_OF_COUNTER = 1,
    CELLS_OF_GAUGE = 1,
    CELLS_OF_SECONDS = BOUNDS(second_bounds) + 2,
    CELLS_OF_COMMANDS = BOUNDS(command_bounds) + 2,
    CELLS_OF_LAG = 1
};

/* Where each metric's cells begin. */
enum {
#define METRIC_ROW(name, text, kind, labels, help)                                                                     \
    CELL_##name, CELL_##name##_LAST = CELL_##name + CELLS_OF_##kind * VALUES_OF_##labels - 1,
    METRIC_TABLE(METRIC_ROW)
#undef METRIC_ROW
        CELL_COUNT
};

static const struct metric_row {
    const char *name, *help;
    enum metric_kind kind;
    enum label label;
    unsigned first; /* cell */
    unsigned each;  /* cells of one series */
} metric_rows[] = {
#define METRIC_ROW(name, text, kind, labels, help)                                                                     \
    {METRICS_PREFIX text, help, KIND_##kind, LABEL_##labels, CELL_##name, CELLS_OF_##kind},
    METRIC_TABLE(METRIC_ROW)
#undef METRIC_ROW
};

struct metrics {
    _Atomic uint64_t cells[CELL_COUNT]; /* written by one thread only, so that nothing must be locked to add */
    _Atomic int64_t turned_ms;
    pthread_mutex_t lags_lock;
    const char *topic;
    struct partition_lag *lags;
    size_t lag_count, lag_capacity;
};

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#define CACHE_LINE 64

struct metrics *metrics_new(void)
{
    /* Whole cache lines, so that two threads' metrics never share one. */
    size_t size = (sizeof(struct metrics) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    struct metrics *metrics = aligned_alloc(CACHE_LINE, size);
    if (!metrics)
        return NULL;
    memset(metrics, 0, size);
    pthread_mutex_init(&metrics->lags_lock, NULL);
    metrics_set(metrics, METRIC_BUILD_INFO, 0, 1);
    metrics_turn(metrics);
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    pthread_mutex_destroy(&metrics->lags_lock);
    free(metrics->lags);
    free(metrics);
}

/* The first cell of a series. */
static unsigned cell_of(enum metric metric, unsigned value)
{
    assert((unsigned)metric < METRIC_COUNT);
    const struct metric_row *row = &metric_rows[metric];
    assert(value < label_rows[row->label].count && label_rows[row->label].values[value]);
    return row->first + value * row->each;
}

static uint64_t cell_get(const struct metrics *metrics, unsigned cell)
{
    return atomic_load_explicit(&metrics->cells[cell], memory_order_relaxed);
}

static void cell_put(struct metrics *metrics, unsigned cell, uint64_t amount)
{
    atomic_store_explicit(&metrics->cells[cell], amount, memory_order_relaxed);
}

static double double_of(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

static uint64_t bits_of(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

void metrics_add(struct metrics *metrics, enum metric metric, unsigned value, uint64_t amount)
{
    unsigned cell = cell_of(metric, value);
    assert(metric_rows[metric].kind == KIND_COUNTER);
    cell_put(metrics, cell, cell_get(metrics, cell) + amount);
}

void metrics_set(struct metrics *metrics, enum metric metric, unsigned value, uint64_t amount)
{
    unsigned cell = cell_of(metric, value);
    assert(metric_rows[metric].kind == KIND_GAUGE ||
           (metric_rows[metric].kind == KIND_COUNTER && amount >= cell_get(metrics, cell)));
    cell_put(metrics, cell, amount);
}

uint64_t metrics_get(const struct metrics *metrics, enum metric metric, unsigned value)
{
    unsigned cell = cell_of(metric, value);
    assert(metric_rows[metric].kind == KIND_GAUGE || metric_rows[metric].kind == KIND_COUNTER);
    return cell_get(metrics, cell);
}

static const double *bounds_of(enum metric_kind kind)
{
    assert(kind == KIND_SECONDS || kind == KIND_COMMANDS);
    return kind == KIND_SECONDS ? second_bounds : command_bounds;
}

void metrics_observe(struct metrics *metrics, enum metric metric, unsigned value, double amount)
{
    unsigned first = cell_of(metric, value);
    const struct metric_row *row = &metric_rows[metric];
    const double *bounds = bounds_of(row->kind);
    unsigned bucket = 0, sum = first + row->each - 1;
    while (bucket < row->each - 2 && amount > bounds[bucket])
        bucket++;
    cell_put(metrics, first + bucket, cell_get(metrics, first + bucket) + 1);
    cell_put(metrics, sum, bits_of(double_of(cell_get(metrics, sum)) + amount));
}

void metrics_show_lags(struct metrics *metrics, const char *topic, const struct partition_lag *lags, size_t count)
{
    pthread_mutex_lock(&metrics->lags_lock);
    if (count > metrics->lag_capacity) {
        struct partition_lag *grown = realloc(metrics->lags, count * sizeof(*grown));
        if (!grown)
            abort();
        metrics->lags = grown;
        metrics->lag_capacity = count;
    }
    if (count > 0)
        memcpy(metrics->lags, lags, count * sizeof(*lags));
    metrics->lag_count = count;
    metrics->topic = topic;
    pthread_mutex_unlock(&metrics->lags_lock);
}

void metrics_turn(struct metrics *metrics)
{
    atomic_store_explicit(&metrics->turned_ms, monotonic_ms(), memory_order_relaxed);
}

int64_t metrics_turned_ms(const struct metrics *metrics)
{
    return atomic_load_explicit(&metrics->turned_ms, memory_order_relaxed);
}

/* ---- the text format ---- */

struct group {
    struct metrics *const *threads;
    size_t count;
};

static void write_escaped(FILE *out, const char *text, bool quotes)
{
    for (; *text; text++)
        if (*text == '\n')
            fputs("\\n", out);
        else if (*text == '\\' || (*text == '"' && quotes))
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
}

static void write_label(FILE *out, const char *separator, const char *name, const char *value)
{
    fprintf(out, "%s%s=\"", separator, name);
    write_escaped(out, value, true);
    fputc('"', out);
}

/* The sum over all threads; of a gauge, the least. */
static uint64_t group_get(const struct group *group, unsigned cell, enum metric_kind kind)
{
    uint64_t total = 0;
    for (size_t i = 0; i < group->count; i++) {
        uint64_t amount = cell_get(group->threads[i], cell);
        if (kind != KIND_GAUGE)
            total += amount;
        else if (i == 0 || amount < total)
            total = amount;
    }
    return total;
}

static void write_number(FILE *out, const struct metric_row *row, unsigned value, uint64_t amount)
{
    const struct label_row *label = &label_rows[row->label];
    fputs(row->name, out);
    if (label->name) {
        write_label(out, "{", label->name, label->values[value]);
        fputc('}', out);
    }
    fprintf(out, " %llu\n", (unsigned long long)amount);
}

/* "name_bucket{stage="decode",le="0.1"} " and the like. `bound` NULL: no such label. */
static void write_histogram_name(FILE *out, const struct metric_row *row, unsigned value, const char *part,
                                 const char *bound)
{
    const struct label_row *label = &label_rows[row->label];
    const char *separator = "{";
    fprintf(out, "%s%s", row->name, part);
    if (label->name) {
        write_label(out, separator, label->name, label->values[value]);
        separator = ",";
    }
    if (bound)
        write_label(out, separator, "le", bound);
    fputs(label->name || bound ? "} " : " ", out);
}

static void write_histogram(FILE *out, const struct metric_row *row, unsigned value, const struct group *group)
{
    unsigned first = row->first + value * row->each, bounds = row->each - 2;
    uint64_t total = 0;
    double sum = 0;
    for (unsigned i = 0; i <= bounds; i++) {
        char bound[32] = "+Inf";
        if (i < bounds)
            snprintf(bound, sizeof(bound), "%g", bounds_of(row->kind)[i]);
        total += group_get(group, first + i, row->kind);
        write_histogram_name(out, row, value, "_bucket", bound);
        fprintf(out, "%llu\n", (unsigned long long)total);
    }
    for (size_t i = 0; i < group->count; i++)
        sum += double_of(cell_get(group->threads[i], first + row->each - 1));
    write_histogram_name(out, row, value, "_sum", NULL);
    fprintf(out, "%.15g\n", sum);
    write_histogram_name(out, row, value, "_count", NULL);
    fprintf(out, "%llu\n", (unsigned long long)total);
}

static void write_lag(FILE *out, const struct metric_row *row, const char *topic, const struct partition_lag *lag)
{
    fputs(row->name, out);
    write_label(out, "{", "topic", topic);
    fprintf(out, ",partition=\"%d\"} %lld\n", (int)lag->partition, (long long)lag->lag);
}

/* A thread's lags, but for those of partitions that a thread before it shows too: for a moment after a partition has
 * moved from one thread to another both may show it, and a series must not stand twice. */
static void write_lags(FILE *out, const struct metric_row *row, const struct group *group)
{
    bool *shown = NULL;
    int32_t known = 0;
    for (size_t i = 0; i < group->count; i++) {
        struct metrics *metrics = group->threads[i];
        pthread_mutex_lock(&metrics->lags_lock);
        for (size_t j = 0; j < metrics->lag_count; j++) {
            const struct partition_lag *lag = &metrics->lags[j];
            if (lag->partition >= known) {
                bool *grown = realloc(shown, (size_t)lag->partition + 1);
                if (!grown)
                    abort();
                memset(grown + known, 0, (size_t)(lag->partition + 1 - known));
                shown = grown;
                known = lag->partition + 1;
            }
            if (!shown[lag->partition])
                write_lag(out, row, metrics->topic, lag);
            shown[lag->partition] = true;
        }
        pthread_mutex_unlock(&metrics->lags_lock);
    }
    free(shown);
}

static const char *type_of(enum metric_kind kind)
{
    return kind == KIND_COUNTER                          ? "counter"
           : kind == KIND_SECONDS || kind == KIND_COMMANDS ? "histogram"
                                                         : "gauge";
}

void metrics_write(FILE *out, struct metrics *const *threads, size_t count)
{
    const struct group group = {threads, count};
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        const struct metric_row *row = &metric_rows[i];
        const struct label_row *label = &label_rows[row->label];
        fprintf(out, "# HELP %s ", row->name);
        write_escaped(out, row->help, false);
        fprintf(out, "\n# TYPE %s %s\n", row->name, type_of(row->kind));
        if (row->kind == KIND_LAG) {
            write_lags(out, row, &group);
            continue;
        }
        for (unsigned value = 0; value < label->count; value++) {
            if (!label->values[value])
                continue;
            if (row->kind == KIND_COUNTER || row->kind == KIND_GAUGE)
                write_number(out, row, value, group_get(&group, row->first + value * row->each, row->kind));
            else
                write_histogram(out, row, value, &group);
        }
    }
}
