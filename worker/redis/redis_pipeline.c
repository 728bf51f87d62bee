#include "worker/redis/redis_pipeline.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/decimal.h"

/* Small enough to stay in the processor's cache between encoding and sending. */
#define BLOCK_BYTES 65536

void pipeline_open(struct redis_pipeline *pipeline, redisContext *connection, struct arena *arena)
{
    *pipeline = (struct redis_pipeline){.connection = connection, .arena = arena, .begin = arena->used};
}

/* Of "*3\r\n" or "$42\r\n". */
#define SIZE_BYTES (DECIMAL_BYTES + 3)

/* Writes the mark and the size. Returns their end. */
static char *put_size(char *to, char mark, size_t size)
{
    char digits[DECIMAL_BYTES], *end = digits + sizeof(digits);
    const char *const begin = decimal_before(end, (int64_t)size);
    *to++ = mark;
    to = span_copy(to, span_of(begin, (size_t)(end - begin)));
    return span_copy(to, SPAN("\r\n"));
}

static bool send_bytes(redisContext *connection, struct span bytes)
{
    int done = 0;
    bool ok = redisAppendFormattedCommand(connection, bytes.at, bytes.length) == REDIS_OK;
    while (ok && !done)
        ok = redisBufferWrite(connection, &done) == REDIS_OK;
    return ok;
}

/* Sends the encoded commands. The socket blocks, for redis.timeout at most. */
static void pipeline_flush(struct redis_pipeline *pipeline)
{
    struct arena *arena = pipeline->arena;
    const struct span bytes = span_of(arena->base + pipeline->begin, arena->used - pipeline->begin);
    if (!pipeline->failed && bytes.length > 0)
        pipeline->failed = !send_bytes(pipeline->connection, bytes);
    arena_reset(arena, pipeline->begin);
}

void pipeline_command(struct redis_pipeline *pipeline, unsigned arguments)
{
    if (pipeline->arena->used - pipeline->begin >= BLOCK_BYTES)
        pipeline_flush(pipeline);
    char *const begin = arena_room(pipeline->arena, SIZE_BYTES);
    pipeline->arena->used += (size_t)(put_size(begin, '*', arguments) - begin);
    pipeline->count++;
}

void pipeline_argument(struct redis_pipeline *pipeline, const struct span *parts, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].length;
    char *const begin = arena_room(pipeline->arena, SIZE_BYTES + size + 2);
    char *end = put_size(begin, '$', size);
    for (size_t i = 0; i < count; i++)
        end = span_copy(end, parts[i]);
    end = span_copy(end, SPAN("\r\n"));
    pipeline->arena->used += (size_t)(end - begin);
}

void pipeline_read(struct redis_pipeline *pipeline, size_t most, const struct span *key, size_t parts)
{
    char last[24];
    int length = snprintf(last, sizeof(last), "%zu", most);
    pipeline_command(pipeline, 4);
    pipeline_parts(pipeline, SPAN("GETRANGE"));
    pipeline_argument(pipeline, key, parts);
    pipeline_parts(pipeline, SPAN("0"));
    pipeline_parts(pipeline, span_of(last, (size_t)length));
}

bool pipeline_send(struct redis_pipeline *pipeline)
{
    pipeline_flush(pipeline);
    return !pipeline->failed;
}

bool redis_is_wrong_type(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "WRONGTYPE", strlen("WRONGTYPE")) == 0;
}

redisReply *pipeline_reply(struct redis_pipeline *pipeline, char *error, size_t error_size)
{
    assert(pipeline->count > 0);
    pipeline->count--;
    void *reply = NULL;
    if (redisGetReply(pipeline->connection, &reply) == REDIS_OK)
        return reply;
    snprintf(error, error_size, "%s", pipeline->connection->errstr);
    return NULL;
}

redisReply *pipeline_answer(struct redis_pipeline *pipeline, char *error, size_t error_size)
{
    redisReply *reply = pipeline_reply(pipeline, error, error_size);
    if (!reply || reply->type != REDIS_REPLY_ERROR || redis_is_wrong_type(reply))
        return reply;
    snprintf(error, error_size, "%s", reply->str);
    freeReplyObject(reply);
    return NULL;
}
