/* The last ten minutes of /status.json. */
#include "worker/http/status_json_internal.h"

#define CODES_DRAWN 6 /* those with most rejections */

/* A series has a value for each interval between two samples; for a gauge the value at its end. */
struct series {
    const char *name;
    double (*of)(const struct status_period *period, const struct status_sample *end, unsigned detail);
    unsigned detail;
};

static double commands_rate(const struct status_period *period, const struct status_sample *end, unsigned detail)
{
    (void)end;
    (void)detail;
    return status_rate(period->commands, period);
}

static double result_rate(const struct status_period *period, const struct status_sample *end, unsigned detail)
{
    (void)end;
    return status_rate(period->results[detail], period);
}

static double rejection_rate(const struct status_period *period, const struct status_sample *end, unsigned detail)
{
    (void)end;
    return status_rate(period->rejections[detail], period);
}

static double reply_quantile(const struct status_period *period, const struct status_sample *end, unsigned detail)
{
    (void)end;
    return seconds_quantile(&period->reply, (double)detail / 100);
}

static double stage_mean(const struct status_period *period, const struct status_sample *end, unsigned detail)
{
    (void)end;
    return status_mean(&period->stages[detail]);
}

static double lag_commands(const struct status_period *period, const struct status_sample *end, unsigned detail)
{
    (void)period;
    (void)detail;
    return (double)end->lag;
}

static double lag_seconds(const struct status_period *period, const struct status_sample *end, unsigned detail)
{
    (void)period;
    (void)detail;
    return end->oldest_seconds;
}

static void set_series(struct json_build *build, json_t *object, const struct status *status,
                       const struct series *series)
{
    json_t *list = json_array();
    for (size_t i = 1; i < status->sample_count; i++) {
        const struct status_sample *end = &status->samples[i];
        const struct status_period period = status_period_between(&status->samples[i - 1], end);
        json_build_append(build, list, json_build_number(series->of(&period, end, series->detail)));
    }
    json_build_set(build, object, series->name, list);
}

/* The codes with most rejections in the ten minutes. */
static void set_codes(struct json_build *build, json_t *object, const struct status *status)
{
    uint64_t counts[ERROR_COUNT] = {0};
    for (unsigned i = 0; status->sample_count > 0 && i < ERROR_COUNT; i++)
        counts[i] = status->now.rejections[i] - status->samples[0].rejections[i];
    for (unsigned drawn = 0; drawn < CODES_DRAWN; drawn++) {
        unsigned most = 0;
        for (unsigned i = 1; i < ERROR_COUNT; i++)
            if (counts[i] > counts[most])
                most = i;
        if (counts[most] == 0)
            return;
        counts[most] = 0;
        set_series(build, object, status, &(struct series){error_row((enum error)most)->code, rejection_rate, most});
    }
}

json_t *status_json_history(struct json_build *build, const struct status *status)
{
    static const struct series plain[] = {
        {"commandsPerSecond", commands_rate, 0}, {"rejectedPerSecond", result_rate, OUTCOME_REJECTED},
        {"replyP50Seconds", reply_quantile, 50}, {"replyP99Seconds", reply_quantile, 99},
        {"lagCommands", lag_commands, 0},        {"lagSeconds", lag_seconds, 0},
    };
    json_t *object = json_object(), *stage_object = json_object(), *codes = json_object();
    json_build_set(build, object, "everySeconds", json_integer(HISTORY_EVERY_MS / 1000));
    json_build_set(build, object, "end",
                   status->sample_count > 0 ? json_integer(status->samples[status->sample_count - 1].wall_ms)
                                            : json_null());
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        set_series(build, object, status, &plain[i]);
    for (unsigned i = 0; i < BATCH_STAGES; i++)
        set_series(build, stage_object, status, &(struct series){status_stages[i], stage_mean, i});
    json_build_set(build, object, "stageSeconds", stage_object);
    set_codes(build, codes, status);
    json_build_set(build, object, "rejectionsPerSecond", codes);
    return object;
}
