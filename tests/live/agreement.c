#include "tests/live/agreement.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/live/report.h"

struct agreement {
    const char *topic; /* of the commands */
    FILE *file;
    off_t *lines; /* by index of the command: where its line begins, plus one; 0 for none */
    char *line;   /* the last one that was read */
    size_t capacity;
    size_t compared;
    char difference[600];
};

/* Headers that change a command's meaning in a way that its value does not show. */
static const char *const deciding_headers[] = {"ce_id",        "ce_type",      "ce_workspaceid", "command-id",
                                               "workspace-id", "content-type", "specversion"};

static bool fits_line(struct bytes value)
{
    if (!value.at || memchr(value.at, '\n', value.length) || memchr(value.at, '\r', value.length))
        return false;
    for (size_t i = 0; i < value.length; i++)
        if (!isspace((unsigned char)value.at[i]))
            return true;
    return false; /* validate skips blank lines */
}

static bool names_itself(struct bytes value)
{
    json_t *command = json_loadb(value.at, value.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    bool names = !json_is_object(command) || json_is_string(json_object_get(command, "workspaceId")) ||
                 json_is_string(json_object_get(command, "workspaceid"));
    json_decref(command);
    return names;
}

bool agreement_is_comparable(const struct message *command)
{
    for (size_t i = 0; i < sizeof(deciding_headers) / sizeof(deciding_headers[0]); i++)
        if (message_has_header(command, deciding_headers[i]))
            return false;
    return fits_line(command->value) && names_itself(command->value);
}

int agreement_write_lines(const struct history *commands, const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return -1;
    for (size_t i = 0; i < commands->count; i++) {
        const struct message *command = commands->messages[i];
        if (command->is_marked) {
            fwrite(command->value.at, 1, command->value.length, file);
            fputc('\n', file);
        }
    }
    return fclose(file) == 0 ? 0 : -1;
}

struct agreement *agreement_open(const struct history *commands, const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    struct agreement *agreement = calloc(1, sizeof(*agreement));
    agreement->topic = commands->topic;
    agreement->file = file;
    agreement->lines = calloc(commands->count + 1, sizeof(agreement->lines[0]));
    size_t missing = 0, left = 0;
    off_t end = 0;
    for (size_t i = 0; i < commands->count; i++) {
        if (!commands->messages[i]->is_marked)
            continue;
        ssize_t length = getline(&agreement->line, &agreement->capacity, file);
        if (length < 0) {
            missing++;
            continue;
        }
        agreement->lines[i] = end + 1;
        end += length;
    }
    while (getline(&agreement->line, &agreement->capacity, file) >= 0)
        left++;
    if (missing > 0 || left > 0)
        violation(CHECK_VALIDATED, NO_COMMAND, "%s: %zu lines are missing, and %zu are too many", path, missing, left);
    return agreement;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static bool same_member(const json_t *one, const json_t *other, const char *name)
{
    const json_t *left = json_object_get(one, name), *right = json_object_get(other, name);
    return (!left && !right) || json_equal(left, right);
}

/* Equal except for what follows from the message's time and position. */
static bool same_client(const json_t *live, const json_t *offline, bool id_from_place)
{
    json_t *one = json_copy(json_object_get(live, "client")), *other = json_copy(json_object_get(offline, "client"));
    static const char *const of_the_message[] = {"createdAt", "updatedAt", "id"};
    for (size_t i = 0; i < (id_from_place ? 3u : 2u); i++) {
        json_object_del(one, of_the_message[i]);
        json_object_del(other, of_the_message[i]);
    }
    bool same = one && json_equal(one, other);
    json_decref(one);
    json_decref(other);
    return same;
}

/* NULL if they agree, otherwise what differs. `validate` cannot know what only the index knows. */
static const char *difference(const char *topic, const struct answer *answer, const json_t *live, const json_t *offline)
{
    size_t length = strlen(topic);
    bool id_from_place = strncmp(answer->command_id, topic, length) == 0 && answer->command_id[length] == '/';
    if (strcmp(answer->outcome, "command_id_conflict") == 0)
        return NULL;
    if (strcmp(answer->outcome, "email_taken") == 0)
        return strcmp(text_of(offline, "type"), "client.created") == 0 ? NULL : "type";
    if (strcmp(text_of(live, "type"), text_of(offline, "type")) != 0)
        return "type";
    if (!same_member(live, offline, "workspaceId"))
        return "workspaceId";
    if (!id_from_place && strcmp(answer->command_id, text_of(offline, "commandId")) != 0)
        return "commandId";
    if (json_is_string(json_object_get(live, "definitions")) && !same_member(live, offline, "definitions"))
        return "definitions";
    if (json_object_get(live, "error"))
        return same_member(live, offline, "error") ? NULL : "error";
    return same_client(live, offline, id_from_place) ? NULL : "client";
}

/* The file's definitions apply to every workspace in `validate`, but only to those that have some in the daemon. */
bool agreement_holds(struct agreement *agreement, long command, const struct answer *answer, const json_t *reply)
{
    if (agreement->lines[command] == 0 || strcmp(answer->outcome, "definitions_missing") == 0)
        return true;
    if (fseeko(agreement->file, agreement->lines[command] - 1, SEEK_SET) != 0 ||
        getline(&agreement->line, &agreement->capacity, agreement->file) < 0)
        abort();
    json_t *offline = json_loads(agreement->line, JSON_ALLOW_NUL, NULL);
    const char *what = difference(agreement->topic, answer, reply, offline);
    json_decref(offline);
    agreement->compared++;
    if (what)
        snprintf(agreement->difference, sizeof(agreement->difference), "another %s than validate's: %s", what,
                 agreement->line);
    return !what;
}

const char *agreement_difference(const struct agreement *agreement)
{
    return agreement->difference;
}

void agreement_close(struct agreement *agreement)
{
    if (agreement->compared == 0)
        violation(CHECK_VALIDATED, NO_COMMAND, "not one reply could be compared");
    free(agreement->lines);
    free(agreement->line);
    fclose(agreement->file);
    free(agreement);
}
