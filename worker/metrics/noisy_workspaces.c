#include "worker/metrics/noisy_workspaces.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#define LOOK_EVERY_MS 10000
#define SHOWN_MS      30000
#define MINUTE_MS     60000

struct noisy_workspaces {
    struct workspace_rows commands, partitions; /* of the look under way */
    int64_t looked_ms;
    int64_t minute; /* for which `logged` counts */
    unsigned logged;
    pthread_mutex_t lock; /* of what follows */
    size_t count;
    struct noisy_workspace list[NOISY_MOST];
};

struct noisy_workspaces *noisy_workspaces_new(void)
{
    struct noisy_workspaces *noisy = calloc(1, sizeof(*noisy));
    if (!noisy)
        return NULL;
    pthread_mutex_init(&noisy->lock, NULL);
    noisy->looked_ms = -LOOK_EVERY_MS;
    return noisy;
}

void noisy_workspaces_free(struct noisy_workspaces *noisy)
{
    if (!noisy)
        return;
    pthread_mutex_destroy(&noisy->lock);
    free(noisy);
}

bool noisy_workspaces_are_due(const struct noisy_workspaces *noisy, int64_t clock_ms)
{
    return clock_ms - noisy->looked_ms >= LOOK_EVERY_MS;
}

static uint64_t partition_commands(const struct workspace_rows *partitions, int32_t partition)
{
    for (size_t i = 0; i < partitions->count; i++)
        if (partitions->rows[i].key.partition == partition)
            return partitions->rows[i].count;
    return 0;
}

static const struct partition_lag *lag_of(const struct partition_lag *lags, size_t count, int32_t partition)
{
    for (size_t i = 0; i < count; i++)
        if (lags[i].partition == partition)
            return &lags[i];
    return NULL;
}

static bool key_is(const struct sketch_key *one, const struct sketch_key *other)
{
    return one->partition == other->partition && one->length == other->length &&
           memcmp(one->workspace, other->workspace, one->length) == 0;
}

static void noisy_forget(struct noisy_workspaces *noisy, int64_t clock_ms)
{
    size_t left = 0;
    for (size_t i = 0; i < noisy->count; i++)
        if (clock_ms - noisy->list[i].seen_ms < NOISY_QUIET_MS)
            noisy->list[left++] = noisy->list[i];
    noisy->count = left;
}

/* The entry of the key, new if there is none; NULL if there is no room. */
static struct noisy_workspace *noisy_entry(struct noisy_workspaces *noisy, const struct sketch_key *key,
                                           int64_t wall_ms)
{
    for (size_t i = 0; i < noisy->count; i++)
        if (key_is(&noisy->list[i].key, key))
            return &noisy->list[i];
    if (noisy->count == NOISY_MOST)
        return NULL;
    struct noisy_workspace *entry = &noisy->list[noisy->count++];
    *entry = (struct noisy_workspace){.key = *key, .since_ms = wall_ms};
    return entry;
}

static void noisy_log(struct noisy_workspaces *noisy, struct noisy_workspace *entry, const char *topic,
                      const struct partition_lag *lag, int64_t clock_ms)
{
    if (noisy->minute != clock_ms / MINUTE_MS) {
        noisy->minute = clock_ms / MINUTE_MS;
        noisy->logged = 0;
    }
    if (entry->logged || noisy->logged == NOISY_LOGGED)
        return;
    entry->logged = true;
    noisy->logged++;
    log_warning("a workspace takes more than its share of a partition", LOG_TEXT("topic", topic),
                LOG_INTEGER("partition", entry->key.partition),
                LOG_SPAN("workspace", span_of(entry->key.workspace, entry->key.length)),
                LOG_INTEGER("percent", entry->percent), LOG_INTEGER("commands", entry->commands),
                LOG_INTEGER("lag", lag->lag), LOG_INTEGER("oldest_seconds", lag->oldest_seconds));
}

static void noisy_judge(struct noisy_workspaces *noisy, const struct workspace_row *row, const char *topic,
                        const struct partition_lag *lag, int64_t clock_ms, int64_t wall_ms)
{
    uint64_t all = partition_commands(&noisy->partitions, row->key.partition);
    uint64_t certain = row->count - row->error;
    if (row->key.length == 0 || certain < NOISY_COMMANDS || certain * 100 <= all * NOISY_PERCENT)
        return;
    struct noisy_workspace *entry = noisy_entry(noisy, &row->key, wall_ms);
    if (!entry)
        return;
    entry->percent = all > certain ? (unsigned)(certain * 100 / all) : 100;
    entry->commands = certain;
    entry->seen_ms = clock_ms;
    noisy_log(noisy, entry, topic, lag, clock_ms);
}

void noisy_workspaces_look(struct noisy_workspaces *noisy, struct workspace_window *window, const char *topic,
                           const struct partition_lag *lags, size_t count, int64_t clock_ms, int64_t wall_ms)
{
    noisy->looked_ms = clock_ms;
    bool any_late = false;
    for (size_t i = 0; i < count; i++)
        any_late = any_late || lags[i].oldest_seconds >= NOISY_LAG_SECONDS;
    if (!any_late)
        return;
    workspace_window_read(window, WINDOW_COMMANDS, clock_ms, &noisy->commands);
    workspace_window_read(window, WINDOW_PARTITIONS, clock_ms, &noisy->partitions);
    pthread_mutex_lock(&noisy->lock);
    noisy_forget(noisy, clock_ms);
    for (size_t i = 0; i < noisy->commands.count; i++) {
        const struct workspace_row *row = &noisy->commands.rows[i];
        const struct partition_lag *lag = lag_of(lags, count, row->key.partition);
        if (lag && lag->oldest_seconds >= NOISY_LAG_SECONDS)
            noisy_judge(noisy, row, topic, lag, clock_ms, wall_ms);
    }
    pthread_mutex_unlock(&noisy->lock);
}

size_t noisy_workspaces_read(struct noisy_workspaces *noisy, int64_t clock_ms, struct noisy_workspace list[NOISY_MOST])
{
    size_t count = 0;
    pthread_mutex_lock(&noisy->lock);
    for (size_t i = 0; i < noisy->count; i++)
        if (clock_ms - noisy->list[i].seen_ms <= SHOWN_MS)
            list[count++] = noisy->list[i];
    pthread_mutex_unlock(&noisy->lock);
    return count;
}
