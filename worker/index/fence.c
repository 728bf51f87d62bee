#include "worker/index/fence.h"

#include "common/decimal.h"

static void write_number(struct redis_pipeline *pipeline, int64_t number)
{
    char text[DECIMAL_BYTES], *end = text + sizeof(text);
    const char *begin = decimal_before(end, number);
    pipeline_parts(pipeline, span_of(begin, (size_t)(end - begin)));
}

uint32_t fence_arguments(uint32_t part_count)
{
    return 4 + 3 * part_count;
}

static void write_part(struct redis_pipeline *pipeline, const struct fence_part *part)
{
    pipeline_parts(pipeline, SPAN("term:"), part->place);
    pipeline_parts(pipeline, part->term);
    write_number(pipeline, part->committed > 0 ? part->committed : 0);
}

void fence_write(struct redis_pipeline *pipeline, const struct fence *fence, enum fence_terms terms,
                 const uint32_t *parts, uint32_t part_count)
{
    pipeline_parts(pipeline, fence->epoch);
    pipeline_parts(pipeline, fence->shard);
    pipeline_parts(pipeline, terms == FENCE_RAISE ? SPAN("raise") : SPAN("equal"));
    write_number(pipeline, part_count);
    for (uint32_t i = 0; i < part_count; i++)
        write_part(pipeline, &fence->parts[parts ? parts[i] : i]);
}

void fence_send_confirm(struct redis_pipeline *pipeline, const struct fence *fence, enum script_call how)
{
    index_script_begin(pipeline, SCRIPT_CONFIRM, how, 1, fence_arguments(fence->part_count));
    pipeline_parts(pipeline, fence->key);
    fence_write(pipeline, fence, FENCE_EQUAL, NULL, fence->part_count);
}

void fence_send_checkpoints(struct redis_pipeline *pipeline, const struct fence *fence, const struct span *keys,
                            const struct span *values, uint32_t count, enum script_call how)
{
    index_script_begin(pipeline, SCRIPT_CHECKPOINT, how, 1 + count, fence_arguments(fence->part_count) + count);
    pipeline_parts(pipeline, fence->key);
    for (uint32_t i = 0; i < count; i++)
        pipeline_parts(pipeline, keys[i]);
    fence_write(pipeline, fence, FENCE_RAISE, NULL, fence->part_count);
    for (uint32_t i = 0; i < count; i++)
        pipeline_parts(pipeline, values[i]);
}

void fence_send_settle(struct redis_pipeline *pipeline, const struct fence *fence,
                       const struct fence_settlement *settlements, uint32_t count, enum script_call how)
{
    index_script_begin(pipeline, SCRIPT_SETTLE, how, 1 + count, fence_arguments(0) + 2 * count);
    pipeline_parts(pipeline, fence->key);
    for (uint32_t i = 0; i < count; i++)
        pipeline_parts(pipeline, settlements[i].key);
    fence_write(pipeline, fence, FENCE_EQUAL, NULL, 0);
    for (uint32_t i = 0; i < count; i++) {
        pipeline_parts(pipeline, settlements[i].before);
        pipeline_parts(pipeline, settlements[i].value);
    }
}

enum script_end fence_take_settled(struct arena *arena, const redisReply *answer, uint32_t *changed,
                                   struct script_failure *failure)
{
    *failure = (struct script_failure){.what = SPAN_NONE, .text = SPAN_NONE, .item = 0};
    const enum script_end end = index_script_look(arena, answer, failure);
    if (end != SCRIPT_DONE)
        return end;
    if (answer->type != REDIS_REPLY_ARRAY || !span_equal(index_script_text_at(answer, 0), SPAN("WRITTEN")))
        return script_fail(arena, failure, SCRIPT_FAILED, SPAN("an unexpected type of answer"), SPAN(""));
    *changed = (uint32_t)answer->elements - 1;
    return SCRIPT_DONE;
}

enum script_end fence_receive(struct redis_pipeline *pipeline, struct script_failure *failure)
{
    enum script_end end;
    *failure = (struct script_failure){.what = SPAN_NONE, .text = SPAN_NONE, .item = 0};
    freeReplyObject(index_script_answer(pipeline, &end, failure));
    return end;
}
