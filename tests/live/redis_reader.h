/* redis_reader: the oracle's queries to Redis, one server or the masters of a cluster. A failure ends the program with
 * 69 and a line on standard error. */
#ifndef TESTS_LIVE_REDIS_READER_H
#define TESTS_LIVE_REDIS_READER_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

#include "tests/live/message.h"

#define REDIS_PIPELINE 500 /* commands in one round trip */

#define CLIENT_KEYS "client:"
#define EMAIL_KEYS  "client-email:"

#define REDIS_READER_SERVERS 16

struct redis_reader {
    redisContext *servers[REDIS_READER_SERVERS];
    size_t count;
};

/* `places`: the path of a socket, or HOST:PORT of all masters of a cluster, with commas between. */
void redis_reader_open(struct redis_reader *redis, const char *places);
void redis_reader_close(struct redis_reader *redis);

/* Sends GET of this key, as printf has it. */
void redis_reader_get(struct redis_reader *redis, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The next reply of the pipeline, from the server that has the key. New. */
redisReply *redis_reader_answer(struct redis_reader *redis);

/* The bytes of a string; at == NULL for everything else. Valid as long as the reply. */
struct bytes redis_reader_bytes(const redisReply *answer);

struct redis_keys {
    char **names;
    size_t count, capacity;
    struct arena arena;
};

/* Adds the keys of clients and emails for which `wanted` is true, or all if it is NULL: each once, sorted. */
void redis_keys_read(struct redis_keys *keys, struct redis_reader *redis,
                     bool (*wanted)(const char *key, const void *context), const void *context);

void redis_keys_free(struct redis_keys *keys);

#endif
