#include "worker/redis_pipeline.h"

#include <assert.h>
#include <stdio.h>

void pipeline_open(struct redis_pipeline *pipeline, redisContext *connection, struct arena *arena)
{
    *pipeline = (struct redis_pipeline){.connection = connection, .arena = arena, .begin = arena->used};
}

static void pipeline_raw(struct redis_pipeline *pipeline, struct span text)
{
    arena_copy(pipeline->arena, text);
}

/* "*3\r\n" or "$42\r\n" */
static void pipeline_size(struct redis_pipeline *pipeline, char mark, size_t size)
{
    char text[32];
    char *begin = text + sizeof(text);
    *--begin = '\n';
    *--begin = '\r';
    do {
        *--begin = (char)('0' + size % 10);
        size /= 10;
    } while (size > 0);
    *--begin = mark;
    pipeline_raw(pipeline, span_of(begin, (size_t)(text + sizeof(text) - begin)));
}

void pipeline_command(struct redis_pipeline *pipeline, unsigned arguments)
{
    pipeline_size(pipeline, '*', arguments);
    pipeline->count++;
}

void pipeline_argument(struct redis_pipeline *pipeline, const struct span *parts, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].length;
    pipeline_size(pipeline, '$', size);
    for (size_t i = 0; i < count; i++)
        pipeline_raw(pipeline, parts[i]);
    pipeline_raw(pipeline, SPAN("\r\n"));
}

bool pipeline_send(struct redis_pipeline *pipeline)
{
    struct arena *arena = pipeline->arena;
    size_t size = arena->used - pipeline->begin;
    int result = redisAppendFormattedCommand(pipeline->connection, arena->base + pipeline->begin, size);
    arena_reset(arena, pipeline->begin);
    return result == REDIS_OK;
}

redisReply *pipeline_answer(struct redis_pipeline *pipeline, char *why, size_t why_size)
{
    assert(pipeline->count > 0);
    pipeline->count--;
    void *answer = NULL;
    if (redisGetReply(pipeline->connection, &answer) != REDIS_OK) {
        snprintf(why, why_size, "%s", pipeline->connection->errstr);
        return NULL;
    }
    redisReply *reply = answer;
    if (reply->type != REDIS_REPLY_ERROR)
        return reply;
    snprintf(why, why_size, "%s", reply->str);
    freeReplyObject(reply);
    return NULL;
}
