/* The calls of the script: what stands in which argument is told in decision_script.lua. */
#include <assert.h>
#include <stdio.h>
#include <xxhash.h>

#include "common/decimal.h"
#include "worker/index/decision.h"
#include "worker/index/index_internal.h"

#define BOUND_DIGITS 10
#define STEP_BYTES   4 /* of one step's text: up to two digits and a space */
#define FIXED_ARGS   3 /* behind the fence's */

/* A call while it is written. */
struct call {
    const struct batch *batch;
    const struct decision_group *group;
    uint32_t from, to;                 /* its items */
    uint32_t parts[DECISION_COMMANDS]; /* indices of the group's parts from which they come */
    uint32_t part_count, claims, look_ups, claimed;
    char steps[DECISION_COMMANDS * STEP_BYTES];
    char bounds[DECISION_COMMANDS * BOUND_DIGITS];
    size_t step_bytes, bound_bytes;
};

/* The claims that the script may make at once: no two of them share a key. */
struct together {
    uint64_t clients[DECISION_AT_ONCE], emails[DECISION_AT_ONCE];
    uint32_t count;
};

static const struct item *item_of(const struct batch *batch, const struct decision_group *group, uint32_t index)
{
    return &batch->items[group->items[index]];
}

uint32_t decision_call_end(const struct batch *batch, const struct decision_group *group, uint32_t from)
{
    size_t bytes = 0;
    uint32_t to = from;
    for (; to < group->item_count && to - from < DECISION_COMMANDS; to++) {
        const struct item *item = item_of(batch, group, to);
        bytes += item_claims(item) ? item->record.length : 0;
        if (bytes > DECISION_BYTES && to > from)
            break;
    }
    return to;
}

/* The group's part of an item; `hint` is that of the item before. */
static uint32_t part_of(const struct decision_group *group, const struct item *item, uint32_t hint)
{
    if (group->fence.parts[hint].partition == item->from.partition)
        return hint;
    uint32_t part = 0;
    while (group->fence.parts[part].partition != item->from.partition) {
        part++;
        assert(part < group->fence.part_count);
    }
    return part;
}

static void add_part(struct call *call, uint32_t part)
{
    /* The commands of a partition are consecutive. */
    for (uint32_t i = call->part_count; i > 0; i--)
        if (call->parts[i - 1] == part)
            return;
    call->parts[call->part_count++] = part;
}

static void add_step(struct call *call, uint32_t claims)
{
    call->step_bytes += (size_t)snprintf(call->steps + call->step_bytes, STEP_BYTES, "%u ", (unsigned)claims % 100);
}

static void add_bound(struct call *call, const struct item *item)
{
    char *to = call->bounds + call->bound_bytes;
    call->bound_bytes += BOUND_DIGITS;
    memset(to, '0', BOUND_DIGITS);
    char digits[DECIMAL_BYTES], *end = digits + sizeof(digits);
    const char *begin = decimal_before(end, (int64_t)index_client_bytes(item));
    assert(end - begin <= BOUND_DIGITS);
    memcpy(to + BOUND_DIGITS - (end - begin), begin, (size_t)(end - begin));
}

/* Adds the claim unless it may share a key with one of them. */
static bool join(struct together *together, const struct item *item)
{
    const uint64_t workspace = XXH3_64bits(item->workspace.at, item->workspace.length);
    const uint64_t client = XXH3_64bits(item->client_id, CLIENT_ID_LENGTH) + workspace;
    const uint64_t email = XXH3_64bits(item->email_key.at, item->email_key.length) + workspace;
    bool shared = together->count == DECISION_AT_ONCE;
    for (uint32_t i = 0; i < together->count; i++)
        shared |= (together->clients[i] == client) | (together->emails[i] == email);
    if (shared)
        return false;
    together->clients[together->count] = client;
    together->emails[together->count++] = email;
    return true;
}

static void end_together(struct call *call, struct together *together)
{
    if (together->count > 0)
        add_step(call, together->count);
    together->count = 0;
}

/* An earlier run of this batch has made a claim for the item. It is not committed, though its offset is one that was
 * committed before, in another topic of that name. */
static bool is_claimed_again(const struct decision_group *group, const struct item *item)
{
    return item->claimed && item->has_identity &&
           item->from.offset < group->fence.parts[part_of(group, item, 0)].committed;
}

static void plan(struct call *call)
{
    struct together together = {.count = 0};
    uint32_t part = 0;
    for (uint32_t i = call->from; i < call->to; i++) {
        const struct item *item = item_of(call->batch, call->group, i);
        part = part_of(call->group, item, part);
        add_part(call, part);
        if (item_claims(item)) {
            if (!join(&together, item)) {
                end_together(call, &together);
                together.count = 0;
                (void)join(&together, item);
            }
            call->claims++;
        } else if (item_asks(item)) {
            end_together(call, &together);
            add_step(call, 0);
            call->look_ups++;
        } else {
            continue;
        }
        add_bound(call, item);
    }
    end_together(call, &together);
    for (uint32_t i = call->from + 1; i < call->group->item_count; i++)
        call->claimed += is_claimed_again(call->group, item_of(call->batch, call->group, i));
}

static struct span item_id(const struct item *item)
{
    return span_of(item->client_id, CLIENT_ID_LENGTH);
}

static void write_number(struct redis_pipeline *pipeline, int64_t number)
{
    char text[DECIMAL_BYTES], *end = text + sizeof(text);
    const char *begin = decimal_before(end, number);
    pipeline_parts(pipeline, span_of(begin, (size_t)(end - begin)));
}

static void write_keys(struct redis_pipeline *pipeline, const struct call *call)
{
    pipeline_parts(pipeline, call->group->fence.key);
    for (uint32_t i = call->from; i < call->to; i++) {
        const struct item *item = item_of(call->batch, call->group, i);
        if (item_claims(item) || item_asks(item))
            pipeline_parts(pipeline, CLIENT_KEY(item->workspace, item_id(item)));
        if (item_claims(item))
            pipeline_parts(pipeline, EMAIL_KEY(item->workspace, item->email_key));
    }
}

static void write_claimed(struct redis_pipeline *pipeline, const struct call *call)
{
    for (uint32_t i = call->from + 1; call->claimed > 0 && i < call->group->item_count; i++) {
        const struct item *item = item_of(call->batch, call->group, i);
        if (is_claimed_again(call->group, item))
            pipeline_parts(pipeline, item->position, SPAN(" "), CLIENT_KEY(item->workspace, item_id(item)));
    }
}

static void write_commands(struct redis_pipeline *pipeline, const struct call *call)
{
    for (uint32_t i = call->from; i < call->to; i++) {
        const struct item *item = item_of(call->batch, call->group, i);
        const struct span hash = span_of(item->hash, HASH_LENGTH);
        if (item_claims(item))
            pipeline_parts(pipeline, item->position, SPAN(" "), hash, SPAN("\n"), item->record);
        else if (item_asks(item))
            pipeline_parts(pipeline, hash);
    }
}

static void write_call(struct redis_pipeline *pipeline, const struct call *call, enum script_call how)
{
    index_script_begin(pipeline, SCRIPT_DECISION, how, 1 + 2 * call->claims + call->look_ups,
                       fence_arguments(call->part_count) + FIXED_ARGS + call->claimed + call->claims + call->look_ups);
    write_keys(pipeline, call);
    fence_write(pipeline, &call->group->fence, FENCE_RAISE, call->parts, call->part_count);
    pipeline_parts(pipeline, span_of(call->steps, call->step_bytes));
    pipeline_parts(pipeline, span_of(call->bounds, call->bound_bytes));
    write_number(pipeline, call->claimed);
    write_claimed(pipeline, call);
    write_commands(pipeline, call);
}

void decision_send(struct redis_pipeline *pipeline, const struct batch *batch, const struct decision_group *group,
                   enum script_call how)
{
    for (uint32_t from = 0; from < group->item_count;) {
        struct call call = {.batch = batch, .group = group, .from = from};
        call.to = decision_call_end(batch, group, from);
        plan(&call);
        write_call(pipeline, &call, how);
        from = call.to;
    }
}
