/* Checks the records, alone and against the replies that announced them. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/live/observations.h"
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

/* Sorts the records of one email by their commands, so that the later one is reported. */
static int compare_claims(const void *one, const void *other)
{
    const struct record *a = *(const struct record *const *)one, *b = *(const struct record *const *)other;
    int order = compare_emails(one, other);
    return order ? order : (a->command > b->command) - (a->command < b->command);
}

const struct record *observations_record(const struct observations *observations, const char *workspace,
                                         const char *client_id)
{
    size_t low = 0, high = observations->records.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_keys(&observations->records_by_key[middle], workspace, client_id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < observations->records.count &&
        compare_keys(&observations->records_by_key[low], workspace, client_id) == 0)
        return &observations->records_by_key[low];
    return NULL;
}

static int compare_commands(const void *one, const void *other)
{
    const struct record *a = *(const struct record *const *)one, *b = *(const struct record *const *)other;
    int order = strcmp(a->workspace, b->workspace);
    return order ? order : strcmp(a->command_id, b->command_id);
}

static const struct record *find_in(const struct observations *observations, const struct record **sorted,
                                    const struct record *wanted, int (*compare)(const void *, const void *))
{
    const struct record **found = bsearch(&wanted, sorted, observations->records.count, sizeof(sorted[0]), compare);
    return found ? *found : NULL;
}

const struct record *observations_record_of_command(const struct observations *observations, const char *workspace,
                                                    const char *command_id)
{
    const struct record wanted = {.workspace = workspace, .command_id = command_id};
    return find_in(observations, observations->records_by_command, &wanted, compare_commands);
}

const struct record *observations_record_of_email(const struct observations *observations, const char *workspace,
                                                  const char *email)
{
    const struct record wanted = {.workspace = workspace, .email = email};
    return find_in(observations, observations->records_by_email, &wanted, compare_emails);
}

bool observations_is_last_of_client(const struct observations *observations, const struct record *record)
{
    return record + 1 == observations->records_by_key + observations->records.count ||
           compare_keys(record + 1, record->workspace, record->client_id) != 0;
}

static const char *lower_case(struct arena *arena, const char *text)
{
    char *copy = arena_text(arena, text ? text : "", text ? strlen(text) : 0);
    for (char *at = copy; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return copy;
}

static const char *header_text(struct arena *arena, const struct message *message, const char *name)
{
    struct bytes value = message_header(message, name);
    return arena_text(arena, value.at, value.length);
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

/* A client's times are those of its command, so that a replay gives the same bytes. */
static bool is_of_time(const json_t *client, const struct message *command)
{
    const char *created = json_string_value(json_object_get(client, "createdAt"));
    const char *updated = json_string_value(json_object_get(client, "updatedAt"));
    time_t seconds = command->timestamp / 1000;
    struct tm parts;
    char day[32], wanted[48];
    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &parts));
    snprintf(wanted, sizeof(wanted), "%s.%03dZ", day, (int)(command->timestamp % 1000));
    return created && updated && strcmp(created, wanted) == 0 && strcmp(updated, wanted) == 0;
}

static void record_read(struct observations *observations, const struct message *message, struct record *record)
{
    struct arena *arena = &observations->arena;
    struct bytes key = message->key;
    const char *slash = key.at ? memchr(key.at, '/', key.length) : NULL;
    size_t workspace_length = slash ? (size_t)(slash - key.at) : 0;
    record->message = message;
    record->workspace = arena_text(arena, key.at, workspace_length);
    record->client_id = slash ? arena_text(arena, slash + 1, key.length - workspace_length - 1) : "";
    record->source = header_text(arena, message, "source");
    record->hash = header_text(arena, message, "command-hash");
    record->command_id = header_text(arena, message, "command-id");
    record->command = record_source(&observations->commands, record->source);

    json_t *value = json_loadb(message->value.at, message->value.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    const char *id = json_string_value(json_object_get(value, "id"));
    record->is_of_time = record->command >= 0 && is_of_time(value, observations->commands.messages[record->command]);
    record->email = lower_case(arena, json_string_value(json_object_get(value, "email")));
    if (!slash || !id || strcmp(id, record->client_id) != 0 || !record->email[0] || !record->hash[0] ||
        !record->command_id[0])
        violation(CHECK_RECORD_FORM, record->command, "%s", place(message));
    json_decref(value);
}

static void check_announced(const struct observations *observations, const struct record *record)
{
    const struct answer *answer = record->command < 0 ? NULL : &observations->answers[record->command];
    if (!answer || !answer->is_given || strcmp(answer->outcome, "created") != 0 ||
        strcmp(answer->client_id, record->client_id) != 0 || strcmp(answer->workspace, record->workspace) != 0)
        violation(CHECK_RECORD_REPLY, record->command, "%s: %s was not answered with this client",
                  place(record->message), record->source);
    else if (!record->is_of_time)
        violation(CHECK_CREATED_AT, record->command, "%s: not the time of %s", place(record->message), record->source);
}

/* The records in another order. New. */
static const struct record **records_sorted(const struct observations *observations,
                                            int (*compare)(const void *, const void *))
{
    const struct record **records = calloc(observations->records.count + 1, sizeof(records[0]));
    for (size_t i = 0; i < observations->records.count; i++)
        records[i] = &observations->records_by_key[i];
    qsort(records, observations->records.count, sizeof(records[0]), compare);
    return records;
}

static void check_emails(const struct observations *observations)
{
    const struct record **records = observations->records_by_email;
    for (size_t i = 1; i < observations->records.count; i++)
        if (compare_emails(&records[i - 1], &records[i]) == 0 &&
            strcmp(records[i - 1]->client_id, records[i]->client_id) != 0)
            violation(CHECK_EMAIL_ONCE, records[i]->command, "%s and %s have the same email",
                      place(records[i - 1]->message), place(records[i]->message));
}

void check_records(struct observations *observations)
{
    size_t count = observations->records.count;
    observations->records_by_key = calloc(count + 1, sizeof(observations->records_by_key[0]));
    for (size_t i = 0; i < count; i++)
        record_read(observations, observations->records.messages[i], &observations->records_by_key[i]);
    qsort(observations->records_by_key, count, sizeof(observations->records_by_key[0]), compare_records);
    for (size_t i = 0; i < count; i++) {
        const struct record *record = &observations->records_by_key[i];
        if (i > 0 && compare_keys(record - 1, record->workspace, record->client_id) == 0)
            violation(CHECK_RECORD_ONCE, record->command, "%s and %s are the same client", place((record - 1)->message),
                      place(record->message));
        check_committed(observations, record->command, record->message);
    }
    observations->records_by_command = records_sorted(observations, compare_commands);
    observations->records_by_email = records_sorted(observations, compare_claims);
    check_emails(observations);
}

void check_announcements(const struct observations *observations)
{
    for (size_t i = 0; i < observations->records.count; i++)
        check_announced(observations, &observations->records_by_key[i]);
}
