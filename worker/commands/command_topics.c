/* topics create: creates the topics that are missing, and never changes one that exists. */
#include <string.h>

#include "worker/commands/command.h"
#include "worker/kafka/kafka_client.h"

#define ROLES 5

/* The contract's topics, and their retention. */
struct role {
    const char *topic;
    const char *cleanup;
    bool keeps_all; /* otherwise the broker's default */
};

static void roles_of(const struct config *config, struct role roles[ROLES])
{
    const struct role all[ROLES] = {{config->commands.topic, "delete", false},
                                    {config->replies.topic, "delete", false},
                                    {config->records.topic, "compact", false},
                                    {config->definitions.topic, "delete", true},
                                    {config->dead_letters.topic, "delete", false}};
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

static int print_results(const struct config *config, const rd_kafka_CreateTopics_result_t *results)
{
    int outcome = COMMAND_OK;
    size_t count = 0;
    const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(results, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_topic_result_name(topics[i]);
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(topics[i]);
        const char *reason = rd_kafka_topic_result_error_string(topics[i]);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            printf("%s: created, %d partition%s\n", name, (int)config->topics.partitions,
                   config->topics.partitions == 1 ? "" : "s");
        } else if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            printf("%s: exists\n", name); /* another process was faster */
        } else {
            printf("%s: refused: %s\n", name, reason ? reason : rd_kafka_err2str(code));
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

/* Creates all missing topics in one request, and waits for the reply. */
static int create(struct kafka_client *client, const struct config *config, rd_kafka_NewTopic_t **requests,
                  size_t count)
{
    char error[512] = "";
    int outcome;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client->handle);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client->handle, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_event_t *event = NULL;
    /* The broker replies when the topics can be used. */
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
            outcome = print_results(config, rd_kafka_event_CreateTopics_result(event));
    }
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return outcome;
}

static int create_missing(struct kafka_client *client, const struct config *config)
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
            printf("%s: exists, %d partition%s\n", roles[i].topic, topic->partition_cnt,
                   topic->partition_cnt == 1 ? "" : "s");
            continue;
        }
        requests[count] = request_of(config, &roles[i], error, sizeof(error));
        if (requests[count])
            count++;
        else
            outcome = unavailable(error);
    }
    if (outcome == COMMAND_OK && count > 0)
        outcome = create(client, config, requests, count);
    rd_kafka_NewTopic_destroy_array(requests, count);
    rd_kafka_metadata_destroy(metadata);
    return outcome;
}

int command_topics(int argc, char **argv, const struct config *config)
{
    if (argc != 2 || strcmp(argv[1], "create") != 0)
        return command_usage("topics", "expected: create");
    char error[512];
    struct kafka_client client;
    if (!kafka_client_open(&client, config, error, sizeof(error)))
        return unavailable(error);
    int outcome = create_missing(&client, config);
    kafka_client_close(&client);
    return outcome;
}
