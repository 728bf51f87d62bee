#include "worker/redis/redis_connection.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "worker/config/config_table.h"
#include "worker/redis/redis_tls.h"

#define CLUSTER_ENABLED "cluster_enabled:1"

/* *host: new, or NULL for a unix socket. */
static redisContext *open_socket(const char *address, struct timeval timeout, char **host)
{
    *host = NULL;
    if (strncmp(address, "unix:", 5) == 0)
        return redisConnectUnixWithTimeout(address + 5, timeout);
    int port = 0;
    if (!config_split_address(address, host, &port))
        return NULL;
    return redisConnectWithTimeout(*host, port, timeout);
}

/* Sends one command. False with the reason in `error`, which names the command but none of its arguments. */
static bool ask(redisContext *connection, char *error, size_t error_size, int count, const char *const *arguments)
{
    redisReply *reply = redisCommandArgv(connection, count, (const char **)arguments, NULL);
    bool ok = reply && reply->type != REDIS_REPLY_ERROR;
    if (!ok)
        snprintf(error, error_size, "%s: %s", arguments[0], reply ? reply->str : connection->errstr);
    freeReplyObject(reply);
    return ok;
}

static bool log_in(redisContext *connection, const struct config *config, char *error, size_t error_size)
{
    const char *username = config->redis.username, *password = config->redis.password;
    if (username[0] && !ask(connection, error, error_size, 3, (const char *const[]){"AUTH", username, password}))
        return false;
    if (!username[0] && password[0] && !ask(connection, error, error_size, 2, (const char *const[]){"AUTH", password}))
        return false;
    char database[24];
    snprintf(database, sizeof(database), "%lld", (long long)config->redis.database);
    return config->redis.database == 0 ||
           ask(connection, error, error_size, 2, (const char *const[]){"SELECT", database});
}

redisContext *redis_reach(const struct config *config, char *error, size_t error_size)
{
    struct timeval timeout = {.tv_sec = config->redis.timeout_ms / 1000,
                              .tv_usec = config->redis.timeout_ms % 1000 * 1000};
    char *host = NULL;
    redisContext *connection = open_socket(config->redis.address, timeout, &host);
    bool ok = false;
    if (!connection)
        snprintf(error, error_size, "out of memory");
    else if (connection->err)
        snprintf(error, error_size, "%s", connection->errstr);
    else if (redisSetTimeout(connection, timeout) != REDIS_OK)
        snprintf(error, error_size, "timeout: %s", connection->errstr);
    else if (connection->connection_type == REDIS_CONN_TCP && redisEnableKeepAlive(connection) != REDIS_OK)
        snprintf(error, error_size, "keepalive: %s", connection->errstr);
    else
        ok = (config->redis.tls == REDIS_TLS_OFF || redis_tls_begin(connection, config, host, error, error_size)) &&
             log_in(connection, config, error, error_size);
    free(host);
    if (ok)
        return connection;
    if (connection)
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
