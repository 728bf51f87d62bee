/* What an applied replay prints: its ranges at the beginning, and a summary. */
#include <stdio.h>

#include "worker/replay/replay_apply_internal.h"

int64_t apply_offsets(const struct apply *apply)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < apply->range_count; i++)
        sum += apply->ranges[i].to - apply->ranges[i].from;
    return sum;
}

static void print_range(const struct apply *apply, const struct apply_range *range)
{
    const long long from = range->from, to = range->to;
    const long long position = range->position > range->from ? range->position : range->from;
    if (apply->request->output == REPLAY_JSON) {
        printf("{\"partition\":%d,\"from\":%lld,\"to\":%lld,\"position\":%lld}\n", (int)range->partition, from, to,
               position);
        return;
    }
    printf("%s/%d from %lld to %lld: %lld offsets", apply->config.commands.topic, (int)range->partition, from, to,
           to - from);
    if (position > from)
        printf(", goes on at %lld", position);
    printf("\n");
}

void apply_print_ranges(const struct apply *apply)
{
    for (uint32_t i = 0; i < apply->range_count; i++)
        print_range(apply, &apply->ranges[i]);
    if (apply_offsets(apply) == 0 && apply->request->output == REPLAY_TEXT)
        printf("The range is empty.\n");
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
