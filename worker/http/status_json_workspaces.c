/* The parts of /status.json that name workspaces. */
#include "worker/http/status_json_internal.h"

static json_t *workspace_of(const struct sketch_key *key)
{
    return key->length > 0 ? json_build_text(span_of(key->workspace, key->length)) : json_null();
}

json_t *status_json_note(struct json_build *build, const struct command_note *note)
{
    if (note->since_ms == 0)
        return json_null();
    json_t *object = json_object();
    json_build_set(build, object, "workspace", workspace_of(&note->key));
    json_build_set(build, object, "partition", json_integer(note->key.partition));
    json_build_set(build, object, "offset", json_integer(note->offset));
    json_build_set(build, object, "code", note->code ? json_string(note->code) : json_null());
    json_build_set(build, object, "since", json_integer(note->since_ms));
    return object;
}

json_t *status_json_waiting(struct json_build *build, const struct status *status)
{
    json_t *list = json_array();
    for (size_t i = 0; i < status->waiting_count; i++) {
        json_t *object = status_json_note(build, &status->waiting_commands[i]);
        json_build_set(build, object, "broken", json_boolean(status->waiting_commands[i].is_broken));
        json_build_append(build, list, object);
    }
    return list;
}

json_t *status_json_workspaces(struct json_build *build, const struct status_workspaces *workspaces)
{
    json_t *list = json_array();
    for (size_t i = 0; i < workspaces->count; i++) {
        const struct workspace_row *row = &workspaces->rows[i];
        json_t *object = json_object();
        json_build_set(build, object, "workspace", workspace_of(&row->key));
        json_build_set(build, object, "partition", json_integer(row->key.partition));
        json_build_set(build, object, "commands", json_build_count(row->count));
        json_build_set(build, object, "error", json_build_count(row->error));
        json_build_set(build, object, "share", json_build_number((double)row->count / (double)workspaces->total));
        json_build_append(build, list, object);
    }
    return list;
}

json_t *status_json_noisy(struct json_build *build, const struct status *status)
{
    json_t *list = json_array();
    for (size_t i = 0; i < status->noisy_count; i++) {
        const struct noisy_workspace *noisy = &status->noisy[i];
        json_t *object = json_object();
        json_build_set(build, object, "workspace", workspace_of(&noisy->key));
        json_build_set(build, object, "partition", json_integer(noisy->key.partition));
        json_build_set(build, object, "percent", json_integer(noisy->percent));
        json_build_set(build, object, "commands", json_build_count(noisy->commands));
        json_build_set(build, object, "since", json_integer(noisy->since_ms));
        json_build_append(build, list, object);
    }
    return list;
}
