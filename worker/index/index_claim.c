#include <assert.h>
#include <stddef.h>

#include "common/failpoint.h"
#include "worker/index/index_internal.h"

/* The most runs over a batch before index_claim fails. A run displaces all claims that it can, so usually one more run
 * is enough. Chains, in which one displacement makes another possible, take more. If more than one per command is
 * needed, another program keeps writing these keys. */
#define CLAIM_RUNS(batch) (2 + 2 * (batch)->count)

/* The replies of Redis for an item. */
struct claim_answer {
    bool asked; /* something was sent for it */
    bool won;   /* the claim set both keys */
    struct claim_finding finding;
};

static struct span item_id(const struct item *item)
{
    return span_of(item->client_id, CLIENT_ID_LENGTH);
}

void index_write_claim(struct redis_pipeline *pipeline, struct span command, const struct item *item)
{
    pipeline_command(pipeline, 5);
    pipeline_parts(pipeline, command);
    pipeline_parts(pipeline, CLIENT_KEY(item->workspace, item_id(item)));
    pipeline_parts(pipeline, item->position, SPAN(" "), span_of(item->hash, HASH_LENGTH), SPAN("\n"), item->record);
    pipeline_parts(pipeline, EMAIL_KEY(item->workspace, item->email_key));
    pipeline_parts(pipeline, item_id(item));
}

/* Normalized and escaped, a value becomes at most eight times as long. The members that every client has take up to
 * 8192 bytes more. */
size_t index_client_bytes(const struct item *item)
{
    return 8192 + 8 * item->value.length;
}

void index_write_get_client(struct redis_pipeline *pipeline, const struct item *item)
{
    pipeline_read_parts(pipeline, index_client_bytes(item), CLIENT_KEY(item->workspace, item_id(item)));
}

void index_write_get_email(struct redis_pipeline *pipeline, const struct item *item)
{
    pipeline_read_parts(pipeline, CLIENT_ID_LENGTH, EMAIL_KEY(item->workspace, item->email_key));
}

void index_write_get_line(struct redis_pipeline *pipeline, const struct item *item, struct span id)
{
    pipeline_read_parts(pipeline, STORED_LINE_BYTES, CLIENT_KEY(item->workspace, id));
}

static bool lost_claim(const struct item *item, const struct claim_answer *answer)
{
    return item_claims(item) && !answer->won;
}

/* True if another client has the email, which may be an uncommitted claim of a later command. */
static bool owner_matters(const struct item *item, const struct claim_answer *answer)
{
    return lost_claim(item, answer) && answer->finding.owner.at && !span_equal(answer->finding.owner, item_id(item));
}

/* First pipeline: one Redis transaction under the fence's WATCH. In the order of the commands it claims for valid ones
 * and looks up the ids of rejected ones. */
static void write_first(struct redis_pipeline *pipeline, const struct batch *batch, const struct claimed_raise *raises,
                        uint32_t raised)
{
    index_write_word(pipeline, SPAN("MULTI"));
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        if (item_claims(item))
            index_write_claim(pipeline, SPAN("MSETNX"), item);
        else if (item_asks(item))
            index_write_get_line(pipeline, item, item_id(item));
    }
    index_write_claimed(pipeline, raises, raised);
    index_write_word(pipeline, SPAN("EXEC"));
}

static bool take_first(struct index *index, struct batch *batch, const redisReply *executed,
                       struct claim_answer *answers)
{
    size_t next = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!answers[i].asked)
            continue;
        const redisReply *reply = executed->element[next++];
        struct span *stored = &answers[i].finding.stored;
        bool ok = item_claims(&batch->items[i]) ? reply->type == REDIS_REPLY_INTEGER : index_reply_span(reply, stored);
        if (!ok)
            return index_fail(index, reply->type == REDIS_REPLY_ERROR ? reply->str : "an unexpected type of answer");
        if (!item_claims(&batch->items[i]) && !index_check_client(index, reply, *stored, batch->items[i].workspace))
            return false;
        answers[i].won = item_claims(&batch->items[i]) && reply->integer == 1;
        if (answers[i].won)
            index_note_claim(index, &batch->items[i]);
        batch->items[i].claimed = batch->items[i].claimed || answers[i].won;
        if (stored->at)
            *stored = arena_copy(&batch->arena, *stored);
    }
    return true;
}

static bool claim_first(struct index *index, struct batch *batch, struct claim_answer *answers, size_t asked)
{
    struct claimed_raise *raises;
    const uint32_t raised = index_claimed_raises(index, batch, &raises);
    failpoint(FAILPOINT_BEFORE_FENCE);
    if (!index_fence(index, batch))
        return false;
    failpoint(FAILPOINT_BEFORE_CLAIM);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, &batch->arena);
    write_first(&pipeline, batch, raises, raised);
    if (!pipeline_send(&pipeline))
        return index_fail(index, "sending failed");
    failpoint(FAILPOINT_IN_CLAIM);
    redisReply *executed = index_executed(index, &pipeline, asked + raised);
    if (executed)
        index_note_claimed(index, raises, raised);
    bool ok = executed && take_first(index, batch, executed, answers);
    freeReplyObject(executed);
    failpoint(FAILPOINT_AFTER_CLAIM);
    return ok;
}

/* Reads the epoch after look-ups: their results count only if the epoch is the same. */
static bool read_epoch(struct index *index, struct redis_pipeline *pipeline)
{
    char error[ERROR_TEXT_BYTES];
    enum epoch_finding finding;
    if (!redis_epoch_answer(&index->epoch, pipeline, &finding, error, sizeof(error)))
        return index_fail(index, error);
    return finding == EPOCH_SAME || index_invalidate(index, "the epoch is missing or different");
}

/* Second pipeline: for claims that failed, reads the first line of the client under the id, and the email's owner. */
static bool claim_second(struct index *index, struct batch *batch, struct claim_answer *answers)
{
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, &batch->arena);
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!lost_claim(&batch->items[i], &answers[i]))
            continue;
        index_write_get_line(&pipeline, &batch->items[i], item_id(&batch->items[i]));
        index_write_get_email(&pipeline, &batch->items[i]);
    }
    if (pipeline.count == 0)
        return true;
    redis_epoch_ask(&pipeline);
    if (!pipeline_send(&pipeline))
        return index_fail(index, "sending failed");
    for (uint32_t i = 0; i < batch->count; i++)
        if (lost_claim(&batch->items[i], &answers[i]))
            if (!index_read_client(index, &pipeline, &batch->arena, batch->items[i].workspace,
                                   &answers[i].finding.stored) ||
                !index_read_owner(index, &pipeline, &batch->arena, batch->items[i].workspace,
                                  &answers[i].finding.owner))
                return false;
    return read_epoch(index, &pipeline);
}

/* True if the client with the item's id was made from the same bytes: the item is a repetition, or made it itself. */
static bool client_matters(const struct item *item, const struct claim_answer *answer)
{
    struct stored_client stored;
    return answer->asked && !answer->won && answer->finding.stored.at &&
           stored_client_parse(answer->finding.stored, &stored) &&
           span_equal(stored.hash, span_of(item->hash, HASH_LENGTH));
}

static void write_owner_line(struct redis_pipeline *pipeline, const struct item *item,
                             const struct claim_answer *answer)
{
    index_write_get_line(pipeline, item, answer->finding.owner);
}

static void write_stored(struct redis_pipeline *pipeline, const struct item *item, const struct claim_answer *answer)
{
    (void)answer;
    index_write_get_client(pipeline, item);
}

/* A further pipeline: which items it reads something for, what it reads, and which member of the finding it fills. */
struct claim_question {
    bool (*matters)(const struct item *item, const struct claim_answer *answer);
    void (*write)(struct redis_pipeline *pipeline, const struct item *item, const struct claim_answer *answer);
    size_t member;
};

/* The third pipeline reads the first lines of the clients that have the emails. The fourth reads whole clients for
 * replies. It reads only clients that were made from the same bytes, which are about as long as their commands. Others
 * may be much longer, and many small commands may have the id of one. */
static const struct claim_question claim_third = {owner_matters, write_owner_line,
                                                  offsetof(struct claim_finding, owner_line)};
static const struct claim_question claim_fourth = {client_matters, write_stored,
                                                   offsetof(struct claim_finding, stored)};

static bool claim_ask(struct index *index, struct batch *batch, struct claim_answer *answers,
                      const struct claim_question *question)
{
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, &batch->arena);
    for (uint32_t i = 0; i < batch->count; i++)
        if (question->matters(&batch->items[i], &answers[i]))
            question->write(&pipeline, &batch->items[i], &answers[i]);
    if (pipeline.count == 0)
        return true;
    redis_epoch_ask(&pipeline);
    if (!pipeline_send(&pipeline))
        return index_fail(index, "sending failed");
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!question->matters(&batch->items[i], &answers[i]))
            continue;
        struct span *member = (struct span *)(void *)((char *)&answers[i].finding + question->member);
        if (!index_read_client(index, &pipeline, &batch->arena, batch->items[i].workspace, member))
            return false;
    }
    return read_epoch(index, &pipeline);
}

bool index_is_claimed_behind(const struct batch *batch, uint32_t index, struct span line, struct span id)
{
    const struct item *item = &batch->items[index];
    struct stored_client stored;
    int64_t offset;
    if (!line.at || !stored_client_parse(line, &stored) || !claim_is_later(item, stored.source, &offset))
        return false;
    for (uint32_t i = index + 1; i < batch->count; i++) {
        const struct item *later = &batch->items[i];
        if (later->from.partition == item->from.partition && later->from.offset == offset)
            return later->claimed && span_equal(later->workspace, item->workspace) && span_equal(item_id(later), id);
    }
    return false;
}

static bool find_standings(const struct index_replay *replay, const struct batch *batch, uint32_t item,
                           struct claim_finding *finding)
{
    struct span id = item_id(&batch->items[item]);
    if (finding->stored.at)
        finding->stored_standing = replay->standing_of(replay->listener, batch, item, id, finding->stored);
    if (finding->owner.at && !span_equal(finding->owner, id))
        finding->owner_standing =
            replay->standing_of(replay->listener, batch, item, finding->owner, finding->owner_line);
    return finding->stored_standing != CLAIM_UNKNOWN && finding->owner_standing != CLAIM_UNKNOWN;
}

bool index_find_uncommitted(struct index *index, const struct batch *batch, uint32_t item,
                            struct claim_finding *finding)
{
    if (index->replay)
        return find_standings(index->replay, batch, item, finding);
    const struct item *of = &batch->items[item];
    finding->stored_is_uncommitted = index_is_claimed_behind(batch, item, finding->stored, item_id(of)) ||
                                     index_has_claimed(index, of, finding->stored, item_id(of));
    finding->owner_is_uncommitted = index_is_claimed_behind(batch, item, finding->owner_line, finding->owner) ||
                                    index_has_claimed(index, of, finding->owner_line, finding->owner);
    return true;
}

static bool find_all_uncommitted(struct index *index, const struct batch *batch, struct claim_answer *answers)
{
    if (index->replay)
        index->replay->begin_standings(index->replay->listener);
    for (uint32_t i = 0; i < batch->count; i++) {
        struct claim_finding *finding = &answers[i].finding;
        if (!answers[i].asked || answers[i].won)
            continue;
        if (!index_find_uncommitted(index, batch, i, finding) || index_is_unsure(index, &batch->items[i], finding))
            return false;
        finding->stored_is_too_long = finding->stored.length > index_client_bytes(&batch->items[i]);
    }
    return true;
}

/* Displaces claims where that is allowed, in the order of the commands. Each displacement reads its keys again, so it
 * sees the earlier ones. False after index_fail or index_invalidate, or if keep_going returned false. */
static bool claim_displace(struct index *index, struct batch *batch, const struct claim_answer *answers, bool *any)
{
    size_t mark = batch->arena.used;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (!lost_claim(item, &answers[i]) || claim_is_blocked(item, &answers[i].finding))
            continue;
        *any = true;
        bool ok = index_may_go_on(index) && index_displace(index, batch, item);
        arena_reset(&batch->arena, mark);
        if (!ok)
            return false;
    }
    return true;
}

/* One run over the batch. *again: a claim was displaced, so the whole batch must be claimed again, since later commands
 * may now meet other clients. */
static bool claim_run(struct index *index, struct batch *batch, struct claim_answer *answers, size_t asked, bool *again)
{
    *again = false;
    if (!claim_first(index, batch, answers, asked) || !claim_second(index, batch, answers) ||
        !claim_ask(index, batch, answers, &claim_third) || !claim_ask(index, batch, answers, &claim_fourth))
        return false;
    if (!find_all_uncommitted(index, batch, answers))
        return false;
    return claim_displace(index, batch, answers, again) && (!*again || index_may_go_on(index));
}

/* How many items need a reply of Redis. */
static size_t claim_begin(const struct index *index, const struct batch *batch, struct claim_answer *answers)
{
    size_t asked = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        answers[i] = (struct claim_answer){.asked = item_claims(item) || item_asks(item)};
        answers[i].finding.committed = offsets_get(&index->committed, item->from.partition);
        asked += answers[i].asked;
    }
    return asked;
}

bool index_claim(struct index *index, struct batch *batch)
{
    if (index->shards)
        return index_cluster_claim(index, batch);
    struct claim_answer *answers = arena_alloc(&batch->arena, batch->count * sizeof(*answers));
    if (!index->verified || !index_release(index, batch))
        return false;
    size_t asked = claim_begin(index, batch, answers), mark = batch->arena.used;
    bool again = asked > 0;
    for (uint32_t run = 0; again; run++) {
        if (run == CLAIM_RUNS(batch))
            return index_fail(index, "the claims of a batch keep changing");
        arena_reset(&batch->arena, mark);
        asked = claim_begin(index, batch, answers); /* keep_going may have dropped items */
        if (asked == 0)
            break;
        if (!claim_run(index, batch, answers, asked, &again))
            return false;
    }
    index->asked = asked > 0;
    index->asked_audit = index->audits;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (answers[i].won)
            batch->items[i].outcome = OUTCOME_CREATED;
        else if (answers[i].asked)
            claim_apply(&batch->items[i], &answers[i].finding);
    }
    if (asked > 0)
        index_accepted(index);
    return true;
}
