#include "worker/replay/replay_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/timestamp.h"
#include "worker/definitions/json_line.h"

#define COUNTED_WORKSPACES 65536 /* in memory */
#define COPY_BYTES         65536

struct replay_report {
    enum replay_output output;
    const char *topic;
    struct spill *held; /* text entries, which follow the summary; NULL for JSON */
    struct workspace_counts *workspaces;
    uint64_t classes[CLASSES];
    uint64_t then[VERDICTS], now[VERDICTS];
    uint64_t lacking;
};

struct replay_report *replay_report_new(enum replay_output output, const char *topic, struct spill *spill, char *error,
                                        size_t error_size)
{
    struct replay_report *report = calloc(1, sizeof(*report));
    if (report) {
        report->output = output;
        report->topic = topic;
        report->workspaces = workspace_counts_new(spill, COUNTED_WORKSPACES);
    }
    if (!report || !report->workspaces) {
        snprintf(error, error_size, "out of memory");
        replay_report_free(report);
        return NULL;
    }
    if (output == REPLAY_TEXT && !(report->held = spill_open(error, error_size))) {
        replay_report_free(report);
        return NULL;
    }
    return report;
}

void replay_report_free(struct replay_report *report)
{
    if (!report)
        return;
    workspace_counts_free(report->workspaces);
    spill_close(report->held);
    free(report);
}

/* ---- Ranges ---- */

void replay_report_reach(const char *topic, const struct replay_range *range)
{
    char time[TIME_LENGTH];
    fprintf(stderr, "%s/%d reaches from offset %lld", topic, (int)range->partition, (long long)range->first);
    if (range->first_ms >= 0) {
        time_text(time_of_message(range->first_ms), time);
        fprintf(stderr, " (%.*s)", TIME_LENGTH, time);
    }
    fprintf(stderr, " to %lld", (long long)range->stable);
    if (range->high > range->stable)
        fprintf(stderr, "; %lld offsets stand behind an open transaction", (long long)(range->high - range->stable));
    if (range->lost > 0)
        fprintf(stderr, "; %lld of the offsets that were asked for are deleted", (long long)range->lost);
    fputc('\n', stderr);
}

const char *replay_report_time(int64_t time_ms, char text[TIME_LENGTH + 1])
{
    if (time_ms < 0)
        return "-";
    time_text(time_of_message(time_ms), text);
    text[TIME_LENGTH] = '\0';
    return text;
}

static void print_range_json(const struct replay_range *range)
{
    char text[TIME_LENGTH + 1];
    json_t *line =
        json_line_pack("{s:i, s:I, s:I, s:I}", "partition", (int)range->partition, "from", (json_int_t)range->from,
                       "to", (json_int_t)range->to, "offsets", (json_int_t)replay_range_offsets(range));
    bool ok = true;
    if (range->from_ms >= 0)
        ok = json_object_set_new(line, "fromTime", json_line_text(replay_report_time(range->from_ms, text))) == 0;
    if (range->to_ms >= 0)
        ok = ok && json_object_set_new(line, "toTime", json_line_text(replay_report_time(range->to_ms, text))) == 0;
    if (range->lost > 0)
        ok = ok && json_object_set_new(line, "deleted", json_integer((json_int_t)range->lost)) == 0;
    if (range->open > 0)
        ok = ok && json_object_set_new(line, "open", json_integer((json_int_t)range->open)) == 0;
    if (!ok)
        abort();
    json_line_print(line);
}

static void print_range_text(const struct replay_range *range)
{
    char from[TIME_LENGTH + 1], to[TIME_LENGTH + 1];
    printf("%9d %12lld %12lld %12lld  %-*s  %s%s\n", (int)range->partition, (long long)range->from,
           (long long)range->to, (long long)replay_range_offsets(range), TIME_LENGTH,
           replay_report_time(range->from_ms, from), replay_report_time(range->to_ms, to),
           range->from < range->to ? "" : "  (empty)");
}

void replay_report_ranges(struct replay_report *report, const struct replay_ranges *ranges)
{
    for (uint32_t i = 0; i < ranges->count; i++)
        replay_report_reach(report->topic, &ranges->items[i]);
    if (report->output == REPLAY_TEXT)
        printf("Commands of %s\n\n%9s %12s %12s %12s  %-*s  %s\n", report->topic, "partition", "from", "to", "offsets",
               TIME_LENGTH, "from time", "to time");
    for (uint32_t i = 0; i < ranges->count; i++) {
        if (report->output == REPLAY_JSON)
            print_range_json(&ranges->items[i]);
        else
            print_range_text(&ranges->items[i]);
    }
}

/* ---- Counting ---- */

bool replay_report_add(struct replay_report *report, struct span workspace, const struct comparison *comparison,
                       struct span entry)
{
    int64_t at;
    report->classes[comparison->class]++;
    report->then[comparison->then]++;
    report->now[comparison->now]++;
    report->lacking += comparison->is_lacking;
    if (!workspace_counts_add(report->workspaces, workspace, comparison))
        return false;
    if (!entry.at)
        return true;
    if (report->held)
        return spill_append(report->held, entry, &at);
    fwrite(entry.at, 1, entry.length, stdout); /* the program's end checks standard output for errors */
    return true;
}

uint64_t replay_report_changed(const struct replay_report *report)
{
    uint64_t sum = 0;
    for (int class = 0; class < CLASSES; class ++)
        sum += class == CLASS_SAME ? 0 : report->classes[class];
    return sum;
}

/* ---- The summary ---- */

static const char *hole_reason(const struct history_hole *hole)
{
    switch (hole->reason) {
    case HOLE_DELETED:
        return "deleted";
    case HOLE_REPLACED:
        return "replaced";
    case HOLE_UNREADABLE:
        return "unreadable";
    case HOLE_MISNUMBERED:
        return "wrong offsets";
    case HOLE_OPEN:
        return "open transaction";
    }
    return "";
}

static void print_counts(const char *title, const uint64_t *then, const uint64_t *now)
{
    printf("\n%-20s %12s %12s\n", title, "then", "now");
    for (uint32_t verdict = 0; verdict < VERDICTS; verdict++)
        if (then[verdict] > 0 || now[verdict] > 0)
            printf("%-20s %12llu %12llu\n", verdict == VERDICT_NONE ? "(not known)" : verdict_text(verdict),
                   (unsigned long long)then[verdict], (unsigned long long)now[verdict]);
}

static void print_workspaces(const struct workspace_count *top, uint32_t count)
{
    if (count == 0)
        return;
    printf("\n%-32s %12s %12s", "workspace", "commands", "not same");
    for (int class = CLASS_SAME + 1; class < CLASSES; class ++)
        printf(" %14s", replay_class_text(class));
    putchar('\n');
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t changed = workspace_count_changed(&top[i]);
        printf("%-32.*s %12llu %12llu", top[i].length > 0 ? (int)top[i].length : 6,
               top[i].length > 0 ? top[i].name : "(none)", (unsigned long long)(changed + top[i].classes[CLASS_SAME]),
               (unsigned long long)changed);
        for (int class = CLASS_SAME + 1; class < CLASSES; class ++)
            printf(" %14llu", (unsigned long long)top[i].classes[class]);
        putchar('\n');
    }
}

static void print_text(const struct replay_report *report, const struct replay_holes *holes,
                       const struct workspace_count *top, uint32_t count)
{
    const uint64_t changed = replay_report_changed(report), same = report->classes[CLASS_SAME];
    printf("\nCommands decided again: %llu, the same: %llu, not the same: %llu\n", (unsigned long long)(same + changed),
           (unsigned long long)same, (unsigned long long)changed);
    printf("\n%-20s %12s  %s\n", "class", "commands", "meaning");
    for (int class = 0; class < CLASSES; class ++)
        printf("%-20s %12llu  %s\n", replay_class_text(class), (unsigned long long)report->classes[class],
               replay_class_meaning(class));
    print_counts("outcome", report->then, report->now);
    print_workspaces(top, count);
    if (report->lacking > 0)
        printf("\nReplies that name definitions which the definitions topic lacks: %llu\n",
               (unsigned long long)report->lacking);
    for (uint32_t i = 0; i < holes->count; i++)
        printf("%snot read: %s/%d from %lld to %lld (%s)\n", i == 0 ? "\n" : "", report->topic,
               (int)holes->items[i].partition, (long long)holes->items[i].from, (long long)holes->items[i].to,
               hole_reason(&holes->items[i]));
}

static json_t *classes_json(const uint64_t *classes)
{
    json_t *object = json_line_pack("{}");
    for (int class = 0; class < CLASSES; class ++)
        if (json_object_set_new(object, replay_class_text(class), json_integer((json_int_t)classes[class])) != 0)
            abort();
    return object;
}

/* Commands without a reply, or without a decision, are in no code. */
static json_t *verdicts_json(const uint64_t *verdicts)
{
    json_t *object = json_line_pack("{}");
    for (uint32_t verdict = VERDICT_CREATED; verdict < VERDICTS; verdict++)
        if (verdicts[verdict] > 0 &&
            json_object_set_new(object, verdict_text(verdict), json_integer((json_int_t)verdicts[verdict])) != 0)
            abort();
    return object;
}

static json_t *codes_json(const uint64_t *then, const uint64_t *now)
{
    return json_line_pack("{s:o, s:o}", "then", verdicts_json(then), "now", verdicts_json(now));
}

static json_t *workspaces_json(const struct workspace_count *top, uint32_t count)
{
    json_t *list = json_line_pack("[]");
    for (uint32_t i = 0; i < count; i++) {
        json_t *row = json_line_pack(
            "{s:I, s:o, s:o}", "commands", (json_int_t)(workspace_count_changed(&top[i]) + top[i].classes[CLASS_SAME]),
            "classes", classes_json(top[i].classes), "codes", codes_json(top[i].then, top[i].now));
        json_t *named = json_line_pack("{}");
        if ((top[i].length > 0 &&
             json_object_set_new(named, "workspaceId", json_stringn(top[i].name, top[i].length)) != 0) ||
            json_object_update(named, row) != 0 || json_array_append_new(list, named) != 0)
            abort();
        json_decref(row);
    }
    return list;
}

static json_t *holes_json(const struct replay_holes *holes)
{
    json_t *list = json_line_pack("[]");
    for (uint32_t i = 0; i < holes->count; i++) {
        const struct history_hole *hole = &holes->items[i];
        json_t *row = json_line_pack("{s:i, s:I, s:I, s:s}", "partition", (int)hole->partition, "from",
                                     (json_int_t)hole->from, "to", (json_int_t)hole->to, "reason", hole_reason(hole));
        if (json_array_append_new(list, row) != 0)
            abort();
    }
    return list;
}

static void print_json(const struct replay_report *report, const struct replay_holes *holes,
                       const struct workspace_count *top, uint32_t count)
{
    json_line_print(json_line_pack("{s:I, s:o, s:o, s:o, s:I, s:o}", "commands",
                                   (json_int_t)(replay_report_changed(report) + report->classes[CLASS_SAME]), "classes",
                                   classes_json(report->classes), "codes", codes_json(report->then, report->now),
                                   "workspaces", workspaces_json(top, count), "lackingDefinitions",
                                   (json_int_t)report->lacking, "holes", holes_json(holes)));
}

/* The entries that were held back. */
static bool print_held(struct spill *held)
{
    char buffer[COPY_BYTES];
    const int64_t total = spill_bytes(held);
    if (total > 0)
        putchar('\n');
    for (int64_t at = 0; at < total;) {
        const size_t part = total - at < COPY_BYTES ? (size_t)(total - at) : COPY_BYTES;
        if (!spill_read(held, at, buffer, part))
            return false;
        fwrite(buffer, 1, part, stdout);
        at += (int64_t)part;
    }
    return true;
}

bool replay_report_end(struct replay_report *report, const struct replay_holes *holes)
{
    struct workspace_count *top = calloc(REPORTED_WORKSPACES, sizeof(*top));
    uint32_t count;
    bool ok = top && workspace_counts_top(report->workspaces, top, REPORTED_WORKSPACES, &count);
    if (ok && report->output == REPLAY_JSON)
        print_json(report, holes, top, count);
    else if (ok)
        print_text(report, holes, top, count);
    free(top);
    return ok && (!report->held || print_held(report->held));
}
