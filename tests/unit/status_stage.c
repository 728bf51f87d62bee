#include "tests/unit/status_stage.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct verdict verdict;

struct status *a_status(void)
{
    struct status *status = calloc(1, sizeof(*status));
    status->topic = "commands";
    status->kafka_address = "kafka:9092";
    status->redis_address = "redis:6379";
    status->live = status->ready = status->kafka_up = status->redis_up = true;
    status->now.wall_ms = 1000000;
    status->threads = calloc(1, sizeof(*status->threads));
    return status;
}

void ck_findings(const struct status *status, const char *expected)
{
    char names[256] = "";
    verdict_find(&verdict, status);
    for (size_t i = 0; i < verdict.count; i++) {
        strcat(names, i > 0 ? " " : "");
        strcat(names, finding_name(verdict.findings[i].kind));
        ck_assert_uint_gt(strlen(verdict.findings[i].text), 20);
        ck_assert_uint_gt(strlen(verdict.findings[i].advice), 15);
    }
    ck_assert_str_eq(names, expected);
}

void observe(struct seconds_histogram *histogram, unsigned count, double seconds)
{
    histogram->buckets[10] += count;
    histogram->sum += count * seconds;
}

void complain(struct complaint_view *complaint, const char *text, int64_t ended_ms)
{
    complaint->began_ms = 5000;
    complaint->ended_ms = ended_ms;
    snprintf(complaint->text, sizeof(complaint->text), "%s", text);
}
