/* check: the config, then Kafka, Redis and the receiver of traces, one line each, and one for everything there that
 * will hurt. */
#include <stdlib.h>
#include <string.h>

#include "worker/commands/check_report.h"
#include "worker/commands/check_rights.h"
#include "worker/commands/check_topics.h"
#include "worker/commands/command.h"
#include "worker/commands/command_option.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/kafka_tls_errors.h"
#include "worker/redis/redis_connection.h"
#include "worker/redis/redis_pipeline.h"
#include "worker/redis/redis_record_topic.h"
#include "worker/tracing/tracing.h"

/* ---- Kafka ---- */

/* True if a broker replies. */
static bool reach_kafka(struct check_report *report, const struct config *config)
{
    char error[512];
    struct kafka_client client;
    const char *servers = config_kafka(config, config->kafka_producer, "bootstrap.servers");
    if (!kafka_client_open(&client, config, error, sizeof(error))) {
        check_tell(report, "kafka", CHECK_UNAVAILABLE, "unreachable", servers, "%s", error);
        return false;
    }
    const struct rd_kafka_metadata *metadata = kafka_client_metadata(&client, error, sizeof(error));
    if (metadata) {
        check_tell(report, "kafka", CHECK_OK, "reached", servers, "%d broker%s", metadata->broker_cnt,
                   metadata->broker_cnt == 1 ? "" : "s");
        rd_kafka_metadata_destroy(metadata);
    } else {
        const char *hint = kafka_scram_hint(config);
        check_tell(report, "kafka", CHECK_UNAVAILABLE, "unreachable", servers, "%s%s%s", error, hint ? "; " : "",
                   hint ? hint : "");
    }
    kafka_client_close(&client);
    return metadata != NULL;
}

static void check_kafka(struct check_report *report, const struct config *config)
{
    char error[512];
    if (!reach_kafka(report, config))
        return;
    /* A consumer, since a question of a producer may create the topic. */
    rd_kafka_t *client = kafka_observer_new(config, NULL, error, sizeof(error));
    if (!client) {
        check_tell(report, "kafka", CHECK_UNAVAILABLE, "unreachable", NULL, "%s", error);
        return;
    }
    struct checked_topics topics = checked_topics_of(config);
    check_topics_exist(report, config, client, &topics);
    check_topic_settings(report, config, client, &topics);
    check_rights(report, config, client, &topics);
    checked_topics_free(&topics);
    rd_kafka_destroy(client);
}

/* ---- Redis ---- */

/* The value of "name:value" in Redis' INFO, or "" if there is none. */
static void info_value(const char *info, const char *name, char *value, size_t size)
{
    const char *line = strstr(info, name);
    const char *begin = line ? line + strlen(name) : "";
    snprintf(value, size, "%.*s", (int)strcspn(begin, "\r\n"), begin);
}

/* Whether the clients there come from our record topic. */
static void check_record_topic(struct check_report *report, const struct config *config, redisContext *connection)
{
    char text[RECORD_TOPIC_TEXT_BYTES];
    redisReply *reply = redisCommand(connection, RECORD_TOPIC_READ);
    if (!reply || (reply->type == REDIS_REPLY_ERROR && !redis_is_wrong_type(reply)))
        check_tell(report, "redis", CHECK_UNKNOWN, "record_topic_unknown", RECORD_TOPIC_KEY, "%s",
                   reply ? reply->str : connection->errstr);
    else if (redis_record_topic_compare(reply, config->records.topic, text) == RECORD_TOPIC_OTHER)
        check_tell(report, "redis", CHECK_FAULT, "other_record_topic", config->redis.address.items[0], "%s", text);
    freeReplyObject(reply);
}

/* Redis replies. Its INFO and the name of its record topic say the rest. */
static void check_reached_redis(struct check_report *report, const struct config *config, redisContext *connection)
{
    const char *address = config->redis.address.items[0];
    redisReply *info = redisCommand(connection, "INFO");
    char version[64] = "", policy[64] = "", most[64] = "", cluster[8] = "";
    const bool is_told = info && info->type == REDIS_REPLY_STRING;
    if (is_told) {
        info_value(info->str, "\nredis_version:", version, sizeof(version));
        info_value(info->str, "\nmaxmemory_policy:", policy, sizeof(policy));
        info_value(info->str, "\nmaxmemory:", most, sizeof(most));
        info_value(info->str, "\ncluster_enabled:", cluster, sizeof(cluster));
    }
    if (cluster[0] == '1')
        check_tell(report, "redis", CHECK_FAULT, "cluster_enabled", address, "%s", REDIS_IS_CLUSTER_NODE);
    else
        check_tell(report, "redis", CHECK_OK, "reached", address, "%s%s", version[0] ? "version " : "", version);
    if (!is_told)
        check_tell(report, "redis", CHECK_UNKNOWN, "settings_unknown", address, "INFO: %s; it needs the right +info",
                   info ? info->str : connection->errstr);
    if (policy[0] && strcmp(policy, "noeviction") != 0 && atoll(most) > 0)
        check_tell(
            report, "redis", CHECK_WARNING, "evicting", address,
            "maxmemory-policy is %s with a maxmemory of %s bytes, so it drops clients when it is full: it must be "
            "noeviction",
            policy, most);
    freeReplyObject(info);
    if (cluster[0] != '1')
        check_record_topic(report, config, connection);
}

static void check_redis(struct check_report *report, const struct config *config)
{
    char error[256];
    redisContext *connection = redis_reach(config, error, sizeof(error));
    redisReply *reply = connection ? redisCommand(connection, "PING") : NULL;
    const bool ok = reply && reply->type == REDIS_REPLY_STATUS;
    if (connection && !ok)
        snprintf(error, sizeof(error), "PING: %s", reply ? reply->str : connection->errstr);
    if (ok)
        check_reached_redis(report, config, connection);
    else
        check_tell(report, "redis", CHECK_UNAVAILABLE, "unreachable", config->redis.address.items[0], "%s", error);
    freeReplyObject(reply);
    if (connection)
        redisFree(connection);
}

/* ---- The receiver of traces ---- */

static void check_tracing(struct check_report *report, const struct config *config)
{
    const char *endpoint = config->tracing.endpoint;
    char text[256];
    if (!endpoint[0])
        return;
    switch (tracing_probe(config, text, sizeof(text))) {
    case TRACING_ACCEPTS:
        check_tell(report, "tracing", CHECK_OK, "reached", endpoint, "%s", "");
        break;
    case TRACING_REFUSES:
        check_tell(report, "tracing", CHECK_WARNING, "spans_refused", endpoint, "it would refuse spans: %s", text);
        break;
    case TRACING_AWAY:
        check_tell(report, "tracing", CHECK_UNAVAILABLE, "unreachable", endpoint, "%s", text);
        break;
    }
}

/* ---- The whole ---- */

static int read_options(int argc, char **argv, struct check_report *report, bool *offline)
{
    static const struct option known[] = {{"offline", no_argument, NULL, 'o'},
                                          {"strict", no_argument, NULL, 's'},
                                          {"output", required_argument, NULL, 'O'},
                                          {0}};
    int option, result = COMMAND_OK;
    command_options_begin();
    while (result == COMMAND_OK && (option = command_option(argc, argv, "", known)) != COMMAND_OPTION_END) {
        if (option == COMMAND_OPTION_WRONG)
            return COMMAND_USAGE;
        *offline = *offline || option == 'o';
        report->strict = report->strict || option == 's';
        result = option == 'O' ? command_output("check", optarg, &report->json) : COMMAND_OK;
    }
    if (result == COMMAND_OK && optind < argc)
        return command_usage("check", "%s is an unexpected argument", argv[optind]);
    return result;
}

static void report_fault(void *listener, const char *place, const char *message)
{
    struct check_report report = {.json = true};
    (void)listener;
    check_tell(&report, "config", CHECK_FAULT, "invalid", place, "%s", message);
}

/* For a program that reads the report, errors of the config are findings like any other. */
int command_check_prepare(int argc, char **argv, struct config_sources *sources)
{
    struct check_report report = {.code = COMMAND_OK};
    bool offline = false;
    const int result = read_options(argc, argv, &report, &offline);
    if (result == COMMAND_OK && report.json)
        sources->take_fault = report_fault;
    return result;
}

int command_check(int argc, char **argv, const struct config *config)
{
    struct check_report report = {.code = COMMAND_OK};
    bool offline = false;
    const int result = read_options(argc, argv, &report, &offline);
    if (result != COMMAND_OK)
        return result;
    check_tell(&report, "config", CHECK_OK, "read", NULL, "%s", "");
    check_config_sizes(&report, config);
    if (!offline) {
        check_kafka(&report, config);
        check_redis(&report, config);
        check_tracing(&report, config);
    }
    return report.code;
}
