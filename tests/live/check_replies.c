/* Checks each reply, alone and against its command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/live/agreement.h"
#include "tests/live/observations.h"
#include "tests/live/report.h"

struct reply_id {
    const char *id;
    long command;
};

/* What is known so far while the reply topics are read one after the other. */
struct replies {
    struct observations *observations;
    size_t topic;
    int64_t passed[HISTORY_PARTITIONS][HISTORY_PARTITIONS]; /* source offset + 1 by reply and source partition */
    struct reply_id *ids;
    size_t id_count, id_capacity;
};

static const char *text_of(struct arena *arena, const json_t *value)
{
    return json_is_string(value) ? arena_text(arena, json_string_value(value), json_string_length(value)) : "";
}

/* Index of the command that a reply belongs to, or NO_COMMAND. */
static long reply_source(const struct observations *observations, const json_t *value)
{
    const json_t *source = json_object_get(value, "source"), *offset = json_object_get(source, "offset");
    const json_t *partition = json_object_get(source, "partition"), *topic = json_object_get(source, "topic");
    if (!json_is_integer(offset) || !json_is_integer(partition) || !json_is_string(topic) ||
        strcmp(json_string_value(topic), observations->commands.topic) != 0)
        return NO_COMMAND;
    return history_find(&observations->commands, json_integer_value(partition), json_integer_value(offset));
}

/* False if the reply does not have the contract's form. */
static bool answer_fill(struct answer *answer, struct arena *arena, const struct message *reply, const json_t *value)
{
    const char *type = json_string_value(json_object_get(value, "type"));
    const json_t *error = json_object_get(value, "error"), *client = json_object_get(value, "client");
    const json_t *command_id = json_object_get(value, "commandId");
    *answer = (struct answer){.is_given = true,
                              .reply_topic = reply->topic,
                              .reply_offset = reply->offset,
                              .reply_partition = reply->partition,
                              .outcome = "",
                              .command_id = text_of(arena, command_id),
                              .workspace = text_of(arena, json_object_get(value, "workspaceId")),
                              .client_id = "",
                              .existing_id = text_of(arena, json_object_get(error, "existingClientId"))};
    if (!type || !json_is_string(command_id))
        return false;
    if (strcmp(type, "client.created") == 0 && json_is_object(client) && !error) {
        answer->client_id = text_of(arena, json_object_get(client, "id"));
        answer->outcome = bytes_are(message_header(reply, "duplicate"), "true") ? "duplicate" : "created";
        return answer->client_id[0] && answer->workspace[0];
    }
    const json_t *code = json_object_get(error, "code");
    if (strcmp(type, "client.rejected") != 0 || !json_is_string(code) || client)
        return false;
    answer->outcome = text_of(arena, code);
    return json_is_string(json_object_get(error, "message")) && json_is_boolean(json_object_get(error, "retryable"));
}

static void check_headers(const struct message *reply, long command, const json_t *value)
{
    static const struct {
        const char *header, *member;
    } agreeing[] = {{"ce_type", "type"}, {"ce_causationid", "commandId"}};
    for (size_t i = 0; i < sizeof(agreeing) / sizeof(agreeing[0]); i++) {
        const char *text = json_string_value(json_object_get(value, agreeing[i].member));
        if (!text || !bytes_are(message_header(reply, agreeing[i].header), text))
            violation(CHECK_REPLY_HEADERS, command, "%s: %s is not its %s", place(reply), agreeing[i].header,
                      agreeing[i].member);
    }
    const char *id = json_string_value(json_object_get(json_object_get(value, "client"), "id"));
    if (id ? !bytes_are(message_header(reply, "ce_subject"), id) : message_has_header(reply, "ce_subject"))
        violation(CHECK_REPLY_HEADERS, command, "%s: ce_subject", place(reply));
    if (!bytes_are(message_header(reply, "content-type"), "application/json") ||
        !bytes_are(message_header(reply, "ce_specversion"), "1.0") || !message_header(reply, "ce_time").length ||
        !message_header(reply, "ce_source").length || !message_header(reply, "ce_id").length)
        violation(CHECK_REPLY_HEADERS, command, "%s: a CloudEvents header is missing or wrong", place(reply));
}

static void check_echo(const struct message *command, long index, const struct message *reply)
{
    static const char *const echoed[] = {"kafka_correlationId", "correlation-id", "traceparent", "tracestate"};
    for (size_t i = 0; i < sizeof(echoed) / sizeof(echoed[0]); i++)
        if (message_has_header(command, echoed[i]) != message_has_header(reply, echoed[i]) ||
            !bytes_equal(message_header(command, echoed[i]), message_header(reply, echoed[i])))
            violation(CHECK_REPLY_ECHO, index, "%s: %s is not that of %s", place(reply), echoed[i], place(command));
}

static void note_id(struct replies *replies, const struct message *reply, long command)
{
    struct bytes id = message_header(reply, "ce_id");
    if (replies->id_count == replies->id_capacity) {
        replies->id_capacity = replies->id_capacity ? replies->id_capacity * 2 : 1024;
        replies->ids = realloc(replies->ids, replies->id_capacity * sizeof(replies->ids[0]));
        if (!replies->ids)
            abort();
    }
    replies->ids[replies->id_count++] =
        (struct reply_id){arena_text(&replies->observations->arena, id.at, id.length), command};
}

static int compare_ids(const void *one, const void *other)
{
    const struct reply_id *a = one, *b = other;
    int order = strcmp(a->id, b->id);
    return order ? order : (a->command > b->command) - (a->command < b->command);
}

static void check_ids(struct replies *replies)
{
    if (replies->id_count > 0)
        qsort(replies->ids, replies->id_count, sizeof(replies->ids[0]), compare_ids);
    for (size_t i = 1; i < replies->id_count; i++)
        if (strcmp(replies->ids[i - 1].id, replies->ids[i].id) == 0)
            violation(CHECK_REPLY_ID, replies->ids[i].command, "two replies have the ce_id %s", replies->ids[i].id);
    free(replies->ids);
}

static void check_first(struct observations *observations, long index, const struct message *reply, const json_t *value)
{
    struct answer *answer = &observations->answers[index];
    if (!answer_fill(answer, &observations->arena, reply, value)) {
        violation(CHECK_REPLY_FORM, index, "%s: %.*s", place(reply), (int)reply->value.length, reply->value.at);
        return;
    }
    check_outcome(observations, index, answer, reply);
    if (observations->agreement && !agreement_holds(observations->agreement, index, answer, value))
        violation(CHECK_VALIDATED, index, "%s: %s", place(observations->commands.messages[index]),
                  agreement_difference(observations->agreement));
}

static void check_order(struct replies *replies, const struct message *command, long index, const struct message *reply)
{
    int64_t *passed = &replies->passed[reply->partition][command->partition];
    if (command->offset < *passed)
        violation(CHECK_REPLY_ORDER, index, "%s: answers %s after a later command", place(reply), place(command));
    else
        *passed = command->offset + 1;
}

static void check_reply(const struct message *reply, void *context)
{
    struct replies *replies = context;
    struct observations *observations = replies->observations;
    json_t *value = json_loadb(reply->value.at, reply->value.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    long index = reply_source(observations, value);
    note_id(replies, reply, index);
    if (!value)
        violation(CHECK_REPLY_FORM, NO_COMMAND, "%s: not JSON", place(reply));
    else if (index < 0)
        violation(CHECK_REPLY_KNOWN, NO_COMMAND, "%s: its source is no command", place(reply));
    if (!value || index < 0) {
        json_decref(value);
        return;
    }
    const struct message *command = observations->commands.messages[index];
    struct answer *answer = &observations->answers[index];
    if (answer->is_given) {
        violation(CHECK_REPLY_ONCE, index, "%s: answered by %s and %s", place(command),
                  place_of(answer->reply_topic, answer->reply_partition, answer->reply_offset), place(reply));
    } else {
        check_first(observations, index, reply, value);
        check_order(replies, command, index, reply);
    }
    check_committed(observations, index, reply);
    check_headers(reply, index, value);
    check_echo(command, index, reply);
    const char *workspace = json_string_value(json_object_get(value, "workspaceId"));
    check_destination(observations, replies->topic, index, reply, workspace ? workspace : "");
    json_decref(value);
}

static void check_unanswered(const struct observations *observations)
{
    for (size_t i = 0; i < observations->commands.count; i++) {
        const struct message *command = observations->commands.messages[i];
        if (observations->answers[i].is_given)
            continue;
        violation(CHECK_REPLY_EACH, (long)i, "%s has none", place(command));
        if (!report_leaves_out(CHECK_REPLY_LOST) && command->offset < observations->committed[command->partition])
            violation(CHECK_REPLY_LOST, (long)i, "%s is passed, and has none", place(command));
    }
}

void check_replies(struct observations *observations, int wait_seconds)
{
    struct replies *replies = calloc(1, sizeof(*replies));
    observations->answers = calloc(observations->commands.count + 1, sizeof(observations->answers[0]));
    if (!replies || !observations->answers)
        abort();
    replies->observations = observations;
    for (; replies->topic < observations->reply_topics; replies->topic++) {
        memset(replies->passed, 0, sizeof(replies->passed));
        if (!history_read(&observations->replies[replies->topic], wait_seconds, check_reply, replies))
            violation(CHECK_SETTLED, NO_COMMAND, "%s cannot be read to its end",
                      observations->replies[replies->topic].topic);
    }
    check_ids(replies);
    check_unanswered(observations);
    free(replies);
}
