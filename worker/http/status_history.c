#include "worker/http/status_history.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/quiet_thread.h"
#include "worker/metrics/thread_board.h"

struct status_history {
    struct metrics *const *threads;
    size_t thread_count;
    pthread_t thread;
    pthread_mutex_t lock; /* of the rest */
    pthread_cond_t ends;
    bool is_ending;
    size_t next, count;
    struct status_sample samples[HISTORY_SAMPLES];
};

static void sample_lags(struct status_sample *sample, struct metrics *const *threads, size_t count)
{
    struct partition_lag *lags;
    size_t lag_count = metrics_lags(threads, count, &lags);
    for (size_t i = 0; i < lag_count; i++) {
        sample->lag += lags[i].lag;
        if (lags[i].oldest_seconds > sample->oldest_seconds)
            sample->oldest_seconds = lags[i].oldest_seconds;
    }
    free(lags);
}

void status_sample_take(struct status_sample *sample, struct metrics *const *threads, size_t count)
{
    *sample = (struct status_sample){.clock_ms = clock_now_ms(), .wall_ms = clock_wall_ms()};
    for (unsigned i = OUTCOME_CREATED; i <= OUTCOME_REJECTED; i++)
        sample->results[i] = metrics_total(threads, count, METRIC_COMMANDS, i);
    for (unsigned i = ERROR_NONE + 1; i < ERROR_COUNT; i++)
        if (error_row((enum error)i)->scope == ERROR_SCOPE_COMMAND)
            sample->rejections[i] = metrics_total(threads, count, METRIC_REJECTIONS, i);
    for (unsigned i = 0; i < CACHE_EVENTS; i++)
        sample->cache[i] = metrics_total(threads, count, METRIC_DEFINITIONS_CACHE, i);
    for (unsigned i = 0; i < SPAN_RESULTS; i++)
        sample->spans[i] = metrics_total(threads, count, METRIC_SPANS, i);
    sample->reply = metrics_seconds(threads, count, METRIC_REPLY_SECONDS, 0);
    for (unsigned i = 0; i < BATCH_STAGES; i++)
        sample->stages[i] = metrics_seconds(threads, count, METRIC_BATCH_SECONDS, i);
    for (size_t i = 0; i < count; i++)
        sample->commit_redis_seconds += thread_board_commit_redis(metrics_board(threads[i]));
    sample_lags(sample, threads, count);
}

static void history_add(struct status_history *history, const struct status_sample *sample)
{
    history->samples[history->next] = *sample;
    history->next = (history->next + 1) % HISTORY_SAMPLES;
    if (history->count < HISTORY_SAMPLES)
        history->count++;
}

static void *run(void *argument)
{
    struct status_history *history = argument;
    int64_t next_ms = clock_now_ms();
    pthread_mutex_lock(&history->lock);
    while (!history->is_ending) {
        next_ms += HISTORY_EVERY_MS;
        int64_t now_ms = clock_now_ms();
        if (next_ms < now_ms) /* the process was stopped */
            next_ms = now_ms + HISTORY_EVERY_MS;
        const struct timespec until = clock_time(next_ms);
        int result = 0;
        while (!history->is_ending && result == 0)
            result = pthread_cond_timedwait(&history->ends, &history->lock, &until);
        if (history->is_ending)
            break;
        struct status_sample sample;
        pthread_mutex_unlock(&history->lock);
        status_sample_take(&sample, history->threads, history->thread_count);
        pthread_mutex_lock(&history->lock);
        history_add(history, &sample);
    }
    pthread_mutex_unlock(&history->lock);
    return NULL;
}

struct status_history *status_history_start(struct metrics *const *threads, size_t count)
{
    struct status_history *history = calloc(1, sizeof(*history));
    if (!history)
        return NULL;
    history->threads = threads;
    history->thread_count = count;
    pthread_mutex_init(&history->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&history->ends, &attributes);
    pthread_condattr_destroy(&attributes);
    struct status_sample first;
    status_sample_take(&first, threads, count);
    history_add(history, &first);
    if (quiet_thread_start(&history->thread, run, history) == 0)
        return history;
    pthread_cond_destroy(&history->ends);
    pthread_mutex_destroy(&history->lock);
    free(history);
    return NULL;
}

void status_history_end(struct status_history *history)
{
    if (!history)
        return;
    pthread_mutex_lock(&history->lock);
    history->is_ending = true;
    pthread_cond_signal(&history->ends);
    pthread_mutex_unlock(&history->lock);
    pthread_join(history->thread, NULL);
    pthread_cond_destroy(&history->ends);
    pthread_mutex_destroy(&history->lock);
    free(history);
}

size_t status_history_read(struct status_history *history, struct status_sample samples[HISTORY_SAMPLES])
{
    pthread_mutex_lock(&history->lock);
    size_t count = history->count, first = (history->next + HISTORY_SAMPLES - count) % HISTORY_SAMPLES;
    for (size_t i = 0; i < count; i++)
        samples[i] = history->samples[(first + i) % HISTORY_SAMPLES];
    pthread_mutex_unlock(&history->lock);
    return count;
}
