#include "worker/definitions/definitions_history.h"

#include <stdlib.h>
#include <uthash.h>
#include <xxhash.h>

#include "worker/config/config_table.h"
#include "worker/model/batch.h"

struct place {
    int32_t partition;
    int64_t offset, timestamp_ms;
};

/* The last message of a workspace in each partition that has one: nearly always one partition. */
struct last {
    struct place *places;
    size_t count;
    UT_hash_handle hh;
    char workspace[];
};

struct definitions_history {
    struct last *workspaces;
};

struct definitions_history *definitions_history_new(void)
{
    return calloc(1, sizeof(struct definitions_history));
}

void definitions_history_free(struct definitions_history *history)
{
    if (!history)
        return;
    struct last *last, *next;
    HASH_ITER(hh, history->workspaces, last, next)
    {
        HASH_DEL(history->workspaces, last);
        free(last->places);
        free(last);
    }
    free(history);
}

struct span definitions_history_workspace(const rd_kafka_message_t *message)
{
    char text[WORKSPACE_ID_CHARACTERS + 1];
    struct span key = span_of(message->key, message->key_len);
    if (!key.at || key.length >= sizeof(text) || memchr(key.at, '\0', key.length))
        return SPAN_NONE;
    memcpy(text, key.at, key.length);
    text[key.length] = '\0';
    return config_rule_workspace(text) ? SPAN_NONE : key;
}

static struct place place_of(const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    return (struct place){message->partition, message->offset, rd_kafka_message_timestamp(message, &type)};
}

/* A workspace's messages are in one partition, in order, unless partitions were added in between. Then only time can
 * order them. Only the last messages of the partitions are compared: within one partition the time may go back, and
 * a comparison of any two messages would depend on the order of reading. */
static const struct place *latest(const struct last *last)
{
    const struct place *latest = &last->places[0];
    for (size_t i = 1; i < last->count; i++) {
        const struct place *place = &last->places[i];
        if (place->timestamp_ms > latest->timestamp_ms ||
            (place->timestamp_ms == latest->timestamp_ms && place->partition > latest->partition))
            latest = place;
    }
    return latest;
}

static bool is_at(const struct place *place, int32_t partition, int64_t offset)
{
    return place->partition == partition && place->offset == offset;
}

/* False if the partition has a later one, or this one. */
static bool add_place(struct last *last, const struct place *place)
{
    for (size_t i = 0; i < last->count; i++) {
        if (last->places[i].partition != place->partition)
            continue;
        if (last->places[i].offset >= place->offset)
            return false;
        last->places[i] = *place;
        return true;
    }
    struct place *grown = realloc(last->places, (last->count + 1) * sizeof(*grown));
    if (!grown)
        abort();
    last->places = grown;
    grown[last->count++] = *place;
    return true;
}

/* uthash's own function has no seed, so workspaces whose names collide could be prepared. */
static unsigned hash_of(const struct definitions_history *history, struct span workspace)
{
    return (unsigned)XXH3_64bits_withSeed(workspace.at, workspace.length, (uintptr_t)history);
}

static struct last *find(const struct definitions_history *history, struct span workspace)
{
    struct last *last;
    HASH_FIND_BYHASHVALUE(hh, history->workspaces, workspace.at, workspace.length, hash_of(history, workspace), last);
    return last;
}

bool definitions_history_note(struct definitions_history *history, const rd_kafka_message_t *message)
{
    struct span workspace = definitions_history_workspace(message);
    struct place place = place_of(message);
    struct last *last = find(history, workspace);
    if (!last) {
        last = calloc(1, sizeof(*last) + workspace.length);
        if (!last)
            abort();
        memcpy(last->workspace, workspace.at, workspace.length);
        HASH_ADD_KEYPTR_BYHASHVALUE(hh, history->workspaces, last->workspace, workspace.length,
                                    hash_of(history, workspace), last);
    }
    return add_place(last, &place) && is_at(latest(last), place.partition, place.offset);
}

bool definitions_history_is_last(const struct definitions_history *history, const rd_kafka_message_t *message)
{
    const struct last *last = find(history, definitions_history_workspace(message));
    return last && is_at(latest(last), message->partition, message->offset);
}

struct span *definitions_history_workspaces(const struct definitions_history *history, size_t *count)
{
    struct span *workspaces = malloc((HASH_COUNT(history->workspaces) + 1) * sizeof(*workspaces));
    *count = 0;
    for (const struct last *last = history->workspaces; workspaces && last; last = last->hh.next)
        workspaces[(*count)++] = span_of(last->workspace, last->hh.keylen);
    return workspaces;
}

void definitions_history_forget(struct definitions_history *history, struct span workspace)
{
    struct last *last = find(history, workspace);
    if (!last)
        return;
    HASH_DEL(history->workspaces, last);
    free(last->places);
    free(last);
}
