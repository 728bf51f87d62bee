#include "worker/definitions/definitions_sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/definitions/definitions_history.h"
#include "worker/definitions/definitions_redis.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/topic_reader.h"

#define CHUNK_MESSAGES 256
#define CHUNK_BYTES    ((size_t)8 << 20)
#define DAEMON_WAIT_MS 3000 /* it retries, and must end soon when the program stops */
#define EXISTS_AT_ONCE 1000
#define PROGRESS_EVERY 64 /* messages */

struct sync {
    const struct config *config;
    enum definitions_sync_mode mode;
    definitions_sync_progress *progress;
    void *listener;
    struct definitions_sync_result *result;
    char *why;
    size_t error_size;

    struct topic_reader *reader;
    struct definitions_history *history;
    redisContext *redis;
    int64_t passes_done, passes; /* of the two over the whole topic */

    /* Messages that are the last of their workspace, as far as is known, and not in Redis yet. */
    rd_kafka_message_t *chunk[CHUNK_MESSAGES];
    size_t chunk_count, chunk_bytes;
};

/* Without a reason: progress ended the sync, and has written a reason if it has one. */
static bool sync_fail(struct sync *sync, const char *server, const char *reason)
{
    if (reason[0] != '\0')
        snprintf(sync->why, sync->error_size, "%s: %s", server, reason);
    return false;
}

static bool sync_report(struct sync *sync)
{
    int64_t total = topic_reader_total(sync->reader), done = topic_reader_done(sync->reader);
    sync->why[0] = '\0';
    return !sync->progress || sync->progress(sync->listener, sync->passes_done * total + done, sync->passes * total);
}

static bool sync_is_patient(void *listener)
{
    struct sync *sync = listener;
    return !sync->progress || sync->progress(sync->listener, 0, 1);
}

/* ---- writing to Redis ---- */

static struct span value_of(const rd_kafka_message_t *message)
{
    return span_of(message->payload, message->len);
}

static void chunk_clear(struct sync *sync)
{
    for (size_t i = 0; i < sync->chunk_count; i++)
        rd_kafka_message_destroy(sync->chunk[i]);
    sync->chunk_count = sync->chunk_bytes = 0;
}

/* Leaves in the chunk the messages to be written: the last of their workspaces, and only where Redis differs. */
static bool chunk_compare(struct sync *sync, bool *writes)
{
    char reason[256];
    struct span workspaces[CHUNK_MESSAGES];
    redisReply *answers[CHUNK_MESSAGES] = {NULL};
    for (size_t i = 0; i < sync->chunk_count; i++)
        workspaces[i] = definitions_history_workspace(sync->chunk[i]);
    if (!definitions_redis_get(sync->redis, workspaces, sync->chunk_count, answers, reason, sizeof(reason)))
        return sync_fail(sync, "Redis", reason);
    for (size_t i = 0; i < sync->chunk_count; i++) {
        struct span there = definitions_redis_value(answers[i]), value = value_of(sync->chunk[i]);
        bool last = definitions_history_is_last(sync->history, sync->chunk[i]);
        bool same = (there.at != NULL) == (value.at != NULL) && span_equal(there, value);
        writes[i] = last && !same && (sync->mode != SYNC_MISSING || (!there.at && value.at));
        sync->result->same += last && !writes[i];
        freeReplyObject(answers[i]);
    }
    return true;
}

static bool chunk_write(struct sync *sync)
{
    char reason[256];
    bool writes[CHUNK_MESSAGES];
    struct definitions_change changes[CHUNK_MESSAGES];
    size_t count = 0;
    if (sync->chunk_count == 0)
        return true;
    if (!chunk_compare(sync, writes))
        return false;
    for (size_t i = 0; i < sync->chunk_count; i++)
        if (writes[i])
            changes[count++] = (struct definitions_change){definitions_history_workspace(sync->chunk[i]),
                                                           value_of(sync->chunk[i]), sync->mode == SYNC_MISSING};
    if (!definitions_redis_change(sync->redis, changes, count, reason, sizeof(reason)))
        return sync_fail(sync, "Redis", reason);
    for (size_t i = 0; i < count; i++)
        *(changes[i].value.at ? &sync->result->stored : &sync->result->removed) += 1;
    chunk_clear(sync);
    return true;
}

/* Takes ownership of the message. */
static bool chunk_add(struct sync *sync, rd_kafka_message_t *message)
{
    sync->chunk[sync->chunk_count++] = message;
    sync->chunk_bytes += message->len;
    return (sync->chunk_count < CHUNK_MESSAGES && sync->chunk_bytes < CHUNK_BYTES) || chunk_write(sync);
}

/* ---- reading the topic ---- */

/* Handles a message of a reading, and takes ownership of it. */
typedef bool sync_visitor(struct sync *sync, rd_kafka_message_t *message);

static bool visit_note(struct sync *sync, rd_kafka_message_t *message)
{
    if (definitions_history_workspace(message).at)
        definitions_history_note(sync->history, message);
    else
        sync->result->passed_over++;
    rd_kafka_message_destroy(message);
    return true;
}

static bool visit_last(struct sync *sync, rd_kafka_message_t *message)
{
    if (definitions_history_workspace(message).at && definitions_history_is_last(sync->history, message))
        return chunk_add(sync, message);
    rd_kafka_message_destroy(message);
    return true;
}

static bool visit_new(struct sync *sync, rd_kafka_message_t *message)
{
    if (definitions_history_workspace(message).at && definitions_history_note(sync->history, message))
        return chunk_add(sync, message);
    rd_kafka_message_destroy(message);
    return true;
}

/* One reading, to its end. *count: the number of messages. */
static bool sync_read(struct sync *sync, sync_visitor *visit, uint64_t *count)
{
    char reason[512];
    rd_kafka_message_t *message;
    for (*count = 0;;) {
        enum topic_reading reading = topic_reader_next(sync->reader, &message, reason, sizeof(reason));
        if (reading == TOPIC_END)
            return sync_report(sync) && chunk_write(sync);
        if (reading == TOPIC_FAILED)
            return sync_fail(sync, "Kafka", reason);
        if (reading == TOPIC_MESSAGE) {
            (*count)++;
            if (!visit(sync, message))
                return false;
        }
        if ((reading == TOPIC_PAUSE || *count % PROGRESS_EVERY == 0) && !sync_report(sync))
            return false;
    }
}

/* ---- the passes ---- */

/* Removes the workspaces that Redis has. */
static bool sync_drop_present(struct sync *sync)
{
    char reason[256];
    bool present[EXISTS_AT_ONCE], ok = true;
    size_t count;
    struct span *workspaces = definitions_history_workspaces(sync->history, &count);
    if (!workspaces)
        return sync_fail(sync, "memory", "there is none");
    for (size_t at = 0; ok && at < count; at += EXISTS_AT_ONCE) {
        size_t some = count - at < EXISTS_AT_ONCE ? count - at : EXISTS_AT_ONCE;
        ok = definitions_redis_exist(sync->redis, workspaces + at, some, present, reason, sizeof(reason));
        for (size_t i = 0; ok && i < some; i++) {
            if (!present[i])
                continue;
            definitions_history_forget(sync->history, workspaces[at + i]);
            sync->result->same++;
        }
    }
    free(workspaces);
    return ok || sync_fail(sync, "Redis", reason);
}

static bool sync_is_idle(const struct sync *sync)
{
    size_t count = 0;
    struct span *workspaces = definitions_history_workspaces(sync->history, &count);
    free(workspaces);
    return count == 0;
}

/* Every writer of definitions writes to the topic first and then to Redis. What we wrote may be older than another
 * writer's value, but then its message is in the topic by now. So the last writer always reads it, and ends with the
 * topic's last. */
static bool sync_follow(struct sync *sync)
{
    char reason[512];
    bool grown;
    for (uint64_t count = 1; count > 0;) {
        if (!topic_reader_extend(sync->reader, &grown, reason, sizeof(reason)))
            return sync_fail(sync, "Kafka", reason);
        if (!grown)
            return true;
        if (!sync_read(sync, visit_new, &count))
            return false;
    }
    return true;
}

static bool sync_run(struct sync *sync)
{
    char reason[512];
    uint64_t count;
    if (!sync_read(sync, visit_note, &count))
        return false;
    if (sync->mode == SYNC_MISSING && !sync_drop_present(sync))
        return false;
    sync->passes_done = 1;
    if (sync_is_idle(sync))
        return true;
    if (!topic_reader_rewind(sync->reader, reason, sizeof(reason)))
        return sync_fail(sync, "Kafka", reason);
    return sync_read(sync, visit_last, &count) && (sync->mode == SYNC_MISSING || sync_follow(sync));
}

bool definitions_sync(const struct config *config, enum definitions_sync_mode mode, struct offsets *range,
                      definitions_sync_progress *progress, void *listener, struct definitions_sync_result *result,
                      char *why, size_t error_size)
{
    char reason[512] = "out of memory";
    int wait_ms = mode != SYNC_ALL ? DAEMON_WAIT_MS : KAFKA_CLIENT_WAIT_MS;
    struct sync *sync = calloc(1, sizeof(*sync));
    bool ok = false;
    *result = (struct definitions_sync_result){0};
    snprintf(why, error_size, "%s", "");
    if (!sync) {
        snprintf(why, error_size, "%s", reason);
        return false;
    }
    *sync = (struct sync){.config = config,
                          .mode = mode,
                          .progress = progress,
                          .listener = listener,
                          .result = result,
                          .why = why,
                          .error_size = error_size,
                          .passes = 2};
    sync->history = definitions_history_new();
    sync->redis = redis_connect(config, reason, sizeof(reason));
    if (!sync->history || !sync->redis)
        sync_fail(sync, "Redis", reason);
    else if (!(sync->reader = topic_reader_open_listening(config, config->definitions.topic, wait_ms, sync_is_patient,
                                                          sync, reason, sizeof(reason))))
        sync_fail(sync, "Kafka", reason);
    else if (mode == SYNC_SINCE && !topic_reader_await_open(sync->reader, range, reason, sizeof(reason)))
        sync_fail(sync, "Kafka", reason);
    else
        ok = sync_run(sync);
    if (ok && range)
        topic_reader_ends(sync->reader, range);
    chunk_clear(sync);
    topic_reader_close(sync->reader);
    if (sync->redis)
        redisFree(sync->redis);
    definitions_history_free(sync->history);
    free(sync);
    return ok;
}
