#include "worker/redis/redis_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/config/config_table.h"
#include "worker/redis/redis_dial.h"
#include "worker/redis/redis_sentinels.h"

#define CLUSTER_ENABLED "cluster_enabled:1"

static bool select_database(redisContext *connection, const struct config *config, char *error, size_t error_size)
{
    char database[24];
    snprintf(database, sizeof(database), "%lld", (long long)config->redis.database);
    return config->redis.database == 0 ||
           redis_order(connection, error, error_size, 2, (const char *const[]){"SELECT", database});
}

/* redis.kind = single */
static redisContext *reach_single(const struct config *config, char *error, size_t error_size)
{
    const char *address = config->redis.address.items[0];
    struct redis_call call = {
        .username = config->redis.username, .password = config->redis.password, .timeout_ms = config->redis.timeout_ms};
    char *host = NULL;
    snprintf(error, error_size, "out of memory");
    if (strncmp(address, "unix:", 5) == 0)
        call.path = address + 5;
    else if (!config_split_address(address, &host, &call.port))
        return NULL;
    call.host = host;
    redisContext *connection = redis_dial(&call, config, error, error_size);
    free(host);
    return connection;
}

/* ---- redis.kind = sentinel ---- */

static bool find_master(const struct config *config, struct redis_place *master, char *error, size_t error_size)
{
    struct redis_sentinels *sentinels = redis_sentinels_open(config);
    snprintf(error, error_size, "out of memory");
    bool found = sentinels && redis_sentinels_find(sentinels, master, error, error_size);
    redis_sentinels_close(sentinels);
    return found;
}

/* A server that was the master may be a replica by now, or again. */
static bool is_master(redisContext *connection, const char *place, char *error, size_t error_size)
{
    redisReply *reply = redisCommand(connection, "ROLE");
    const char *role = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
                               reply->element[0]->type == REDIS_REPLY_STRING
                           ? reply->element[0]->str
                           : NULL;
    bool ok = role && strcmp(role, "master") == 0;
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        snprintf(error, error_size, "%s: ROLE: %s", place, reply ? reply->str : connection->errstr);
    else if (!ok)
        snprintf(error, error_size, "%s, which the Sentinels name as the master, is a %s", place,
                 role && strcmp(role, "slave") == 0 ? "replica"
                 : role                             ? role
                                                    : "server without a role");
    freeReplyObject(reply);
    return ok;
}

static redisContext *reach_master(const struct config *config, char *error, size_t error_size)
{
    struct redis_place master;
    char place[REDIS_PLACE_BYTES], reason[256];
    if (!find_master(config, &master, error, error_size))
        return NULL;
    const struct redis_call call = {.host = master.host,
                                    .port = master.port,
                                    .username = config->redis.username,
                                    .password = config->redis.password,
                                    .timeout_ms = config->redis.timeout_ms};
    redis_place_text(&master, place);
    redisContext *connection = redis_dial(&call, config, reason, sizeof(reason));
    if (!connection)
        snprintf(error, error_size, "the master, %s: %s", place, reason);
    if (!connection || is_master(connection, place, error, error_size))
        return connection;
    redisFree(connection);
    return NULL;
}

/* ---- both ---- */

redisContext *redis_reach(const struct config *config, char *error, size_t error_size)
{
    redisContext *connection = config->redis.kind == REDIS_SENTINEL ? reach_master(config, error, error_size)
                                                                    : reach_single(config, error, error_size);
    if (!connection || select_database(connection, config, error, error_size))
        return connection;
    redisFree(connection);
    return NULL;
}

bool redis_is_cluster_node(redisContext *connection)
{
    redisReply *info = redisCommand(connection, "INFO cluster");
    bool is_node = info && info->type == REDIS_REPLY_STRING && strstr(info->str, CLUSTER_ENABLED) != NULL;
    freeReplyObject(info);
    return is_node;
}

redisContext *redis_connect(const struct config *config, char *error, size_t error_size)
{
    redisContext *connection = redis_reach(config, error, error_size);
    bool is_node = connection && redis_is_cluster_node(connection);
    if (connection && connection->err == 0 && !is_node)
        return connection;
    if (connection) {
        snprintf(error, error_size, "%s", is_node ? REDIS_IS_CLUSTER_NODE : connection->errstr);
        redisFree(connection);
    }
    return NULL;
}

bool redis_is_still_chosen(const struct config *config, const redisContext *connection, char *error, size_t error_size)
{
    if (config->redis.kind != REDIS_SENTINEL)
        return true;
    struct redis_sentinels *sentinels = redis_sentinels_open(config);
    snprintf(error, error_size, "out of memory");
    bool is = sentinels && redis_sentinels_confirm(sentinels, connection, error, error_size);
    redis_sentinels_close(sentinels);
    return is;
}

void redis_address(const redisContext *connection, char text[REDIS_ADDRESS_BYTES])
{
    if (connection->connection_type == REDIS_CONN_UNIX)
        snprintf(text, REDIS_ADDRESS_BYTES, "unix:%s", connection->unix_sock.path);
    else
        snprintf(text, REDIS_ADDRESS_BYTES, strchr(connection->tcp.host, ':') ? "[%s]:%d" : "%s:%d",
                 connection->tcp.host, connection->tcp.port);
}
