/* check: the config, then connections to Kafka and Redis, one line each. */
#include <stdlib.h>
#include <string.h>

#include "worker/commands/command.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/kafka_tls_errors.h"
#include "worker/redis/redis_connection.h"

static void print_missing_topics(const struct config *config, const struct rd_kafka_metadata *metadata)
{
    const char *const topics[] = {config->commands.topic, config->replies.topic, config->records.topic,
                                  config->definitions.topic, config->dead_letters.topic};
    const char *before = "; missing topics, see client-intake topics create: ";
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        if (!kafka_metadata_topic(metadata, topics[i])) {
            printf("%s%s", before, topics[i]);
            before = ", ";
        }
    }
}

static bool check_kafka(const struct config *config)
{
    char error[512];
    struct kafka_client client;
    const char *servers = config_kafka(config, config->kafka_producer, "bootstrap.servers");
    if (!kafka_client_open(&client, config, error, sizeof(error))) {
        printf("kafka   %s: %s\n", servers, error);
        return false;
    }
    const struct rd_kafka_metadata *metadata = kafka_client_metadata(&client, error, sizeof(error));
    if (metadata) {
        printf("kafka   ok: %s, %d broker%s", servers, metadata->broker_cnt, metadata->broker_cnt == 1 ? "" : "s");
        print_missing_topics(config, metadata);
        printf("\n");
        rd_kafka_metadata_destroy(metadata);
    } else {
        const char *hint = kafka_scram_hint(config);
        printf("kafka   %s: %s%s%s\n", servers, error, hint ? "; " : "", hint ? hint : "");
    }
    kafka_client_close(&client);
    return metadata != NULL;
}

/* The value of "name:value" in Redis' INFO, or "" if there is none. */
static void info_value(const char *info, const char *name, char *value, size_t size)
{
    const char *line = strstr(info, name);
    const char *begin = line ? line + strlen(name) : "";
    snprintf(value, size, "%.*s", (int)strcspn(begin, "\r\n"), begin);
}

/* This user may not be allowed to call INFO; then there is less to print, which is not an error. */
static void print_redis_details(redisContext *connection)
{
    redisReply *info = redisCommand(connection, "INFO");
    char version[64] = "", policy[64] = "";
    if (info && info->type == REDIS_REPLY_STRING) {
        info_value(info->str, "\nredis_version:", version, sizeof(version));
        info_value(info->str, "\nmaxmemory_policy:", policy, sizeof(policy));
    }
    if (version[0])
        printf(", version %s", version);
    if (policy[0] && strcmp(policy, "noeviction") != 0)
        printf("; maxmemory-policy is %s and may drop clients: it must be noeviction", policy);
    freeReplyObject(info);
}

static int check_redis(const struct config *config)
{
    char error[256];
    redisContext *connection = redis_reach(config, error, sizeof(error));
    redisReply *reply = connection ? redisCommand(connection, "PING") : NULL;
    bool ok = reply && reply->type == REDIS_REPLY_STATUS;
    if (connection && !ok)
        snprintf(error, sizeof(error), "PING: %s", reply ? reply->str : connection->errstr);
    bool is_node = ok && redis_is_cluster_node(connection);
    if (is_node) {
        printf("redis   %s: %s\n", config->redis.address, REDIS_IS_CLUSTER_NODE);
    } else if (ok) {
        printf("redis   ok: %s", config->redis.address);
        print_redis_details(connection);
        printf("\n");
    } else {
        printf("redis   %s: %s\n", config->redis.address, error);
    }
    freeReplyObject(reply);
    if (connection)
        redisFree(connection);
    return is_node ? COMMAND_CONFIGURATION : ok ? COMMAND_OK : COMMAND_UNAVAILABLE;
}

int command_check(int argc, char **argv, const struct config *config)
{
    if (argc > 1)
        return command_usage("check", "%s is an unexpected argument", argv[1]);
    printf("config  ok\n");
    bool kafka = check_kafka(config);
    int redis = check_redis(config);
    return redis != COMMAND_OK ? redis : kafka ? COMMAND_OK : COMMAND_UNAVAILABLE;
}
