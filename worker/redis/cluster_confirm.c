#include "worker/redis/cluster_confirm.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"

static bool ask(redisContext *connection)
{
    int done = 0;
    bool ok = redisAppendCommand(connection, "CLUSTER INFO") == REDIS_OK;
    while (ok && !done)
        ok = redisBufferWrite(connection, &done) == REDIS_OK;
    return ok;
}

/* Whether the node has heard of nothing newer than the map. */
static bool agrees(const struct redis_cluster *cluster, const redisReply *info, char *error, size_t error_size)
{
    uint64_t epoch = 0;
    const bool is_told = cluster_epoch_of(info, &epoch), is_same = is_told && epoch <= redis_cluster_epoch(cluster);
    if (!is_told)
        snprintf(error, error_size, "CLUSTER INFO: %s",
                 info->type == REDIS_REPLY_ERROR ? info->str : "it tells of no cluster_current_epoch");
    else if (!is_same)
        snprintf(error, error_size, "the cluster has changed while it was written to (epoch %llu, not %llu)",
                 (unsigned long long)epoch, (unsigned long long)redis_cluster_epoch(cluster));
    return is_same;
}

bool cluster_confirm(struct redis_cluster *cluster, char *error, size_t error_size)
{
    const size_t count = redis_cluster_count(cluster);
    const int64_t until_ms = clock_now_ms() + CLUSTER_WAIT_MS;
    char reason[256];
    size_t agreed = 0;
    snprintf(error, error_size, "too few masters of the cluster answer");
    for (size_t i = 0; i < count; i++) {
        const struct cluster_node *node = redis_cluster_node(cluster, i);
        if (node->connection && !ask(node->connection))
            redis_cluster_lose(cluster, i, node->connection->errstr);
    }
    for (size_t i = 0; i < count; i++) {
        const struct cluster_node *node = redis_cluster_node(cluster, i);
        if (!node->connection)
            continue;
        redisReply *info = cluster_take_reply(node->connection, until_ms, reason, sizeof(reason));
        if (info)
            agreed += agrees(cluster, info, error, error_size);
        else
            redis_cluster_lose(cluster, i, reason);
        freeReplyObject(info);
    }
    bool needed[CLUSTER_MASTERS_MOST], vouched[CLUSTER_MASTERS_MOST];
    memset(needed, true, sizeof(needed)); /* who was written to is not known here */
    return agreed > count / 2 && redis_cluster_witness(cluster, needed, vouched, error, error_size);
}
