/* redis_reader: the oracle's queries to Redis. A failure ends the program with 69 and a line on standard error. */
#ifndef TESTS_LIVE_REDIS_READER_H
#define TESTS_LIVE_REDIS_READER_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "tests/live/message.h"

#define REDIS_PIPELINE 500 /* commands in one round trip */

#define CLIENT_KEYS "client:"
#define EMAIL_KEYS  "client-email:"

redisContext *redis_reader_open(const char *socket);

/* The next reply of the pipeline. New. */
redisReply *redis_reader_answer(redisContext *redis);

/* The bytes of a string; at == NULL for everything else. Valid as long as the reply. */
struct bytes redis_reader_bytes(const redisReply *answer);

struct redis_keys {
    char **names;
    size_t count, capacity;
    struct arena arena;
};

/* Adds the keys of clients and emails for which `wanted` is true, or all if it is NULL: each once, sorted. */
void redis_keys_read(struct redis_keys *keys, redisContext *redis, bool (*wanted)(const char *key, const void *context),
                     const void *context);

void redis_keys_free(struct redis_keys *keys);

#endif
