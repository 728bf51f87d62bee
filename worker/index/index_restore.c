#include "worker/index/index_restore.h"

#include "worker/index/index_restore_internal.h"
#include "worker/validate/record.h"

/* Of sources: a greater one could not be read back from a checkpoint. */
#define GREATEST_OFFSET INT64_C(99999999999999999)

bool restore_open(struct restore *restore)
{
    restore->places = record_places_new();
    return restore->places != NULL;
}

static void clear(struct restore *restore)
{
    for (size_t i = 0; i < restore->count; i++)
        rd_kafka_message_destroy(restore->messages[i]);
    restore->count = restore->bytes = restore->span = 0;
}

void restore_close(struct restore *restore)
{
    clear(restore);
    record_places_free(restore->places);
    offsets_free(&restore->highest);
    restore->places = NULL;
}

/* Clients that lost their email in an earlier reading. Within one reading no client loses its email to one that the
 * same reading removes or changes, because only last versions are written. */
void restore_begin(struct restore *restore)
{
    restore->has_losers = restore->shared;
}

/* ---- messages ---- */

/* What is in the record topic was committed, even if the group's offsets say otherwise. */
static void note_source(struct restore *restore, struct span source)
{
    int64_t partition, offset;
    if (source.at && source_parse(source, span_of_text(restore->index->config->commands.topic), &partition, &offset) &&
        partition < restore->committed->count && offset < GREATEST_OFFSET)
        offsets_raise(&restore->highest, (int32_t)partition, offset + 1);
}

bool restore_note(struct restore *restore, const rd_kafka_message_t *message)
{
    struct restored restored;
    size_t mark = restore->scratch->used;
    bool ours = restored_parse(message, &restored) &&
                (!restored.record.at || record_email(restored.record, restore->scratch).at);
    arena_reset(restore->scratch, mark);
    if (!ours) {
        restore->passed_over++;
        return true;
    }
    note_source(restore, restored.source);
    return record_places_note(restore->places, restored.key, &restored.place, !restored.record.at);
}

bool restore_add(struct restore *restore, rd_kafka_message_t *message)
{
    struct restored *restored = &restore->chunk[restore->count];
    if (restore->count > 0)
        restore->span += message->len;
    if (restored_parse(message, restored) && record_places_is_last(restore->places, restored->key, &restored->place)) {
        restore->messages[restore->count++] = message;
        restore->bytes += message->len;
    } else {
        rd_kafka_message_destroy(message);
    }
    return restore->count == RESTORE_MESSAGES || restore->bytes >= RESTORE_BYTES || restore->span >= RESTORE_SPAN;
}

/* ---- what the files of the restore share ---- */

void restore_mark(struct restore *restore, struct restored *restored)
{
    restored->settled = true;
    if (restored->record.at)
        record_places_write(restore->places, restored->key);
    *(restored->record.at ? &restore->clients : &restore->removed) += 1;
}

redisReply *restore_execute(struct restore *restore, struct redis_pipeline *pipeline, size_t count)
{
    rebuild_lock_write_renewal(pipeline);
    index_write_word(pipeline, SPAN("EXEC"));
    if (pipeline_send(pipeline))
        return index_executed(restore->index, pipeline, count + 1);
    index_fail(restore->index, "sending failed");
    return NULL;
}

/* ---- a chunk ---- */

static bool is_open(const struct restored *restored)
{
    return !restored->settled && restored->email.at;
}

/* Writes clients of which Redis has neither id nor email: nearly all, after a loss. */
static bool write_absent(struct restore *restore)
{
    size_t asked = 0;
    struct redis_pipeline pipeline;
    if (!rebuild_lock_watch(restore->lock, restore->scratch))
        return false;
    pipeline_open(&pipeline, restore->index->connection, restore->scratch);
    index_write_word(&pipeline, SPAN("MULTI"));
    for (size_t i = 0; i < restore->count; i++) {
        const struct restored *restored = &restore->chunk[i];
        if (!is_open(restored))
            continue;
        pipeline_command(&pipeline, 5);
        pipeline_parts(&pipeline, SPAN("MSETNX"));
        pipeline_parts(&pipeline, CLIENT_KEY(restored->workspace, restored->id));
        pipeline_parts(&pipeline, RESTORED_VALUE(restored));
        pipeline_parts(&pipeline, EMAIL_KEY(restored->workspace, restored->email));
        pipeline_parts(&pipeline, restored->id);
        asked++;
    }
    redisReply *executed = restore_execute(restore, &pipeline, asked);
    restore->lock->held = executed != NULL;
    bool ok = executed != NULL;
    for (size_t i = 0, next = 0; i < restore->count && ok; i++) {
        if (!is_open(&restore->chunk[i]))
            continue;
        const redisReply *set = executed->element[next++];
        ok = set->type == REDIS_REPLY_INTEGER || index_fail(restore->index, "an unexpected type of answer");
        if (!ok || set->integer != 1)
            continue;
        restore->writes++;
        restore_mark(restore, &restore->chunk[i]);
    }
    freeReplyObject(executed);
    return ok;
}

/* Reads the next answer without a copy of it. */
static redisReply *next_value(struct restore *restore, struct redis_pipeline *pipeline, struct span *value)
{
    char error[ERROR_TEXT_BYTES];
    redisReply *reply = pipeline_answer(pipeline, error, sizeof(error));
    if (!reply)
        index_fail(restore->index, error);
    else if (index_reply_span(reply, value))
        return reply;
    else
        index_fail(restore->index, "an unexpected type of answer");
    freeReplyObject(reply);
    return NULL;
}

/* Marks the message as settled if Redis already agrees with it. */
static bool compare(struct restore *restore, struct redis_pipeline *pipeline, struct restored *restored)
{
    struct span stored = SPAN_NONE, owner = SPAN_NONE;
    redisReply *client = next_value(restore, pipeline, &stored), *email = NULL;
    bool ok = client && (!restored->record.at || (email = next_value(restore, pipeline, &owner)));
    bool agrees = restored->record.at ? stored.at && restored_is(restored, stored) && span_equal(owner, restored->id)
                                      : !stored.at;
    if (ok && agrees)
        restore_mark(restore, restored);
    freeReplyObject(client);
    freeReplyObject(email);
    return ok;
}

static bool find_present(struct restore *restore)
{
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, restore->index->connection, restore->scratch);
    for (size_t i = 0; i < restore->count; i++) {
        const struct restored *restored = &restore->chunk[i];
        if (restored->settled)
            continue;
        pipeline_read_parts(&pipeline, restored_bytes(restored), CLIENT_KEY(restored->workspace, restored->id));
        if (restored->record.at)
            pipeline_read_parts(&pipeline, CLIENT_ID_LENGTH, EMAIL_KEY(restored->workspace, restored->email));
    }
    if (pipeline.count == 0)
        return true;
    bool ok = pipeline_send(&pipeline) || index_fail(restore->index, "sending failed");
    for (size_t i = 0; i < restore->count && ok; i++)
        if (!restore->chunk[i].settled)
            ok = compare(restore, &pipeline, &restore->chunk[i]);
    return ok;
}

bool restore_write(struct restore *restore)
{
    size_t mark = restore->scratch->used;
    bool ok = restore->index->connection != NULL;
    for (size_t i = 0; i < restore->count; i++)
        if (restore->chunk[i].record.at)
            restore->chunk[i].email = record_email(restore->chunk[i].record, restore->scratch);
    ok = ok && (restore->count == 0 || (write_absent(restore) && find_present(restore)));
    for (size_t i = 0; i < restore->count && ok; i++)
        if (!restore->chunk[i].settled)
            ok = restore_settle(restore, &restore->chunk[i]);
    arena_reset(restore->scratch, mark);
    clear(restore);
    return ok;
}
