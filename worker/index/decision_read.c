/* The answers of the script, and the outcomes that follow from them. */
#include "worker/index/decision.h"
#include "worker/index/index_internal.h"

#define FINDING_VALUES 5 /* of one command, in the answer */

/* A call while its answer is read. */
struct reading {
    struct batch *batch;
    const struct decision_group *group;
    uint32_t from, to;
    struct decision_answer *answers;
    struct script_failure *failure;
};

static enum script_end fail_unexpected(const struct reading *reading)
{
    return script_fail(&reading->batch->arena, reading->failure, SCRIPT_FAILED, SPAN("an unexpected type of answer"),
                       SPAN(""));
}

static bool is_step(const struct item *item)
{
    return item_claims(item) || item_asks(item);
}

/* Counts the call's items that have a step, and remembers where the one of this number is. */
static bool find_step(const struct reading *reading, int64_t number, uint32_t *at, int64_t *at_number)
{
    for (; *at < reading->to; (*at)++) {
        *at_number += is_step(&reading->batch->items[reading->group->items[*at]]);
        if (*at_number == number)
            return is_step(&reading->batch->items[reading->group->items[*at]]);
    }
    return false;
}

/* Empty is missing: the index never writes an empty value. */
static struct span keep(const struct reading *reading, struct span text)
{
    return text.length > 0 ? arena_copy(&reading->batch->arena, text) : SPAN_NONE;
}

static bool is_sound(const struct claim_finding *finding)
{
    return (!finding->stored.at || stored_client_is_sound(finding->stored)) &&
           (!finding->owner.at || finding->owner.length == CLIENT_ID_LENGTH) &&
           (!finding->owner_line.at || stored_client_is_sound(finding->owner_line));
}

static int64_t committed_of(const struct decision_group *group, int32_t partition)
{
    uint32_t part = 0;
    while (part < group->fence.part_count && group->fence.parts[part].partition != partition)
        part++;
    return part < group->fence.part_count ? group->fence.parts[part].committed : OFFSET_NONE;
}

static bool take_finding(const struct reading *reading, const redisReply *answer, size_t first, uint32_t at)
{
    const struct batch *batch = reading->batch;
    const uint32_t index = reading->group->items[at];
    const struct item *item = &batch->items[index];
    const struct span how = index_script_text_at(answer, first + 1);
    struct claim_finding finding = {.stored = keep(reading, index_script_text_at(answer, first + 2)),
                                    .owner = keep(reading, index_script_text_at(answer, first + 3)),
                                    .owner_line = keep(reading, index_script_text_at(answer, first + 4)),
                                    .committed = committed_of(reading->group, item->from.partition)};
    if (!is_sound(&finding))
        return false;
    finding.stored_is_uncommitted =
        index_is_claimed_behind(batch, index, finding.stored, span_of(item->client_id, CLIENT_ID_LENGTH));
    finding.owner_is_uncommitted = index_is_claimed_behind(batch, index, finding.owner_line, finding.owner);
    finding.stored_is_too_long = finding.stored.length > index_client_bytes(item);
    const bool displaced = span_equal(how, SPAN("DISPLACED"));
    if (!displaced && (!span_equal(how, SPAN("FOUND")) || (item_claims(item) && !claim_is_blocked(item, &finding))))
        return false;
    reading->answers[at].how = displaced ? DECISION_DISPLACED : DECISION_FOUND;
    reading->answers[at].finding = finding;
    return true;
}

static enum script_end take_decided(const struct reading *reading, const redisReply *answer)
{
    uint32_t at = reading->from;
    int64_t at_number = 0;
    for (uint32_t i = reading->from; i < reading->to; i++) {
        const bool claims = item_claims(&reading->batch->items[reading->group->items[i]]);
        reading->answers[i] = (struct decision_answer){.how = claims ? DECISION_WON : DECISION_NOTHING};
    }
    for (size_t first = 1; first < answer->elements; first += FINDING_VALUES, at++) {
        const redisReply *number = answer->element[first];
        if (number->type != REDIS_REPLY_INTEGER || !find_step(reading, number->integer, &at, &at_number) ||
            !take_finding(reading, answer, first, at))
            return fail_unexpected(reading);
    }
    return SCRIPT_DONE;
}

static enum script_end take_damaged(const struct reading *reading, const redisReply *answer)
{
    uint32_t at = reading->from;
    int64_t at_number = 0;
    if (answer->elements != 3 || answer->element[1]->type != REDIS_REPLY_INTEGER ||
        !find_step(reading, answer->element[1]->integer, &at, &at_number))
        return fail_unexpected(reading);
    reading->failure->item = reading->group->items[at];
    return script_fail(&reading->batch->arena, reading->failure, SCRIPT_DAMAGED, index_script_text_at(answer, 2),
                       SPAN(""));
}

/* Claims that were made count as uncommitted from now on, also if another call voids the group. */
static void mark_claimed(const struct reading *reading)
{
    for (uint32_t i = reading->from; i < reading->to; i++) {
        const struct decision_answer *answer = &reading->answers[i];
        if (answer->how == DECISION_WON || answer->how == DECISION_DISPLACED)
            reading->batch->items[reading->group->items[i]].claimed = true;
    }
}

static enum script_end take(const struct reading *reading, const redisReply *answer)
{
    const enum script_end end = index_script_look(&reading->batch->arena, answer, reading->failure);
    const struct span said = answer->type == REDIS_REPLY_ARRAY ? index_script_text_at(answer, 0) : SPAN_NONE;
    if (end != SCRIPT_DONE)
        return end;
    if (said.at && span_equal(said, SPAN("DAMAGED")))
        return take_damaged(reading, answer);
    if (said.at && span_equal(said, SPAN("DECIDED")) && answer->elements % FINDING_VALUES == 1)
        return take_decided(reading, answer);
    return fail_unexpected(reading);
}

enum script_end decision_take(struct batch *batch, const struct decision_group *group, uint32_t from,
                              const redisReply *answer, struct decision_answer *answers, struct script_failure *failure)
{
    const struct reading reading = {batch, group, from, decision_call_end(batch, group, from), answers, failure};
    *failure = (struct script_failure){.what = SPAN_NONE, .text = SPAN_NONE, .item = 0};
    const enum script_end end = take(&reading, answer);
    if (end == SCRIPT_DONE)
        mark_claimed(&reading);
    return end;
}

enum script_end decision_receive(struct redis_pipeline *pipeline, struct batch *batch,
                                 const struct decision_group *group, struct decision_answer *answers,
                                 struct script_failure *failure)
{
    enum script_end end = SCRIPT_DONE;
    *failure = (struct script_failure){.what = SPAN_NONE, .text = SPAN_NONE, .item = 0};
    for (uint32_t from = 0, to; from < group->item_count; from = to) {
        char error[ERROR_TEXT_BYTES];
        struct script_failure now_failure;
        to = decision_call_end(batch, group, from);
        redisReply *answer = pipeline_reply(pipeline, error, sizeof(error));
        if (!answer)
            return script_fail(&batch->arena, failure, SCRIPT_FAILED, span_of_text(error), SPAN(""));
        const enum script_end now = decision_take(batch, group, from, answer, answers, &now_failure);
        freeReplyObject(answer);
        /* The first failure tells why, unless the connection cannot be used any more. */
        if (now != SCRIPT_DONE && (end == SCRIPT_DONE || now == SCRIPT_FAILED)) {
            end = now;
            *failure = now_failure;
        }
    }
    return end;
}

void decision_settle(struct batch *batch, const struct decision_group *group, const struct decision_answer *answers)
{
    for (uint32_t i = 0; i < group->item_count; i++) {
        struct item *item = &batch->items[group->items[i]];
        if (answers[i].how == DECISION_WON || answers[i].how == DECISION_DISPLACED)
            item->outcome = OUTCOME_CREATED;
        else if (answers[i].how == DECISION_FOUND)
            claim_apply(item, &answers[i].finding);
    }
}
