/* Release: removes the claim of a command whose client does not fit into its topic. The claim was never committed,
 * because the transaction with its record was aborted. The command is rejected, and its id and email are free again.
 *
 * Offsets that are set back bring committed commands again. Their records are in the topic, even if the topic has a
 * smaller limit since. Such a claim stays, its record is not sent again, and the reply is that of the stored client.
 *
 * The offset alone does not tell whether a claim was committed: in a topic that was created again, the highest offset
 * that was ever committed is that of the topic before. Only a claim that this worker has made since the last audit was
 * certainly not. For any other one Redis is rebuilt, which leaves only what the record topic has. */
#include "worker/index/index_internal.h"
#include "worker/validate/record.h"

static bool get_client(struct index *index, struct batch *batch, const struct item *item, struct span *value)
{
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, &batch->arena);
    index_write_get_client(&pipeline, item);
    return pipeline_send(&pipeline) ? index_read_client(index, &pipeline, &batch->arena, item->workspace, value)
                                    : index_fail(index, "sending failed");
}

static bool get_owner(struct index *index, struct batch *batch, const struct item *item, struct span email,
                      struct span *owner)
{
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, &batch->arena);
    pipeline_read_parts(&pipeline, CLIENT_ID_LENGTH, EMAIL_KEY(item->workspace, email));
    return pipeline_send(&pipeline) ? index_read_owner(index, &pipeline, &batch->arena, item->workspace, owner)
                                    : index_fail(index, "sending failed");
}

/* In a replay the record topic has told it (index_replay.h). *certain is false if it must be asked again: the daemon
 * may be about to commit the same claim. */
static bool may_be_committed(struct index *index, struct batch *batch, const struct item *item, struct span value,
                             bool *certain)
{
    const struct index_replay *replay = index->replay;
    const struct span id = span_of(item->client_id, CLIENT_ID_LENGTH);
    struct claim_finding finding = {.stored = value};
    *certain = true;
    if (!replay)
        return !item->claimed && !index_has_claimed(index, item, value, id) &&
               item->from.offset < offsets_get(&index->committed, item->from.partition);
    replay->begin_standings(replay->listener);
    finding.stored_standing = replay->standing_of(replay->listener, batch, (uint32_t)(item - batch->items), id, value);
    bool held = finding.stored_standing != CLAIM_UNKNOWN;
    *certain = held && index_replay_watch(index, &finding, &batch->arena, &held) && held;
    return finding.stored_standing == CLAIM_RECORDED;
}

static bool does_not_fit(const struct item *item)
{
    return item_is_ours(item) && item->record_form == FORM_NONE && item->has_identity;
}

/* Always false: the batch is claimed again after a rebuild. */
static bool settle(struct index *index, struct batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        batch->items[i].settled = batch->items[i].settled || does_not_fit(&batch->items[i]);
    index_distrust(index);
    return index_invalidate(index, "a client that does not fit may have been committed");
}

static bool release(struct index *index, struct batch *batch, struct item *item)
{
    struct span id = span_of(item->client_id, CLIENT_ID_LENGTH), value, owner = SPAN_NONE;
    struct stored_client stored;
    bool certain;
    if (!index_fence(index, batch) || !get_client(index, batch, item, &value))
        return false;
    if (!value.at || !stored_client_parse(value, &stored) || !claim_is_own(item, &stored))
        return true;
    const bool committed = may_be_committed(index, batch, item, value, &certain);
    if (!certain)
        return false;
    if (committed) {
        if (!item->settled && !index->replay && !index_knows_claims(index, item->from.partition))
            return settle(index, batch);
        item->record_form = FORM_FULL;
        item_confirm(item, MESSAGE_RECORD);
        return true;
    }
    struct span email = record_email(stored.record, &batch->arena);
    if (email.at && !get_owner(index, batch, item, email, &owner))
        return false;
    bool holds_email = owner.at && span_equal(owner, id);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, &batch->arena);
    index_write_word(&pipeline, SPAN("MULTI"));
    pipeline_command(&pipeline, holds_email ? 3 : 2);
    pipeline_parts(&pipeline, SPAN("DEL"));
    pipeline_parts(&pipeline, CLIENT_KEY(item->workspace, id));
    if (holds_email)
        pipeline_parts(&pipeline, EMAIL_KEY(item->workspace, email));
    index_write_word(&pipeline, SPAN("EXEC"));
    redisReply *executed = pipeline_send(&pipeline) ? index_executed(index, &pipeline, 1) : NULL;
    if (!executed && pipeline.failed)
        index_fail(index, "sending failed");
    freeReplyObject(executed);
    return executed != NULL;
}

bool index_release(struct index *index, struct batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (does_not_fit(item) && !release(index, batch, item))
            return false;
    }
    return true;
}
