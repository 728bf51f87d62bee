/* cluster_pipelines: commands for many slots, written to all masters of a cluster before the first answer is read. So
 * all masters work at the same time, and a batch takes as long as its slowest master.
 *
 * The commands are written node by node: with the commands in the order of their nodes each node gets them in few
 * pieces. One node's answers come in the order of its commands; which command an answer is for, the caller keeps.
 *
 *     cluster_pipelines_open(&pipelines, cluster, arena)
 *     for each command:  cluster_pipelines_to(&pipelines, node), then pipeline_command and pipeline_argument
 *     cluster_pipelines_send(&pipelines)
 *     for each command:  cluster_pipelines_answer(&pipelines, node, slot, ...)
 *     cluster_pipelines_close(&pipelines)
 *
 * No redis_cluster_look may come between. */
#ifndef WORKER_REDIS_CLUSTER_PIPELINES_H
#define WORKER_REDIS_CLUSTER_PIPELINES_H

#include "worker/redis/redis_cluster.h"
#include "worker/redis/redis_pipeline.h"

enum cluster_answer {
    CLUSTER_ANSWERED,   /* the command was executed; the answer may be the error WRONGTYPE */
    CLUSTER_REDIRECTED, /* it was not; its slot is unsure now, or its node away */
    CLUSTER_REFUSED,    /* it was not, for another reason: no right, no memory, too few replicas */
    CLUSTER_LOST        /* the node's connection failed, before or after the command; it is away now */
};

struct cluster_pipelines {
    struct redis_cluster *cluster;
    struct redis_pipeline *pipelines; /* one for each node; without a connection: not begun */
    struct arena *arena;
    size_t writing; /* the node whose commands are in the arena; CLUSTER_NO_MASTER: none */
};

/* False when out of memory. While commands are written, nothing else may take from the arena. */
MUST_CHECK bool cluster_pipelines_open(struct cluster_pipelines *pipelines, struct redis_cluster *cluster,
                                       struct arena *arena);

/* The pipeline of the node, for one command or more. The node must be there (cluster_node_is_there). */
struct redis_pipeline *cluster_pipelines_to(struct cluster_pipelines *pipelines, size_t node);

/* Sends the rest, and frees the arena's bytes. */
void cluster_pipelines_send(struct cluster_pipelines *pipelines);

/* The node's next answer, to a command for the slot. *reply: new, to be freed with freeReplyObject, if it is
 * CLUSTER_ANSWERED, else NULL with the reason in `error`. A redirect and a loss are noted in the cluster. */
MUST_CHECK enum cluster_answer cluster_pipelines_answer(struct cluster_pipelines *pipelines, size_t node, unsigned slot,
                                                        redisReply **reply, char *error, size_t error_size);

/* Drops what was not sent, and closes the connections that still owe answers. */
void cluster_pipelines_close(struct cluster_pipelines *pipelines);

#endif
