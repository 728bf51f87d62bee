/* topics create: creates the topics that are missing, and never changes one that exists. */
#include <string.h>

#include "common/clock.h"
#include "worker/commands/command.h"
#include "worker/commands/command_option.h"
#include "worker/definitions/json_line.h"
#include "worker/kafka/kafka_client.h"

#define ROLES   5
#define LOOK_MS 20

/* The contract's topics, and their settings. */
struct role {
    const char *topic;
    const char *cleanup;
    bool keeps_all;          /* otherwise the broker's retention */
    const char *compression; /* NULL: the broker's default */
};

static void roles_of(const struct config *config, struct role roles[ROLES])
{
    static const char *const compressions[] = {
        [COMPRESSION_NONE] = "uncompressed", [COMPRESSION_PRODUCER] = "producer"};
    const struct role all[ROLES] = {{config->commands.topic, "delete", false, compressions[config->topics.compression]},
                                    {config->replies.topic, "delete", false, NULL},
                                    {config->records.topic, "compact", false, NULL},
                                    {config->definitions.topic, "delete", true, NULL},
                                    {config->dead_letters.topic, "delete", false, NULL}};
    memcpy(roles, all, sizeof(all));
}

/* A request for the topic. New, or NULL with the reason in `error`. */
static rd_kafka_NewTopic_t *request_of(const struct config *config, const struct role *role, char *error,
                                       size_t error_size)
{
    rd_kafka_NewTopic_t *request = rd_kafka_NewTopic_new(role->topic, (int)config->topics.partitions,
                                                         (int)config->topics.replication, error, error_size);
    if (!request)
        return NULL;
    rd_kafka_resp_err_t code = rd_kafka_NewTopic_set_config(request, "cleanup.policy", role->cleanup);
    if (!code && role->compression)
        code = rd_kafka_NewTopic_set_config(request, "compression.type", role->compression);
    if (!code && role->keeps_all)
        code = rd_kafka_NewTopic_set_config(request, "retention.ms", "-1");
    if (!code && role->keeps_all)
        code = rd_kafka_NewTopic_set_config(request, "retention.bytes", "-1");
    if (!code)
        return request;
    snprintf(error, error_size, "%s", rd_kafka_err2str(code));
    rd_kafka_NewTopic_destroy(request);
    return NULL;
}

/* One line for each topic. `partitions` 0: not known. `reason`: of a refusal, else NULL. */
static void print_topic(bool json, const char *topic, const char *result, int partitions, const char *reason)
{
    if (json) {
        json_line_print(json_line_pack("{s:s, s:s, s:o*, s:o*}", "topic", topic, "result", result, "partitions",
                                       partitions > 0 ? json_integer(partitions) : NULL, "reason",
                                       reason ? json_line_text(reason) : NULL));
        return;
    }
    printf("%s: %s", topic, result);
    if (partitions > 0)
        printf(", %d partition%s", partitions, partitions == 1 ? "" : "s");
    printf("%s%s\n", reason ? ": " : "", reason ? reason : "");
}

static int print_results(const struct config *config, bool json, const rd_kafka_CreateTopics_result_t *results)
{
    int outcome = COMMAND_OK;
    size_t count = 0;
    const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(results, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_topic_result_name(topics[i]);
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(topics[i]);
        const char *reason = rd_kafka_topic_result_error_string(topics[i]);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            print_topic(json, name, "created", (int)config->topics.partitions, NULL);
        } else if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            print_topic(json, name, "exists", 0, NULL); /* another process was faster */
        } else {
            print_topic(json, name, "refused", 0, reason ? reason : rd_kafka_err2str(code));
            outcome = COMMAND_NEGATIVE;
        }
    }
    return outcome;
}

static int unavailable(const char *error)
{
    fprintf(stderr, "client-intake topics: Kafka: %s\n", error);
    return COMMAND_UNAVAILABLE;
}

/* The controller replies before each broker knows the topics, and a client that comes at once would find none. Waits
 * until a broker knows those that are there now, KAFKA_CLIENT_WAIT_MS at most. */
static void await_topics(struct kafka_client *client, const struct role roles[ROLES])
{
    char error[512];
    for (int64_t deadline = clock_now_ms() + KAFKA_CLIENT_WAIT_MS; clock_now_ms() < deadline; clock_sleep(LOOK_MS)) {
        const struct rd_kafka_metadata *metadata = kafka_client_metadata(client, error, sizeof(error));
        size_t known = 0;
        for (size_t i = 0; metadata && i < ROLES; i++)
            known += kafka_metadata_topic(metadata, roles[i].topic) != NULL;
        if (metadata)
            rd_kafka_metadata_destroy(metadata);
        if (known == ROLES)
            return;
    }
}

/* Creates all missing topics in one request, and waits for the reply. */
static int create(struct kafka_client *client, const struct config *config, bool json, rd_kafka_NewTopic_t **requests,
                  size_t count)
{
    char error[512] = "";
    int outcome;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client->handle);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client->handle, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_event_t *event = NULL;
    if (rd_kafka_AdminOptions_set_request_timeout(options, KAFKA_CLIENT_WAIT_MS, error, sizeof(error)) ||
        rd_kafka_AdminOptions_set_operation_timeout(options, KAFKA_CLIENT_WAIT_MS, error, sizeof(error))) {
        outcome = unavailable(error);
    } else {
        rd_kafka_CreateTopics(client->handle, requests, count, options, queue);
        event = rd_kafka_queue_poll(queue, 2 * KAFKA_CLIENT_WAIT_MS);
        if (!event)
            outcome = unavailable("no reply");
        else if (rd_kafka_event_error(event))
            outcome = unavailable(rd_kafka_event_error_string(event));
        else
            outcome = print_results(config, json, rd_kafka_event_CreateTopics_result(event));
    }
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return outcome;
}

static int create_missing(struct kafka_client *client, const struct config *config, bool json)
{
    char error[512];
    struct role roles[ROLES];
    rd_kafka_NewTopic_t *requests[ROLES];
    size_t count = 0;
    const struct rd_kafka_metadata *metadata = kafka_client_metadata(client, error, sizeof(error));
    if (!metadata)
        return unavailable(error);
    int outcome = COMMAND_OK;
    roles_of(config, roles);
    for (size_t i = 0; i < ROLES && outcome == COMMAND_OK; i++) {
        const struct rd_kafka_metadata_topic *topic = kafka_metadata_topic(metadata, roles[i].topic);
        if (topic) {
            print_topic(json, roles[i].topic, "exists", topic->partition_cnt, NULL);
            continue;
        }
        requests[count] = request_of(config, &roles[i], error, sizeof(error));
        if (requests[count])
            count++;
        else
            outcome = unavailable(error);
    }
    if (outcome == COMMAND_OK && count > 0)
        outcome = create(client, config, json, requests, count);
    if (outcome == COMMAND_OK && count > 0)
        await_topics(client, roles);
    rd_kafka_NewTopic_destroy_array(requests, count);
    rd_kafka_metadata_destroy(metadata);
    return outcome;
}

static int read_options(int argc, char **argv, bool *json)
{
    static const struct option known[] = {{"output", required_argument, NULL, 'o'}, {0}};
    int option, result = COMMAND_OK;
    *json = false;
    command_options_begin();
    while (result == COMMAND_OK && (option = command_option(argc, argv, "", known)) != COMMAND_OPTION_END)
        result = option == COMMAND_OPTION_WRONG ? COMMAND_USAGE : command_output("topics", optarg, json);
    if (result == COMMAND_OK && (argc - optind != 1 || strcmp(argv[optind], "create") != 0))
        return command_usage("topics", "expected: create");
    return result;
}

int command_topics(int argc, char **argv, const struct config *config)
{
    bool json;
    char error[512];
    struct kafka_client client;
    const int result = read_options(argc, argv, &json);
    if (result != COMMAND_OK)
        return result;
    if (!kafka_client_open(&client, config, error, sizeof(error)))
        return unavailable(error);
    int outcome = create_missing(&client, config, json);
    kafka_client_close(&client);
    return outcome;
}
