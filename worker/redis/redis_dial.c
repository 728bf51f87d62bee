#include "worker/redis/redis_dial.h"

#include <stdio.h>
#include <sys/time.h>

#include "worker/redis/redis_tls.h"

bool redis_order(redisContext *connection, char *error, size_t error_size, int count, const char *const *arguments)
{
    redisReply *reply = redisCommandArgv(connection, count, (const char **)arguments, NULL);
    bool ok = reply && reply->type != REDIS_REPLY_ERROR;
    if (!ok)
        snprintf(error, error_size, "%s: %s", arguments[0], reply ? reply->str : connection->errstr);
    freeReplyObject(reply);
    return ok;
}

static bool log_in(redisContext *connection, const struct redis_call *call, char *error, size_t error_size)
{
    const char *username = call->username, *password = call->password;
    if (username[0])
        return redis_order(connection, error, error_size, 3, (const char *const[]){"AUTH", username, password});
    return !password[0] || redis_order(connection, error, error_size, 2, (const char *const[]){"AUTH", password});
}

redisContext *redis_dial(const struct redis_call *call, const struct config *config, char *error, size_t error_size)
{
    struct timeval timeout = {.tv_sec = call->timeout_ms / 1000, .tv_usec = call->timeout_ms % 1000 * 1000};
    redisContext *connection = call->path ? redisConnectUnixWithTimeout(call->path, timeout)
                                          : redisConnectWithTimeout(call->host, call->port, timeout);
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
        ok = (config->redis.tls == REDIS_TLS_OFF ||
              redis_tls_begin(connection, config, call->host, error, error_size)) &&
             log_in(connection, call, error, error_size);
    if (ok)
        return connection;
    if (connection)
        redisFree(connection);
    return NULL;
}
