/* topic_config: changes topics under the daemon's feet. See `usage`. */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/lib/quick_client.h"

#define REQUEST_MS 60000
#define TRY_MS     2000

static const char usage[] =
    "topic_config ADDRESS set TOPIC NAME=VALUE ...   the topic's whole own configuration; returns once it is in force\n"
    "topic_config ADDRESS delete TOPIC ...           returns once no broker knows them any more\n"
    "topic_config ADDRESS grow TOPIC PARTITIONS      so many; returns, like all that create some, once they answer\n"
    "topic_config ADDRESS create PREFIX SUFFIX COUNT   PREFIX0SUFFIX and so on, of one partition each\n"
    "topic_config ADDRESS replace TOPIC PARTITIONS   deletes it and creates it again as soon as that is possible\n"
    "topic_config ADDRESS trim TOPIC PARTITION OFFSET   deletes the records before the offset\n"
    "topic_config ADDRESS commit GROUP TOPIC PARTITION OFFSET [METADATA]   as the group, which must have no members\n"
    "topic_config ADDRESS offsets GROUP TOPIC PARTITIONS   prints partition, committed offset, end, and the offset's "
    "metadata if it has some, a line each\n"
    "Exit status: 0; 64 usage; 69 if Kafka refuses or is away.\n";

static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "topic_config: %s: %s\n", what, why);
    exit(69);
}

static rd_kafka_t *client_new(const char *address)
{
    char why[256];
    rd_kafka_conf_t *conf = quick_client_conf();
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

static const struct timespec pause_between = {.tv_nsec = 20000000};

/* A setting of which nothing depends here: there is no rate by which it would throttle. */
#define MARK       "follower.replication.throttled.replicas"
#define MARK_VALUE "*"

static void set_config(rd_kafka_ConfigResource_t *resource, const char *name, const char *value)
{
    rd_kafka_resp_err_t code = rd_kafka_ConfigResource_set_config(resource, name, value);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up(name, rd_kafka_err2str(code));
}

/* `settings`: each is a name and, behind its end, the value. */
static void alter(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic, char **settings, int count,
                  bool is_marked)
{
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    for (int i = 0; i < count; i++)
        set_config(resource, settings[i], settings[i] + strlen(settings[i]) + 1);
    if (is_marked)
        set_config(resource, MARK, MARK_VALUE);
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

static bool is_marked(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic)
{
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_DescribeConfigs(client, &resource, 1, NULL, queue);
    rd_kafka_event_t *event = answer_of(queue);
    size_t answers, count = 0;
    bool found = false;
    const rd_kafka_ConfigResource_t **answer =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &answers);
    if (answers != 1 || rd_kafka_ConfigResource_error(answer[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up(topic, answers == 1 ? rd_kafka_ConfigResource_error_string(answer[0]) : "no answer");
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(answer[0], &count);
    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), MARK) == 0 && value && strcmp(value, MARK_VALUE) == 0)
            found = true;
    }
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(resource);
    return found;
}

static void await_mark(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic, bool wanted)
{
    for (time_t deadline = time(NULL) + REQUEST_MS / 1000; is_marked(client, queue, topic) != wanted;
         nanosleep(&pause_between, NULL))
        if (time(NULL) > deadline)
            give_up(topic, "its configuration is not in force");
}

/* The broker tells a configuration a moment before it goes by it, and takes one change after the other. So when it
 * tells a second change, the first one is in force. */
static void configure(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic, char **settings, int count)
{
    for (int i = 0; i < count; i++) {
        char *value = strchr(settings[i], '=');
        if (!value)
            give_up(settings[i], "not NAME=VALUE");
        *value = '\0';
    }
    alter(client, queue, topic, settings, count, true);
    await_mark(client, queue, topic, true);
    alter(client, queue, topic, settings, count, false);
    await_mark(client, queue, topic, false);
}

/* Waits until a leader answers for each partition. Each try is short, since librdkafka asks for the metadata of a
 * partition that it does not know only when a try begins. */
static void await_partitions(rd_kafka_t *client, const char *topic, int partitions)
{
    const time_t deadline = time(NULL) + 2 * REQUEST_MS / 1000;
    for (int i = 0; i < partitions; i++) {
        rd_kafka_resp_err_t code;
        int64_t low, high;
        while ((code = rd_kafka_query_watermark_offsets(client, topic, i, &low, &high, TRY_MS)) !=
               RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (time(NULL) > deadline)
                give_up(topic, rd_kafka_err2str(code));
            nanosleep(&pause_between, NULL);
        }
    }
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
    for (time_t deadline = time(NULL) + REQUEST_MS / 1000; topic_exists(client, topic); nanosleep(&pause_between, NULL))
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
    await_partitions(client, topic, (int)partitions);
}

static rd_kafka_resp_err_t create_topic(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic, int partitions)
{
    char why[256];
    rd_kafka_NewTopic_t *request = rd_kafka_NewTopic_new(topic, partitions, 1, why, sizeof(why));
    if (!request)
        give_up(topic, why);
    rd_kafka_CreateTopics(client, &request, 1, NULL, queue);
    rd_kafka_event_t *event = answer_of(queue);
    size_t answers;
    const rd_kafka_topic_result_t **answer =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &answers);
    rd_kafka_resp_err_t code = answers == 1 ? rd_kafka_topic_result_error(answer[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(request);
    return code;
}

static void create_many(rd_kafka_t *client, rd_kafka_queue_t *queue, char **arguments)
{
    for (long i = 0, last = strtol(arguments[2], NULL, 10); i < last; i++) {
        char name[256];
        snprintf(name, sizeof(name), "%s%ld%s", arguments[0], i, arguments[1]);
        rd_kafka_resp_err_t code = create_topic(client, queue, name, 1);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            give_up(name, rd_kafka_err2str(code));
    }
    for (long i = 0, last = strtol(arguments[2], NULL, 10); i < last; i++) {
        char name[256];
        snprintf(name, sizeof(name), "%s%ld%s", arguments[0], i, arguments[1]);
        await_partitions(client, name, 1);
    }
}

static void replace_topic(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *topic, int partitions)
{
    rd_kafka_DeleteTopic_t *request = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_DeleteTopics(client, &request, 1, NULL, queue);
    rd_kafka_event_destroy(answer_of(queue));
    rd_kafka_DeleteTopic_destroy(request);
    rd_kafka_resp_err_t code;
    time_t deadline = time(NULL) + REQUEST_MS / 1000;
    do
        code = create_topic(client, queue, topic, partitions);
    while (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS && time(NULL) < deadline);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up(topic, rd_kafka_err2str(code));
    await_partitions(client, topic, partitions);
}

/* A list of one. New. */
static rd_kafka_topic_partition_list_t *one_place(char **arguments)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, arguments[0], atoi(arguments[1]))->offset = atoll(arguments[2]);
    return list;
}

/* What was answered for that place. */
static void check_place(const rd_kafka_topic_partition_list_t *list, const char *topic)
{
    if (list->cnt != 1 || list->elems[0].err)
        give_up(topic, list->cnt == 1 ? rd_kafka_err2str(list->elems[0].err) : "no answer");
}

static void trim(rd_kafka_t *client, rd_kafka_queue_t *queue, char **arguments)
{
    rd_kafka_topic_partition_list_t *list = one_place(arguments);
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(client, &request, 1, NULL, queue);
    rd_kafka_event_t *event = answer_of(queue);
    check_place(rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event)), arguments[0]);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
}

/* metadata: NULL for none */
static void commit(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *group, char **arguments,
                   const char *metadata)
{
    rd_kafka_topic_partition_list_t *list = one_place(arguments);
    if (metadata && !(list->elems[0].metadata = strdup(metadata)))
        give_up(group, "out of memory");
    list->elems[0].metadata_size = metadata ? strlen(metadata) : 0;
    rd_kafka_AlterConsumerGroupOffsets_t *request = rd_kafka_AlterConsumerGroupOffsets_new(group, list);
    rd_kafka_AlterConsumerGroupOffsets(client, &request, 1, NULL, queue);
    rd_kafka_event_t *event = answer_of(queue);
    size_t answers;
    const rd_kafka_group_result_t **answer = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(event), &answers);
    if (answers != 1 || rd_kafka_group_result_error(answer[0]))
        give_up(group, answers == 1 ? rd_kafka_error_string(rd_kafka_group_result_error(answer[0])) : "no answer");
    check_place(rd_kafka_group_result_partitions(answer[0]), arguments[0]);
    rd_kafka_event_destroy(event);
    rd_kafka_AlterConsumerGroupOffsets_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
}

static void print_offsets(rd_kafka_t *client, rd_kafka_queue_t *queue, const char *group, const char *topic,
                          int partitions)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, i);
    rd_kafka_ListConsumerGroupOffsets_t *request = rd_kafka_ListConsumerGroupOffsets_new(group, list);
    rd_kafka_ListConsumerGroupOffsets(client, &request, 1, NULL, queue);
    rd_kafka_event_t *event = answer_of(queue);
    size_t answers;
    const rd_kafka_group_result_t **answer = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &answers);
    if (answers != 1 || rd_kafka_group_result_error(answer[0]))
        give_up(group, answers == 1 ? rd_kafka_error_string(rd_kafka_group_result_error(answer[0])) : "no answer");
    const rd_kafka_topic_partition_list_t *committed = rd_kafka_group_result_partitions(answer[0]);
    for (int i = 0; i < committed->cnt; i++) {
        int64_t low, high;
        rd_kafka_resp_err_t code =
            rd_kafka_query_watermark_offsets(client, topic, committed->elems[i].partition, &low, &high, REQUEST_MS);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            give_up(topic, rd_kafka_err2str(code));
        printf("%d %lld %lld", (int)committed->elems[i].partition, (long long)committed->elems[i].offset,
               (long long)high);
        if (committed->elems[i].metadata_size > 0)
            printf(" %.*s", (int)committed->elems[i].metadata_size, (const char *)committed->elems[i].metadata);
        printf("\n");
    }
    rd_kafka_event_destroy(event);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
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
    } else if (strcmp(verb, "create") == 0 && count == 6) {
        create_many(client, queue, arguments + 3);
    } else if (strcmp(verb, "replace") == 0 && count == 5) {
        replace_topic(client, queue, arguments[3], atoi(arguments[4]));
    } else if (strcmp(verb, "trim") == 0 && count == 6) {
        trim(client, queue, arguments + 3);
    } else if (strcmp(verb, "offsets") == 0 && count == 6) {
        print_offsets(client, queue, arguments[3], arguments[4], atoi(arguments[5]));
    } else if (strcmp(verb, "commit") == 0 && (count == 7 || count == 8)) {
        commit(client, queue, arguments[3], arguments + 4, count == 8 ? arguments[7] : NULL);
    } else {
        fputs(usage, stderr);
        status = 64;
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(client);
    return status;
}
