/* The fence: nothing is claimed, and nothing committed, on marks that are not as we left them. */
#include "worker/index/store_parts.h"

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

void write_life(struct redis_pipeline *pipeline)
{
    pipeline_command(pipeline, 2);
    pipeline_parts(pipeline, SPAN("INFO"));
    pipeline_parts(pipeline, SPAN("replication"));
}

void store_read_life(const redisReply *reply, char life[LIFE_LENGTH])
{
    static const char name[] = "master_replid:";
    const char *found = reply && reply->type == REDIS_REPLY_STRING ? strstr(reply->str, name) : NULL;
    memset(life, 0, LIFE_LENGTH);
    if (found && strlen(found) > strlen(name) + LIFE_LENGTH)
        memcpy(life, found + strlen(name), LIFE_LENGTH);
}

bool store_same_life(struct store *store, struct redis_pipeline *pipeline)
{
    char why[WHY_SIZE], life[LIFE_LENGTH];
    redisReply *reply = pipeline_answer(pipeline, why, sizeof(why));
    if (!reply && store->connection->err)
        return store_fail(store, why);
    store_read_life(reply, life);
    freeReplyObject(reply);
    return memcmp(life, store->life, LIFE_LENGTH) == 0 ||
           store_find_unsound(store, "the server became a master anew, or is none");
}

/* A write that does nothing: a server that may not write any more, since it is no master or has too few replicas, would
 * go on to answer what it knows, and others may have claimed on the new master since. */
static void write_nothing(struct redis_pipeline *pipeline)
{
    pipeline_command(pipeline, 2);
    pipeline_parts(pipeline, SPAN("DEL"));
    pipeline_parts(pipeline, SPAN("client-intake:nothing"));
}

/* `writes`: only on a server that takes writes. */
static bool fence(struct store *store, struct batch *batch, bool writes)
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
    write_life(&pipeline);
    if (writes)
        write_nothing(&pipeline);
    bool fine = pipeline_send(&pipeline) || store_fail(store, "sending failed");
    for (int i = 0; i < 2 && fine; i++) {
        redisReply *reply = store_answer(store, &pipeline, REDIS_REPLY_STATUS);
        fine = reply != NULL;
        freeReplyObject(reply);
    }
    /* All answers are read, whatever the first ones say. */
    redisReply *marks = fine ? store_answer(store, &pipeline, REDIS_REPLY_ARRAY) : NULL;
    fine = marks && store_same_life(store, &pipeline);
    redisReply *nothing =
        writes && marks && store->connection ? store_answer(store, &pipeline, REDIS_REPLY_INTEGER) : NULL;
    fine = fine && (!writes || nothing) && marks_are_ours(store, marks, count);
    freeReplyObject(nothing);
    freeReplyObject(marks);
    arena_reset(&batch->arena, mark);
    return fine;
}

bool store_fence(struct store *store, struct batch *batch)
{
    return fence(store, batch, false);
}

bool store_confirm(struct store *store, struct batch *batch)
{
    if (!store->sound || !store->connection || (store->asked && store->asked_audit != store->audits))
        return false;
    return fence(store, batch, true);
}
