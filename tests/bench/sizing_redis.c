#include "tests/bench/sizing_redis.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/measure.h"

/* The memory counts as settled after so many equal answers in a row. Redis looks at idle clients once a second. */
#define SETTLED_ANSWERS 15
#define SETTLED_MOST    600
#define ANSWER_MS       100

redisContext *sizing_redis_connect(const struct config *config)
{
    const char *address = config->redis.address.items[0];
    if (strncmp(address, "unix:", 5) != 0)
        fail("%s is no unix socket", address);
    redisContext *redis = redisConnectUnix(address + 5);
    if (!redis || redis->err)
        fail("%s: %s", address, redis ? redis->errstr : "out of memory");
    if (config->redis.username[0]) {
        redisReply *reply = redisCommand(redis, "AUTH %s %s", config->redis.username, config->redis.password);
        if (!reply || reply->type == REDIS_REPLY_ERROR)
            fail("AUTH: %s", reply ? reply->str : redis->errstr);
        freeReplyObject(reply);
    }
    return redis;
}

double sizing_redis_number(redisContext *redis, const char *section, const char *name)
{
    redisReply *reply = redisCommand(redis, "INFO %s", section);
    if (!reply || reply->type != REDIS_REPLY_STRING)
        fail("INFO %s: %s", section, reply ? reply->str : redis->errstr);
    double number = -1;
    for (const char *line = reply->str; line && number < 0; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            number = strtod(line + strlen(name) + 1, NULL);
    }
    freeReplyObject(reply);
    if (number < 0)
        fail("INFO %s has no %s", section, name);
    return number;
}

double sizing_redis_memory(redisContext *redis)
{
    double last = -1;
    for (int answers = 0, equal = 0; answers < SETTLED_MOST && equal < SETTLED_ANSWERS; answers++) {
        const double now = sizing_redis_number(redis, "memory", "used_memory");
        equal = now == last ? equal + 1 : 0;
        last = now;
        nanosleep(&(struct timespec){.tv_nsec = ANSWER_MS * 1000000}, NULL);
    }
    return last;
}

double sizing_redis_cpu(redisContext *redis)
{
    return sizing_redis_number(redis, "cpu", "used_cpu_user") + sizing_redis_number(redis, "cpu", "used_cpu_sys");
}

static long long usage_of(redisContext *redis, const char *key)
{
    freeReplyObject(redisCommand(redis, "SET %s 1", key));
    redisReply *reply = redisCommand(redis, "MEMORY USAGE %s", key);
    const long long bytes = reply && reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
    freeReplyObject(reply);
    freeReplyObject(redisCommand(redis, "DEL %s", key));
    return bytes;
}

int sizing_redis_quantum(redisContext *redis)
{
    /* Names that take 8 and 22 bytes with what stands around them. */
    const long long more = usage_of(redis, "client-intake:quanta") - usage_of(redis, "client");
    return more == 24 - 8 ? 8 : more == 32 - 8 ? 16 : 0;
}
