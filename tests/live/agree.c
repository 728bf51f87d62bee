#include "tests/live/agree.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIFFERENCES_PRINTED 10

/* These headers say something about the command that its value does not. */
static const char *const deciding_headers[] = {"ce_id",        "ce_type",      "ce_workspaceid", "command-id",
                                               "workspace-id", "content-type", "specversion"};

static bool fits_line(struct bytes value)
{
    if (!value.at || memchr(value.at, '\n', value.length) || memchr(value.at, '\r', value.length))
        return false;
    for (size_t i = 0; i < value.length; i++)
        if (!isspace((unsigned char)value.at[i]))
            return true;
    return false; /* validate passes over blank lines */
}

static bool names_itself(struct bytes value)
{
    json_t *command = json_loadb(value.at, value.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    bool names = !json_is_object(command) || json_is_string(json_object_get(command, "workspaceId")) ||
                 json_is_string(json_object_get(command, "workspaceid"));
    json_decref(command);
    return names;
}

static bool is_comparable(const rd_kafka_message_t *command)
{
    for (size_t i = 0; i < sizeof(deciding_headers) / sizeof(deciding_headers[0]); i++)
        if (message_has_header(command, deciding_headers[i]))
            return false;
    return fits_line(message_value(command)) && names_itself(message_value(command));
}

int agree_write_lines(const struct evidence *evidence, const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return -1;
    for (size_t i = 0; i < evidence->commands.count; i++) {
        const rd_kafka_message_t *command = evidence->commands.messages[i];
        if (is_comparable(command)) {
            fwrite(command->payload, 1, command->len, file);
            fputc('\n', file);
        }
    }
    return fclose(file) == 0 ? 0 : -1;
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

/* The same client but for what follows from the message's time and place. */
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

/* NULL if they agree, else what differs. What only the store knows, `validate` cannot say. */
static const char *difference(const struct evidence *evidence, const struct answer *answer, const json_t *offline)
{
    json_t *live = json_loadb(answer->reply->payload, answer->reply->len, JSON_ALLOW_NUL, NULL);
    const char *found = NULL;
    bool by_store = strcmp(answer->outcome, "email_taken") == 0 || strcmp(answer->outcome, "command_id_conflict") == 0;
    size_t length = strlen(evidence->commands.topic);
    const char *id = text_of(live, "commandId");
    bool id_from_place = strncmp(id, evidence->commands.topic, length) == 0 && id[length] == '/';
    if (by_store) {
        if (strcmp(answer->outcome, "email_taken") == 0 && strcmp(text_of(offline, "type"), "client.created") != 0)
            found = "type";
    } else if (strcmp(text_of(live, "type"), text_of(offline, "type")) != 0)
        found = "type";
    else if (!same_member(live, offline, "workspaceId"))
        found = "workspaceId";
    else if (!id_from_place && strcmp(id, text_of(offline, "commandId")) != 0)
        found = "commandId";
    else if (json_object_get(live, "error")) {
        if (!same_member(live, offline, "error"))
            found = "error";
    } else if (!same_client(live, offline, id_from_place))
        found = "client";
    json_decref(live);
    return found;
}

int agree_compare(const struct evidence *evidence, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t capacity = 0, compared = 0, differing = 0;
    for (size_t i = 0; file && i < evidence->commands.count; i++) {
        const struct answer *answer = &evidence->answers[i];
        if (!is_comparable(evidence->commands.messages[i]))
            continue;
        if (getline(&line, &capacity, file) < 0) {
            printf("  breach: %s has no line in %s\n", place(evidence->commands.messages[i]), path);
            differing++;
            break;
        }
        /* The file's definitions serve every workspace, the daemon's only those that have some. */
        if (answer->count == 0 || strcmp(answer->outcome, "definitions_missing") == 0)
            continue;
        json_t *offline = json_loads(line, JSON_ALLOW_NUL, NULL);
        const char *what = difference(evidence, answer, offline);
        json_decref(offline);
        compared++;
        if (what && ++differing <= DIFFERENCES_PRINTED)
            printf("  breach: %s: another %s than validate's: %s", place(evidence->commands.messages[i]), what, line);
    }
    bool all_lines = file && getline(&line, &capacity, file) < 0;
    free(line);
    if (file)
        fclose(file);
    bool agree = differing == 0 && compared > 0 && all_lines;
    printf("%s: the daemon and validate agree (%zu lines compared, %zu differ)\n", agree ? "ok" : "NOT OK", compared,
           differing);
    printf("%d passed, %d failed\n", agree, !agree);
    return agree ? 0 : 1;
}
