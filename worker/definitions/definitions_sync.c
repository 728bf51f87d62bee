#include "worker/definitions/definitions_sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "worker/definitions/definitions_sync_internal.h"
#include "worker/kafka/kafka_client.h"

#define DAEMON_WAIT_MS 3000 /* it retries, and must end soon when the program stops */
#define EXISTS_AT_ONCE 1000
#define PROGRESS_EVERY 64 /* messages */

bool sync_fail(struct sync *sync, const char *server, const char *reason)
{
    if (reason[0] != '\0')
        snprintf(sync->error, sync->error_size, "%s: %s", server, reason);
    return false;
}

int sync_wait_ms(enum definitions_sync_mode mode)
{
    return mode == SYNC_ALL ? KAFKA_CLIENT_WAIT_MS : DAEMON_WAIT_MS;
}

bool sync_report(struct sync *sync)
{
    int64_t total = topic_reader_total(sync->reader), done = topic_reader_done(sync->reader);
    sync->error[0] = '\0';
    return !sync->progress || sync->progress(sync->listener, sync->passes_done * total + done, sync->passes * total);
}

bool sync_is_patient(void *listener)
{
    struct sync *sync = listener;
    return !sync->progress || sync->progress(sync->listener, 0, 1);
}

/* ---- reading the topic ---- */

/* Handles a message of a reading, and takes ownership of it. */
typedef bool sync_visitor(struct sync *sync, rd_kafka_message_t *message);

static bool note(struct sync *sync, struct span workspace, const rd_kafka_message_t *message)
{
    definitions_history_note(sync->history, message);
    return sync->mode != SYNC_EARLIER || !message->payload ||
           sync_values_note(&sync->values, workspace, span_of(message->payload, message->len)) ||
           sync_fail(sync, "memory", "there is none");
}

static bool visit_note(struct sync *sync, rd_kafka_message_t *message)
{
    const struct span workspace = definitions_history_workspace(message);
    bool ok = true;
    if (!workspace.at)
        sync->result->passed_over++;
    else if (!sync->wants || sync->wants(sync->listener, workspace))
        ok = note(sync, workspace, message);
    rd_kafka_message_destroy(message);
    return ok;
}

static bool visit_last(struct sync *sync, rd_kafka_message_t *message)
{
    if (definitions_history_workspace(message).at && definitions_history_is_last(sync->history, message))
        return sync_chunk_add(sync, message);
    return sync_chunk_pass(sync, message);
}

static bool visit_new(struct sync *sync, rd_kafka_message_t *message)
{
    if (definitions_history_workspace(message).at) {
        definitions_history_note(sync->history, message); /* which the tail may have done already */
        if (definitions_history_is_last(sync->history, message))
            return sync_chunk_add(sync, message);
    }
    return sync_chunk_pass(sync, message);
}

/* One reading, to its end. *count: the number of messages. */
static bool sync_read(struct sync *sync, sync_visitor *visit, uint64_t *count)
{
    char reason[512];
    rd_kafka_message_t *message;
    for (*count = 0;;) {
        enum topic_reading reading = topic_reader_next(sync->reader, &message, reason, sizeof(reason));
        if (reading == TOPIC_END) {
            if (visit != visit_last)
                sync_has_noted(sync, sync->reader);
            return sync_report(sync) && sync_chunk_write(sync);
        }
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

/* Reads the messages since then (with the other modes the next audit does, or who puts them), so that Redis ends with
 * the topic's last even if its writer died before it wrote to Redis. */
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
    if (sync->values.overflowed)
        log_warning("the definitions topic has too many values; definitions that Redis has stay, even earlier ones",
                    LOG_TEXT("topic", sync->config->definitions.topic),
                    LOG_INTEGER("most", (int64_t)sync->values.most));
    sync_values_sort(&sync->values);
    sync->passes_done = 1;
    if (sync_is_idle(sync))
        return true;
    if (!topic_reader_rewind(sync->reader, reason, sizeof(reason)))
        return sync_fail(sync, "Kafka", reason);
    const bool follows = sync->mode == SYNC_SINCE || sync->mode == SYNC_ALL;
    return sync_read(sync, visit_last, &count) && (!follows || sync_follow(sync));
}

/* What was written to an old master is lost (redis_sentinels.h, cluster_confirm.h): the caller tries again. */
static bool sync_counts(struct sync *sync)
{
    char reason[256];
    return definitions_redis_is_kept(sync->redis, reason, sizeof(reason)) || sync_fail(sync, "Redis", reason);
}

static bool sync_all(const struct config *config, enum definitions_sync_mode mode, struct offsets *range,
                     definitions_sync_choice *wants, definitions_sync_progress *progress, void *listener,
                     struct definitions_sync_result *result, char *error, size_t error_size)
{
    char reason[512] = "out of memory";
    struct sync *sync = calloc(1, sizeof(*sync));
    bool ok = false;
    *result = (struct definitions_sync_result){0};
    snprintf(error, error_size, "%s", "");
    if (!sync) {
        snprintf(error, error_size, "%s", reason);
        return false;
    }
    *sync = (struct sync){.config = config,
                          .mode = mode,
                          .wants = wants,
                          .progress = progress,
                          .listener = listener,
                          .result = result,
                          .error = error,
                          .error_size = error_size,
                          .passes = 2,
                          .values = {.most = SYNC_VALUES_MOST}};
    sync->history = definitions_history_new();
    sync->redis = definitions_redis_open(config, reason, sizeof(reason));
    if (!sync->history || !sync->redis)
        sync_fail(sync, "Redis", reason);
    else if (!(sync->reader = topic_reader_open_listening(config, config->definitions.topic, sync_wait_ms(mode),
                                                          sync_is_patient, sync, reason, sizeof(reason))))
        sync_fail(sync, "Kafka", reason);
    else if (mode == SYNC_SINCE && !topic_reader_await_open(sync->reader, range, reason, sizeof(reason)))
        sync_fail(sync, "Kafka", reason);
    else
        ok = sync_run(sync) && sync_counts(sync);
    if (ok && range)
        topic_reader_ends(sync->reader, range);
    sync_chunk_clear(sync);
    topic_reader_close(sync->reader);
    topic_reader_close(sync->tail);
    offsets_free(&sync->noted);
    sync_values_free(&sync->values);
    definitions_redis_close(sync->redis);
    definitions_history_free(sync->history);
    free(sync);
    return ok;
}

bool definitions_sync(const struct config *config, enum definitions_sync_mode mode, struct offsets *range,
                      definitions_sync_progress *progress, void *listener, struct definitions_sync_result *result,
                      char *error, size_t error_size)
{
    return sync_all(config, mode, range, NULL, progress, listener, result, error, error_size);
}

bool definitions_sync_some(const struct config *config, definitions_sync_choice *wants,
                           definitions_sync_progress *progress, void *listener, struct definitions_sync_result *result,
                           char *error, size_t error_size)
{
    return sync_all(config, SYNC_EARLIER, NULL, wants, progress, listener, result, error, error_size);
}
