#include "tests/live/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/live/command_text.h"

#define COMMAND_LIMIT 262144 /* limits.command_bytes, by default */
#define LOOK_BACK     64     /* how many commands of a workspace are tried as the earlier one */
#define RACE          40     /* commands of a race that share an id or an email, at most */

/* ROW(kind, how many of a thousand, the outcome) */
#define KIND_TABLE(ROW)                                                                                                \
    ROW(PLAIN, 545, "created")                                                                                         \
    ROW(IDS_IN_HEADERS, 40, "created")                                                                                 \
    ROW(WITHOUT_ID, 30, "created")                                                                                     \
    ROW(CLOUDEVENT_BINARY, 30, "created")                                                                              \
    ROW(CLOUDEVENT_STRUCTURED, 30, "created")                                                                          \
    ROW(WITHOUT_KEY, 30, "created")                                                                                    \
    ROW(WORKSPACE_IS_KEY, 20, "created")                                                                               \
    ROW(BARE_WORKSPACE, 20, "created")                                                                                 \
    ROW(REPLY_ELSEWHERE, 20, "created")                                                                                \
    ROW(REPLY_NOT_ALLOWED, 10, "created")                                                                              \
    ROW(DUPLICATE, 50, "duplicate")                                                                                    \
    ROW(CONFLICT, 15, "command_id_conflict")                                                                           \
    ROW(INVALID_CONFLICT, 5, "command_id_conflict")                                                                    \
    ROW(EMAIL_TAKEN, 25, "email_taken")                                                                                \
    ROW(EMAIL_TAKEN_UPPER_CASE, 15, "email_taken")                                                                     \
    ROW(EMAIL_RACE, 10, "created,email_taken")                                                                         \
    ROW(ID_RACE, 10, "created,duplicate")                                                                              \
    ROW(MISSING_DEFINITIONS, 5, "definitions_missing")                                                                 \
    ROW(BAD_PHONE, 15, "validation_failed")                                                                            \
    ROW(BAD_OPTION, 15, "validation_failed")                                                                           \
    ROW(BAD_EMAIL, 10, "validation_failed")                                                                            \
    ROW(MISSING_EMAIL, 10, "validation_failed")                                                                        \
    ROW(MISSPELT_MEMBER, 5, "validation_failed")                                                                       \
    ROW(UNKNOWN_FIELD, 5, "validation_failed")                                                                         \
    ROW(BAD_WORKSPACE, 3, "validation_failed")                                                                         \
    ROW(OTHER_TYPE, 4, "unsupported_type")                                                                             \
    ROW(GARBAGE, 4, "malformed_json")                                                                                  \
    ROW(EMPTY, 2, "malformed_json")                                                                                    \
    ROW(TOMBSTONE, 3, "malformed_json")                                                                                \
    ROW(DUPLICATE_MEMBER, 3, "malformed_json")                                                                         \
    ROW(LONE_SURROGATE, 3, "malformed_json")                                                                           \
    ROW(ARRAY, 2, "malformed_json")                                                                                    \
    ROW(NOT_UTF_8, 2, "malformed_json")                                                                                \
    ROW(TOO_DEEP, 2, "malformed_json")                                                                                 \
    ROW(TOO_LARGE, 1, "too_large")                                                                                     \
    ROW(TOO_LARGE_GARBAGE, 1, "too_large")

enum kind {
#define KIND_ROW(kind, share, outcome) KIND_##kind,
    KIND_TABLE(KIND_ROW)
#undef KIND_ROW
        KIND_COUNT
};

static const struct {
    unsigned share;
    const char *outcome;
} kinds[] = {
#define KIND_ROW(kind, share, outcome) {share, outcome},
    KIND_TABLE(KIND_ROW)
#undef KIND_ROW
};

/* SplitMix64: one well mixed number for each index. */
static uint64_t mixed(const struct command_mixture *mixture, uint64_t index)
{
    uint64_t number = (mixture->seed << 32) + (index + 1) * 0x9e3779b97f4a7c15u;
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9u;
    number = (number ^ number >> 27) * 0x94d049bb133111ebu;
    return number ^ number >> 31;
}

static enum kind kind_drawn(const struct command_mixture *mixture, uint64_t index)
{
    unsigned drawn = (unsigned)(mixed(mixture, index) % 1000);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        if (drawn < kinds[kind].share)
            return (enum kind)kind;
        drawn -= kinds[kind].share;
    }
    return KIND_PLAIN;
}

/* Sets the latest earlier plain command of the same workspace; false if none is near enough. */
static bool find_earlier(const struct command_mixture *mixture, uint64_t index, uint64_t *earlier)
{
    *earlier = index;
    for (int i = 0; i < LOOK_BACK && *earlier >= mixture->workspaces; i++) {
        *earlier -= mixture->workspaces;
        if (kind_drawn(mixture, *earlier) == KIND_PLAIN)
            return true;
    }
    return false;
}

static bool refers_to_earlier(enum kind kind)
{
    return kind == KIND_DUPLICATE || kind == KIND_CONFLICT || kind == KIND_INVALID_CONFLICT ||
           kind == KIND_EMAIL_TAKEN || kind == KIND_EMAIL_TAKEN_UPPER_CASE;
}

static bool is_race(enum kind kind)
{
    return kind == KIND_EMAIL_RACE || kind == KIND_ID_RACE;
}

static enum kind kind_of(const struct command_mixture *mixture, uint64_t index, uint64_t *earlier)
{
    enum kind kind = kind_drawn(mixture, index);
    if ((refers_to_earlier(kind) && !find_earlier(mixture, index, earlier)) ||
        (kind == KIND_REPLY_ELSEWHERE && !mixture->reply_topic) || (is_race(kind) && mixture->without_races))
        return KIND_PLAIN;
    return kind;
}

static void add_echoes(struct command *command, uint64_t index)
{
    if (index % 3 == 0)
        add_header_bytes(command, "kafka_correlationId", "\x00\xff\x10\n\"", 5);
    if (index % 4 == 0)
        add_header(command, "correlation-id", "correlation %llu", number_of(index));
    if (index % 5 == 0) {
        add_header(command, "traceparent", "00-%032llx-%016llx-01", number_of(index + 1), number_of(index + 1));
        add_header(command, "tracestate", "vendor=%llu", number_of(index));
    }
}

static void make_good(struct command *command, const struct command_mixture *mixture, enum kind kind, uint64_t index,
                      const char *workspace, const char *email)
{
    switch (kind) {
    case KIND_IDS_IN_HEADERS:
        add_header(command, "command-id", "command-%llu", number_of(index));
        add_header(command, "workspace-id", "%s", workspace);
        append(command, "{");
        append_person(command, index, email);
        append(command, "}");
        break;
    case KIND_WITHOUT_ID:
        append(command, "{\"workspaceId\":\"%s\",", workspace);
        append_person(command, index, email);
        append(command, "}");
        break;
    case KIND_CLOUDEVENT_BINARY:
        add_header(command, "ce_specversion", "1.0");
        add_header(command, "ce_id", "event-%llu", number_of(index));
        add_header(command, "ce_type", "create-client");
        add_header(command, "ce_workspaceid", "%s", workspace);
        append(command, "{");
        append_person(command, index, email);
        append_custom_fields(command, index);
        append(command, "}");
        break;
    case KIND_CLOUDEVENT_STRUCTURED:
        append(command,
               "{\"specversion\":\"1.0\",\"source\":\"tests\",\"id\":\"event-%llu\",\"type\":\"create-client\","
               "\"workspaceid\":\"%s\",\"data\":{",
               number_of(index), workspace);
        append_person(command, index, email);
        append_custom_fields(command, index);
        append(command, "}}");
        break;
    case KIND_WORKSPACE_IS_KEY:
        append(command, "{\"commandId\":\"command-%llu\",", number_of(index));
        append_person(command, index, email);
        append(command, "}");
        break;
    case KIND_BARE_WORKSPACE:
        append(command, "{\"commandId\":\"command-%llu\",\"workspaceId\":\"bare\",", number_of(index));
        append_person(command, index, email);
        append(command, ",\"customFields\":null}");
        break;
    case KIND_REPLY_ELSEWHERE:
        add_header(command, "kafka_replyTopic", "%s", mixture->reply_topic);
        if (index % 2)
            add_header_bytes(command, "kafka_replyPartition", "\0\0\0\1", 4);
        append_plain(command, workspace, index, index, email);
        break;
    case KIND_REPLY_NOT_ALLOWED:
        add_header(command, "reply-topic", "somebody-elses-topic");
        append_plain(command, workspace, index, index, email);
        break;
    default: /* KIND_PLAIN, KIND_WITHOUT_KEY */
        append_plain(command, workspace, index, index, email);
    }
}

static void make_related(struct command *command, enum kind kind, uint64_t index, uint64_t earlier,
                         const char *workspace, const char *email)
{
    char other[64];
    snprintf(other, sizeof(other), kind == KIND_EMAIL_TAKEN_UPPER_CASE ? "C%llu@Example.COM" : "c%llu@example.com",
             number_of(earlier));
    switch (kind) {
    case KIND_DUPLICATE:
        append_plain(command, workspace, earlier, earlier, other);
        break;
    case KIND_CONFLICT:
        append_plain(command, workspace, earlier, index, email);
        break;
    case KIND_INVALID_CONFLICT:
        append(command, "{\"commandId\":\"command-%llu\",\"workspaceId\":\"%s\",\"givenName\":7}", number_of(earlier),
               workspace);
        break;
    case KIND_EMAIL_RACE:
        snprintf(other, sizeof(other), "race%llu@example.com", number_of(index / RACE));
        append_plain(command, "ws-0", index, index, other);
        break;
    case KIND_ID_RACE:
        snprintf(other, sizeof(other), "same%llu@example.com", number_of(index / RACE));
        append(command, "{\"commandId\":\"race-%llu\",\"workspaceId\":\"ws-0\",", number_of(index / RACE));
        append_person(command, index / RACE, other);
        append(command, "}");
        break;
    default: /* KIND_EMAIL_TAKEN, KIND_EMAIL_TAKEN_UPPER_CASE */
        append_plain(command, workspace, index, index, other);
    }
}

/* The member that makes a command invalid. */
static const char *const faults[KIND_COUNT] = {
    [KIND_BAD_PHONE] = "\"customFields\":{\"phoneNumber\":\"+9991234567\"}",
    [KIND_BAD_OPTION] = "\"customFields\":{\"services\":[\"metrics\",\"metric\"]}",
    [KIND_MISSPELT_MEMBER] = "\"compnayId\":\"c-1\"",
    [KIND_UNKNOWN_FIELD] = "\"customFields\":{\"shoeSize\":43}",
    [KIND_OTHER_TYPE] = "\"type\":\"delete-client\"",
};

static void make_invalid(struct command *command, enum kind kind, uint64_t index, const char *workspace,
                         const char *email)
{
    append(command, "{\"commandId\":\"command-%llu\",\"workspaceId\":\"%s\",", number_of(index),
           kind == KIND_MISSING_DEFINITIONS ? "bare"
           : kind == KIND_BAD_WORKSPACE     ? "not a workspace"
                                            : workspace);
    if (kind == KIND_MISSING_EMAIL)
        append(command, "\"givenName\":\"Ada\",\"familyName\":\"Lovelace\"");
    else
        append_person(command, index, kind == KIND_BAD_EMAIL ? "ada@@example..com" : email);
    if (faults[kind])
        append(command, ",%s", faults[kind]);
    if (kind == KIND_MISSING_DEFINITIONS)
        append_custom_fields(command, index);
    append(command, "}");
}

/* Values that cannot be parsed, where they are short. */
static const char *const unreadable[KIND_COUNT] = {
    [KIND_GARBAGE] = "\x01\x02 garbage \"",
    [KIND_EMPTY] = "",
    [KIND_DUPLICATE_MEMBER] = "{\"commandId\":\"a\",\"commandId\":\"b\"}",
    [KIND_LONE_SURROGATE] = "{\"givenName\":\"\\ud800\"}",
    [KIND_ARRAY] = "[{\"commandId\":\"command\"}]",
    [KIND_NOT_UTF_8] = "{\"givenName\":\"\xc3\x28\"}",
};

static void make_unreadable(struct command *command, enum kind kind, uint64_t index)
{
    if (unreadable[kind])
        append(command, "%s", unreadable[kind]);
    else if (kind == KIND_TOMBSTONE)
        command->tombstone = true;
    else if (kind == KIND_TOO_DEEP)
        append_nested(command, 17);
    else if (kind == KIND_TOO_LARGE)
        append(command, "{\"commandId\":\"command-%llu\"%*s}", number_of(index), COMMAND_LIMIT, "");
    else
        append(command, "%*s", COMMAND_LIMIT + 1, "{");
}

void command_make(const struct command_mixture *mixture, uint64_t index, struct command *command)
{
    uint64_t earlier = 0;
    enum kind kind = kind_of(mixture, index, &earlier);
    char workspace[32], email[64];
    snprintf(workspace, sizeof(workspace), "ws-%llu", number_of(index % mixture->workspaces));
    snprintf(email, sizeof(email), "c%llu@example.com", number_of(index));
    command->length = command->header_count = 0;
    command->tombstone = false;
    command->partition = -1;
    snprintf(command->key, sizeof(command->key), "%s", workspace);
    if (kind == KIND_WITHOUT_KEY || is_race(kind) || kind == KIND_BAD_WORKSPACE) {
        command->key[0] = '\0';
        command->partition = (int32_t)(mixed(mixture, index) / 1000 % (uint64_t)mixture->partitions);
    }
    add_header(command, "expect", "%s", kinds[kind].outcome);
    add_echoes(command, index);
    if (refers_to_earlier(kind) || is_race(kind))
        make_related(command, kind, index, earlier, workspace, email);
    else if (kind < KIND_DUPLICATE)
        make_good(command, mixture, kind, index, workspace, email);
    else if (kind < KIND_GARBAGE)
        make_invalid(command, kind, index, workspace, email);
    else
        make_unreadable(command, kind, index);
}
