/* How far a partition's commands are claimed: written with the claims, read by the audit. Claims from behind what is
 * committed up to there are settled by the worker that comes to their commands. If the log ends before, nobody does. */
#include "worker/index/index_internal.h"

uint32_t index_claimed_raises(const struct index *index, struct batch *batch, struct claimed_raise **raises)
{
    struct batch_part *parts = NULL;
    uint32_t count = index->replay ? 0 : batch_parts(batch, &parts), kept = 0;
    *raises = arena_alloc(&batch->arena, count * sizeof(**raises));
    for (uint32_t i = 0; i < count; i++)
        (*raises)[i] = (struct claimed_raise){.partition = parts[i].partition,
                                              .claimed = offsets_get(&index->claimed, parts[i].partition)};
    for (uint32_t i = 0, at = 0; i < batch->count && count > 0; i++) {
        const struct item *item = &batch->items[i];
        if (!item_claims(item))
            continue;
        while ((*raises)[at].partition != item->from.partition)
            at = (at + 1) % count;
        if ((*raises)[at].claimed <= item->from.offset)
            (*raises)[at].claimed = item->from.offset + 1;
    }
    for (uint32_t i = 0; i < count; i++)
        if ((*raises)[i].claimed > offsets_get(&index->claimed, (*raises)[i].partition))
            (*raises)[kept++] = (*raises)[i];
    for (uint32_t i = 0; i < kept; i++) {
        (*raises)[i].place = index_place(index, (*raises)[i].partition, &batch->arena);
        (*raises)[i].text = arena_format(&batch->arena, "%lld", (long long)(*raises)[i].claimed);
    }
    return kept;
}

void index_write_claimed(struct redis_pipeline *pipeline, const struct claimed_raise *raises, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        pipeline_command(pipeline, 3);
        pipeline_parts(pipeline, SPAN("SET"));
        pipeline_parts(pipeline, CLAIMED_KEY(raises[i].place));
        pipeline_parts(pipeline, raises[i].text);
    }
}

void index_note_claimed(struct index *index, const struct claimed_raise *raises, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        offsets_set(&index->claimed, raises[i].partition, raises[i].claimed);
}

int64_t index_read_claimed(const redisReply *reply)
{
    struct span text;
    struct offsets number;
    if (!index_reply_span(reply, &text) || !text.at || !offsets_parse(text, &number))
        return OFFSET_NONE;
    int64_t claimed = number.count == 1 ? number.at[0] : OFFSET_NONE;
    offsets_free(&number);
    return claimed;
}

/* The owner before may have claimed between the audit and our fencing token. */
bool index_look_at_claimed(struct index *index, const int32_t *partitions, int32_t count, struct arena *scratch)
{
    const size_t mark = scratch->used;
    char error[ERROR_TEXT_BYTES] = "sending failed";
    struct span *places = arena_alloc(scratch, (size_t)count * sizeof(*places));
    for (int32_t i = 0; i < count; i++)
        places[i] = index_place(index, partitions[i], scratch);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, scratch);
    for (int32_t i = 0; i < count; i++)
        pipeline_read_parts(&pipeline, CLAIMED_BYTES, CLAIMED_KEY(places[i]));
    bool ok = pipeline_send(&pipeline);
    for (int32_t i = 0; i < count && ok; i++) {
        redisReply *reply = pipeline_answer(&pipeline, error, sizeof(error));
        const int64_t claimed = reply ? index_read_claimed(reply) : OFFSET_NONE;
        ok = reply != NULL;
        freeReplyObject(reply);
        if (claimed > offsets_get(&index->claimed, partitions[i])) {
            offsets_set(&index->claimed, partitions[i], claimed);
            offsets_raise(&index->left, partitions[i], claimed);
        }
    }
    arena_reset(scratch, mark);
    return ok || index_fail(index, error);
}

void index_write_no_claimed(struct redis_pipeline *pipeline, const struct span *places, int32_t count)
{
    pipeline_command(pipeline, 1 + (unsigned)count);
    pipeline_parts(pipeline, SPAN("DEL"));
    for (int32_t i = 0; i < count; i++)
        pipeline_parts(pipeline, CLAIMED_KEY(places[i]));
}
