#include "worker/redis/redis_record_topic.h"

#include <stdio.h>
#include <string.h>

static bool is_topic(const redisReply *reply)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return reply->type == REDIS_REPLY_STRING && reply->len > 0 && reply->len <= RECORD_TOPIC_LENGTH &&
           strspn(reply->str, allowed) == reply->len;
}

enum record_topic_finding redis_record_topic_compare(const redisReply *reply, const char *ours,
                                                     char text[RECORD_TOPIC_TEXT_BYTES])
{
    text[0] = '\0';
    if (!is_topic(reply))
        return RECORD_TOPIC_NONE;
    if (strcmp(reply->str, ours) == 0)
        return RECORD_TOPIC_OURS;
    snprintf(text, RECORD_TOPIC_TEXT_BYTES,
             "this Redis database belongs to the record topic %s, not to %s; redis.database or redis.address must name "
             "another one, or, if the topic was renamed, delete " RECORD_TOPIC_KEY " and " EPOCH_KEY,
             reply->str, ours);
    return RECORD_TOPIC_OTHER;
}
