/* redis_epoch: a random mark of the data in Redis. A client that reads a different epoch, or none, is not looking at
 * the data it knew: it was flushed, restored, or swapped (SWAPDB). An old file and a replica that lags have the same
 * epoch; index_audit.c finds those.
 *
 * Only a rebuild writes an epoch, when Redis is complete. Data without an epoch are not used. */
#ifndef WORKER_REDIS_REDIS_EPOCH_H
#define WORKER_REDIS_REDIS_EPOCH_H

#include "common/must_check.h"
#include "worker/redis/redis_keys.h"
#include "worker/redis/redis_pipeline.h"

#define EPOCH_LENGTH 32 /* hexadecimal digits */
#define EPOCH_READ                                                                                                     \
    "GETRANGE " EPOCH_KEY " 0 32" /* for redisCommand; an error that it has another type is an answer                  \
                                   */

/* An epoch that is known, or all zero if none is known. */
struct redis_epoch {
    char mark[EPOCH_LENGTH];
    bool known;
};

enum epoch_finding {
    EPOCH_SAME,
    EPOCH_MISSING, /* there is none, or the key holds something else */
    EPOCH_OTHER    /* a different one, or none was known */
};

/* Random hexadecimal digits: a new epoch, or a worker's fencing token. False with errno set if the system has none. */
MUST_CHECK bool redis_epoch_random(char mark[EPOCH_LENGTH]);

/* Compares the reply to redis_epoch_ask with `epoch`. */
enum epoch_finding redis_epoch_compare(const struct redis_epoch *epoch, const redisReply *reply);

/* Copies the epoch from the reply. It is unknown if the reply holds none. */
void redis_epoch_adopt(struct redis_epoch *epoch, const redisReply *reply);

/* Adds a read of the epoch to a pipeline. The commands before it were answered from the data of this epoch. Those after
 * it may have been answered from other data. */
void redis_epoch_ask(struct redis_pipeline *pipeline);

/* Reads the reply to redis_epoch_ask. False with the reason in `error`, as pipeline_answer. */
MUST_CHECK bool redis_epoch_answer(const struct redis_epoch *epoch, struct redis_pipeline *pipeline,
                                   enum epoch_finding *finding, char *error, size_t error_size);

#endif
