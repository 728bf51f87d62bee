#include "worker/redis/cluster_node.h"

#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "common/clock.h"
#include "worker/redis/cluster_survey.h"
#include "worker/redis/redis_dial.h"

enum { ANSWER_ID, ANSWER_ROLE, ANSWER_SHARD, ANSWERS };

static bool is_string(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING;
}

static bool is_id(const redisReply *reply)
{
    return is_string(reply) && reply->len == CLUSTER_ID_LENGTH;
}

/* Whether the node is the master that the map names; and its shard. */
static bool judge(struct cluster_node *node, redisReply *const *answers)
{
    const redisReply *id = answers[ANSWER_ID], *role = answers[ANSWER_ROLE], *shard = answers[ANSWER_SHARD];
    for (size_t i = ANSWER_ID; i <= ANSWER_ROLE; i++) {
        if (answers[i]->type != REDIS_REPLY_ERROR)
            continue;
        snprintf(node->error, sizeof(node->error), "%s: %s", i == ANSWER_ID ? "CLUSTER MYID" : "ROLE", answers[i]->str);
        return false;
    }
    if (!is_id(id) || memcmp(id->str, node->master.id, CLUSTER_ID_LENGTH) != 0) {
        snprintf(node->error, sizeof(node->error), "another node is at the address of this master");
        return false;
    }
    if (role->type != REDIS_REPLY_ARRAY || role->elements == 0 || !is_string(role->element[0]) ||
        strcmp(role->element[0]->str, "master") != 0) {
        snprintf(node->error, sizeof(node->error), "it is no master any more");
        return false;
    }
    node->shard_id = is_id(shard) ? SHARD_ID_OF_SHARD : SHARD_ID_OF_MASTER;
    memcpy(node->shard, node->shard_id == SHARD_ID_OF_SHARD ? shard->str : node->master.id, CLUSTER_ID_LENGTH);
    return true;
}

/* Asks who is there. */
static bool identify(struct cluster_node *node, redisContext *connection, int64_t wait_ms)
{
    redisReply *answers[ANSWERS] = {NULL};
    const int64_t until_ms = clock_now_ms() + wait_ms;
    int done = 0;
    bool ok = redisAppendCommand(connection, "CLUSTER MYID") == REDIS_OK &&
              redisAppendCommand(connection, "ROLE") == REDIS_OK &&
              redisAppendCommand(connection, "CLUSTER MYSHARDID") == REDIS_OK;
    while (ok && !done)
        ok = redisBufferWrite(connection, &done) == REDIS_OK;
    if (!ok)
        snprintf(node->error, sizeof(node->error), "%s", connection->errstr);
    for (size_t i = 0; ok && i < ANSWERS; i++) {
        answers[i] = cluster_take_reply(connection, until_ms, node->error, sizeof(node->error));
        ok = answers[i] != NULL;
    }
    ok = ok && judge(node, answers);
    for (size_t i = 0; i < ANSWERS; i++)
        freeReplyObject(answers[i]);
    return ok;
}

/* Commands have redis.timeout, which may be longer than what a node has for its first answers. */
static bool give_time(struct cluster_node *node, redisContext *connection, const struct config *config)
{
    const struct timeval timeout = {.tv_sec = config->redis.timeout_ms / 1000,
                                    .tv_usec = config->redis.timeout_ms % 1000 * 1000};
    const bool ok = redisSetTimeout(connection, timeout) == REDIS_OK;
    if (!ok)
        snprintf(node->error, sizeof(node->error), "timeout: %s", connection->errstr);
    return ok;
}

bool cluster_node_call(struct cluster_node *node, const struct config *config)
{
    static _Atomic uint64_t calls;
    const int64_t wait_ms = cluster_wait_ms(config), began_ms = clock_now_ms();
    const struct redis_call call = {.host = node->master.place.host,
                                    .port = node->master.place.port,
                                    .username = config->redis.username,
                                    .password = config->redis.password,
                                    .timeout_ms = wait_ms};
    redisContext *connection = redis_dial(&call, config, node->error, sizeof(node->error));
    if (connection && identify(node, connection, wait_ms) && give_time(node, connection, config)) {
        node->connection = connection;
        node->number = ++calls;
        node->rest_until_ms = 0;
        node->error[0] = '\0';
        return true;
    }
    if (connection)
        redisFree(connection);
    const int64_t now_ms = clock_now_ms();
    node->call_at_ms = now_ms + CLUSTER_PAUSE_MS + CLUSTER_PAUSE_OF_CALL * (now_ms - began_ms);
    return false;
}

void cluster_node_hang_up(struct cluster_node *node, const char *reason)
{
    snprintf(node->error, sizeof(node->error), "%s", reason);
    if (node->connection)
        redisFree(node->connection);
    node->connection = NULL;
    node->call_at_ms = clock_now_ms() + CLUSTER_PAUSE_MS;
}

void cluster_node_rest(struct cluster_node *node, const char *reason)
{
    snprintf(node->error, sizeof(node->error), "%s", reason);
    node->rest_until_ms = clock_now_ms() + CLUSTER_PAUSE_MS;
}

bool cluster_node_is_there(const struct cluster_node *node)
{
    return node->connection && (node->rest_until_ms == 0 || clock_now_ms() >= node->rest_until_ms);
}
