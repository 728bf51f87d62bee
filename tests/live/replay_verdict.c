#include "tests/live/replay_verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const class_names[CLASS_COUNT] = {"same",      "value_changed",  "now_rejected",
                                              "now_valid", "errors_changed", "unknown"};

static int64_t bound_offset(struct bound bound, int64_t edge, const struct world *world, int partition)
{
    if (bound.kind == EDGE)
        return edge;
    if (bound.kind == AT_OFFSET)
        return bound.value;
    for (size_t i = 0; i < world->command_count; i++)
        if (world->commands[i].partition == partition && world->commands[i].ts >= bound.value)
            return world->commands[i].offset;
    return world->bounds[partition].stable;
}

static int64_t between(int64_t least, int64_t value, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

struct stretch scope_stretch(const struct scope *scope, const struct world *world, int partition)
{
    const struct bounds *log = &world->bounds[partition];
    struct stretch stretch = {.from = bound_offset(scope->from, log->first, world, partition),
                              .to = bound_offset(scope->to, log->stable, world, partition)};
    if (scope->from.kind == AT_OFFSET && stretch.from < log->first)
        stretch.lost = log->first - stretch.from;
    if (scope->to.kind == AT_OFFSET && stretch.to > log->stable)
        stretch.open = (stretch.to < log->high ? stretch.to : log->high) - log->stable;
    stretch.from = between(log->first, stretch.from, log->stable);
    stretch.to = between(log->first, stretch.to, log->stable);
    return stretch;
}

static bool is_wanted(const struct scope *scope, const char *workspace)
{
    for (unsigned i = 0; i < scope->workspace_count; i++)
        if (workspace && strcmp(scope->workspaces[i], workspace) == 0)
            return true;
    return scope->workspace_count == 0;
}

static struct text version_bytes(const struct version *version)
{
    return version ? version->bytes : (struct text){NULL, 0};
}

/* The definitions that the command was decided by. */
static struct text recorded(const struct world *world, const struct case_of_replay *item, bool *is_lacking)
{
    const char *hash = item->reply ? item->reply->version : "";
    *is_lacking = false;
    if (!hash[0])
        return version_bytes(item->workspace ? world_version_at(world, item->workspace, item->sent->ts) : NULL);
    const struct version *version = world_version(world, hash);
    *is_lacking = !version;
    return version_bytes(version);
}

static const struct text *replaced(const struct scope *scope, const char *workspace)
{
    for (unsigned i = 0; i < scope->replaced_count; i++)
        if (workspace && strcmp(scope->replaced[i].workspace, workspace) == 0)
            return &scope->replaced[i].definitions;
    return NULL;
}

static void ask(const struct world *world, const struct scope *scope, struct decider *decider,
                struct case_of_replay *item, const struct command *command)
{
    bool is_lacking;
    struct text then = recorded(world, item, &is_lacking), now = then;
    const struct text *file = replaced(scope, item->workspace);
    if (file)
        now = *file;
    else if (scope->is_current)
        now = version_bytes(item->workspace ? world_current(world, item->workspace) : NULL);
    item->then_is_lacking = is_lacking;
    item->now_is_lacking = is_lacking && !file && !scope->is_current;
    item->is_duplicate = item->reply && item->reply->is_duplicate;
    if (item->is_duplicate) {
        item->then_set = decider_set(decider, then);
        item->then_ticket = decider_ask(decider, item->then_set, command);
    }
    item->now_set = decider_set(decider, now);
    item->now_ticket = decider_ask(decider, item->now_set, command);
}

static const char *kept(struct arena *arena, const char *text)
{
    return text ? arena_text(arena, text, strlen(text)) : NULL;
}

struct cases cases_find(struct world *world, const struct scope *scope, struct decider *decider)
{
    struct cases cases = {.decider = decider};
    struct stretch stretches[WORLD_PARTITIONS];
    for (int partition = 0; partition < WORLD_PARTITIONS; partition++)
        stretches[partition] = scope_stretch(scope, world, partition);
    cases.items = calloc(world->command_count + 1, sizeof(cases.items[0]));
    for (size_t i = 0; i < world->command_count; i++) {
        const struct sent *sent = &world->commands[i];
        const struct stretch *stretch = &stretches[sent->partition];
        if (!sent->is_committed || sent->offset < stretch->from || sent->offset >= stretch->to ||
            !(scope->all_partitions || scope->partitions[sent->partition]))
            continue;
        struct arena scratch = {0};
        struct command command = command_read(&scratch, world->topic, sent);
        if (is_wanted(scope, command.workspace)) {
            struct case_of_replay *item = &cases.items[cases.count++];
            *item = (struct case_of_replay){.sent = sent,
                                            .id = kept(&world->arena, command.id),
                                            .workspace = kept(&world->arena, command.workspace),
                                            .header_id = kept(&world->arena, command.header_id),
                                            .header_workspace = kept(&world->arena, command.header_workspace),
                                            .reply = world_reply(world, sent->partition, sent->offset)};
            ask(world, scope, decider, item, &command);
        }
        arena_free(&scratch);
    }
    decider_run(decider);
    return cases;
}

/* `validate` does not know the time of the command. */
static void set_times(json_t *client, int64_t ts)
{
    char text[64];
    time_t seconds = (time_t)(ts / 1000);
    struct tm parts;
    size_t length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &parts));
    snprintf(text + length, sizeof(text) - length, ".%03dZ", (int)(ts % 1000));
    json_object_set_new(client, "createdAt", json_string(text));
    json_object_set_new(client, "updatedAt", json_string(text));
}

static bool same_client(const json_t *then, const json_t *now)
{
    return json_equal(json_object_get(then, "client"), json_object_get(now, "client"));
}

static bool same_errors(const json_t *then, const json_t *now)
{
    const json_t *one = json_object_get(json_object_get(then, "error"), "errors");
    const json_t *other = json_object_get(json_object_get(now, "error"), "errors");
    bool same = json_array_size(one) == json_array_size(other);
    for (size_t i = 0; same && i < json_array_size(one); i++) {
        const json_t *left = json_array_get(one, i), *right = json_array_get(other, i);
        same = json_equal(json_object_get(left, "path"), json_object_get(right, "path")) &&
               json_equal(json_object_get(left, "code"), json_object_get(right, "code"));
    }
    return same;
}

static bool is_minimal(const json_t *reply)
{
    const json_t *error = json_object_get(reply, "error");
    return strcmp(json_string_value(json_object_get(error, "code")) ?: "", "validation_failed") == 0 &&
           !json_object_get(error, "errors");
}

static enum replay_class class_of_duplicate(const struct cases *cases, const struct case_of_replay *item)
{
    const char *then_code;
    if (item->then_is_lacking)
        return UNKNOWN;
    json_t *then = decider_answer(cases->decider, item->then_set, item->then_ticket, &then_code);
    bool was_valid = strcmp(then_code, "created") == 0;
    json_decref(then);
    return was_valid ? NOW_REJECTED : SAME;
}

static enum replay_class class_of(const struct cases *cases, const struct case_of_replay *item,
                                  const struct verdict *verdict)
{
    if (!verdict->then)
        return UNKNOWN;
    if (strcmp(verdict->then, "command_id_conflict") == 0)
        return SAME;
    if (!verdict->now)
        return UNKNOWN;
    bool valid = strcmp(verdict->now, "created") == 0;
    if (strcmp(verdict->then, "duplicate") == 0)
        return valid ? SAME : class_of_duplicate(cases, item);
    if (strcmp(verdict->then, "email_taken") == 0)
        return valid ? SAME : ERRORS_CHANGED;
    if (strcmp(verdict->then, "created") == 0)
        return !valid ? NOW_REJECTED : same_client(verdict->then_reply, verdict->now_reply) ? SAME : VALUE_CHANGED;
    if (valid)
        return NOW_VALID;
    if (strcmp(verdict->then, verdict->now) != 0)
        return ERRORS_CHANGED;
    return is_minimal(verdict->then_reply) || same_errors(verdict->then_reply, verdict->now_reply) ? SAME
                                                                                                   : ERRORS_CHANGED;
}

struct verdict case_verdict(const struct cases *cases, const struct case_of_replay *item)
{
    struct verdict verdict = {0};
    if (!item->now_is_lacking)
        verdict.now_reply = decider_answer(cases->decider, item->now_set, item->now_ticket, &verdict.now);
    verdict.is_unreadable =
        verdict.now && (strcmp(verdict.now, "malformed_json") == 0 || strcmp(verdict.now, "too_large") == 0);
    if (json_object_get(verdict.now_reply, "client"))
        set_times(json_object_get(verdict.now_reply, "client"), item->sent->ts);
    if (item->reply) {
        json_t *message = text_json(item->reply->line);
        verdict.then_reply = json_loads(json_string_value(json_object_get(message, "payload")), JSON_ALLOW_NUL, NULL);
        json_decref(message);
        const json_t *code = json_object_get(json_object_get(verdict.then_reply, "error"), "code");
        verdict.then = code ? json_string_value(code) : item->is_duplicate ? "duplicate" : "created";
    }
    verdict.kind = class_of(cases, item, &verdict);
    if (verdict.kind == SAME)
        verdict.now = verdict.then;
    if (verdict.kind == UNKNOWN && verdict.then)
        verdict.now = NULL;
    return verdict;
}

void verdict_free(struct verdict *verdict)
{
    json_decref(verdict->then_reply);
    json_decref(verdict->now_reply);
}

const char *verdict_id(const struct case_of_replay *item, const struct verdict *verdict)
{
    return verdict->is_unreadable ? item->header_id : item->id;
}

const char *verdict_workspace(const struct case_of_replay *item, const struct verdict *verdict)
{
    return verdict->is_unreadable ? item->header_workspace : item->workspace;
}
