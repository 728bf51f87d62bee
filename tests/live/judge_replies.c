/* What a reply says by itself and beside its command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/live/evidence.h"
#include "tests/live/report.h"

const char *place(const rd_kafka_message_t *message)
{
    static char texts[4][320];
    static unsigned next;
    char *text = texts[next++ % 4];
    snprintf(text, sizeof(texts[0]), "%s/%d/%lld", rd_kafka_topic_name(message->rkt), message->partition,
             (long long)message->offset);
    return text;
}

static void copy_text(char target[ID_BYTES], const json_t *value)
{
    snprintf(target, ID_BYTES, "%s", json_is_string(value) ? json_string_value(value) : "");
}

/* Index of the command that a reply answers, or -1. */
static long reply_source(const struct evidence *evidence, const json_t *value)
{
    const json_t *source = json_object_get(value, "source"), *offset = json_object_get(source, "offset");
    const json_t *partition = json_object_get(source, "partition"), *topic = json_object_get(source, "topic");
    if (!json_is_integer(offset) || !json_is_integer(partition) || !json_is_string(topic) ||
        strcmp(json_string_value(topic), evidence->commands.topic) != 0)
        return -1;
    return history_find(&evidence->commands, json_integer_value(partition), json_integer_value(offset));
}

static bool answer_fill(struct answer *answer, const rd_kafka_message_t *reply, const json_t *value)
{
    const char *type = json_string_value(json_object_get(value, "type"));
    const json_t *error = json_object_get(value, "error"), *client = json_object_get(value, "client");
    answer->reply = reply;
    copy_text(answer->workspace, json_object_get(value, "workspaceId"));
    if (!type || !json_is_string(json_object_get(value, "commandId")))
        return false;
    if (strcmp(type, "client.created") == 0 && json_is_object(client) && !error) {
        copy_text(answer->client_id, json_object_get(client, "id"));
        bool duplicate = bytes_are(message_header(reply, "duplicate"), "true");
        snprintf(answer->outcome, sizeof(answer->outcome), "%s", duplicate ? "duplicate" : "created");
        return answer->client_id[0] && answer->workspace[0];
    }
    const char *code = json_string_value(json_object_get(error, "code"));
    if (strcmp(type, "client.rejected") != 0 || !code || client)
        return false;
    snprintf(answer->outcome, sizeof(answer->outcome), "%s", code);
    copy_text(answer->existing_id, json_object_get(error, "existingClientId"));
    return json_is_string(json_object_get(error, "message")) && json_is_boolean(json_object_get(error, "retryable"));
}

static void judge_headers(const rd_kafka_message_t *reply, const json_t *value)
{
    static const struct {
        const char *header, *member;
    } agreeing[] = {{"ce_type", "type"}, {"ce_causationid", "commandId"}};
    for (size_t i = 0; i < sizeof(agreeing) / sizeof(agreeing[0]); i++) {
        const char *text = json_string_value(json_object_get(value, agreeing[i].member));
        if (!text || !bytes_are(message_header(reply, agreeing[i].header), text))
            breach(CHECK_REPLY_HEADERS, "%s: %s is not its %s", place(reply), agreeing[i].header, agreeing[i].member);
    }
    const char *id = json_string_value(json_object_get(json_object_get(value, "client"), "id"));
    if (id ? !bytes_are(message_header(reply, "ce_subject"), id) : message_has_header(reply, "ce_subject"))
        breach(CHECK_REPLY_HEADERS, "%s: ce_subject", place(reply));
    if (!bytes_are(message_header(reply, "content-type"), "application/json") ||
        !bytes_are(message_header(reply, "ce_specversion"), "1.0") || !message_header(reply, "ce_time").length ||
        !message_header(reply, "ce_source").length || !message_header(reply, "ce_id").length)
        breach(CHECK_REPLY_HEADERS, "%s: a CloudEvents header is missing or wrong", place(reply));
}

static void judge_echo(const rd_kafka_message_t *command, const rd_kafka_message_t *reply)
{
    static const char *const echoed[] = {"kafka_correlationId", "correlation-id", "traceparent", "tracestate"};
    for (size_t i = 0; i < sizeof(echoed) / sizeof(echoed[0]); i++)
        if (message_has_header(command, echoed[i]) != message_has_header(reply, echoed[i]) ||
            !bytes_equal(message_header(command, echoed[i]), message_header(reply, echoed[i])))
            breach(CHECK_REPLY_ECHO, "%s: %s is not that of %s", place(reply), echoed[i], place(command));
}

/* The hash by which Java clients choose the partition of a key: MurmurHash2, 32 bits, seed 0x9747b28c. */
static uint32_t murmur2(struct bytes key)
{
    const uint32_t factor = 0x5bd1e995;
    const unsigned char *at = (const unsigned char *)key.at;
    size_t left = key.length;
    uint32_t hash = 0x9747b28cu ^ (uint32_t)left;
    for (; left >= 4; left -= 4, at += 4) {
        uint32_t word = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        word *= factor;
        word ^= word >> 24;
        hash = hash * factor ^ word * factor;
    }
    if (left == 3)
        hash ^= (uint32_t)at[2] << 16;
    if (left >= 2)
        hash ^= (uint32_t)at[1] << 8;
    if (left >= 1)
        hash = (hash ^ at[0]) * factor;
    hash ^= hash >> 13;
    hash *= factor;
    return hash ^ hash >> 15;
}

/* The reply topic that a command asks for, if it is one of ours, else the default one. */
static size_t wanted_topic(const struct evidence *evidence, const rd_kafka_message_t *command)
{
    const char *name = message_has_header(command, "kafka_replyTopic") ? "kafka_replyTopic" : "reply-topic";
    for (size_t i = 1; i < evidence->reply_topics; i++)
        if (bytes_are(message_header(command, name), evidence->replies[i].topic))
            return i;
    return 0;
}

static void judge_place(const struct evidence *evidence, size_t topic, const rd_kafka_message_t *command,
                        const rd_kafka_message_t *reply, const struct answer *answer)
{
    struct bytes key = message_key(command);
    if (!key.at && answer->workspace[0])
        key = (struct bytes){answer->workspace, strlen(answer->workspace)};
    if (!bytes_equal(key, message_key(reply)))
        breach(CHECK_REPLY_PLACE, "%s: not the key of %s", place(reply), place(command));
    if (wanted_topic(evidence, command) != topic)
        breach(CHECK_REPLY_PLACE, "%s: not the topic that %s asks for", place(reply), place(command));

    int32_t partitions = evidence->replies[topic].partitions, partition = command->partition % partitions;
    if (key.at)
        partition = (int32_t)((murmur2(key) & 0x7fffffffu) % (uint32_t)partitions);
    struct bytes wanted = message_header(command, "kafka_replyPartition");
    if (topic != 0 && wanted.length == 4)
        partition = (unsigned char)wanted.at[3]; /* an int as Java writes it, big end first; ours are small */
    if ((!key.at || key.length > 0) && reply->partition != partition)
        breach(CHECK_REPLY_PLACE, "%s: not partition %d, where the reply to %s belongs", place(reply), partition,
               place(command));
}

static int compare_texts(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

static void judge_ids(const struct evidence *evidence)
{
    size_t count = 0, next = 0;
    for (size_t topic = 0; topic < evidence->reply_topics; topic++)
        count += evidence->replies[topic].count;
    char **ids = calloc(count + 1, sizeof(ids[0]));
    for (size_t topic = 0; topic < evidence->reply_topics; topic++)
        for (size_t i = 0; i < evidence->replies[topic].count; i++) {
            struct bytes id = message_header(evidence->replies[topic].messages[i], "ce_id");
            ids[next++] = strndup(id.at ? id.at : "", id.length);
        }
    qsort(ids, count, sizeof(ids[0]), compare_texts);
    for (size_t i = 1; i < count; i++)
        if (strcmp(ids[i - 1], ids[i]) == 0)
            breach(CHECK_REPLY_ID, "two replies have the ce_id %s", ids[i]);
    for (size_t i = 0; i < count; i++)
        free(ids[i]);
    free(ids);
}

struct order {
    int64_t last[HISTORY_PARTITIONS][HISTORY_PARTITIONS]; /* source offset + 1 by reply and source partition */
};

static void judge_reply(struct evidence *evidence, size_t topic, const rd_kafka_message_t *reply, struct order *order)
{
    json_t *value = json_loadb(reply->payload, reply->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    long index = reply_source(evidence, value);
    if (!value)
        breach(CHECK_REPLY_FORM, "%s: not JSON", place(reply));
    else if (index < 0)
        breach(CHECK_REPLY_KNOWN, "%s: its source is no command", place(reply));
    if (!value || index < 0) {
        json_decref(value);
        return;
    }
    const rd_kafka_message_t *command = evidence->commands.messages[index];
    struct answer *answer = &evidence->answers[index];
    if (answer->count++ > 0)
        breach(CHECK_REPLY_ONCE, "%s: answered by %s and %s", place(command), place(answer->reply), place(reply));
    else if (!answer_fill(answer, reply, value))
        breach(CHECK_REPLY_FORM, "%s: %.*s", place(reply), (int)reply->len, (const char *)reply->payload);

    int64_t *last = &order->last[reply->partition][command->partition];
    if (command->offset < *last)
        breach(CHECK_REPLY_ORDER, "%s: answers %s after a later command", place(reply), place(command));
    else
        *last = command->offset + 1;
    judge_headers(reply, value);
    judge_echo(command, reply);
    judge_place(evidence, topic, command, reply, answer);
    json_decref(value);
}

void judge_replies(struct evidence *evidence)
{
    evidence->answers = calloc(evidence->commands.count + 1, sizeof(evidence->answers[0]));
    struct order *order = malloc(sizeof(*order));
    for (size_t topic = 0; topic < evidence->reply_topics; topic++) {
        *order = (struct order){0};
        for (size_t i = 0; i < evidence->replies[topic].count; i++)
            judge_reply(evidence, topic, evidence->replies[topic].messages[i], order);
    }
    free(order);
    for (size_t i = 0; i < evidence->commands.count; i++)
        if (evidence->answers[i].count == 0)
            breach(CHECK_REPLY_EACH, "%s has none", place(evidence->commands.messages[i]));
    judge_ids(evidence);
}
