/* definitions_cluster_internal: what the files of definitions_cluster share. No other file includes it. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_CLUSTER_INTERNAL_H
#define WORKER_DEFINITIONS_DEFINITIONS_CLUSTER_INTERNAL_H

#include "worker/definitions/definitions_cluster.h"
#include "worker/redis/cluster_pipelines.h"
#include "worker/redis/redis_slot.h"

#define STAMP_LENGTH   32 /* hexadecimal digits */
#define DIGEST_LENGTH  40 /* of a SHA-1, in hexadecimal digits */
#define ROUND_PAUSE_MS 20 /* between two rounds of questions */

/* What a watch has read. */
struct definitions_watched {
    struct span workspace; /* borrowed */
    uint16_t slot;
    char stamp[STAMP_LENGTH + 1];   /* any bytes; one more is read, so that a longer value is noticed */
    uint8_t stamp_length;           /* 0: there is none */
    char digest[DIGEST_LENGTH + 1]; /* "": there is no value */
};

struct definitions_cluster {
    struct redis_cluster *cluster;
    struct definitions_watched *watched;
    size_t watched_count;
    int64_t trouble_since_ms;   /* since when changes are redirected or lost (clock_now_ms); 0: they are not */
    int64_t unsettled_since_ms; /* since when the masters do not confirm changes; 0: they do */
};

/* Writes the commands about a workspace: `each` of them. */
typedef void definitions_question(struct redis_pipeline *pipeline, struct span workspace, uint16_t slot);

/* Asks about all workspaces until all are answered: the answers about workspace i are answers[i * each] and those
 * behind it, to be freed. False with the reason in `error`; then all are NULL. */
MUST_CHECK bool definitions_cluster_ask(struct definitions_cluster *cluster, definitions_question *question,
                                        size_t each, const struct span *workspaces, size_t count, redisReply **answers,
                                        char *error, size_t error_size);

/* A question: MGET of the value. */
definitions_question definitions_ask_value;

/* The slot of the workspace's keys. */
uint16_t definitions_slot_of(struct span workspace);

/* Why a slot is not served, for people. */
void definitions_cluster_reason(const struct definitions_cluster *cluster, unsigned slot, char *error,
                                size_t error_size);

#endif
