#include "worker/redis/redis_epoch.h"

#include <sys/random.h>

bool redis_epoch_random(char mark[EPOCH_LENGTH])
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

/* A value of another form counts as missing. */
static bool is_epoch(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING && reply->len == EPOCH_LENGTH;
}

enum epoch_finding redis_epoch_compare(const struct redis_epoch *epoch, const redisReply *reply)
{
    if (!is_epoch(reply))
        return EPOCH_MISSING;
    return epoch->known && memcmp(reply->str, epoch->mark, EPOCH_LENGTH) == 0 ? EPOCH_SAME : EPOCH_OTHER;
}

void redis_epoch_adopt(struct redis_epoch *epoch, const redisReply *reply)
{
    epoch->known = is_epoch(reply);
    if (epoch->known)
        memcpy(epoch->mark, reply->str, EPOCH_LENGTH);
}

void redis_epoch_ask(struct redis_pipeline *pipeline)
{
    pipeline_read_parts(pipeline, EPOCH_LENGTH, SPAN(EPOCH_KEY));
}

bool redis_epoch_answer(const struct redis_epoch *epoch, struct redis_pipeline *pipeline, enum epoch_finding *finding,
                        char *error, size_t error_size)
{
    redisReply *reply = pipeline_answer(pipeline, error, error_size);
    if (!reply)
        return false;
    *finding = redis_epoch_compare(epoch, reply);
    freeReplyObject(reply);
    return true;
}
