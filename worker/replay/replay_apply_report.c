/* What an applied replay prints: its ranges at the beginning, and a summary. */
#include <inttypes.h>
#include <stdio.h>

#include "common/timestamp.h"

#include "worker/replay/replay_apply_internal.h"
#include "worker/replay/replay_report.h"

int64_t apply_offsets(const struct apply *apply)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < apply->range_count; i++)
        sum += apply->ranges[i].to - apply->ranges[i].from;
    return sum;
}

/* The times of a range that an earlier start has found are not known, unless this one has found the same offsets. */
static int64_t from_time(const struct apply_range *range)
{
    return range->from == range->asked.from ? range->asked.from_ms : -1;
}

static int64_t to_time(const struct apply_range *range)
{
    return range->to == range->asked.to ? range->asked.to_ms : -1;
}

static int64_t position_of(const struct apply_range *range)
{
    return range->position > range->from ? range->position : range->from;
}

static void print_range_json(const struct apply_range *range)
{
    char text[TIME_LENGTH + 1];
    printf("{\"partition\":%d,\"from\":%" PRId64 ",\"to\":%" PRId64 ",\"position\":%" PRId64 ",\"offsets\":%" PRId64,
           (int)range->partition, range->from, range->to, position_of(range), range->to - range->from);
    if (from_time(range) >= 0)
        printf(",\"fromTime\":\"%s\"", replay_report_time(from_time(range), text));
    if (to_time(range) >= 0)
        printf(",\"toTime\":\"%s\"", replay_report_time(to_time(range), text));
    if (range->asked.lost > 0)
        printf(",\"deleted\":%" PRId64, range->asked.lost);
    if (range->asked.open > 0)
        printf(",\"open\":%" PRId64, range->asked.open);
    printf("}\n");
}

static void print_range_text(const char *topic, const struct apply_range *range)
{
    char from[TIME_LENGTH + 1], to[TIME_LENGTH + 1];
    printf("%s/%d from %" PRId64 " (%s) to %" PRId64 " (%s): ", topic, (int)range->partition, range->from,
           replay_report_time(from_time(range), from), range->to, replay_report_time(to_time(range), to));
    if (range->from == range->to)
        printf("empty");
    else
        printf("%" PRId64 " offsets", range->to - range->from);
    if (range->position > range->from)
        printf(", goes on at %" PRId64, range->position);
    printf("\n");
}

void apply_print_ranges(const struct apply *apply)
{
    const char *topic = apply->config.commands.topic;
    for (uint32_t i = 0; i < apply->range_count; i++)
        replay_report_reach(topic, &apply->ranges[i].asked);
    for (uint32_t i = 0; i < apply->range_count; i++) {
        if (apply->request->output == REPLAY_JSON)
            print_range_json(&apply->ranges[i]);
        else
            print_range_text(topic, &apply->ranges[i]);
    }
    fflush(stdout);
}

static void print_json(const struct apply *apply)
{
    const struct apply_counts *counts = &apply->counts;
    const char *before = "";
    printf("{\"done\":%s,\"created\":%llu,\"rejected\":%llu,\"passedOver\":%llu,\"ofOtherWorkspaces\":%llu,"
           "\"unknown\":%llu,\"missing\":%lld,\"codes\":{",
           apply->is_done ? "true" : "false", (unsigned long long)counts->created, (unsigned long long)counts->rejected,
           (unsigned long long)counts->passed_over, (unsigned long long)counts->of_others,
           (unsigned long long)counts->unknown, (long long)missing_of_all(apply));
    for (int error = ERROR_NONE + 1; error < ERROR_COUNT; error++) {
        if (counts->codes[error] == 0)
            continue;
        printf("%s\"%s\":%llu", before, error_row((enum error)error)->code, (unsigned long long)counts->codes[error]);
        before = ",";
    }
    printf("}}\n");
}

/* The rejected commands by code. */
static void print_codes(const struct apply_counts *counts)
{
    const char *before = " (";
    for (int error = ERROR_NONE + 1; error < ERROR_COUNT; error++) {
        if (counts->codes[error] == 0)
            continue;
        printf("%s%s %llu", before, error_row((enum error)error)->code, (unsigned long long)counts->codes[error]);
        before = ", ";
    }
    if (counts->rejected > 0)
        printf(")");
}

static void print_text(const struct apply *apply)
{
    const struct apply_counts *counts = &apply->counts;
    const long long missing = missing_of_all(apply);
    for (uint32_t i = 0; i < apply->range_count && !apply->is_done; i++)
        printf("%s/%d: done up to %lld of %lld\n", apply->config.commands.topic, (int)apply->ranges[i].partition,
               (long long)(apply->ranges[i].position < 0 ? apply->ranges[i].from : apply->ranges[i].position),
               (long long)apply->ranges[i].to);
    printf("%llu created, %llu rejected", (unsigned long long)counts->created, (unsigned long long)counts->rejected);
    print_codes(counts);
    printf(", %llu passed over with a record", (unsigned long long)counts->passed_over);
    if (counts->of_others > 0)
        printf(", %llu of other workspaces", (unsigned long long)counts->of_others);
    if (counts->unknown > 0)
        printf(", %llu not decided since their definitions are gone", (unsigned long long)counts->unknown);
    if (missing > 0)
        printf(", %lld offsets could not be read", missing);
    printf("%s", apply->is_done ? ".\n" : " so far.\n");
}

void apply_print_summary(const struct apply *apply)
{
    if (apply->request->output == REPLAY_JSON)
        print_json(apply);
    else
        print_text(apply);
    fflush(stdout);
}
