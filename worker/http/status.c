#include "worker/http/status.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/stop.h"

/* Of a thread's workspaces, what is merged with the other threads'. */
#define ROWS_OF_THREAD 64

struct status_period status_period_between(const struct status_sample *before, const struct status_sample *after)
{
    struct status_period period = {.seconds = (double)(after->clock_ms - before->clock_ms) / 1000};
    for (unsigned i = OUTCOME_CREATED; i <= OUTCOME_REJECTED; i++) {
        period.results[i] = after->results[i] - before->results[i];
        period.commands += period.results[i];
    }
    for (unsigned i = 0; i < ERROR_COUNT; i++)
        period.rejections[i] = after->rejections[i] - before->rejections[i];
    for (unsigned i = 0; i < CACHE_EVENTS; i++)
        period.cache[i] = after->cache[i] - before->cache[i];
    for (unsigned i = 0; i < SPAN_RESULTS; i++)
        period.spans[i] = after->spans[i] - before->spans[i];
    period.commit_redis_seconds = after->commit_redis_seconds - before->commit_redis_seconds;
    period.reply = seconds_between(&before->reply, &after->reply);
    for (unsigned i = 0; i < BATCH_STAGES; i++)
        period.stages[i] = seconds_between(&before->stages[i], &after->stages[i]);
    return period;
}

/* From the sample so many before the last one until now. */
static struct status_period period_since(const struct status *status, size_t back)
{
    size_t first = status->sample_count > back ? status->sample_count - back : 0;
    return status_period_between(&status->samples[first], &status->now);
}

/* ---- workspaces ---- */

static bool read_workspaces(struct metrics *const *threads, size_t count, enum window_kind kind, int64_t clock_ms,
                            struct status_workspaces *workspaces)
{
    size_t merged = 0;
    struct workspace_rows *rows = malloc(sizeof(*rows));
    struct workspace_row *all = malloc((count * ROWS_OF_THREAD + 1) * sizeof(*all));
    for (size_t i = 0; rows && all && i < count; i++) {
        workspace_window_read(metrics_board(threads[i])->window, kind, clock_ms, rows);
        size_t mine = workspace_rows_merge(rows->rows, rows->count, true);
        for (size_t j = 0; j < mine && j < ROWS_OF_THREAD; j++)
            all[merged++] = rows->rows[j];
        workspaces->total += rows->total;
    }
    bool ok = rows && all;
    if (ok)
        merged = workspace_rows_merge(all, merged, true);
    for (size_t i = 0; ok && i < merged && i < STATUS_WORKSPACES; i++)
        workspaces->rows[workspaces->count++] = all[i];
    free(rows);
    free(all);
    return ok;
}

static void read_noisy(struct status *status, struct thread_board *board)
{
    struct noisy_workspace list[NOISY_MOST];
    size_t count = noisy_workspaces_read(board->noisy, status->now.clock_ms, list);
    for (size_t i = 0; i < count && status->noisy_count < NOISY_MOST; i++)
        status->noisy[status->noisy_count++] = list[i];
}

/* ---- threads ---- */

/* Keeps the commands that have waited longest, in their order. */
static void take_waiting(struct status *status, const struct command_note *note)
{
    size_t place = status->waiting_count;
    while (place > 0 && status->waiting_commands[place - 1].since_ms > note->since_ms)
        place--;
    if (place == STATUS_WAITING)
        return;
    if (status->waiting_count < STATUS_WAITING)
        status->waiting_count++;
    memmove(&status->waiting_commands[place + 1], &status->waiting_commands[place],
            (status->waiting_count - place - 1) * sizeof(*note));
    status->waiting_commands[place] = *note;
}

static void read_notes(struct status *status, struct thread_board *board, bool waits)
{
    struct command_note waiting[WAITING_MOST], garbage = thread_board_garbage(board);
    size_t count = waits ? thread_board_waiting(board, status->now.clock_ms, waiting) : 0;
    for (size_t i = 0; i < count; i++)
        take_waiting(status, &waiting[i]);
    if (garbage.since_ms > status->garbage.since_ms)
        status->garbage = garbage;
}

/* A complaint that has not ended goes first. Of several the last one. */
static void take_complaint(struct complaint_view *last, struct complaint *complaint)
{
    struct complaint_view view = complaint_read(complaint);
    bool is_open = view.began_ms > 0 && view.ended_ms == 0, last_is_open = last->began_ms > 0 && last->ended_ms == 0;
    if (view.began_ms > 0 && (is_open != last_is_open ? is_open : view.began_ms > last->began_ms))
        *last = view;
}

static void read_thread(struct status *status, size_t index, struct metrics *metrics)
{
    struct thread_board *board = metrics_board(metrics);
    struct status_thread *thread = &status->threads[index];
    thread->state = thread_board_state(board);
    thread->beat_ms = status->now.clock_ms - metrics_last_beat_ms(metrics);
    thread->kafka_up = metrics_get(metrics, METRIC_KAFKA_UP, 0) == 1;
    thread->redis_up = metrics_get(metrics, METRIC_REDIS_UP, 0) == 1;
    thread->rebuilding = metrics_get(metrics, METRIC_REBUILDING, 0) > 0;
    thread->waiting = metrics_get(metrics, METRIC_DEFINITIONS_WAITING, 0);
    status->kafka_up = status->kafka_up && thread->kafka_up;
    status->redis_up = status->redis_up && thread->redis_up;
    status->rebuilding += thread->rebuilding;
    status->waiting += thread->waiting;
    read_notes(status, board, thread->waiting > 0);
    take_complaint(&status->kafka, &board->kafka);
    take_complaint(&status->redis, &board->redis);
    read_noisy(status, board);
}

/* What the page calls the server. NULL: the config has no name. */
static const char *redis_name(const struct config *config)
{
    if (config->redis.kind == REDIS_SENTINEL)
        return config->redis.master;
    return config->redis.address.count > 0 ? config->redis.address.items[0] : NULL;
}

struct status *status_read(struct metrics *const *threads, size_t count, const struct config *config,
                           struct status_history *history, int64_t started_ms)
{
    struct status *status = calloc(1, sizeof(*status));
    if (!status)
        return NULL;
    status->threads = calloc(count + 1, sizeof(*status->threads));
    status->thread_count = count;
    status->topic = config->commands.topic;
    status->kafka_address = config_kafka(config, NULL, "bootstrap.servers");
    status->redis_address = redis_name(config);
    status->config_path = config->from.path;
    status->definitions_wait_ms = config->definitions.wait_ms;
    status->started_ms = started_ms;
    status->sample_count = status_history_read(history, status->samples);
    status_sample_take(&status->now, threads, count);
    status->recent = period_since(status, RECENT_SAMPLES + 1);
    status->minute = period_since(status, MINUTE_SAMPLES + 1);
    status->live = health_is_live(threads, count, config, status->now.clock_ms, status->live_reason);
    status->ready = health_is_ready(threads, count, status->ready_reason);
    status->draining = stop_is_requested();
    status->kafka_up = status->redis_up = true;
    status->lag_count = metrics_lags(threads, count, &status->lags);
    for (size_t i = 0; status->threads && i < count; i++)
        read_thread(status, i, threads[i]);
    if (status->threads && read_workspaces(threads, count, WINDOW_COMMANDS, status->now.clock_ms, &status->busiest) &&
        read_workspaces(threads, count, WINDOW_REJECTIONS, status->now.clock_ms, &status->rejected))
        return status;
    status_free(status);
    return NULL;
}

void status_free(struct status *status)
{
    if (!status)
        return;
    free(status->threads);
    free(status->lags);
    free(status);
}
