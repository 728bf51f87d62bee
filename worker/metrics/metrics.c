#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/metrics/metrics_internal.h"
#include "worker/metrics/thread_board.h"
#include "worker/model/batch.h"

/* ---- labels: the values that each can take ---- */

static const char *const no_values[] = {""};
static const char *const results[] = {
    [OUTCOME_CREATED] = "created", [OUTCOME_DUPLICATE] = "duplicate", [OUTCOME_REJECTED] = "rejected"};
static const char *const transactions[TRANSACTION_RESULTS] = {
    [TRANSACTION_COMMITTED] = "committed", [TRANSACTION_ABORTED] = "aborted", [TRANSACTION_LOST] = "lost"};
static const char *const cache_events[CACHE_EVENTS] = {
    [CACHE_HIT] = "hit",           [CACHE_MISS] = "miss",       [CACHE_BROKEN] = "broken",
    [CACHE_COMPILED] = "compiled", [CACHE_EVICTED] = "evicted", [CACHE_INVALIDATED] = "invalidated"};
static const char *const absences[REPLY_ABSENCES] = {[REPLY_ILLEGAL_NAME] = "illegal_name",
                                                     [REPLY_NOT_ALLOWED] = "not_allowed",
                                                     [REPLY_TOPIC_MISSING] = "topic_missing",
                                                     [REPLY_TOPIC_REFUSED] = "topic_refused",
                                                     [REPLY_PARTITION_MISSING] = "partition_missing"};
static const char *const stages[BATCH_STAGES] = {
    [STAGE_DECODE] = "decode", [STAGE_DEFINITIONS] = "definitions", [STAGE_CHECK] = "check",
    [STAGE_CLAIM] = "claim",   [STAGE_COMPOSE] = "compose",         [STAGE_COMMIT] = "commit"};
static const char *const spans[SPAN_RESULTS] = {[SPAN_SENT] = "sent",
                                                [SPAN_REFUSED] = "refused",
                                                [SPAN_QUEUE_FULL] = "queue_full",
                                                [SPAN_UNREACHABLE] = "unreachable",
                                                [SPAN_UNSENT] = "unsent"};
static const char *const versions[] = {CLIENT_INTAKE_VERSION};
#define CODE_OF_COMMAND(code)                                      code
#define CODE_OF_VALUE(code)                                        NULL
#define ERROR_ROW(name, code, scope, retryable, dead_letter, when) [ERROR_##name] = CODE_OF_##scope(code),
static const char *const codes[ERROR_COUNT] = {ERROR_TABLE(ERROR_ROW)};
#undef ERROR_ROW

/* ROW(labels, name of the label, its values) */
#define METRIC_LABELS(ROW)                                                                                             \
    ROW(NONE, NULL, no_values)                                                                                         \
    ROW(RESULT, "result", results)                                                                                     \
    ROW(CODE, "code", codes)                                                                                           \
    ROW(ABSENCE, "reason", absences)                                                                                   \
    ROW(TRANSACTION, "result", transactions)                                                                           \
    ROW(CACHE, "event", cache_events)                                                                                  \
    ROW(STAGE, "stage", stages)                                                                                        \
    ROW(SPAN, "result", spans)                                                                                         \
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

const struct label_row label_rows[] = {
#define LABEL_ROW(labels, name, values) {name, values, VALUES_OF_##labels},
    METRIC_LABELS(LABEL_ROW)
#undef LABEL_ROW
};

/* ---- histograms: upper bounds ---- */

static const double second_bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                       0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30,    60};
static const double command_bounds[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000};

#define BOUNDS(bounds) (sizeof(bounds) / sizeof((bounds)[0]))

/* The cells of one series. A histogram has one bucket more than bounds, and then the sum. */
enum {
    CELLS_OF_COUNTER = 1,
    CELLS_OF_GAUGE = 1,
    CELLS_OF_SECONDS = BOUNDS(second_bounds) + 2,
    CELLS_OF_COMMANDS = BOUNDS(command_bounds) + 2,
    CELLS_OF_LEVEL = 1,
    CELLS_OF_LAG = 1,
    CELLS_OF_AGE = 1
};

/* The index of each metric's first cell. */
enum {
#define METRIC_ROW(name, text, kind, labels, help)                                                                     \
    CELL_##name, CELL_##name##_LAST = CELL_##name + CELLS_OF_##kind * VALUES_OF_##labels - 1,
    METRIC_TABLE(METRIC_ROW)
#undef METRIC_ROW
        CELL_COUNT
};

const struct metric_row metric_rows[METRIC_COUNT] = {
#define METRIC_ROW(name, text, kind, labels, help)                                                                     \
    {METRICS_PREFIX text, help, KIND_##kind, LABEL_##labels, CELL_##name, CELLS_OF_##kind},
    METRIC_TABLE(METRIC_ROW)
#undef METRIC_ROW
};

#define CACHE_LINE 64

struct metrics *metrics_new(void)
{
    size_t size = sizeof(struct metrics) + CELL_COUNT * sizeof(uint64_t);
    /* Whole cache lines, so that the metrics of two threads never share one. */
    size = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    struct metrics *metrics = aligned_alloc(CACHE_LINE, size);
    if (!metrics)
        return NULL;
    memset(metrics, 0, size);
    metrics->board = thread_board_new();
    if (!metrics->board) {
        free(metrics);
        return NULL;
    }
    pthread_mutex_init(&metrics->lags_lock, NULL);
    metrics_set(metrics, METRIC_BUILD_INFO, 0, 1);
    metrics_beat(metrics);
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    pthread_mutex_destroy(&metrics->lags_lock);
    free(metrics->lags);
    thread_board_free(metrics->board);
    free(metrics);
}

struct thread_board *metrics_board(const struct metrics *metrics)
{
    return metrics->board;
}

/* The first cell of a series. */
static unsigned cell_of(enum metric metric, unsigned value)
{
    assert((unsigned)metric < METRIC_COUNT);
    const struct metric_row *row = &metric_rows[metric];
    assert(value < label_rows[row->label].count && label_rows[row->label].values[value]);
    return row->first + value * row->each;
}

static void cell_put(struct metrics *metrics, unsigned cell, uint64_t amount)
{
    atomic_store_explicit(&metrics->cells[cell], amount, memory_order_relaxed);
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
    assert(metric_is_number(metric_rows[metric].kind) &&
           (metric_rows[metric].kind != KIND_COUNTER || amount >= cell_get(metrics, cell)));
    cell_put(metrics, cell, amount);
}

uint64_t metrics_get(const struct metrics *metrics, enum metric metric, unsigned value)
{
    unsigned cell = cell_of(metric, value);
    assert(metric_is_number(metric_rows[metric].kind));
    return cell_get(metrics, cell);
}

const double *metric_bounds(enum metric_kind kind)
{
    assert(kind == KIND_SECONDS || kind == KIND_COMMANDS);
    return kind == KIND_SECONDS ? second_bounds : command_bounds;
}

void metrics_observe(struct metrics *metrics, enum metric metric, unsigned value, double amount)
{
    unsigned first = cell_of(metric, value);
    const struct metric_row *row = &metric_rows[metric];
    const double *bounds = metric_bounds(row->kind);
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

void metrics_beat(struct metrics *metrics)
{
    atomic_store_explicit(&metrics->last_beat_ms, clock_now_ms(), memory_order_relaxed);
}

/* The lags are this thread's own, so reading them needs no lock. */
void metrics_look_for_noise(struct metrics *metrics, int64_t clock_ms, int64_t wall_ms)
{
    struct thread_board *board = metrics->board;
    if (noisy_workspaces_are_due(board->noisy, clock_ms))
        noisy_workspaces_look(board->noisy, board->window, metrics->topic, metrics->lags, metrics->lag_count, clock_ms,
                              wall_ms);
}

int64_t metrics_last_beat_ms(const struct metrics *metrics)
{
    return atomic_load_explicit(&metrics->last_beat_ms, memory_order_relaxed);
}
