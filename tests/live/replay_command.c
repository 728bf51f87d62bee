#include "tests/live/replay_command.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct reading {
    struct arena *arena;
    const json_t *headers;
    struct text key;
    json_t *value, *body;    /* body: the data of a structured CloudEvent, otherwise the value */
    bool is_event;           /* in structured mode */
    char injected[2 * 1024]; /* members that stand for headers and the key */
    size_t injected_length;
};

/* The last header of that name that is not null; at == NULL: none. */
static struct text header(const struct reading *reading, const char *name)
{
    struct text found = {NULL, 0};
    for (size_t i = 0; i + 1 < json_array_size(reading->headers); i += 2) {
        const char *other = json_string_value(json_array_get(reading->headers, i));
        if (other && strcmp(other, name) == 0)
            found = dumped_bytes(reading->arena, json_array_get(reading->headers, i + 1));
    }
    return found;
}

static struct text first_of(struct text one, struct text other)
{
    return one.at ? one : other;
}

static struct text member(const struct reading *reading, const json_t *object, const char *name)
{
    return dumped_bytes(reading->arena,
                        json_is_string(json_object_get(object, name)) ? json_object_get(object, name) : NULL);
}

static bool is_blank(struct text text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!isspace((unsigned char)text.at[i]))
            return false;
    return true;
}

static const char *valid_id(struct text text)
{
    size_t characters = 0;
    if (!text.at || is_blank(text))
        return NULL;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (byte < ' ' || byte == 0x7f || (byte == 0xc2 && (unsigned char)text.at[i + 1] < 0xa0))
            return NULL;
        characters += (byte & 0xc0) != 0x80;
    }
    return characters <= 128 ? text.at : NULL;
}

static const char *valid_workspace(struct text text)
{
    if (!text.at || text.length == 0 || text.length > 64)
        return NULL;
    for (size_t i = 0; i < text.length; i++)
        if (!isalnum((unsigned char)text.at[i]) && !strchr("_.-", text.at[i]))
            return NULL;
    return text.at;
}

static bool is_present(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return value && !json_is_null(value);
}

/* `validate` has no headers and no key, so what counts there is written into the value's first member. */
static void inject(struct reading *reading, const char *name, struct text text)
{
    const json_t *present = json_object_get(reading->value, name);
    if (!text.at || (json_is_string(present) && json_string_length(present) == text.length &&
                     memcmp(json_string_value(present), text.at, text.length) == 0))
        return;
    if (present)
        give_up(text.at, "a header overrides a member, which replay_oracle cannot tell `validate`");
    json_t *json = json_stringn(text.at, text.length);
    char *quoted = json_dumps(json, JSON_ENCODE_ANY);
    int length =
        snprintf(reading->injected + reading->injected_length, sizeof(reading->injected) - reading->injected_length,
                 "\"%s\":%s,", name, quoted ? quoted : "");
    if (!quoted || (size_t)length >= sizeof(reading->injected) - reading->injected_length)
        give_up(name, "too long for replay_oracle");
    reading->injected_length += (size_t)length;
    free(quoted);
    json_decref(json);
}

static bool is_event(const struct reading *reading)
{
    static const char type[] = "application/cloudevents+json";
    struct text content = header(reading, "content-type");
    return (content.at && strncasecmp(content.at, type, sizeof(type) - 1) == 0) ||
           json_object_get(reading->value, "specversion");
}

/* The value with the injected members, on one line. */
static struct text line_of(struct reading *reading, struct text value)
{
    char *line = arena_take(reading->arena, value.length + reading->injected_length + 1);
    size_t length = 0, i = 0;
    if (reading->value && reading->injected_length > 0) {
        while (value.at[i] != '{')
            i++;
        line[length++] = value.at[i++];
        bool is_empty = json_object_size(reading->value) == 0;
        memcpy(line + length, reading->injected, reading->injected_length);
        length += reading->injected_length - (is_empty ? 1 : 0);
    }
    for (; i < value.length; i++) /* in JSON a line feed stands between tokens only */
        line[length++] = value.at[i] == '\n' || value.at[i] == '\r' ? ' ' : value.at[i];
    line[length] = '\0';
    return (struct text){line, length};
}

static struct text without_fields(struct reading *reading, struct text line)
{
    json_t *copy = json_loadb(line.at, line.length, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    json_t *body = reading->is_event ? json_object_get(copy, "data") : copy;
    if (!json_is_object(json_object_get(body, "customFields"))) {
        json_decref(copy);
        return line;
    }
    json_object_del(body, "customFields");
    char *dumped = json_dumps(copy, JSON_COMPACT);
    struct text text = {arena_text(reading->arena, dumped, strlen(dumped)), strlen(dumped)};
    free(dumped);
    json_decref(copy);
    return text;
}

static size_t outer_bytes(const struct reading *reading)
{
    size_t bytes = reading->key.length;
    for (size_t i = 0; i < json_array_size(reading->headers); i++)
        bytes += dumped_bytes(reading->arena, json_array_get(reading->headers, i)).length;
    return bytes;
}

static void read_identity(struct reading *reading, struct command *command, const char *place)
{
    const json_t *value = reading->value, *body = reading->body;
    const char *id_name = reading->is_event ? "id" : "commandId";
    const char *workspace_name = reading->is_event ? "workspaceid" : "workspaceId";
    struct text id = first_of(header(reading, "command-id"), header(reading, "ce_id"));
    struct text workspace = first_of(header(reading, "workspace-id"), header(reading, "ce_workspaceid"));
    bool names_id = is_present(value, id_name) || is_present(body, "commandId");
    bool names_workspace = is_present(value, workspace_name) || is_present(body, "workspaceId");
    inject(reading, id_name, id.at || names_id ? id : (struct text){place, strlen(place)});
    inject(reading, workspace_name, workspace.at || names_workspace ? workspace : reading->key);
    inject(reading, "type", header(reading, "ce_type"));
    if (reading->is_event && !json_object_get(value, "specversion"))
        inject(reading, "specversion", (struct text){"1.0", 3});
    if (!id.at)
        id = first_of(is_present(value, id_name) ? member(reading, value, id_name) : (struct text){NULL, 0},
                      member(reading, body, "commandId"));
    if (!workspace.at && names_workspace)
        workspace = is_present(value, workspace_name) ? member(reading, value, workspace_name)
                                                      : member(reading, body, "workspaceId");
    else if (!workspace.at)
        workspace = reading->key;
    command->id = valid_id(id) ? id.at : place;
    command->workspace = valid_workspace(workspace);
}

struct command command_read(struct arena *arena, const char *topic, const struct sent *sent)
{
    static char place[400];
    json_t *message = text_json(sent->line);
    struct reading reading = {.arena = arena,
                              .headers = json_object_get(message, "headers"),
                              .key = dumped_bytes(arena, json_object_get(message, "key"))};
    struct text value = dumped_bytes(arena, json_object_get(message, "payload"));
    struct command command = {0};
    int length = snprintf(place, sizeof(place), "%s/%d/%lld", topic, (int)sent->partition, (long long)sent->offset);
    const char *copy = arena_text(arena, place, (size_t)length);
    struct text id = first_of(header(&reading, "command-id"), header(&reading, "ce_id"));
    command.header_id = command.id = valid_id(id) ? id.at : copy;
    command.header_workspace = command.workspace =
        valid_workspace(first_of(header(&reading, "workspace-id"), header(&reading, "ce_workspaceid")));
    if (value.length > COMMAND_LIMIT || outer_bytes(&reading) > COMMAND_LIMIT)
        command.code = "too_large";
    else if (!value.at || is_blank(value))
        command.code = "malformed_json";
    else
        reading.value =
            json_loadb(value.at, value.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    if (!json_is_object(reading.value)) {
        json_decref(reading.value);
        reading.value = NULL;
    }
    if (reading.value) {
        reading.is_event = is_event(&reading);
        reading.body = reading.is_event ? json_object_get(reading.value, "data") : reading.value;
        read_identity(&reading, &command, copy);
        const json_t *fields = json_object_get(reading.body, "customFields");
        command.fields_given = json_object_size(fields) > 0;
    } else if (!command.code && (memchr(value.at, '\n', value.length) || memchr(value.at, '\r', value.length))) {
        command.code = "malformed_json";
    }
    if (!command.code) {
        command.line = line_of(&reading, value);
        command.line_without_fields = reading.value ? without_fields(&reading, command.line) : command.line;
    }
    json_decref(reading.value);
    json_decref(message);
    return command;
}
