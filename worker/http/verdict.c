#include <stdarg.h>
#include <stdio.h>

#include "worker/http/verdict_internal.h"

#define BEGINS_MS    30000 /* while a missing connection is no fault yet, unless there is a complaint */
#define LATE_SECONDS 60    /* as the alert ClientIntakeRepliesLate has it */
#define OLD_SECONDS  2     /* of a command when it got its reply: it waited somewhere */
#define OLD_LEAST    10    /* commands of the last seconds */
#define OLD_MS       20000 /* for so long: partitions that come from another worker bring commands that waited there */
#define BUSY_SHARE   0.5   /* of their time that threads work on batches: with less they wait for commands */

static const struct {
    const char *name;
    enum finding_level level;
    const char *section;
} rows[FINDING_COUNT] = {
#define FINDING_ROW(name, text, level, section) [FINDING_##name] = {text, FINDING_##level, section},
    FINDINGS(FINDING_ROW)
#undef FINDING_ROW
};

const char *finding_name(enum finding_kind kind)
{
    return rows[kind].name;
}

enum finding_level finding_level(enum finding_kind kind)
{
    return rows[kind].level;
}

const char *finding_section(enum finding_kind kind)
{
    return rows[kind].section;
}

struct finding *verdict_add(struct verdict *verdict, enum finding_kind kind, const char *format, ...)
{
    struct finding *finding = &verdict->findings[verdict->count++];
    *finding = (struct finding){.kind = kind};
    va_list values;
    va_start(values, format);
    vsnprintf(finding->text, sizeof(finding->text), format, values);
    va_end(values);
    return finding;
}

void finding_advise(struct finding *finding, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(finding->advice, sizeof(finding->advice), format, values);
    va_end(values);
}

void finding_holds_since(struct finding *finding, const struct status *status, since_holds *holds)
{
    struct since since = since_of(status, holds);
    finding->since_ms = since.wall_ms;
    finding->or_earlier = since.or_earlier;
}

/* A batch whose commit has not ended may have been with Redis already. */
double period_kafka_seconds(const struct status_period *period)
{
    double seconds = period->stages[STAGE_COMMIT].sum - period->commit_redis_seconds;
    return seconds > 0 ? seconds : 0;
}

double period_redis_seconds(const struct status_period *period)
{
    return period->stages[STAGE_DEFINITIONS].sum + period->stages[STAGE_CLAIM].sum + period->commit_redis_seconds;
}

bool status_begins(const struct status *status)
{
    return status->now.wall_ms - status->started_ms < BEGINS_MS;
}

/* ---- threads ---- */

static void find_hanging(struct verdict *verdict, const struct status *status)
{
    int64_t longest_ms = 0;
    for (size_t i = 0; i < status->thread_count; i++)
        if (status->threads[i].beat_ms > longest_ms)
            longest_ms = status->threads[i].beat_ms;
    struct finding *finding = verdict_add(verdict, FINDING_THREAD_HANGS, "The worker hangs: %s.", status->live_reason);
    finding_advise(finding, "Save the log, and restart the worker: nothing is lost or doubled.");
    finding->since_ms = longest_ms > 0 ? status->now.wall_ms - longest_ms : 0;
}

static void find_starting(struct verdict *verdict, const struct status *status)
{
    struct finding *finding;
    if (status->rebuilding > 0) {
        finding = verdict_add(verdict, FINDING_REBUILDING,
                              "Redis lost its data, and is rebuilt from the record topic. Commands wait.");
        finding_advise(finding, "Wait: the log tells how far it is.");
    } else if (!status->ready && verdict->count == 0) {
        finding = verdict_add(verdict, FINDING_STARTING, "The worker gets ready: %s.", status->ready_reason);
        finding_advise(finding, "If this stays for a minute, read the log.");
    }
}

/* ---- lateness ---- */

/* Where the time of the last minute went. */
static const char *lateness_advice(const struct status *status)
{
    const struct status_period *minute = &status->minute;
    double kafka = period_kafka_seconds(minute), redis = period_redis_seconds(minute);
    double all = 0, available = minute->seconds * (double)status->thread_count;
    for (unsigned i = 0; i < BATCH_STAGES; i++)
        all += minute->stages[i].sum;
    double ours = all - kafka - redis;
    if (all < available * BUSY_SHARE)
        return "The threads mostly wait, so Kafka delivers commands slowly, or the partition is held up: look at the "
               "brokers, the network, and the log.";
    if (kafka >= redis && kafka >= ours)
        return "Most of the threads' time goes to transactions of Kafka: look at the brokers, or add threads or "
               "instances, up to the number of partitions.";
    if (redis >= ours)
        return "Most of the threads' time goes to Redis: look at Redis, or add threads or instances, up to the number "
               "of "
               "partitions.";
    return "The threads are busy, so there are more commands than they can take: add threads or instances, up to the "
           "number of partitions.";
}

static void find_late(struct verdict *verdict, const struct status *status)
{
    if (status->now.oldest_seconds < LATE_SECONDS || status->lag_count == 0)
        return;
    const struct partition_lag *oldest = &status->lags[0];
    for (size_t i = 1; i < status->lag_count; i++)
        if (status->lags[i].oldest_seconds > oldest->oldest_seconds)
            oldest = &status->lags[i];
    bool is_explained = false;
    for (size_t i = 0; i < verdict->count; i++)
        is_explained = is_explained || finding_level(verdict->findings[i].kind) != FINDING_NOTE;
    struct finding *finding =
        verdict_add(verdict, FINDING_REPLIES_LATE,
                    "Replies come late: the oldest command without one waits for %.0f s, in partition %d of %s.",
                    oldest->oldest_seconds, (int)oldest->partition, status->topic);
    finding_advise(finding, "%s",
                   is_explained ? "What stands above explains it. If it does not, read the section."
                                : lateness_advice(status));
    finding->since_ms = status->now.wall_ms - (int64_t)(oldest->oldest_seconds * 1000);
}

/* Half of the replies of the last seconds are to commands that are at least so old. */
static double age_of_commands(const struct status_period *recent)
{
    return seconds_quantile(&recent->reply, 0.5);
}

static bool commands_are_old(const struct status_period *recent, const struct status_period *minute)
{
    (void)minute;
    double age = age_of_commands(recent);
    return seconds_count(&recent->reply) >= OLD_LEAST && age >= OLD_SECONDS && age < LATE_SECONDS;
}

/* The age of the oldest command without a reply, as high as it was in the last minute. */
static double oldest_of_minute(const struct status *status)
{
    double oldest = status->now.oldest_seconds;
    for (size_t i = status->sample_count; i-- > 0 && status->sample_count - i <= MINUTE_SAMPLES + 1;)
        if (status->samples[i].oldest_seconds > oldest)
            oldest = status->samples[i].oldest_seconds;
    return oldest;
}

/* They wait, but not here. Those that are older than a minute, which is the last bound of the histogram, are mostly an
 * import of old data. */
static void find_late_commands(struct verdict *verdict, const struct status *status)
{
    double age = age_of_commands(&status->recent);
    if (!commands_are_old(&status->recent, NULL) || oldest_of_minute(status) > age / 2 || !status->ready ||
        status->now.wall_ms - since_of(status, commands_are_old).wall_ms < OLD_MS)
        return;
    for (size_t i = 0; i < verdict->count; i++)
        if (finding_level(verdict->findings[i].kind) != FINDING_NOTE)
            return;
    struct finding *finding = verdict_add(
        verdict, FINDING_COMMANDS_LATE,
        "Commands come late: half of the last ones were %.0f s old when they got their reply, and none waits "
        "here for so long.",
        age);
    finding_advise(finding,
                   "Kafka delivers them slowly: look at the brokers and the network. Or their producer gave them "
                   "old timestamps: then nothing is wrong.");
    finding_holds_since(finding, status, commands_are_old);
}

/* ---- traces ---- */

static bool spans_are_lost(const struct status_period *recent, const struct status_period *minute)
{
    (void)recent;
    return minute->spans[SPAN_REFUSED] + minute->spans[SPAN_QUEUE_FULL] + minute->spans[SPAN_UNREACHABLE] > 0;
}

static void find_lost_spans(struct verdict *verdict, const struct status *status)
{
    const uint64_t *spans = status->minute.spans;
    if (!spans_are_lost(NULL, &status->minute))
        return;
    struct finding *finding =
        verdict_add(verdict, FINDING_SPANS_LOST,
                    "Spans of traces are lost: in the last minute the receiver refused %llu, did not answer for %llu, "
                    "and the queue had no room for %llu; it took %llu.",
                    (unsigned long long)spans[SPAN_REFUSED], (unsigned long long)spans[SPAN_UNREACHABLE],
                    (unsigned long long)spans[SPAN_QUEUE_FULL], (unsigned long long)spans[SPAN_SENT]);
    finding_advise(finding, "Look at the receiver of tracing.endpoint in office hours; no command waits for it.");
    finding_holds_since(finding, status, spans_are_lost);
}

void verdict_find(struct verdict *verdict, const struct status *status)
{
    verdict->count = 0;
    if (status->draining) {
        finding_advise(
            verdict_add(verdict, FINDING_DRAINING, "The worker was asked to stop. It finishes the batches in hand."),
            "Nothing is to be done.");
        return;
    }
    if (!status->live)
        find_hanging(verdict, status);
    verdict_find_redis(verdict, status);
    verdict_find_kafka(verdict, status);
    find_starting(verdict, status);
    verdict_find_slow_redis(verdict, status);
    verdict_find_senders(verdict, status);
    find_late(verdict, status);
    find_late_commands(verdict, status);
    find_lost_spans(verdict, status);
}
