#include "worker/http/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SLOW_KAFKA_SECONDS 0.5   /* of a transaction, on average */
#define SLOW_REDIS_SECONDS 0.25  /* of a stage that asks Redis, on average */
#define BEGINS_MS          30000 /* while a missing connection is no fault yet, unless there is a complaint */
#define LATE_SECONDS       60    /* as the alert ClientIntakeRepliesLate has it */
#define GARBAGE_LEAST      20    /* in the last minute */
#define GARBAGE_PERCENT    5
#define REJECTIONS_LEAST   100
#define REJECTIONS_PERCENT 50

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

__attribute__((format(printf, 5, 6))) static void add(struct verdict *verdict, enum finding_kind kind, int64_t since_ms,
                                                      const char *advice, const char *format, ...)
{
    struct finding *finding = &verdict->findings[verdict->count++];
    *finding = (struct finding){.kind = kind, .since_ms = since_ms, .advice = advice};
    va_list values;
    va_start(values, format);
    vsnprintf(finding->text, sizeof(finding->text), format, values);
    va_end(values);
}

static double average(const struct seconds_histogram *histogram)
{
    uint64_t count = seconds_count(histogram);
    return count > 0 ? histogram->sum / (double)count : 0;
}

static bool is_open(const struct complaint_view *complaint)
{
    return complaint->began_ms > 0 && complaint->ended_ms == 0;
}

/* What stands behind the event: the server's own words. */
static const char *words_of(const struct complaint_view *complaint)
{
    const char *colon = strstr(complaint->text, ": ");
    return colon ? colon + 2 : complaint->text;
}

static bool begins(const struct status *status)
{
    return status->now.wall_ms - status->started_ms < BEGINS_MS;
}

static void find_redis(struct verdict *verdict, const struct status *status)
{
    if (status->redis_up || (begins(status) && !is_open(&status->redis)))
        return;
    const char *text = is_open(&status->redis) ? words_of(&status->redis) : "there is no connection yet";
    int64_t since_ms = is_open(&status->redis) ? status->redis.began_ms : 0;
    if (is_open(&status->redis) && strstr(text, "OOM"))
        add(verdict, FINDING_REDIS_FULL, since_ms,
            "Raise Redis' maxmemory, or remove other keys. The worker goes on by itself; nothing is lost.",
            "Redis is full and refuses to write, so commands wait. It says: %s", text);
    else
        add(verdict, FINDING_REDIS_AWAY, since_ms,
            "Start Redis, or repair the network or the rights. The worker goes on by itself; nothing is lost.",
            "Redis cannot be used, so commands wait. The last complaint: %s", text);
}

static void find_kafka(struct verdict *verdict, const struct status *status)
{
    double seconds = average(&status->minute.stages[STAGE_COMMIT]);
    /* Without Redis a thread does not yet ask Kafka. */
    bool is_missing = !status->kafka_up && (is_open(&status->kafka) || (status->redis_up && !begins(status)));
    if (is_missing && seconds < SLOW_KAFKA_SECONDS)
        add(verdict, FINDING_KAFKA_AWAY, is_open(&status->kafka) ? status->kafka.began_ms : 0,
            "Look at the brokers and the network. The worker goes on by itself; nothing is lost.",
            "Kafka does not answer, so commands wait. The last complaint: %s",
            is_open(&status->kafka) ? words_of(&status->kafka) : "none; the worker joins its group");
    else if (seconds >= SLOW_KAFKA_SECONDS)
        add(verdict, FINDING_KAFKA_SLOW, 0, "Look at the brokers: load, disks, and replicas that are behind.",
            "Kafka is slow: a transaction takes %.1f s on average, over the last minute.", seconds);
}

static void find_slow_redis(struct verdict *verdict, const struct status *status)
{
    double look_up = average(&status->minute.stages[STAGE_DEFINITIONS]);
    double claim = average(&status->minute.stages[STAGE_CLAIM]);
    if (status->redis_up && (look_up >= SLOW_REDIS_SECONDS || claim >= SLOW_REDIS_SECONDS))
        add(verdict, FINDING_REDIS_SLOW, 0, "Look at Redis and the network to it: slow commands, swapping, a fork.",
            "Redis is slow: a batch waits %.1f s for it on average, over the last minute.", look_up + claim);
}

static void find_waiting(struct verdict *verdict, const struct status *status)
{
    const struct command_note *note = &status->waiting_command;
    static const char advice[] = "Put the definitions of the workspace: client-intake definitions put WORKSPACE FILE. "
                                 "The partition goes on at once, or when definitions.wait is over.";
    if (status->waiting > 0 && note->since_ms > 0)
        add(verdict, FINDING_DEFINITIONS_AWAITED, note->since_ms, advice,
            "%llu partition%s for definitions: partition %d of %s waits for those of workspace %.*s.",
            (unsigned long long)status->waiting, status->waiting == 1 ? " waits" : "s wait", (int)note->key.partition,
            status->topic, (int)note->key.length, note->key.workspace);
    else if (status->waiting > 0)
        add(verdict, FINDING_DEFINITIONS_AWAITED, 0, advice, "%llu partition%s for definitions.",
            (unsigned long long)status->waiting, status->waiting == 1 ? " waits" : "s wait");
}

static void find_noisy(struct verdict *verdict, const struct status *status)
{
    if (status->noisy_count == 0)
        return;
    const struct noisy_workspace *noisy = &status->noisy[0];
    add(verdict, FINDING_NOISY_WORKSPACE, noisy->since_ms,
        "Ask its owner to slow down, or to use several keys, so that its commands use other partitions.",
        "Workspace %.*s takes %u %% of partition %d of %s, while commands of that partition wait.",
        (int)noisy->key.length, noisy->key.workspace, noisy->percent, (int)noisy->key.partition, status->topic);
}

static void find_rejections(struct verdict *verdict, const struct status *status)
{
    const struct status_period *minute = &status->minute;
    uint64_t garbage = 0, all = minute->commands, rejected = minute->results[OUTCOME_REJECTED];
    for (unsigned i = ERROR_NONE + 1; i < ERROR_COUNT; i++)
        if (error_is_dead_letter((enum error)i))
            garbage += minute->rejections[i];
    if (garbage >= GARBAGE_LEAST && garbage * 100 >= all * GARBAGE_PERCENT && status->garbage.since_ms > 0)
        add(verdict, FINDING_GARBAGE, 0,
            "client-intake dead-letters list --group shows what they have in common, and dead-letters show their "
            "sender's "
            "headers. Tell the sender; the other commands are answered.",
            "A producer sends garbage: %llu of %llu commands of the last minute cannot be read. The last: partition "
            "%d, "
            "offset %lld of %s, %s.",
            (unsigned long long)garbage, (unsigned long long)all, (int)status->garbage.key.partition,
            (long long)status->garbage.offset, status->topic, status->garbage.code);
    else if (rejected >= REJECTIONS_LEAST && rejected * 100 > all * REJECTIONS_PERCENT && status->rejected.count > 0)
        add(verdict, FINDING_REJECTIONS, 0,
            "See which code it is, and whether the definitions of the workspace changed: client-intake definitions "
            "history WORKSPACE.",
            "%llu of %llu commands of the last minute are rejected, most of them of workspace %.*s.",
            (unsigned long long)rejected, (unsigned long long)all, (int)status->rejected.rows[0].key.length,
            status->rejected.rows[0].key.workspace);
}

static void find_late(struct verdict *verdict, const struct status *status)
{
    if (status->now.oldest_seconds < LATE_SECONDS)
        return;
    const struct partition_lag *oldest = &status->lags[0];
    for (size_t i = 1; i < status->lag_count; i++)
        if (status->lags[i].oldest_seconds > oldest->oldest_seconds)
            oldest = &status->lags[i];
    if (status->lag_count > 0)
        add(verdict, FINDING_REPLIES_LATE, 0,
            "If nothing stands above this, there are more commands than the threads can take: add threads or "
            "instances, up "
            "to the number of partitions.",
            "Replies come late: the oldest command without one waits for %.0f s, in partition %d of %s.",
            oldest->oldest_seconds, (int)oldest->partition, status->topic);
}

void verdict_find(struct verdict *verdict, const struct status *status)
{
    verdict->count = 0;
    if (status->draining) {
        add(verdict, FINDING_DRAINING, 0, "Nothing is to be done.",
            "The worker was asked to stop. It finishes the batches in hand.");
        return;
    }
    if (!status->live)
        add(verdict, FINDING_THREAD_HANGS, 0, "Save the log, and restart the worker: nothing is lost or doubled.",
            "The worker hangs: %s.", status->live_reason);
    find_redis(verdict, status);
    find_kafka(verdict, status);
    if (status->rebuilding > 0)
        add(verdict, FINDING_REBUILDING, 0, "Wait: the log tells how far it is.",
            "Redis lost its data, and is rebuilt from the record topic. Commands wait.");
    else if (!status->ready && verdict->count == 0)
        add(verdict, FINDING_STARTING, 0, "If this stays for a minute, read the log.", "The worker gets ready: %s.",
            status->ready_reason);
    find_slow_redis(verdict, status);
    find_waiting(verdict, status);
    find_noisy(verdict, status);
    find_rejections(verdict, status);
    find_late(verdict, status);
}
