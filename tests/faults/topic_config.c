/* topic_config: changes topics under the daemon's feet. See `usage`. */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REQUEST_MS 20000

static const char usage[] =
    "topic_config ADDRESS set TOPIC NAME=VALUE ...   the topic's whole own configuration from now on\n"
    "topic_config ADDRESS delete TOPIC ...           returns once no broker knows them any more\n"
    "topic_config ADDRESS grow TOPIC PARTITIONS      so many from now on\n"
    "Exit status: 0; 64 usage; 69 if Kafka refuses or is away.\n";

static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "topic_config: %s: %s\n", what, why);
    exit(69);
}

static rd_kafka_t *client_new(const char *address)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", address, why, sizeof(why)) != RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(conf, "allow.auto.create.topics", "false", why, sizeof(why)) != RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(conf, "log_level", "2", why, sizeof(why)) != RD_KAFKA_CONF_OK)
        give_up(address, why);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!client)
        give_up(address, why);
    return client;
}

/* The answer to what was asked through `queue`. New. */
static rd_kafka_event_t *answer_of(rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, REQUEST_MS);
    if (!event)
        give_up("waiting", "no answer");
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up("refused", rd_kafka_event_error_string(event));
    return event;
}

static void configure(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic, char **settings, int count)
{
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    for (int i = 0; i < count; i++) {
        char *value = strchr(settings[i], '=');
        if (!value)
            give_up(settings[i], "not NAME=VALUE");
        *value++ = '\0';
        rd_kafka_resp_err_t code = rd_kafka_ConfigResource_set_config(resource, settings[i], value);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            give_up(settings[i], rd_kafka_err2str(code));
    }
    rd_kafka_AlterConfigs(client, &resource, 1, NULL, queue);
    rd_kafka_event_t *event = answer_of(queue);
    size_t answers;
    const rd_kafka_ConfigResource_t **answer =
        rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &answers);
    if (answers != 1 || rd_kafka_ConfigResource_error(answer[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up(topic, answers == 1 ? rd_kafka_ConfigResource_error_string(answer[0]) : "no answer");
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(resource);
}

static bool topic_exists(rd_kafka_t *client, const char *topic)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, handle, &metadata, REQUEST_MS);
    bool exists = true;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        exists = metadata->topics[0].err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(handle);
    return exists;
}

static void delete_topic(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic)
{
    rd_kafka_DeleteTopic_t *request = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_DeleteTopics(client, &request, 1, NULL, queue);
    rd_kafka_event_t *event = answer_of(queue);
    size_t answers;
    const rd_kafka_topic_result_t **answer =
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &answers);
    if (answers != 1 || rd_kafka_topic_result_error(answer[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up(topic, answers == 1 ? rd_kafka_topic_result_error_string(answer[0]) : "no answer");
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteTopic_destroy(request);
    const struct timespec pause = {.tv_nsec = 50000000};
    for (time_t deadline = time(NULL) + REQUEST_MS / 1000; topic_exists(client, topic); nanosleep(&pause, NULL))
        if (time(NULL) > deadline)
            give_up(topic, "still there");
}

static void grow(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic, size_t partitions)
{
    char why[256];
    rd_kafka_NewPartitions_t *request = rd_kafka_NewPartitions_new(topic, partitions, why, sizeof(why));
    if (!request)
        give_up(topic, why);
    rd_kafka_CreatePartitions(client, &request, 1, NULL, queue);
    rd_kafka_event_t *event = answer_of(queue);
    size_t answers;
    const rd_kafka_topic_result_t **answer =
        rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &answers);
    if (answers != 1 || rd_kafka_topic_result_error(answer[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up(topic, answers == 1 ? rd_kafka_topic_result_error_string(answer[0]) : "no answer");
    rd_kafka_event_destroy(event);
    rd_kafka_NewPartitions_destroy(request);
}

int main(int count, char **arguments)
{
    if (count < 4) {
        fputs(usage, stderr);
        return 64;
    }
    const char *verb = arguments[2];
    rd_kafka_t *client = client_new(arguments[1]);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    int status = 0;
    if (strcmp(verb, "set") == 0) {
        configure(client, queue, arguments[3], arguments + 4, count - 4);
    } else if (strcmp(verb, "delete") == 0) {
        for (int i = 3; i < count; i++)
            delete_topic(client, queue, arguments[i]);
    } else if (strcmp(verb, "grow") == 0 && count == 5) {
        grow(client, queue, arguments[3], strtoul(arguments[4], NULL, 10));
    } else {
        fputs(usage, stderr);
        status = 64;
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
    return status;
}
