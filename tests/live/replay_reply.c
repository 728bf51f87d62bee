#include "tests/live/replay_reply.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/live/replay_distort.h"
#include "tests/live/tamper_client.h"

#define ANSWER_MS       40 /* from a command to its reply */
#define LACKING_VERSION "00000000000000000000000000000000"

/* The latest plain command of a workspace. */
struct latest {
    uint64_t index;
    char *client; /* of the reply; NULL if it was rejected */
};

/* A reply as it is sent. */
struct reply {
    char *value; /* owned */
    bool is_duplicate, is_created;
};

struct replier {
    const struct plan *plan;
    struct sink *sink;
    const char *command_topic;
    struct latest *latest; /* by workspace */
    struct sink_message *late;
    size_t late_count, late_capacity;
};

struct replier *replier_new(const struct plan *plan, struct sink *sink, const char *command_topic)
{
    struct replier *replier = calloc(1, sizeof(*replier));
    *replier = (struct replier){.plan = plan, .sink = sink, .command_topic = command_topic};
    replier->latest = calloc(plan->workspaces, sizeof(replier->latest[0]));
    return replier;
}

/* `validate` gives all clients the same time; texts of times have one length. */
static void set_time(char *value, const char *name, int64_t ts)
{
    char *at = strstr(value, name), text[64];
    time_t seconds = (time_t)(ts / 1000);
    struct tm parts;
    if (!at)
        return;
    size_t length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &parts));
    length += (size_t)snprintf(text + length, sizeof(text) - length, ".%03dZ", (int)(ts % 1000));
    memcpy(at + strlen(name), text, length);
}

static const char *place_text(const struct replier *replier, const struct planned *planned, int64_t offset)
{
    static char text[320];
    snprintf(text, sizeof(text), "%s/%d/%lld", replier->command_topic, (int)planned->partition, (long long)offset);
    return text;
}

/* The reply up to its outcome, without the brace at the end. */
static size_t write_head(const struct replier *replier, const struct planned *planned, int64_t offset, bool created,
                         const char *id, const char *version, char *value, size_t size)
{
    int length = snprintf(value, size, "{\"type\":\"client.%s\",\"commandId\":\"%s\"", created ? "created" : "rejected",
                          id ? id : place_text(replier, planned, offset));
    if (id && planned->kind != PLAN_WITHOUT_WORKSPACE)
        length += snprintf(value + length, size - (size_t)length, ",\"workspaceId\":\"%s\"", planned->workspace_name);
    length += snprintf(value + length, size - (size_t)length,
                       ",\"source\":{\"topic\":\"%s\",\"partition\":%d,\"offset\":%lld}", replier->command_topic,
                       (int)planned->partition, (long long)offset);
    if (version)
        length += snprintf(value + length, size - (size_t)length, ",\"definitions\":\"%.32s\"", version);
    return (size_t)length;
}

static struct reply reply_new(const struct replier *replier, const struct planned *planned, int64_t offset,
                              bool created, const char *id, const char *version, const char *rest)
{
    size_t size = strlen(rest) + 1024;
    struct reply reply = {.value = malloc(size), .is_created = created};
    size_t length = write_head(replier, planned, offset, created, id, version, reply.value, size);
    snprintf(reply.value + length, size - length, ",%s}", rest);
    return reply;
}

static struct reply rejection(const struct replier *replier, const struct planned *planned, int64_t offset,
                              const char *id, const char *version, const char *code, const char *more)
{
    char rest[512];
    snprintf(rest, sizeof(rest), "\"error\":{\"code\":\"%s\",\"message\":\"for a test\",\"retryable\":%s%s}", code,
             strcmp(code, "definitions_missing") == 0 ? "true" : "false", more);
    return reply_new(replier, planned, offset, false, id, version, rest);
}

/* From "client" or "error" on, without the brace at the end. New. */
static char *outcome_text(const char *decided, bool created)
{
    const char *from = strstr(decided, created ? "\"client\":{" : "\"error\":{");
    return strndup(from, strlen(from) - (decided[strlen(decided) - 1] == '\n' ? 2 : 1));
}

/* As the daemon would answer. */
static struct reply natural(struct replier *replier, uint64_t index, const struct planned *planned, int64_t offset,
                            const char *decided)
{
    struct latest *latest = &replier->latest[planned->workspace];
    bool usable =
        plan_definitions_are_usable(replier->plan, planned->epoch) && !plan_is_bare(replier->plan, planned->workspace);
    bool broken =
        !usable && plan_definitions(replier->plan, planned->epoch) && !plan_is_bare(replier->plan, planned->workspace);
    const char *id = planned->kind == PLAN_WITHOUT_ID ? NULL : planned->id;
    if (!decided)
        return rejection(replier, planned, offset, NULL, NULL, "malformed_json", "");
    char own_id[400];
    if (!id) /* its workspace is known all the same */
        id = strcpy(own_id, place_text(replier, planned, offset));
    const char *named = strstr(decided, "\"definitions\":\""), *version = NULL;
    if (usable && named)
        version = named + strlen("\"definitions\":\"");
    bool created = strncmp(decided, "{\"type\":\"client.created\"", 24) == 0, refers = latest->client;
    if (refers && latest->index == planned->earlier && planned->kind == PLAN_DUPLICATE) {
        struct reply reply = reply_new(replier, planned, offset, true, id, version, latest->client);
        reply.is_duplicate = true;
        return reply;
    }
    if (refers && latest->index == planned->earlier && planned->kind == PLAN_CONFLICT)
        return rejection(replier, planned, offset, id, version, "command_id_conflict", "");
    if (created && (broken || (!usable && planned->gives_fields)))
        return rejection(replier, planned, offset, id, NULL, "definitions_missing", "");
    if (created && refers && latest->index == planned->earlier && planned->kind == PLAN_EMAIL_TAKEN) {
        char more[80];
        snprintf(more, sizeof(more), ",\"existingClientId\":\"%.36s\"", strstr(latest->client, "\"id\":\"") + 6);
        return rejection(replier, planned, offset, id, version, "email_taken", more);
    }
    char *rest = outcome_text(decided, created);
    struct reply reply = reply_new(replier, planned, offset, created, id, version, rest);
    set_time(reply.value, "\"createdAt\":\"", planned->ts);
    set_time(reply.value, "\"updatedAt\":\"", planned->ts);
    if (planned->kind == PLAN_PLAIN) {
        set_time(rest, "\"createdAt\":\"", planned->ts);
        set_time(rest, "\"updatedAt\":\"", planned->ts);
        free(latest->client);
        *latest = (struct latest){index, created ? rest : NULL};
    }
    if (planned->kind != PLAN_PLAIN || !created)
        free(rest);
    return reply;
}

/* Replaces the reply. */
static void edit(struct reply *reply, const struct planned *planned)
{
    json_t *value = json_loads(reply->value, JSON_ALLOW_NUL, NULL);
    if (planned->kind == PLAN_LACKING_VERSION)
        json_object_set_new(value, "definitions", json_string(LACKING_VERSION));
    else if (planned->kind == PLAN_NAMES_NO_VERSION)
        json_object_del(value, "definitions");
    else
        json_object_del(json_object_get(value, "error"), "errors");
    free(reply->value);
    reply->value = json_dumps(value, JSON_COMPACT);
    json_decref(value);
}

static struct reply distorted(const char *value, uint64_t index, bool is_of_other_topic)
{
    struct reply reply = {.value = reply_distorted(value, index, is_of_other_topic ? "another" : NULL)};
    reply.is_created = strstr(reply.value, "\"client.created\"");
    return reply;
}

static void keep_late(struct replier *replier, const struct sink_message *message)
{
    if (replier->late_count == replier->late_capacity) {
        replier->late_capacity = replier->late_capacity ? 2 * replier->late_capacity : 64;
        replier->late = realloc(replier->late, replier->late_capacity * sizeof(replier->late[0]));
    }
    struct sink_message *late = &replier->late[replier->late_count++];
    *late = *message;
    late->key = strdup(message->key);
    late->value = strdup(message->value);
    late->header_count = 2; /* the ones with constant texts */
}

static void send_reply(struct replier *replier, const struct planned *planned, int64_t offset,
                       const struct reply *reply, enum sink_topic topic, int32_t partition, int64_t after_ms)
{
    struct sink_message message = {.topic = topic,
                                   .partition = partition % (int32_t)replier->plan->partitions,
                                   .ts = planned->ts + ANSWER_MS + after_ms,
                                   .key = planned->workspace_name,
                                   .value = reply->value,
                                   .length = strlen(reply->value),
                                   .is_aborted = after_ms < 0};
    message.headers[message.header_count++] = (struct sink_header){"content-type", "application/json"};
    message.headers[message.header_count++] =
        (struct sink_header){"ce_type", reply->is_created ? "client.created" : "client.rejected"};
    if (reply->is_duplicate)
        message.headers[message.header_count++] = (struct sink_header){"duplicate", "true"};
    message.headers[message.header_count++] = (struct sink_header){"ce_id", place_text(replier, planned, offset)};
    if (planned->kind == PLAN_LATE) {
        message.ts = PLAN_START + (int64_t)replier->plan->count * PLAN_STEP + after_ms;
        keep_late(replier, &message);
    } else {
        sink_send(replier->sink, &message);
    }
}

/* Two that name one command; the first one counts, wherever it is. */
static void send_two(struct replier *replier, uint64_t index, const struct planned *planned, int64_t offset,
                     const struct reply *first, const struct reply *second)
{
    int32_t at = planned->partition, low = 0, high = (int32_t)replier->plan->partitions - 1;
    switch (index % 5) {
    case 0: /* by its time, though it stands in the later topic */
        send_reply(replier, planned, offset, second, SINK_ELSEWHERE, at, 7);
        send_reply(replier, planned, offset, first, SINK_REPLIES, at, 0);
        break;
    case 1: /* by its time, though it was sent later */
        send_reply(replier, planned, offset, second, SINK_REPLIES, at, 7);
        send_reply(replier, planned, offset, first, SINK_REPLIES, at, 0);
        break;
    case 2: /* by the topic */
        send_reply(replier, planned, offset, second, SINK_REPLIES, low, 0);
        send_reply(replier, planned, offset, first, SINK_ELSEWHERE, high, 0);
        break;
    case 3: /* by the partition */
        send_reply(replier, planned, offset, second, SINK_REPLIES, high, 0);
        send_reply(replier, planned, offset, first, SINK_REPLIES, low, 0);
        break;
    default: /* by the offset */
        send_reply(replier, planned, offset, first, SINK_REPLIES, at, 0);
        send_reply(replier, planned, offset, second, SINK_REPLIES, at, 0);
    }
}

static void send_foreign(struct replier *replier, uint64_t index, const struct planned *planned)
{
    static const char *const values[] = {NULL, "", "no JSON", "[]", "{\"source\":7}", "{\"type\":\"client.created\"}"};
    const char *value = values[index % 6];
    sink_send(replier->sink, &(struct sink_message){.topic = SINK_REPLIES,
                                                    .partition = planned->partition,
                                                    .ts = planned->ts,
                                                    .key = planned->workspace_name,
                                                    .value = value,
                                                    .length = value ? strlen(value) : 0});
}

void replier_answer(struct replier *replier, uint64_t index, const struct planned *planned, int64_t offset,
                    const char *decided)
{
    if (planned->kind == PLAN_ABORTED || planned->kind == PLAN_NO_REPLY)
        return;
    struct reply reply = natural(replier, index, planned, offset, decided), other = {0};
    if (planned->kind == PLAN_LACKING_VERSION || planned->kind == PLAN_NAMES_NO_VERSION ||
        planned->kind == PLAN_MINIMAL)
        edit(&reply, planned);
    if (planned->kind == PLAN_OTHER_OUTCOME || planned->kind == PLAN_TWO_REPLIES ||
        planned->kind == PLAN_ABORTED_REPLY || planned->kind == PLAN_OTHER_SOURCE)
        other = distorted(reply.value, index, planned->kind == PLAN_OTHER_SOURCE);
    if (planned->kind == PLAN_OTHER_OUTCOME) {
        send_reply(replier, planned, offset, &other, SINK_REPLIES, planned->partition, 0);
    } else if (planned->kind == PLAN_TWO_REPLIES) {
        send_two(replier, index, planned, offset, &reply, &other);
    } else if (planned->kind == PLAN_ELSEWHERE) {
        send_reply(replier, planned, offset, &reply, SINK_ELSEWHERE, planned->partition + 1, 0);
    } else {
        if (planned->kind == PLAN_FOREIGN)
            send_foreign(replier, index, planned);
        if (planned->kind == PLAN_OTHER_SOURCE)
            send_reply(replier, planned, offset, &other, SINK_REPLIES, planned->partition, 0);
        if (planned->kind == PLAN_ABORTED_REPLY)
            send_reply(replier, planned, offset, &other, SINK_REPLIES, planned->partition, -1);
        send_reply(replier, planned, offset, &reply, SINK_REPLIES, planned->partition, 0);
    }
    free(reply.value);
    free(other.value);
}

void replier_close(struct replier *replier)
{
    for (size_t i = 0; i < replier->late_count; i++) {
        sink_send(replier->sink, &replier->late[i]);
        free((void *)(uintptr_t)replier->late[i].key);
        free((void *)(uintptr_t)replier->late[i].value);
    }
    for (unsigned i = 0; i < replier->plan->workspaces; i++)
        free(replier->latest[i].client);
    free(replier->latest);
    free(replier->late);
    free(replier);
}
