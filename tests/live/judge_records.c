/* The records by themselves, and beside the replies that announced them. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/live/evidence.h"
#include "tests/live/report.h"

static int compare_keys(const struct record *record, const char *workspace, const char *client_id)
{
    int order = strcmp(record->workspace, workspace);
    return order ? order : strcmp(record->client_id, client_id);
}

static int compare_records(const void *one, const void *other)
{
    const struct record *a = one, *b = other;
    int order = compare_keys(a, b->workspace, b->client_id);
    if (order)
        return order;
    return (a->message->offset > b->message->offset) - (a->message->offset < b->message->offset);
}

static int compare_emails(const void *one, const void *other)
{
    const struct record *a = *(const struct record *const *)one, *b = *(const struct record *const *)other;
    int order = strcmp(a->workspace, b->workspace);
    return order ? order : strcmp(a->email, b->email);
}

const struct record *evidence_record(const struct evidence *evidence, const char *workspace, const char *client_id)
{
    size_t low = 0, high = evidence->records.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_keys(&evidence->records_by_key[middle], workspace, client_id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < evidence->records.count && compare_keys(&evidence->records_by_key[low], workspace, client_id) == 0)
        return &evidence->records_by_key[low];
    return NULL;
}

static int compare_commands(const void *one, const void *other)
{
    const struct record *a = *(const struct record *const *)one, *b = *(const struct record *const *)other;
    int order = strcmp(a->workspace, b->workspace);
    return order ? order : strcmp(a->command_id, b->command_id);
}

const struct record *evidence_record_of_command(const struct evidence *evidence, const char *workspace,
                                                const char *command_id)
{
    struct record wanted = {.workspace = (char *)(uintptr_t)workspace};
    const struct record *key = &wanted;
    snprintf(wanted.command_id, sizeof(wanted.command_id), "%s", command_id);
    const struct record **found = bsearch(&key, evidence->records_by_command, evidence->records.count,
                                          sizeof(evidence->records_by_command[0]), compare_commands);
    return found ? *found : NULL;
}

static char *lower_case(const char *text)
{
    char *copy = strdup(text ? text : "");
    for (char *at = copy; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return copy;
}

/* Index of the command that a record's source header names, or -1. */
static long record_source(const struct history *commands, const char *source)
{
    size_t length = strlen(commands->topic);
    long long partition, offset;
    int used = 0;
    if (strncmp(source, commands->topic, length) != 0 ||
        sscanf(source + length, "/%lld/%lld%n", &partition, &offset, &used) != 2 || source[length + (size_t)used])
        return -1;
    return history_find(commands, partition, offset);
}

static void record_read(const struct evidence *evidence, const rd_kafka_message_t *message, struct record *record)
{
    struct bytes key = message_key(message), source = message_header(message, "source");
    struct bytes hash = message_header(message, "command-hash"), id_header = message_header(message, "command-id");
    const char *slash = key.at ? memchr(key.at, '/', key.length) : NULL;
    size_t workspace_length = slash ? (size_t)(slash - key.at) : 0;
    record->message = message;
    record->workspace = strndup(key.at ? key.at : "", workspace_length);
    record->client_id = slash ? strndup(slash + 1, key.length - workspace_length - 1) : strdup("");
    snprintf(record->source, sizeof(record->source), "%.*s", (int)source.length, source.at ? source.at : "");
    snprintf(record->hash, sizeof(record->hash), "%.*s", (int)hash.length, hash.at ? hash.at : "");
    snprintf(record->command_id, sizeof(record->command_id), "%.*s", (int)id_header.length,
             id_header.at ? id_header.at : "");
    record->command = record_source(&evidence->commands, record->source);

    json_t *value = json_loadb(message->payload, message->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    const char *id = json_string_value(json_object_get(value, "id"));
    record->email = lower_case(json_string_value(json_object_get(value, "email")));
    if (!slash || !id || strcmp(id, record->client_id) != 0 || !record->email[0] || !record->hash[0] ||
        !record->command_id[0])
        breach(CHECK_RECORD_REPLY, "%s: not the key, id, email or headers of a record", place(message));
    json_decref(value);
}

static void judge_announced(const struct evidence *evidence, const struct record *record)
{
    const struct answer *answer = record->command < 0 ? NULL : &evidence->answers[record->command];
    if (!answer || strcmp(answer->outcome, "created") != 0 || strcmp(answer->client_id, record->client_id) != 0 ||
        strcmp(answer->workspace, record->workspace) != 0)
        breach(CHECK_RECORD_REPLY, "%s: %s was not answered with this client", place(record->message), record->source);
}

/* The records in another order. New. */
static const struct record **records_sorted(const struct evidence *evidence, int (*compare)(const void *, const void *))
{
    const struct record **records = calloc(evidence->records.count + 1, sizeof(records[0]));
    for (size_t i = 0; i < evidence->records.count; i++)
        records[i] = &evidence->records_by_key[i];
    qsort(records, evidence->records.count, sizeof(records[0]), compare);
    return records;
}

static void judge_emails(const struct evidence *evidence)
{
    const struct record **records = records_sorted(evidence, compare_emails);
    for (size_t i = 1; i < evidence->records.count; i++)
        if (compare_emails(&records[i - 1], &records[i]) == 0 &&
            strcmp(records[i - 1]->client_id, records[i]->client_id) != 0)
            breach(CHECK_EMAIL_ONCE, "%s and %s have the same email", place(records[i - 1]->message),
                   place(records[i]->message));
    free(records);
}

void judge_records(struct evidence *evidence)
{
    size_t count = evidence->records.count;
    evidence->records_by_key = calloc(count + 1, sizeof(evidence->records_by_key[0]));
    for (size_t i = 0; i < count; i++)
        record_read(evidence, evidence->records.messages[i], &evidence->records_by_key[i]);
    qsort(evidence->records_by_key, count, sizeof(evidence->records_by_key[0]), compare_records);
    for (size_t i = 0; i < count; i++) {
        const struct record *record = &evidence->records_by_key[i];
        if (i > 0 && compare_keys(record - 1, record->workspace, record->client_id) == 0)
            breach(CHECK_RECORD_ONCE, "%s and %s are the same client", place((record - 1)->message),
                   place(record->message));
        judge_announced(evidence, record);
    }
    evidence->records_by_command = records_sorted(evidence, compare_commands);
    judge_emails(evidence);
}

void evidence_free(struct evidence *evidence)
{
    for (size_t i = 0; evidence->records_by_key && i < evidence->records.count; i++) {
        free(evidence->records_by_key[i].workspace);
        free(evidence->records_by_key[i].client_id);
        free(evidence->records_by_key[i].email);
    }
    free(evidence->records_by_key);
    free(evidence->records_by_command);
    free(evidence->answers);
}
