/* What the index writes to Redis in one piece, and how it reads the answers. */
#include <stdarg.h>

#include "worker/index/index_internal.h"
#include "worker/redis/redis_connection.h"

bool index_reply_span(const redisReply *reply, struct span *value)
{
    *value = SPAN_NONE;
    if (reply->type == REDIS_REPLY_STRING && reply->len > 0)
        *value = span_of(reply->str, reply->len);
    return reply->type == REDIS_REPLY_STRING || redis_is_wrong_type(reply);
}

/* The next answer to pipeline_read: *value is its text, in the arena. New, or NULL after index_fail. */
static redisReply *read_next(struct index *index, struct redis_pipeline *pipeline, struct arena *arena,
                             struct span *value)
{
    char error[ERROR_TEXT_BYTES];
    redisReply *reply = pipeline_answer(pipeline, error, sizeof(error));
    bool ok = reply && index_reply_span(reply, value);
    if (ok) {
        if (value->at)
            *value = arena_copy(arena, *value);
        return reply;
    }
    index_fail(index, reply ? "an unexpected type of answer" : error);
    freeReplyObject(reply);
    return NULL;
}

bool index_read(struct index *index, struct redis_pipeline *pipeline, struct arena *arena, struct span *value)
{
    redisReply *reply = read_next(index, pipeline, arena, value);
    freeReplyObject(reply);
    return reply != NULL;
}

bool index_check_client(struct index *index, const redisReply *reply, struct span value, struct span workspace)
{
    if (redis_is_wrong_type(reply))
        return index_damaged(index, "the key of a client has another type", workspace);
    return !value.at || stored_client_is_sound(value) ||
           index_damaged(index, "the key of a client holds something else", workspace);
}

static bool check_owner(struct index *index, const redisReply *reply, struct span value, struct span workspace)
{
    if (redis_is_wrong_type(reply))
        return index_damaged(index, "the key of an email has another type", workspace);
    return !value.at || value.length == CLIENT_ID_LENGTH ||
           index_damaged(index, "the key of an email holds something else", workspace);
}

bool index_read_client(struct index *index, struct redis_pipeline *pipeline, struct arena *arena, struct span workspace,
                       struct span *value)
{
    redisReply *reply = read_next(index, pipeline, arena, value);
    bool ok = reply && index_check_client(index, reply, *value, workspace);
    freeReplyObject(reply);
    return ok;
}

bool index_read_owner(struct index *index, struct redis_pipeline *pipeline, struct arena *arena, struct span workspace,
                      struct span *value)
{
    redisReply *reply = read_next(index, pipeline, arena, value);
    bool ok = reply && check_owner(index, reply, *value, workspace);
    freeReplyObject(reply);
    return ok;
}

redisReply *index_answer(struct index *index, struct redis_pipeline *pipeline, int type)
{
    char error[ERROR_TEXT_BYTES];
    redisReply *reply = pipeline_answer(pipeline, error, sizeof(error));
    if (!reply) {
        index_fail(index, error);
        return NULL;
    }
    if (reply->type == type)
        return reply;
    freeReplyObject(reply);
    index_fail(index, "an unexpected type of answer");
    return NULL;
}

bool index_answer_status(struct index *index, struct redis_pipeline *pipeline)
{
    redisReply *status = index_answer(index, pipeline, REDIS_REPLY_STATUS);
    freeReplyObject(status);
    return status != NULL;
}

redisReply *index_executed(struct index *index, struct redis_pipeline *pipeline, size_t count)
{
    char error[ERROR_TEXT_BYTES];
    for (size_t i = 0; i <= count; i++)
        if (!index_answer_status(index, pipeline))
            return NULL;
    redisReply *executed = pipeline_answer(pipeline, error, sizeof(error));
    if (!executed)
        index_fail(index, error);
    if (!executed || (executed->type == REDIS_REPLY_ARRAY && executed->elements == count))
        return executed;
    if (executed->type != REDIS_REPLY_NIL)
        index_fail(index, "an unexpected type of answer");
    freeReplyObject(executed);
    return NULL;
}

redisReply *index_ask(struct index *index, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = index->connection ? redisvCommand(index->connection, format, arguments) : NULL;
    va_end(arguments);
    if (reply && (reply->type != REDIS_REPLY_ERROR || redis_is_wrong_type(reply)))
        return reply;
    if (index->connection)
        index_fail(index, reply ? reply->str : index->connection->errstr);
    freeReplyObject(reply);
    return NULL;
}

bool index_carry_out(struct index *index, struct redis_pipeline *pipeline)
{
    char error[ERROR_TEXT_BYTES] = "sending failed";
    bool ok = pipeline_send(pipeline);
    while (ok && pipeline->count > 0) {
        redisReply *reply = pipeline_answer(pipeline, error, sizeof(error));
        ok = reply != NULL;
        freeReplyObject(reply);
    }
    return ok || index_fail(index, error);
}

void index_write_word(struct redis_pipeline *pipeline, struct span word)
{
    pipeline_command(pipeline, 1);
    pipeline_parts(pipeline, word);
}

void index_write_set(struct redis_pipeline *pipeline, struct span key, struct span value)
{
    pipeline_command(pipeline, 3);
    pipeline_parts(pipeline, SPAN("SET"));
    pipeline_parts(pipeline, key);
    pipeline_parts(pipeline, value);
}
