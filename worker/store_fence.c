/* The fence: nothing is claimed, and nothing committed, on marks that are not as we left them. */
#include "worker/store_parts.h"

struct span store_place(const struct store *store, int32_t partition, struct arena *arena)
{
    return arena_format(arena, "%s/%d", store->config->commands.topic, (int)partition);
}

static void write_keys(struct redis_pipeline *pipeline, struct span word, const struct span *places, uint32_t count)
{
    pipeline_command(pipeline, 2 + count);
    pipeline_parts(pipeline, word);
    pipeline_parts(pipeline, SPAN(EPOCH_KEY));
    for (uint32_t i = 0; i < count; i++)
        pipeline_parts(pipeline, OWNER_KEY(places[i]));
}

static bool is_ours(const struct store *store, const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING && reply->len == sizeof(store->owner) &&
           memcmp(reply->str, store->owner, sizeof(store->owner)) == 0;
}

static bool marks_are_ours(struct store *store, const redisReply *marks, uint32_t count)
{
    if (marks->elements != 1 + count)
        return store_fail(store, "an unexpected number of answers");
    if (redis_epoch_compare(&store->epoch, marks->element[0]) != EPOCH_SAME)
        return store_find_unsound(store, "the epoch is not there, or another one");
    for (uint32_t i = 0; i < count; i++)
        if (!is_ours(store, marks->element[1 + i]))
            return store_find_unsound(store, "a partition has another owner");
    return true;
}

bool store_fence(struct store *store, struct batch *batch)
{
    size_t mark = batch->arena.used;
    struct batch_part *parts;
    uint32_t count = batch_parts(batch, &parts);
    struct span *places = arena_alloc(&batch->arena, count * sizeof(*places));
    for (uint32_t i = 0; i < count; i++)
        places[i] = store_place(store, parts[i].partition, &batch->arena);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, store->connection, &batch->arena);
    write_word(&pipeline, SPAN("UNWATCH"));
    write_keys(&pipeline, SPAN("WATCH"), places, count);
    write_keys(&pipeline, SPAN("MGET"), places, count);
    bool fine = pipeline_send(&pipeline) || store_fail(store, "sending failed");
    for (int i = 0; i < 2 && fine; i++) {
        redisReply *reply = store_answer(store, &pipeline, REDIS_REPLY_STATUS);
        fine = reply != NULL;
        freeReplyObject(reply);
    }
    redisReply *marks = fine ? store_answer(store, &pipeline, REDIS_REPLY_ARRAY) : NULL;
    fine = marks && marks_are_ours(store, marks, count);
    freeReplyObject(marks);
    arena_reset(&batch->arena, mark);
    return fine;
}

bool store_confirm(struct store *store, struct batch *batch)
{
    if (!store->sound || !store->connection || (store->asked && store->asked_audit != store->audits))
        return false;
    return store_fence(store, batch);
}
