/* Displacement: replaces uncommitted claims of later commands that block a claim.
 *
 * After a crash, a command that was rejected in the run before may be valid, because its definitions have come
 * meanwhile. A later command of its partition, which is not committed either, may already have claimed its id or email.
 * By contract that later claim does not count, so it is replaced. Then the batch is claimed again, which decides the
 * later command. */
#include "common/failpoint.h"
#include "worker/index/index_internal.h"
#include "worker/validate/record.h"

/* The keys to delete when the item's client is written. */
struct displacement {
    struct span other_id;    /* the later client that has our email; at == NULL: none */
    struct span other_email; /* the email of the later client that has our id; at == NULL: none, or ours */
};

static struct span item_id(const struct item *item)
{
    return span_of(item->client_id, CLIENT_ID_LENGTH);
}

/* Sends the pipeline and reads all replies. New: the last reply; or NULL after index_fail. */
static redisReply *ask(struct index *index, struct redis_pipeline *pipeline)
{
    char error[ERROR_TEXT_BYTES] = "sending failed";
    redisReply *reply = NULL;
    bool ok = pipeline_send(pipeline);
    while (ok && pipeline->count > 0) {
        if (reply)
            freeReplyObject(reply);
        reply = pipeline_answer(pipeline, error, sizeof(error));
        ok = reply != NULL;
    }
    if (!ok)
        index_fail(index, error);
    return reply;
}

/* Reads the source of the client that has the email. */
static bool find_owner(struct index *index, struct batch *batch, const struct item *item, struct claim_finding *finding)
{
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, &batch->arena);
    pipeline_command(&pipeline, 2);
    pipeline_parts(&pipeline, SPAN("WATCH"));
    pipeline_parts(&pipeline, CLIENT_KEY(item->workspace, finding->owner));
    index_write_get_line(&pipeline, item, finding->owner);
    return (pipeline_send(&pipeline) || index_fail(index, "sending failed")) && index_answer_status(index, &pipeline) &&
           index_read_client(index, &pipeline, &batch->arena, item->workspace, &finding->owner_line);
}

static void write_exists(struct redis_pipeline *pipeline, const struct span *key, size_t parts)
{
    pipeline_command(pipeline, 2);
    pipeline_parts(pipeline, SPAN("EXISTS"));
    pipeline_argument(pipeline, key, parts);
}

/* Reads the reply to EXISTS. The index never writes an empty value, so a key that exists and is empty is damaged. */
static bool is_not_empty(struct index *index, struct redis_pipeline *pipeline, const struct item *item,
                         const struct span *value, const char *what)
{
    redisReply *reply = index_answer(index, pipeline, REDIS_REPLY_INTEGER);
    bool ok = reply && (value->at || reply->integer == 0 || index_damaged(index, what, item->workspace));
    freeReplyObject(reply);
    return ok;
}

/* Reads the clients that block the item. Each key is watched before it is read. */
static bool find(struct index *index, struct batch *batch, const struct item *item, struct claim_finding *finding)
{
    struct redis_pipeline pipeline;
    *finding = (struct claim_finding){.committed = offsets_get(&index->committed, item->from.partition)};
    if (!index_fence(index, batch))
        return false;
    pipeline_open(&pipeline, index->connection, &batch->arena);
    pipeline_command(&pipeline, 3);
    pipeline_parts(&pipeline, SPAN("WATCH"));
    pipeline_parts(&pipeline, CLIENT_KEY(item->workspace, item_id(item)));
    pipeline_parts(&pipeline, EMAIL_KEY(item->workspace, item->email_key));
    pipeline_read_parts(&pipeline, CLIENT_HEAD_BYTES, CLIENT_KEY(item->workspace, item_id(item)));
    index_write_get_email(&pipeline, item);
    write_exists(&pipeline, (const struct span[]){CLIENT_KEY(item->workspace, item_id(item))}, 4);
    write_exists(&pipeline, (const struct span[]){EMAIL_KEY(item->workspace, item->email_key)}, 4);
    if (!pipeline_send(&pipeline))
        return index_fail(index, "sending failed");
    if (!index_answer_status(index, &pipeline) ||
        !index_read_client(index, &pipeline, &batch->arena, item->workspace, &finding->stored) ||
        !index_read_owner(index, &pipeline, &batch->arena, item->workspace, &finding->owner) ||
        !is_not_empty(index, &pipeline, item, &finding->stored, "the key of a client is empty") ||
        !is_not_empty(index, &pipeline, item, &finding->owner, "the key of an email is empty"))
        return false;
    if (finding->owner.at && !span_equal(finding->owner, item_id(item)) && !find_owner(index, batch, item, finding))
        return false;
    return index_find_uncommitted(index, batch, (uint32_t)(item - batch->items), finding);
}

static void write_delete(struct redis_pipeline *pipeline, const struct span *key, size_t parts)
{
    pipeline_command(pipeline, 2);
    pipeline_parts(pipeline, SPAN("DEL"));
    pipeline_argument(pipeline, key, parts);
}

static void write_displacement(struct redis_pipeline *pipeline, const struct item *item,
                               const struct displacement *displacement)
{
    index_write_word(pipeline, SPAN("MULTI"));
    if (displacement->other_id.at)
        write_delete(pipeline, (const struct span[]){CLIENT_KEY(item->workspace, displacement->other_id)}, 4);
    if (displacement->other_email.at)
        write_delete(pipeline, (const struct span[]){EMAIL_KEY(item->workspace, displacement->other_email)}, 4);
    index_write_claim(pipeline, SPAN("MSET"), item);
    index_write_word(pipeline, SPAN("EXEC"));
}

static struct displacement displacement_of(const struct item *item, const struct claim_finding *finding,
                                           struct arena *arena)
{
    struct displacement displacement = {SPAN_NONE, SPAN_NONE};
    struct stored_client client;
    if (finding->owner.at && !span_equal(finding->owner, item_id(item)))
        displacement.other_id = finding->owner;
    if (finding->stored.at && stored_client_parse(finding->stored, &client)) {
        struct span email = record_email(client.record, arena);
        if (email.at && !span_equal(email, item->email_key))
            displacement.other_email = email;
    }
    return displacement;
}

bool index_displace(struct index *index, struct batch *batch, struct item *item)
{
    struct claim_finding finding;
    bool held = true; /* the fence of the partitions whose claims are displaced */
    if (!find(index, batch, item, &finding) ||
        (index->replay && !index_replay_watch(index, &finding, &batch->arena, &held)))
        return false;
    struct displacement displacement = displacement_of(item, &finding, &batch->arena);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, &batch->arena);
    if (!held || claim_is_blocked(item, &finding))
        index_write_word(&pipeline, SPAN("UNWATCH"));
    else
        write_displacement(&pipeline, item, &displacement);
    failpoint(FAILPOINT_IN_DISPLACEMENT);
    redisReply *reply = ask(index, &pipeline);
    if (!reply)
        return false;
    bool replaced = reply->type == REDIS_REPLY_ARRAY; /* false after UNWATCH, or if a watched key has changed */
    freeReplyObject(reply);
    if (!replaced)
        return true;
    item->claimed = true;
    index_note_claim(index, item);
    log_info(index->replay ? "a claim without a record was displaced" : "an uncommitted later claim was displaced",
             LOG_TEXT("topic", item->from.topic), LOG_INTEGER("partition", item->from.partition),
             LOG_INTEGER("offset", item->from.offset));
    return true;
}
