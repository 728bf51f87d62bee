#include "tests/live/replay_judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/live/replay_changes.h"
#include "tests/live/replay_report.h"

/* What was read of the output so far. */
struct reading {
    const struct judge *judge;
    unsigned char *lines; /* by case: how many lines it has */
    bool partitions[WORLD_PARTITIONS];
    bool has_commands, has_summary;
    int32_t partition; /* of the last command */
    int64_t offset;
};

static long find_case(const struct cases *cases, int32_t partition, int64_t offset)
{
    size_t low = 0, high = cases->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct sent *sent = cases->items[middle].sent;
        if (sent->partition < partition || (sent->partition == partition && sent->offset < offset))
            low = middle + 1;
        else
            high = middle;
    }
    const struct sent *sent = low < cases->count ? cases->items[low].sent : NULL;
    return sent && sent->partition == partition && sent->offset == offset ? (long)low : -1;
}

static const char *text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static bool same_text(const char *one, const char *other)
{
    return strcmp(one ?: "", other ?: "") == 0;
}

static void judge_identity(const struct case_of_replay *item, const struct verdict *verdict, const json_t *line,
                           const char *where)
{
    const char *id = verdict_id(item, verdict), *workspace = verdict_workspace(item, verdict);
    if (!same_text(text(line, "commandId"), id))
        violation(CHECK_IDENTITY, where, "command id %s, not %s", text(line, "commandId"), id);
    if (!same_text(text(line, "workspaceId"), workspace))
        violation(CHECK_IDENTITY, where, "workspace %s, not %s", text(line, "workspaceId"), workspace);
}

static json_t *errors_of(const json_t *reply)
{
    return json_object_get(json_object_get(reply, "error"), "errors");
}

static void judge_changes(const struct verdict *verdict, const json_t *line, const char *where)
{
    const json_t *changes = json_object_get(line, "changes");
    const char *fault = NULL;
    if (changes && !json_is_array(changes))
        violation(CHECK_FORM, where, "changes is no array");
    if (verdict->kind == VALUE_CHANGED) {
        fault = client_changes_fault(changes, json_object_get(verdict->then_reply, "client"),
                                     json_object_get(verdict->now_reply, "client"));
        if (fault)
            violation(CHECK_CHANGES, where, "%s", fault);
    } else if (verdict->kind != UNKNOWN) {
        fault = error_changes_fault(changes, errors_of(verdict->then_reply), errors_of(verdict->now_reply));
        if (fault)
            violation(CHECK_ERRORS, where, "%s", fault);
    } else if (json_array_size(changes) > 0) {
        violation(CHECK_ERRORS, where, "nothing can be compared");
    }
}

static void judge_case(const struct judge *judge, const struct case_of_replay *item, const json_t *line,
                       const char *where)
{
    struct verdict verdict = case_verdict(judge->cases, item);
    judge_identity(item, &verdict, line, where);
    if (verdict.kind == SAME)
        violation(CHECK_UNASKED, where, "it is the same");
    if (!same_text(text(line, "class"), class_names[verdict.kind]))
        violation(CHECK_CLASS, where, "%s, not %s", text(line, "class"), class_names[verdict.kind]);
    else
        judge_changes(&verdict, line, where);
    if (!same_text(text(line, "then"), verdict.then))
        violation(CHECK_THEN, where, "%s, not %s", text(line, "then"), verdict.then);
    if (!same_text(text(line, "now"), verdict.now))
        violation(CHECK_NOW, where, "%s, not %s", text(line, "now"), verdict.now);
    verdict_free(&verdict);
}

static void read_command(struct reading *reading, const json_t *line)
{
    const struct judge *judge = reading->judge;
    const char *where = text(line, "position");
    int partition;
    long long offset;
    char topic[256], again[400] = "";
    if (!where || sscanf(where, "%255[^/]/%d/%lld", topic, &partition, &offset) != 3 ||
        snprintf(again, sizeof(again), "%s/%d/%lld", topic, partition, offset) < 0 || strcmp(again, where) != 0 ||
        strcmp(topic, judge->world->topic) != 0) {
        violation(CHECK_FORM, where ?: "-", "no position of the command topic");
        return;
    }
    if (reading->has_summary)
        violation(CHECK_PARTS, where, "it comes behind the summary");
    long index = find_case(judge->cases, partition, offset);
    if (index < 0 || !judge->has_diff) {
        violation(CHECK_UNASKED, where, "no such command is replayed");
        return;
    }
    if (reading->lines[index]++ > 0)
        violation(CHECK_TWICE, where, "line %d of it", reading->lines[index]);
    else if (reading->has_commands &&
             (partition < reading->partition || (partition == reading->partition && offset < reading->offset)))
        violation(CHECK_ORDER, where, "it comes behind %d/%lld", reading->partition, (long long)reading->offset);
    reading->has_commands = true;
    reading->partition = partition;
    reading->offset = offset;
    judge_case(judge, &judge->cases->items[index], line, where);
}

static void read_line(struct reading *reading, const json_t *line)
{
    if (json_object_get(line, "position")) {
        read_command(reading, line);
    } else if (json_object_get(line, "classes")) {
        if (reading->has_summary)
            violation(CHECK_PARTS, "-", "there are two summaries");
        reading->has_summary = true;
        judge_summary(reading->judge, line);
    } else if (json_is_integer(json_object_get(line, "partition"))) {
        int64_t partition = json_integer_value(json_object_get(line, "partition"));
        char where[64];
        snprintf(where, sizeof(where), "%s/%lld", reading->judge->world->topic, (long long)partition);
        if (reading->has_commands || reading->has_summary)
            violation(CHECK_PARTS, where, "a partition comes behind commands");
        if (partition < 0 || partition >= WORLD_PARTITIONS || reading->partitions[partition]) {
            violation(CHECK_PARTITION, where, "it was not asked for, or it comes twice");
            return;
        }
        reading->partitions[partition] = true;
        judge_partition(reading->judge, (int)partition, line, where);
    } else {
        violation(CHECK_FORM, "-", "a line of no known kind");
    }
}

static void find_missing(const struct reading *reading)
{
    const struct judge *judge = reading->judge;
    char where[400];
    for (size_t i = 0; judge->has_diff && i < judge->cases->count; i++) {
        const struct sent *sent = judge->cases->items[i].sent;
        enum replay_class kind = judge->cases->items[i].kind;
        if (reading->lines[i] > 0 || kind == SAME)
            continue;
        snprintf(where, sizeof(where), "%s/%d/%lld", judge->world->topic, (int)sent->partition,
                 (long long)sent->offset);
        violation(CHECK_MISSING, where, "it is %s", class_names[kind]);
    }
    for (int partition = 0; partition < WORLD_PARTITIONS; partition++) {
        const struct scope *scope = judge->scope;
        snprintf(where, sizeof(where), "%s/%d", judge->world->topic, partition);
        if (judge->world->bounds[partition].is_known && (scope->all_partitions || scope->partitions[partition]) &&
            !reading->partitions[partition])
            violation(CHECK_PARTITION, where, "it has no line");
    }
    if (!reading->has_summary)
        violation(CHECK_PARTS, "-", "there is no summary");
}

void judge_output(const struct judge *judge, const char *path)
{
    struct reading reading = {.judge = judge, .lines = calloc(judge->cases->count + 1, 1)};
    struct text rest = file_text(path);
    while (rest.length > 0) {
        const char *end = memchr(rest.at, '\n', rest.length);
        size_t length = end ? (size_t)(end - rest.at) : rest.length;
        json_t *line = json_loadb(rest.at, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
        if (!json_is_object(line) || !end)
            violation(CHECK_FORM, "-", "no JSON object on a line: %.*s", (int)(length < 80 ? length : 80), rest.at);
        else
            read_line(&reading, line);
        json_decref(line);
        length += end ? 1 : 0;
        rest = (struct text){rest.at + length, rest.length - length};
    }
    find_missing(&reading);
    judge_status(judge);
    free(reading.lines);
}
