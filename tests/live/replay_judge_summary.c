/* The parts of the output that are not about one command: partitions, the summary, and the exit status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/live/replay_judge.h"
#include "tests/live/replay_report.h"

#define WORKSPACES_SHOWN 20

static void expect_number(enum replay_check check, const json_t *line, const char *name, int64_t expected,
                          const char *where)
{
    const json_t *value = json_object_get(line, name);
    if (!json_is_integer(value) || json_integer_value(value) != expected)
        violation(check, where, "%s is %lld, not %lld", name, (long long)json_integer_value(value),
                  (long long)expected);
}

/* The time of the first message at or after this offset. */
static void expect_time(const struct judge *judge, const json_t *line, const char *name, int partition, int64_t offset,
                        const char *where)
{
    char expected[64] = "";
    for (size_t i = 0; i < judge->world->command_count; i++) {
        const struct sent *sent = &judge->world->commands[i];
        if (sent->partition != partition || sent->offset < offset || !sent->is_committed)
            continue;
        time_t seconds = (time_t)(sent->ts / 1000);
        struct tm parts;
        size_t length = strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &parts));
        snprintf(expected + length, sizeof(expected) - length, ".%03dZ", (int)(sent->ts % 1000));
        break;
    }
    const char *actual = json_string_value(json_object_get(line, name)) ?: "";
    if (strcmp(actual, expected) != 0)
        violation(CHECK_TIMES, where, "%s is \"%s\", not \"%s\"", name, actual, expected);
}

void judge_partition(const struct judge *judge, int partition, const json_t *line, const char *where)
{
    const struct scope *scope = judge->scope;
    if (!judge->world->bounds[partition].is_known || !(scope->all_partitions || scope->partitions[partition])) {
        violation(CHECK_PARTITION, where, "it was not asked for");
        return;
    }
    struct stretch stretch = scope_stretch(scope, judge->world, partition);
    expect_number(CHECK_BOUNDS, line, "from", stretch.from, where);
    expect_number(CHECK_BOUNDS, line, "to", stretch.to, where);
    expect_number(CHECK_BOUNDS, line, "offsets", stretch.to > stretch.from ? stretch.to - stretch.from : 0, where);
    expect_time(judge, line, "fromTime", partition, stretch.from, where);
    expect_time(judge, line, "toTime", partition, stretch.to, where);
}

static void expect_counts(enum replay_check check, const json_t *actual, const json_t *expected, const char *where)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)expected, name,
                        value) if (json_integer_value(json_object_get(actual, name)) != json_integer_value(value))
        violation(check, where, "%s is %lld, not %lld", name,
                  (long long)json_integer_value(json_object_get(actual, name)), (long long)json_integer_value(value));
    json_object_foreach((json_t *)(uintptr_t)actual, name,
                        value) if (json_integer_value(value) != 0 && !json_object_get(expected, name))
        violation(check, where, "%s is %lld, not 0", name, (long long)json_integer_value(value));
}

struct row {
    const char *workspace;
    const json_t *counts;
    int64_t commands, changed; /* all, and those that are not the same */
};

static int compare_rows(const void *one, const void *other)
{
    const struct row *a = one, *b = other;
    if (a->changed != b->changed)
        return a->changed > b->changed ? -1 : 1;
    return strcmp(a->workspace, b->workspace);
}

static struct row *rows_sorted(const json_t *workspaces, size_t *count)
{
    struct row *rows = calloc(json_object_size(workspaces) + 1, sizeof(rows[0]));
    const char *workspace, *name;
    json_t *counts, *value;
    *count = 0;
    json_object_foreach((json_t *)(uintptr_t)workspaces, workspace, counts)
    {
        struct row row = {.workspace = workspace, .counts = counts};
        json_object_foreach(json_object_get(counts, "classes"), name, value)
        {
            row.commands += json_integer_value(value);
            row.changed += strcmp(name, "same") == 0 ? 0 : json_integer_value(value);
        }
        if (row.changed > 0)
            rows[(*count)++] = row;
    }
    if (*count > 0)
        qsort(rows, *count, sizeof(rows[0]), compare_rows);
    return rows;
}

static void judge_workspace(const json_t *line, const struct row *row)
{
    static const char *const sides[] = {"then", "now"};
    expect_number(CHECK_WORKSPACES, line, "commands", row->commands, row->workspace);
    expect_counts(CHECK_WORKSPACES, json_object_get(line, "classes"), json_object_get(row->counts, "classes"),
                  row->workspace);
    for (int i = 0; i < 2; i++)
        expect_counts(CHECK_WORKSPACES, json_object_get(json_object_get(line, "codes"), sides[i]),
                      json_object_get(json_object_get(row->counts, "codes"), sides[i]), row->workspace);
}

static void judge_workspaces(const json_t *actual, const json_t *expected)
{
    size_t count;
    struct row *rows = rows_sorted(expected, &count);
    size_t shown = count < WORKSPACES_SHOWN ? count : WORKSPACES_SHOWN;
    if (!json_is_array(actual) || json_array_size(actual) != shown)
        violation(CHECK_WORKSPACES, "-", "%zu are shown, not %zu", json_array_size(actual), shown);
    for (size_t i = 0; i < shown && i < json_array_size(actual); i++) {
        const json_t *line = json_array_get(actual, i);
        const char *workspace = json_string_value(json_object_get(line, "workspaceId")) ?: "";
        if (strcmp(workspace, rows[i].workspace) != 0)
            violation(CHECK_WORKSPACES, "-", "%s stands in place %zu, not %s", workspace, i, rows[i].workspace);
        else
            judge_workspace(line, &rows[i]);
    }
    free(rows);
}

static bool has_hole(const json_t *holes, int partition, int64_t from, int64_t to, const char *reason)
{
    const json_t *hole;
    size_t index;
    json_array_foreach((json_t *)(uintptr_t)holes, index, hole)
    {
        if (json_integer_value(json_object_get(hole, "partition")) == partition &&
            json_integer_value(json_object_get(hole, "from")) == from &&
            json_integer_value(json_object_get(hole, "to")) == to &&
            strcmp(json_string_value(json_object_get(hole, "reason")) ?: "", reason) == 0)
            return true;
    }
    return false;
}

/* What was asked for and is not in the log, or behind an open transaction. */
static void judge_holes(const struct judge *judge, const json_t *holes)
{
    size_t expected = 0;
    for (int partition = 0; partition < WORLD_PARTITIONS; partition++) {
        const struct bounds *log = &judge->world->bounds[partition];
        struct stretch stretch = scope_stretch(judge->scope, judge->world, partition);
        char where[32];
        snprintf(where, sizeof(where), "%d", partition);
        if (!log->is_known || !(judge->scope->all_partitions || judge->scope->partitions[partition]))
            continue;
        expected += (stretch.lost > 0) + (stretch.open > 0);
        if (stretch.lost > 0 && !has_hole(holes, partition, log->first - stretch.lost, log->first, "deleted"))
            violation(CHECK_HOLES, where, "%lld deleted offsets are not named", (long long)stretch.lost);
        if (stretch.open > 0 &&
            !has_hole(holes, partition, log->stable, log->stable + stretch.open, "open transaction"))
            violation(CHECK_HOLES, where, "%lld offsets of an open transaction are not named", (long long)stretch.open);
    }
    if (!json_is_array(holes) || json_array_size(holes) != expected)
        violation(CHECK_HOLES, "-", "%zu are named, not %zu", json_array_size(holes), expected);
}

void judge_summary(const struct judge *judge, const json_t *line)
{
    const struct tally *tally = judge->tally;
    json_t *classes = json_object();
    expect_number(CHECK_CLASSES, line, "commands", (int64_t)judge->cases->count, "-");
    expect_number(CHECK_LACKING, line, "lackingDefinitions", (int64_t)tally->lacking, "-");
    judge_holes(judge, json_object_get(line, "holes"));
    for (int kind = 0; kind < CLASS_COUNT; kind++) {
        json_object_set_new(classes, class_names[kind], json_integer((json_int_t)tally->classes[kind]));
        if (!json_is_integer(json_object_get(json_object_get(line, "classes"), class_names[kind])))
            violation(CHECK_CLASSES, "-", "%s is not counted", class_names[kind]);
    }
    expect_counts(CHECK_CLASSES, json_object_get(line, "classes"), classes, "-");
    const json_t *codes = json_object_get(line, "codes");
    expect_counts(CHECK_CODES_THEN, json_object_get(codes, "then"), tally->then, "-");
    expect_counts(CHECK_CODES_NOW, json_object_get(codes, "now"), tally->now, "-");
    judge_workspaces(json_object_get(line, "workspaces"), tally->workspaces);
    json_decref(classes);
}

void judge_status(const struct judge *judge)
{
    if (judge->status < 0)
        return;
    bool incomplete = false;
    for (int partition = 0; partition < WORLD_PARTITIONS; partition++) {
        struct stretch stretch = scope_stretch(judge->scope, judge->world, partition);
        if (judge->world->bounds[partition].is_known &&
            (judge->scope->all_partitions || judge->scope->partitions[partition]))
            incomplete = incomplete || stretch.lost > 0 || stretch.open > 0;
    }
    int expected = incomplete && !judge->gaps_allowed ? 3 : judge->tally->classes[SAME] < judge->cases->count ? 1 : 0;
    if (judge->status != expected)
        violation(CHECK_STATUS, "-", "%d, not %d", judge->status, expected);
}
