/* Writes to Redis what the sync has found in the topic, if that is still what the topic says. */
#include "common/failpoint.h"
#include "worker/definitions/definitions_redis.h"
#include "worker/definitions/definitions_sync_internal.h"

#define CHUNK_BYTES ((size_t)8 << 20)
/* Of all messages that are read since the chunk's first one: each of the chunk's keeps the response of the broker that
 * it came in. */
#define CHUNK_SPAN ((size_t)32 << 20)

/* ---- what has come since ---- */

void sync_has_noted(struct sync *sync, const struct topic_reader *reader)
{
    struct offsets ends = {0};
    topic_reader_ends(reader, &ends);
    offsets_raise_all(&sync->noted, &ends);
    offsets_free(&ends);
}

/* Reads to the tail's end, into the history. */
static bool tail_read(struct sync *sync)
{
    char reason[512];
    rd_kafka_message_t *message;
    for (;;) {
        enum topic_reading reading = topic_reader_next(sync->tail, &message, reason, sizeof(reason));
        if (reading == TOPIC_FAILED)
            return sync_fail(sync, "Kafka", reason);
        if (reading == TOPIC_MESSAGE && definitions_history_workspace(message).at)
            definitions_history_note(sync->history, message);
        if (reading == TOPIC_MESSAGE)
            rd_kafka_message_destroy(message);
        if (!sync_report(sync))
            return false;
        if (reading == TOPIC_END) {
            sync_has_noted(sync, sync->tail);
            return true;
        }
    }
}

/* Beyond what was noted the tail has to read once from the beginning, then only what has come. */
static bool tail_advance(struct sync *sync)
{
    char reason[512];
    bool grown;
    const struct config *config = sync->config;
    if (sync->tail)
        return topic_reader_extend(sync->tail, &grown, reason, sizeof(reason)) ? tail_read(sync)
                                                                               : sync_fail(sync, "Kafka", reason);
    sync->tail = topic_reader_open_listening(config, config->definitions.topic, sync_wait_ms(sync->mode),
                                             sync_is_patient, sync, reason, sizeof(reason));
    return sync->tail ? tail_read(sync) : sync_fail(sync, "Kafka", reason);
}

/* *current: the history has every message that is in the topic now. If it has not, they are noted. */
static bool sync_is_current(struct sync *sync, bool *current)
{
    char reason[512];
    struct offsets ends = {0};
    *current = true;
    if (!offsets_of_ends(&ends, topic_reader_handle(sync->reader), sync->config->definitions.topic,
                         sync_wait_ms(sync->mode), reason, sizeof(reason)))
        return sync_fail(sync, "Kafka", reason);
    for (int32_t i = 0; i < ends.count; i++) {
        int64_t noted = offsets_get(&sync->noted, i);
        *current = *current && ends.at[i] <= (noted == OFFSET_NONE ? 0 : noted);
    }
    offsets_free(&ends);
    return *current || tail_advance(sync);
}

/* ---- writing to Redis ---- */

static struct span value_of(const rd_kafka_message_t *message)
{
    return span_of(message->payload, message->len);
}

void sync_chunk_clear(struct sync *sync)
{
    for (size_t i = 0; i < sync->chunk_count; i++)
        rd_kafka_message_destroy(sync->chunk[i]);
    sync->chunk_count = sync->chunk_bytes = sync->chunk_span = 0;
}

/* Whether the mode has the topic's last value take the place of another one. */
static bool replaces(const struct sync *sync, struct span workspace, struct span there, struct span value)
{
    if (!there.at)
        return value.at != NULL;
    return sync->mode == SYNC_EARLIER ? sync_values_have(&sync->values, workspace, there) : sync->mode != SYNC_MISSING;
}

/* Watches what Redis has of the chunk's workspaces, and tells what must be written: the last of their workspaces, and
 * only what Redis has otherwise. */
static bool chunk_compare(struct sync *sync, bool *writes, size_t *count)
{
    char reason[256];
    struct span workspaces[CHUNK_MESSAGES];
    redisReply *answers[CHUNK_MESSAGES] = {NULL};
    *count = 0;
    for (size_t i = 0; i < sync->chunk_count; i++)
        workspaces[i] = definitions_history_workspace(sync->chunk[i]);
    if (!definitions_redis_watch(sync->redis, workspaces, sync->chunk_count, answers, reason, sizeof(reason)))
        return sync_fail(sync, "Redis", reason);
    for (size_t i = 0; i < sync->chunk_count; i++) {
        struct span there = definitions_redis_value(answers[i]), value = value_of(sync->chunk[i]);
        bool same = (there.at != NULL) == (value.at != NULL) && span_equal(there, value);
        writes[i] = definitions_history_is_last(sync->history, sync->chunk[i]) && !same &&
                    replaces(sync, workspaces[i], there, value);
        *count += writes[i];
        freeReplyObject(answers[i]);
    }
    return true;
}

/* Carries the writes out, unless a key has changed since it was compared. *done: all were made; those that were are
 * `written`. */
static bool chunk_change(struct sync *sync, const bool *writes, bool *written, bool *done)
{
    char reason[256];
    struct definitions_change changes[CHUNK_MESSAGES];
    bool changed[CHUNK_MESSAGES];
    size_t count = 0;
    for (size_t i = 0; i < sync->chunk_count; i++)
        if (writes[i])
            changes[count++] =
                (struct definitions_change){definitions_history_workspace(sync->chunk[i]), value_of(sync->chunk[i])};
    if (!definitions_redis_change(sync->redis, changes, count, changed, reason, sizeof(reason)))
        return sync_fail(sync, "Redis", reason);
    *done = true;
    count = 0;
    for (size_t i = 0; i < sync->chunk_count; i++) {
        if (!writes[i])
            continue;
        written[i] = written[i] || changed[count];
        *done = *done && changed[count];
        count++;
    }
    return true;
}

/* *done becomes false if the writes may have gone to a master that had been replaced. */
static bool chunk_settle(struct sync *sync, bool *done)
{
    char reason[256];
    bool settled;
    if (!definitions_redis_settle(sync->redis, &settled, reason, sizeof(reason)))
        return sync_fail(sync, "Redis", reason);
    *done = *done && settled;
    return true;
}

static void chunk_count_up(struct sync *sync, const bool *written)
{
    for (size_t i = 0; i < sync->chunk_count; i++) {
        if (written[i])
            *(value_of(sync->chunk[i]).at ? &sync->result->stored : &sync->result->removed) += 1;
        else
            sync->result->same += definitions_history_is_last(sync->history, sync->chunk[i]);
    }
}

/* A writer that stalls must not write what has become old meanwhile. A program that puts definitions appends them to
 * the topic first and then writes them to Redis. So the keys are watched, compared, and then the topic's end is asked
 * for. If it has not grown, a later version is appended after this question and written to Redis after it, too: either
 * before our transaction, which Redis then refuses, or behind it. On a cluster the keys of each slot have such a
 * transaction. */
bool sync_chunk_write(struct sync *sync)
{
    bool writes[CHUNK_MESSAGES], written[CHUNK_MESSAGES] = {false};
    bool done = sync->chunk_count == 0, tried = false;
    while (!done) {
        size_t count;
        bool current = true;
        if (!chunk_compare(sync, writes, &count))
            return false;
        failpoint(FAILPOINT_REBUILD_DEFINITIONS);
        if (count > 0 && !sync_is_current(sync, &current))
            return false;
        if (!current)
            continue;
        if (!chunk_change(sync, writes, written, &done))
            return false;
        tried = tried || count > 0;
        if (tried && !chunk_settle(sync, &done))
            return false;
        if (done)
            chunk_count_up(sync, written);
    }
    sync_chunk_clear(sync);
    return true;
}

bool sync_chunk_add(struct sync *sync, rd_kafka_message_t *message)
{
    sync->chunk[sync->chunk_count++] = message;
    sync->chunk_bytes += message->len;
    sync->chunk_span += message->len;
    return (sync->chunk_count < CHUNK_MESSAGES && sync->chunk_bytes < CHUNK_BYTES && sync->chunk_span < CHUNK_SPAN) ||
           sync_chunk_write(sync);
}

bool sync_chunk_pass(struct sync *sync, rd_kafka_message_t *message)
{
    if (sync->chunk_count > 0)
        sync->chunk_span += message->len;
    rd_kafka_message_destroy(message);
    return sync->chunk_span < CHUNK_SPAN || sync_chunk_write(sync);
}
