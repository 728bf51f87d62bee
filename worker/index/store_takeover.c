/* Takeover: a claim that only this worker's own future stands against.
 *
 * After a crash, a command may be accepted that was refused before (its definitions have come meanwhile), while a later
 * command of its partition, not committed either, holds its id or email already. By contract that later client does not
 * count. It is replaced; then the batch is claimed anew, so that the later command is judged in its turn. */
#include "common/crash_point.h"
#include "worker/validate/record.h"
#include "worker/index/store_parts.h"

/* What goes when the item's client comes. */
struct takeover {
    struct span other_id;    /* the later client that has our email; at == NULL: none */
    struct span other_email; /* the email of the later client that has our id; at == NULL: none, or ours */
};

static struct span item_id(const struct item *item)
{
    return span_of(item->client_id, CLIENT_ID_LENGTH);
}

/* Sends what was written and reads all answers, of which only the last is of interest. New, or NULL after store_fail.
 */
static redisReply *ask(struct store *store, struct redis_pipeline *pipeline)
{
    char why[WHY_SIZE] = "sending failed";
    redisReply *reply = NULL;
    bool fine = pipeline_send(pipeline);
    while (fine && pipeline->count > 0) {
        if (reply)
            freeReplyObject(reply);
        reply = pipeline_answer(pipeline, why, sizeof(why));
        fine = reply != NULL;
    }
    if (!fine)
        store_fail(store, why);
    return reply;
}

/* The answer to a WATCH. */
static bool watching(struct store *store, struct redis_pipeline *pipeline)
{
    redisReply *reply = store_answer(store, pipeline, REDIS_REPLY_STATUS);
    freeReplyObject(reply);
    return reply != NULL;
}

/* Who made the client that has the email. */
static bool find_owner(struct store *store, struct batch *batch, const struct item *item, struct claim_finding *finding)
{
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, store->connection, &batch->arena);
    pipeline_command(&pipeline, 2);
    pipeline_parts(&pipeline, SPAN("WATCH"));
    pipeline_parts(&pipeline, CLIENT_KEY(item->workspace, finding->owner));
    write_get_line(&pipeline, item, finding->owner);
    return (pipeline_send(&pipeline) || store_fail(store, "sending failed")) && watching(store, &pipeline) &&
           store_read(store, &pipeline, &batch->arena, &finding->owner_line);
}

/* Reads what stands against the item, each key watched before it is read. */
static bool find(struct store *store, struct batch *batch, const struct item *item, struct claim_finding *finding)
{
    struct redis_pipeline pipeline;
    *finding = (struct claim_finding){.committed = offsets_get(&store->committed, item->from.partition)};
    if (!store_fence(store, batch))
        return false;
    pipeline_open(&pipeline, store->connection, &batch->arena);
    pipeline_command(&pipeline, 3);
    pipeline_parts(&pipeline, SPAN("WATCH"));
    pipeline_parts(&pipeline, CLIENT_KEY(item->workspace, item_id(item)));
    pipeline_parts(&pipeline, EMAIL_KEY(item->workspace, item->email_key));
    write_get_client(&pipeline, item);
    write_get_email(&pipeline, item);
    if (!pipeline_send(&pipeline))
        return store_fail(store, "sending failed");
    if (!watching(store, &pipeline) || !store_read(store, &pipeline, &batch->arena, &finding->stored) ||
        !store_read(store, &pipeline, &batch->arena, &finding->owner))
        return false;
    if (finding->owner.at && !span_equal(finding->owner, item_id(item)) && !find_owner(store, batch, item, finding))
        return false;
    store_find_uncommitted(batch, (uint32_t)(item - batch->items), finding);
    return true;
}

static void write_delete(struct redis_pipeline *pipeline, const struct span *key, size_t parts)
{
    pipeline_command(pipeline, 2);
    pipeline_parts(pipeline, SPAN("DEL"));
    pipeline_argument(pipeline, key, parts);
}

static void write_takeover(struct redis_pipeline *pipeline, const struct item *item, const struct takeover *takeover,
                           struct span source)
{
    write_word(pipeline, SPAN("MULTI"));
    if (takeover->other_id.at)
        write_delete(pipeline, (const struct span[]){CLIENT_KEY(item->workspace, takeover->other_id)}, 4);
    if (takeover->other_email.at)
        write_delete(pipeline, (const struct span[]){EMAIL_KEY(item->workspace, takeover->other_email)}, 4);
    write_claim(pipeline, SPAN("MSET"), item, source);
    write_word(pipeline, SPAN("EXEC"));
}

static struct takeover takeover_of(const struct item *item, const struct claim_finding *finding, struct arena *arena)
{
    struct takeover takeover = {SPAN_NONE, SPAN_NONE};
    struct stored_client client;
    if (finding->owner.at && !span_equal(finding->owner, item_id(item)))
        takeover.other_id = finding->owner;
    if (finding->stored.at && stored_client_parse(finding->stored, &client)) {
        struct span email = record_email(client.record, arena);
        if (email.at && !span_equal(email, item->email_key))
            takeover.other_email = email;
    }
    return takeover;
}

bool store_take_over(struct store *store, struct batch *batch, const struct item *item)
{
    struct claim_finding finding;
    if (!find(store, batch, item, &finding))
        return false;
    struct takeover takeover = takeover_of(item, &finding, &batch->arena);
    struct span source = position_text(&item->from, &batch->arena);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, store->connection, &batch->arena);
    if (claim_is_blocked(item, &finding))
        write_word(&pipeline, SPAN("UNWATCH"));
    else
        write_takeover(&pipeline, item, &takeover, source);
    crash_point(CRASH_IN_TAKEOVER);
    redisReply *reply = ask(store, &pipeline);
    if (!reply)
        return false;
    bool replaced = reply->type == REDIS_REPLY_ARRAY; /* not after UNWATCH, nor if something watched has changed */
    freeReplyObject(reply);
    if (!replaced)
        return true;
    log_info("an uncommitted later claim was replaced", LOG_TEXT("topic", item->from.topic),
             LOG_INTEGER("partition", item->from.partition), LOG_INTEGER("offset", item->from.offset));
    return true;
}
