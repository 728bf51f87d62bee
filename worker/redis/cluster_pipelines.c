#include "worker/redis/cluster_pipelines.h"

#include <stdio.h>
#include <stdlib.h>

bool cluster_pipelines_open(struct cluster_pipelines *pipelines, struct redis_cluster *cluster, struct arena *arena)
{
    const size_t count = redis_cluster_count(cluster);
    *pipelines = (struct cluster_pipelines){.cluster = cluster, .arena = arena, .writing = CLUSTER_NO_MASTER};
    pipelines->pipelines = calloc(count > 0 ? count : 1, sizeof(*pipelines->pipelines));
    return pipelines->pipelines != NULL;
}

/* One pipeline at a time has bytes in the arena, and all of them begin at the same place. That one could not be sent is
 * told by its answers. */
void cluster_pipelines_send(struct cluster_pipelines *pipelines)
{
    if (pipelines->writing != CLUSTER_NO_MASTER && !pipeline_send(&pipelines->pipelines[pipelines->writing]))
        pipelines->pipelines[pipelines->writing].failed = true;
    pipelines->writing = CLUSTER_NO_MASTER;
}

struct redis_pipeline *cluster_pipelines_to(struct cluster_pipelines *pipelines, size_t node)
{
    struct redis_pipeline *pipeline = &pipelines->pipelines[node];
    if (pipelines->writing == node)
        return pipeline;
    cluster_pipelines_send(pipelines);
    pipelines->writing = node;
    if (!pipeline->connection)
        pipeline_open(pipeline, redis_cluster_node(pipelines->cluster, node)->connection, pipelines->arena);
    return pipeline;
}

enum cluster_answer cluster_pipelines_answer(struct cluster_pipelines *pipelines, size_t node, unsigned slot,
                                             redisReply **reply, char *error, size_t error_size)
{
    struct redis_pipeline *pipeline = &pipelines->pipelines[node];
    const struct cluster_node *from = redis_cluster_node(pipelines->cluster, node);
    *reply = NULL;
    if (!from->connection) {
        snprintf(error, error_size, "%s", from->error);
        return CLUSTER_LOST;
    }
    if (pipeline->failed)
        snprintf(error, error_size, "%s", from->connection->errstr);
    else
        *reply = pipeline_reply(pipeline, error, error_size);
    if (!*reply) {
        redis_cluster_lose(pipelines->cluster, node, error);
        return CLUSTER_LOST;
    }
    if ((*reply)->type != REDIS_REPLY_ERROR || redis_is_wrong_type(*reply))
        return CLUSTER_ANSWERED;
    const enum redis_redirect redirect = redis_redirect_of(*reply);
    snprintf(error, error_size, "%s", (*reply)->str);
    freeReplyObject(*reply);
    *reply = NULL;
    redis_cluster_redirected(pipelines->cluster, node, slot, redirect, error);
    return redirect == REDIRECT_NONE ? CLUSTER_REFUSED : CLUSTER_REDIRECTED;
}

void cluster_pipelines_close(struct cluster_pipelines *pipelines)
{
    const size_t count = redis_cluster_count(pipelines->cluster);
    if (pipelines->writing != CLUSTER_NO_MASTER)
        arena_reset(pipelines->arena, pipelines->pipelines[pipelines->writing].begin);
    for (size_t i = 0; pipelines->pipelines && i < count; i++)
        if (pipelines->pipelines[i].count > 0 && redis_cluster_node(pipelines->cluster, i)->connection)
            redis_cluster_lose(pipelines->cluster, i, "its answers are not wanted any more");
    free(pipelines->pipelines);
    pipelines->pipelines = NULL;
}
