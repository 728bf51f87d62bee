/* Checks that each command has the expected outcome. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/live/observations.h"
#include "tests/live/report.h"

/* A sender of these tests writes the possible outcomes into the header "expect": "created", or "created,email_taken"
 * if the outcome depends on the faster of two partitions. */
static bool is_expected(struct bytes expected, const char *outcome)
{
    size_t length = strlen(outcome);
    for (size_t from = 0; from < expected.length;) {
        const char *comma = memchr(expected.at + from, ',', expected.length - from);
        size_t end = comma ? (size_t)(comma - expected.at) : expected.length;
        if (end - from == length && memcmp(expected.at + from, outcome, length) == 0)
            return true;
        from = end + 1;
    }
    return false;
}

/* The client is the last member of its reply, so the reply ends with the record and one brace. */
static bool ends_with_record(struct bytes reply, struct bytes record)
{
    size_t tail = record.length + 1;
    return record.at && reply.length > tail && reply.at[reply.length - 1] == '}' &&
           memcmp(reply.at + reply.length - tail, record.at, record.length) == 0;
}

static void check_created(const struct message *command, long index, const struct answer *answer,
                          const struct message *reply, const struct record *record)
{
    if (!record) {
        violation(CHECK_CREATED, index, "%s: client %s has no record", place(command), answer->client_id);
        return;
    }
    if (strcmp(record->source, place(command)) != 0)
        violation(CHECK_CREATED, index, "%s: the record of %s comes from %s", place(command), answer->client_id,
                  record->source);
    if (!ends_with_record(reply->value, record->message->value))
        violation(CHECK_CREATED_BYTES, index, "%s and %s differ", place(reply), place(record->message));
}

static bool is_later(const struct message *one, const struct message *other)
{
    return one->partition == other->partition && one->offset > other->offset;
}

static void check_duplicate(const struct observations *observations, long index, const struct answer *answer,
                            const struct message *reply, const struct record *record)
{
    const struct message *command = observations->commands.messages[index];
    if (!record || record->command < 0) {
        violation(CHECK_DUPLICATE, index, "%s: client %s has no record", place(command), answer->client_id);
        return;
    }
    const struct message *first = observations->commands.messages[record->command];
    if (first == command || !bytes_equal(first->value, command->value))
        violation(CHECK_DUPLICATE, index, "%s is not the same as %s", place(command), place(first));
    if (is_later(first, command))
        violation(CHECK_DUPLICATE, index, "%s duplicates a later command, %s", place(command), place(first));
    if (!ends_with_record(reply->value, record->message->value))
        violation(CHECK_CREATED_BYTES, index, "%s and %s differ", place(reply), place(record->message));
}

static void check_email_taken(const struct message *command, long index, const struct answer *answer,
                              const struct record *existing)
{
    json_t *value = json_loadb(command->value.at, command->value.length, 0, NULL);
    const json_t *data = json_object_get(value, "data") ? json_object_get(value, "data") : value;
    const char *email = json_string_value(json_object_get(data, "email"));
    if (!existing || !email || strcasecmp(email, existing->email) != 0)
        violation(CHECK_EMAIL_TAKEN, index, "%s: client \"%s\" does not have its email", place(command),
                  answer->existing_id);
    else if (strcmp(existing->source, place(command)) == 0)
        violation(CHECK_EMAIL_TAKEN, index, "%s: taken by its own client", place(command));
    json_decref(value);
}

/* The command id as the reply has it; the client that it created must come from another body. */
static void check_conflict(const struct observations *observations, long index, const struct answer *answer)
{
    const struct message *command = observations->commands.messages[index];
    const struct record *record = observations_record_of_command(observations, answer->workspace, answer->command_id);
    if (!record || record->command < 0) {
        violation(CHECK_CONFLICT, index, "%s: no client has this command id", place(command));
        return;
    }
    const struct message *first = observations->commands.messages[record->command];
    if (first == command || bytes_equal(first->value, command->value))
        violation(CHECK_CONFLICT, index, "%s: the body is that of %s", place(command), place(first));
    if (is_later(first, command))
        violation(CHECK_CONFLICT, index, "%s: conflicts with a later command, %s", place(command), place(first));
}

void check_outcome(const struct observations *observations, long index, const struct answer *answer,
                   const struct message *reply)
{
    const struct message *command = observations->commands.messages[index];
    struct bytes expected = message_header(command, "expect");
    if (expected.at && !is_expected(expected, answer->outcome))
        violation(CHECK_OUTCOME, index, "%s: %s, not %.*s", place(command), answer->outcome, (int)expected.length,
                  expected.at);
    if (strcmp(answer->outcome, "created") == 0)
        check_created(command, index, answer, reply,
                      observations_record(observations, answer->workspace, answer->client_id));
    else if (strcmp(answer->outcome, "duplicate") == 0)
        check_duplicate(observations, index, answer, reply,
                        observations_record(observations, answer->workspace, answer->client_id));
    else if (strcmp(answer->outcome, "email_taken") == 0)
        check_email_taken(command, index, answer,
                          observations_record(observations, answer->workspace, answer->existing_id));
    else if (strcmp(answer->outcome, "command_id_conflict") == 0)
        check_conflict(observations, index, answer);
}
