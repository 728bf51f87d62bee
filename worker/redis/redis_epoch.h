/* redis_epoch: a mark in Redis that tells one life of its data from the next. Whoever finds another mark than the one
 * he knows, or none, stands before other data: it was flushed, restored, or swapped (SWAPDB). A file or a replica that
 * is merely old has the mark that it had; index_audit.c finds that out.
 *
 * The mark is the string client-intake:epoch, random. Only a rebuild makes one, when Redis is complete: data without a
 * mark are not to be trusted. */
#ifndef WORKER_REDIS_REDIS_EPOCH_H
#define WORKER_REDIS_REDIS_EPOCH_H

#include "common/must_check.h"
#include "worker/redis/redis_keys.h"
#include "worker/redis/redis_pipeline.h"

#define EPOCH_LENGTH 32 /* hexadecimal digits */
#define EPOCH_READ                                                                                                     \
    "GETRANGE " EPOCH_KEY " 0 32" /* for redisCommand; an error that it has another type is an answer                  \
                                   */

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

/* Random hexadecimal digits: a new mark, or somebody's name. False, with errno set, if the system has none to give. */
MUST_CHECK bool redis_epoch_random(char mark[EPOCH_LENGTH]);

/* What a reply to a question for the mark says. */
enum epoch_finding redis_epoch_compare(const struct redis_epoch *epoch, const redisReply *reply);

/* Knows from now on the mark that the reply holds, or none if it holds none. */
void redis_epoch_adopt(struct redis_epoch *epoch, const redisReply *reply);

/* Adds the question for the mark to a pipeline. What stands before it in the pipeline was answered by the data of this
 * mark, what stands behind it may have been answered by others. */
void redis_epoch_ask(struct redis_pipeline *pipeline);

/* Reads the answer. False with the reason in `why` as pipeline_answer does. */
MUST_CHECK bool redis_epoch_answer(const struct redis_epoch *epoch, struct redis_pipeline *pipeline,
                                   enum epoch_finding *finding, char *why, size_t error_size);

#endif
