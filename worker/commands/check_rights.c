#include "worker/commands/check_rights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/replay/history_client.h"

#define GROUP_WAIT_MS       1000
#define ASKS_FOR_OPERATIONS (RD_KAFKA_VERSION >= 0x020300ff)

static bool needs_read(const struct checked_topic *topic)
{
    return topic->role == ROLE_COMMANDS || topic->role == ROLE_RECORDS || topic->role == ROLE_DEFINITIONS;
}

static void tell_missing(struct check_report *report, const char *subject, const char *what, const char *right)
{
    check_tell(report, "right", CHECK_WARNING, "right_missing", subject, "%s needs the right to %s", what, right);
}

#if ASKS_FOR_OPERATIONS

static bool needs_write(const struct checked_topic *topic)
{
    return topic->role == ROLE_REPLIES || topic->role == ROLE_RECORDS || topic->role == ROLE_DEAD_LETTERS;
}

/* True if the user may, or if the broker does not say. */
static bool may(const rd_kafka_AclOperation_t *operations, size_t count, rd_kafka_AclOperation_t wanted)
{
    bool found = !operations || count == 0;
    for (size_t i = 0; i < count; i++)
        found = found || operations[i] == wanted || operations[i] == RD_KAFKA_ACL_OPERATION_ALL;
    return found;
}

/* Options of a question that asks for operations, too; NULL after a report. */
static rd_kafka_AdminOptions_t *options_new(struct check_report *report, rd_kafka_t *client, rd_kafka_admin_op_t kind)
{
    char text[512];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, kind);
    rd_kafka_error_t *error = rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
    if (!error && rd_kafka_AdminOptions_set_request_timeout(options, KAFKA_CLIENT_WAIT_MS, text, sizeof(text)) ==
                      RD_KAFKA_RESP_ERR_NO_ERROR)
        return options;
    check_tell(report, "right", CHECK_UNKNOWN, "rights_unknown", NULL, "%s",
               error ? rd_kafka_error_string(error) : text);
    if (error)
        rd_kafka_error_destroy(error);
    rd_kafka_AdminOptions_destroy(options);
    return NULL;
}

/* The answer; NULL after a report. The caller destroys it. */
static rd_kafka_event_t *answer_of(struct check_report *report, rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 2 * KAFKA_CLIENT_WAIT_MS);
    if (event && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return event;
    check_tell(report, "right", CHECK_UNKNOWN, "rights_unknown", NULL, "the broker does not tell them: %s",
               event ? rd_kafka_event_error_string(event) : "no reply");
    if (event)
        rd_kafka_event_destroy(event);
    return NULL;
}

static void take_topic(struct check_report *report, const rd_kafka_TopicDescription_t *description,
                       const struct checked_topics *topics)
{
    size_t count;
    const rd_kafka_AclOperation_t *operations = rd_kafka_TopicDescription_authorized_operations(description, &count);
    for (size_t i = 0; i < topics->count; i++) {
        const struct checked_topic *topic = &topics->items[i];
        if (strcmp(topic->name, rd_kafka_TopicDescription_name(description)) != 0)
            continue;
        if (needs_read(topic) && !may(operations, count, RD_KAFKA_ACL_OPERATION_READ))
            tell_missing(report, topic->name, "run", "Read the topic");
        if (needs_write(topic) && !may(operations, count, RD_KAFKA_ACL_OPERATION_WRITE))
            tell_missing(report, topic->name, "run", "Write to the topic");
    }
}

static void check_topic_rights(struct check_report *report, const struct config *config, rd_kafka_t *client,
                               const struct checked_topics *topics)
{
    (void)config;
    size_t count = 0;
    const char **names = calloc(topics->count, sizeof(char *));
    rd_kafka_AdminOptions_t *options = options_new(report, client, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
    if (!names)
        abort();
    for (size_t i = 0; i < topics->count; i++)
        if (topics->items[i].is_there)
            names[count++] = topics->items[i].name;
    if (options && count > 0) {
        rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
        rd_kafka_TopicCollection_t *collection = rd_kafka_TopicCollection_of_topic_names(names, count);
        rd_kafka_DescribeTopics(client, collection, options, queue);
        rd_kafka_event_t *event = answer_of(report, queue);
        const rd_kafka_TopicDescription_t **descriptions =
            event ? rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(event), &count) : NULL;
        for (size_t i = 0; event && i < count; i++)
            take_topic(report, descriptions[i], topics);
        if (event)
            rd_kafka_event_destroy(event);
        rd_kafka_TopicCollection_destroy(collection);
        rd_kafka_queue_destroy(queue);
    }
    if (options)
        rd_kafka_AdminOptions_destroy(options);
    free(names);
}

/* Those who may only Describe the group are found here. */
static void check_group_operations(struct check_report *report, rd_kafka_t *client, const char *group)
{
    rd_kafka_AdminOptions_t *options = options_new(report, client, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    if (!options)
        return;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DescribeConsumerGroups(client, &group, 1, options, queue);
    rd_kafka_event_t *event = answer_of(report, queue);
    size_t groups = 0, count;
    const rd_kafka_ConsumerGroupDescription_t **descriptions =
        event ? rd_kafka_DescribeConsumerGroups_result_groups(rd_kafka_event_DescribeConsumerGroups_result(event),
                                                              &groups)
              : NULL;
    for (size_t i = 0; i < groups; i++) {
        const rd_kafka_AclOperation_t *operations =
            rd_kafka_ConsumerGroupDescription_authorized_operations(descriptions[i], &count);
        if (!rd_kafka_ConsumerGroupDescription_error(descriptions[i]) &&
            !may(operations, count, RD_KAFKA_ACL_OPERATION_READ))
            tell_missing(report, group, "run", "Read the group");
    }
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
}

#else

static void check_group_operations(struct check_report *report, rd_kafka_t *client, const char *group)
{
    (void)report;
    (void)client;
    (void)group;
}

/* The first partition of each topic is read at its end: the broker asks for the right before it looks for messages. */
static rd_kafka_topic_partition_list_t *ends_of(const struct checked_topics *topics)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)topics->count);
    for (size_t i = 0; i < topics->count; i++)
        if (topics->items[i].is_there && needs_read(&topics->items[i]))
            rd_kafka_topic_partition_list_add(list, topics->items[i].name, 0)->offset = RD_KAFKA_OFFSET_END;
    return list;
}

/* Any message or end shows that the topic may be read. */
static void take_event(struct check_report *report, const rd_kafka_message_t *message,
                       rd_kafka_topic_partition_list_t *list)
{
    const char *topic = message->rkt ? rd_kafka_topic_name(message->rkt) : NULL;
    const bool is_refused = message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    const bool is_read = message->err == RD_KAFKA_RESP_ERR_NO_ERROR || message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    if (topic && (is_refused || is_read) && rd_kafka_topic_partition_list_del(list, topic, 0) && is_refused)
        tell_missing(report, topic, "run", "Read the topic");
}

static bool read_ends(struct check_report *report, struct history_client *client, rd_kafka_topic_partition_list_t *list,
                      char *error, size_t error_size)
{
    const int64_t begin_ms = clock_now_ms();
    if (list->cnt > 0 && !history_client_assign(client, list, error, error_size))
        return false;
    while (list->cnt > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client->handle, 100);
        if (message) {
            take_event(report, message, list);
            rd_kafka_message_destroy(message);
        }
        if (list->cnt > 0 && clock_now_ms() - begin_ms >= KAFKA_CLIENT_WAIT_MS) {
            snprintf(error, error_size, "%s cannot be read within %d s", list->elems[0].topic,
                     KAFKA_CLIENT_WAIT_MS / 1000);
            return false;
        }
    }
    return true;
}

static void check_topic_rights(struct check_report *report, const struct config *config, rd_kafka_t *client,
                               const struct checked_topics *topics)
{
    static const struct history_client_settings settings = {"read_uncommitted", "latest", "1048576", 0};
    char error[512];
    struct history_client reader;
    (void)client;
    rd_kafka_topic_partition_list_t *list = ends_of(topics);
    if (!history_client_open(&reader, config, &settings, error, sizeof(error)) ||
        !read_ends(report, &reader, list, error, sizeof(error)))
        check_tell(report, "right", CHECK_UNKNOWN, "rights_unknown", NULL, "%s", error);
    history_client_close(&reader);
    rd_kafka_topic_partition_list_destroy(list);
}

#endif

/* Librdkafka looks for a group's coordinator again and again, and reports a refusal only as an event. */
static bool group_is_refused(rd_kafka_t *client)
{
    bool refused = false;
    rd_kafka_message_t *event;
    while ((event = rd_kafka_consumer_poll(client, 0))) {
        refused = refused || event->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
        rd_kafka_message_destroy(event);
    }
    return refused;
}

static rd_kafka_resp_err_t ask_group(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    for (int waited_ms = 0; code == RD_KAFKA_RESP_ERR__TIMED_OUT && waited_ms < KAFKA_CLIENT_WAIT_MS;
         waited_ms += GROUP_WAIT_MS) {
        code = rd_kafka_committed(client, list, GROUP_WAIT_MS);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR && group_is_refused(client))
            code = RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
        else if (code == RD_KAFKA_RESP_ERR__WAIT_COORD)
            code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    return code;
}

/* The group's offsets may be read by those who may Read the group, and by those who may Describe it. */
static void check_group(struct check_report *report, const struct config *config, rd_kafka_t *client,
                        const struct checked_topics *topics)
{
    const char *group = config_kafka(config, config->kafka_consumer, "group.id");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topics->items[0].name, 0);
    const rd_kafka_resp_err_t code = ask_group(client, list);
    if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        tell_missing(report, group, "run", "Read the group");
    else if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        check_tell(report, "right", CHECK_UNKNOWN, "rights_unknown", group, "the group does not reply: %s",
                   rd_kafka_err2str(code));
    else
        check_group_operations(report, client, group);
    rd_kafka_topic_partition_list_destroy(list);
}

/* A producer with an id of its own, which ends no other producer. It begins no transaction. */
static void check_transactional_id(struct check_report *report, const struct config *config)
{
    char text[512] = "", id[512];
    const char *prefix = config_kafka(config, config->kafka_producer, "transactional.id");
    const struct kafka_owned owned[] = {{"transactional.id", id}, {NULL, NULL}};
    snprintf(id, sizeof(id), "%s-check", prefix);
    rd_kafka_conf_t *conf = kafka_conf_with(config, config->kafka_producer, owned, text, sizeof(text));
    rd_kafka_t *producer = conf ? kafka_conf_open(conf, RD_KAFKA_PRODUCER, text, sizeof(text)) : NULL;
    rd_kafka_error_t *error = producer ? rd_kafka_init_transactions(producer, KAFKA_CLIENT_WAIT_MS) : NULL;
    if (error && rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        tell_missing(report, id, "delivery.mode = exactly-once", "Write for transactional ids that begin so");
    else if (error || !producer)
        check_tell(report, "right", CHECK_UNKNOWN, "transactions_unknown", id, "transactions cannot be tried: %s",
                   error ? rd_kafka_error_string(error) : text);
    if (error)
        rd_kafka_error_destroy(error);
    if (producer)
        rd_kafka_destroy(producer);
}

void check_rights(struct check_report *report, const struct config *config, rd_kafka_t *client,
                  const struct checked_topics *topics)
{
    check_topic_rights(report, config, client, topics);
    check_group(report, config, client, topics);
    if (config->delivery.mode == DELIVERY_EXACTLY_ONCE)
        check_transactional_id(report, config);
}
