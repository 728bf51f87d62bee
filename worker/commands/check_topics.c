#include "worker/commands/check_topics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "worker/commands/check_sizes.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/kafka/marker_limits.h"

/* ---- Which topics ---- */

struct checked_topics checked_topics_of(const struct config *config)
{
    const struct checked_topic roles[] = {{config->commands.topic, ROLE_COMMANDS, false, 0, false},
                                          {config->replies.topic, ROLE_REPLIES, false, 0, false},
                                          {config->records.topic, ROLE_RECORDS, false, 0, false},
                                          {config->definitions.topic, ROLE_DEFINITIONS, false, 0, false},
                                          {config->dead_letters.topic, ROLE_DEAD_LETTERS, false, 0, false}};
    const size_t fixed = sizeof(roles) / sizeof(roles[0]);
    struct checked_topics topics = {.count = fixed};
    topics.items = calloc(fixed + config->replies.allowed.count, sizeof(*topics.items));
    if (!topics.items)
        abort();
    memcpy(topics.items, roles, sizeof(roles));
    for (size_t i = 0; i < config->replies.allowed.count; i++) {
        const char *name = config->replies.allowed.items[i];
        if (!strchr(name, '*') && strcmp(name, config->replies.topic) != 0)
            topics.items[topics.count++] = (struct checked_topic){name, ROLE_REPLIES, false, 0, false};
    }
    return topics;
}

void checked_topics_free(struct checked_topics *topics)
{
    free(topics->items);
}

/* ---- Existence ---- */

static void tell_missing(struct check_report *report, const struct config *config, const struct checked_topic *topic)
{
    if (topic->role == ROLE_REPLIES && strcmp(topic->name, config->replies.topic) != 0)
        check_tell(report, "topic", CHECK_WARNING, "topic_missing", topic->name,
                   "it does not exist; replies to commands that name it go to %s", config->replies.topic);
    else
        check_tell(report, "topic", CHECK_WARNING, "topic_missing", topic->name,
                   "it does not exist; client-intake topics create creates it");
}

void check_topics_exist(struct check_report *report, const struct config *config, rd_kafka_t *client,
                        struct checked_topics *topics)
{
    for (size_t i = 0; i < topics->count; i++) {
        struct checked_topic *topic = &topics->items[i];
        int32_t partitions;
        const rd_kafka_resp_err_t code = kafka_topic_ask(client, topic->name, KAFKA_CLIENT_WAIT_MS, &partitions);
        topic->is_there = code == RD_KAFKA_RESP_ERR_NO_ERROR && partitions > 0;
        if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
            check_tell(report, "right", CHECK_WARNING, "right_missing", topic->name,
                       "the user may not see the topic, or it does not exist: no right to Describe");
        else if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            check_tell(report, "topic", CHECK_UNAVAILABLE, "unreachable", topic->name, "%s", rd_kafka_err2str(code));
        else if (!topic->is_there)
            tell_missing(report, config, topic);
    }
}

/* ---- Settings ---- */

struct topic_settings {
    const char *cleanup;                   /* cleanup.policy; NULL: not told */
    int64_t retention_ms, retention_bytes; /* -1: without limit */
};

static int64_t number_of(const char *value)
{
    return value ? strtoll(value, NULL, 10) : 0;
}

static struct topic_settings settings_of(const rd_kafka_ConfigResource_t *resource, struct checked_topic *topic)
{
    struct topic_settings settings = {NULL, -1, -1};
    size_t count;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]), *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (strcmp(name, "cleanup.policy") == 0)
            settings.cleanup = value;
        else if (strcmp(name, "retention.ms") == 0)
            settings.retention_ms = number_of(value);
        else if (strcmp(name, "retention.bytes") == 0)
            settings.retention_bytes = number_of(value);
        else if (strcmp(name, "max.message.bytes") == 0)
            topic->message_max_bytes = number_of(value);
        else if (strcmp(name, "compression.type") == 0)
            topic->is_uncompressed = value && strcmp(value, "uncompressed") == 0;
    }
    return settings;
}

static void check_cleanup(struct check_report *report, const struct checked_topic *topic, const char *cleanup)
{
    static const char *const reasons[] = {
        [ROLE_COMMANDS] = "commands without a key are refused, and of those with a key only the last one stays",
        [ROLE_REPLIES] = "replies without a key are refused, and of those with a key only the last one stays",
        [ROLE_RECORDS] = "clients are deleted by their age, and a rebuild of Redis lacks them",
        [ROLE_DEFINITIONS] = "earlier definitions are deleted, and a replay lacks them",
        [ROLE_DEAD_LETTERS] = "dead letters without a key are refused, and their partition waits"};
    const char *wanted = topic->role == ROLE_RECORDS ? "compact" : "delete";
    if (cleanup && strcmp(cleanup, wanted) != 0)
        check_tell(report, "topic", CHECK_WARNING, "cleanup_policy", topic->name,
                   "cleanup.policy is %s and must be %s: %s", cleanup[0] ? cleanup : "empty", wanted,
                   reasons[topic->role]);
}

static void check_retention(struct check_report *report, const struct checked_topic *topic, const char *name,
                            int64_t value)
{
    if (topic->role == ROLE_DEFINITIONS && value >= 0)
        check_tell(report, "topic", CHECK_WARNING, "retention", topic->name,
                   "%s is %" PRId64 " and must be -1: definitions are deleted, and Redis cannot be filled with them",
                   name, value);
}

static bool is_named(const struct config *config, const struct checked_topic *topic)
{
    return topic->role == ROLE_REPLIES && strcmp(topic->name, config->replies.topic) != 0;
}

/* The ends of transactions; only run's transactions have messages in these topics. */
static void check_markers(struct check_report *report, const struct config *config, const struct checked_topic *topic,
                          const rd_kafka_ConfigResource_t *resource)
{
    struct marker_limit limit;
    if (topic->role == ROLE_COMMANDS || topic->role == ROLE_DEFINITIONS ||
        config->delivery.mode != DELIVERY_EXACTLY_ONCE || !marker_limit_find(resource, &limit))
        return;
    if (is_named(config, topic))
        check_tell(report, "topic", CHECK_WARNING, "marker_refused", topic->name,
                   "%s is %" PRId64 " and must be %" PRId64 " at least: replies to commands that name it go to %s",
                   limit.setting, limit.value, limit.least, config->replies.topic);
    else
        check_tell(
            report, "topic", CHECK_WARNING, "marker_refused", topic->name,
            "%s is %" PRId64 " and must be %" PRId64
            " at least: it may refuse the end of a transaction, which stops a thread until brokers are restarted",
            limit.setting, limit.value, limit.least);
}

/* ---- The question ---- */

static struct checked_topic *find(struct checked_topics *topics, const char *name)
{
    for (size_t i = 0; i < topics->count; i++)
        if (strcmp(topics->items[i].name, name) == 0)
            return &topics->items[i];
    return NULL;
}

static void take_resource(struct check_report *report, const struct config *config,
                          const rd_kafka_ConfigResource_t *resource, struct checked_topics *topics)
{
    struct checked_topic *topic = find(topics, rd_kafka_ConfigResource_name(resource));
    const rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(resource);
    if (!topic)
        return;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        check_tell(report, "topic", CHECK_UNKNOWN, "settings_unknown", topic->name,
                   "its settings cannot be read: %s; they need the right DescribeConfigs%s", rd_kafka_err2str(code),
                   is_named(config, topic) ? ", without which its owner can stop a thread" : "");
        return;
    }
    const struct topic_settings settings = settings_of(resource, topic);
    check_cleanup(report, topic, settings.cleanup);
    check_markers(report, config, topic, resource);
    check_retention(report, topic, "retention.ms", settings.retention_ms);
    check_retention(report, topic, "retention.bytes", settings.retention_bytes);
}

static void take_answer(struct check_report *report, const struct config *config, rd_kafka_event_t *event,
                        struct checked_topics *topics)
{
    const char *error = !event                                                      ? "no reply"
                        : rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_event_error_string(event)
                                                                                    : NULL;
    if (error) {
        check_tell(report, "topic", CHECK_UNKNOWN, "settings_unknown", NULL, "settings of topics cannot be read: %s",
                   error);
        return;
    }
    size_t count;
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
    for (size_t i = 0; i < count; i++)
        take_resource(report, config, resources[i], topics);
}

void check_topic_settings(struct check_report *report, const struct config *config, rd_kafka_t *client,
                          struct checked_topics *topics)
{
    char error[512];
    size_t count = 0;
    rd_kafka_ConfigResource_t **resources = calloc(topics->count, sizeof(rd_kafka_ConfigResource_t *));
    if (!resources)
        abort();
    for (size_t i = 0; i < topics->count; i++)
        if (topics->items[i].is_there)
            resources[count++] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics->items[i].name);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_event_t *event = NULL;
    if (count > 0 && rd_kafka_AdminOptions_set_request_timeout(options, KAFKA_CLIENT_WAIT_MS, error, sizeof(error)) ==
                         RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_DescribeConfigs(client, resources, count, options, queue);
        event = rd_kafka_queue_poll(queue, 2 * KAFKA_CLIENT_WAIT_MS);
    }
    if (count > 0)
        take_answer(report, config, event, topics);
    for (size_t i = 0; i < topics->count; i++)
        check_topic_sizes(report, config, &topics->items[0], &topics->items[i]);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy_array(resources, count);
    free(resources);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
}
