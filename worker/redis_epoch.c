#include "worker/redis_epoch.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

static bool random_mark(char mark[EPOCH_LENGTH])
{
    unsigned char bytes[EPOCH_LENGTH / 2];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return false;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        mark[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        mark[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    return true;
}

/* A mark that somebody else made in another form is as good as a missing one to whoever compares. */
static bool is_mark(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING && reply->len == EPOCH_LENGTH;
}

static bool fail(char *why, size_t why_size, const redisContext *connection, const redisReply *reply)
{
    const char *reason = connection->err ? connection->errstr : "the mark cannot be had";
    snprintf(why, why_size, EPOCH_KEY ": %s", reply && reply->type == REDIS_REPLY_ERROR ? reply->str : reason);
    return false;
}

bool redis_epoch_learn(struct redis_epoch *epoch, redisContext *connection, char *why, size_t why_size)
{
    char mark[EPOCH_LENGTH];
    if (!random_mark(mark)) {
        snprintf(why, why_size, "random bytes: %s", strerror(errno));
        return false;
    }
    redisReply *reply = redisCommand(connection, "GET " EPOCH_KEY);
    if (reply && reply->type == REDIS_REPLY_NIL) {
        freeReplyObject(reply);
        reply = redisCommand(connection, "SET " EPOCH_KEY " %b NX", mark, sizeof(mark));
        bool answered = reply && reply->type != REDIS_REPLY_ERROR; /* nil: somebody else was faster */
        if (!answered)
            fail(why, why_size, connection, reply);
        freeReplyObject(reply);
        if (!answered)
            return false;
        reply = redisCommand(connection, "GET " EPOCH_KEY);
    }
    bool fine = reply && is_mark(reply);
    if (fine) {
        memcpy(epoch->mark, reply->str, EPOCH_LENGTH);
        epoch->known = true;
    } else {
        fail(why, why_size, connection, reply);
    }
    freeReplyObject(reply);
    return fine;
}

void redis_epoch_ask(struct redis_pipeline *pipeline)
{
    pipeline_command(pipeline, 2);
    pipeline_parts(pipeline, SPAN("GET"));
    pipeline_parts(pipeline, SPAN(EPOCH_KEY));
}

bool redis_epoch_answer(const struct redis_epoch *epoch, struct redis_pipeline *pipeline, enum epoch_finding *finding,
                        char *why, size_t why_size)
{
    redisReply *reply = pipeline_answer(pipeline, why, why_size);
    if (!reply)
        return false;
    *finding = EPOCH_OTHER;
    if (reply->type == REDIS_REPLY_NIL)
        *finding = EPOCH_MISSING;
    else if (epoch->known && is_mark(reply) && memcmp(reply->str, epoch->mark, EPOCH_LENGTH) == 0)
        *finding = EPOCH_SAME;
    freeReplyObject(reply);
    return true;
}
