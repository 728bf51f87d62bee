/* check: the config, then Kafka, Redis and the receiver of traces, one line each, and one for everything there that
 * will hurt. */
#include <stdlib.h>
#include <string.h>

#include "worker/commands/check_brokers.h"
#include "worker/commands/check_redis.h"
#include "worker/commands/check_report.h"
#include "worker/commands/check_rights.h"
#include "worker/commands/check_sizes.h"
#include "worker/commands/check_topics.h"
#include "worker/commands/command.h"
#include "worker/commands/command_option.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/kafka_tls_errors.h"
#include "worker/tracing/tracing.h"
#include "worker/tracing/tracing_secret.h"

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
    check_broker_settings(report, config, client, &topics);
    check_rights(report, config, client, &topics);
    checked_topics_free(&topics);
    rd_kafka_destroy(client);
}

/* ---- The receiver of traces ---- */

static void check_tracing(struct check_report *report, const struct config *config)
{
    char endpoint[512], text[256];
    if (!config->tracing.endpoint[0])
        return;
    tracing_secret_hide(config, endpoint, sizeof(endpoint));
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
