/* redis_epoch: a mark in Redis that tells one life of its data from the next. Whoever finds another mark than the one
 * he knows, or none, stands before other data: it was flushed, restored, swapped (SWAPDB) or is that of a replica which
 * lagged behind. Nothing else tells all of these.
 *
 * The mark is the string client-intake:epoch, random, made by the first who misses it. */
#ifndef WORKER_REDIS_EPOCH_H
#define WORKER_REDIS_EPOCH_H

#include "worker/redis_pipeline.h"

#define EPOCH_KEY    "client-intake:epoch"
#define EPOCH_LENGTH 32 /* hexadecimal digits */

/* The mark as somebody knows it. All zero: he knows none. */
struct redis_epoch {
    char mark[EPOCH_LENGTH];
    bool known;
};

enum epoch_finding {
    EPOCH_SAME,
    EPOCH_MISSING, /* there is no mark */
    EPOCH_OTHER    /* another mark, or none was known */
};

/* Learns the mark, making one if there is none. What it was before the call makes no difference. False with the reason
 * in `why`; then the connection is of no more use and *epoch is unchanged. */
bool redis_epoch_learn(struct redis_epoch *epoch, redisContext *connection, char *why, size_t why_size);

/* Adds the question for the mark to a pipeline. What stands before it in the pipeline was answered by the data of this
 * mark, what stands behind it may have been answered by others. */
void redis_epoch_ask(struct redis_pipeline *pipeline);

/* Reads the answer. False with the reason in `why` as pipeline_answer does. */
bool redis_epoch_answer(const struct redis_epoch *epoch, struct redis_pipeline *pipeline, enum epoch_finding *finding,
                        char *why, size_t why_size);

#endif
