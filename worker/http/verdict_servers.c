/* What is wrong with Redis and Kafka. */
#include <string.h>

#include "worker/http/verdict_internal.h"

#define SLOW_KAFKA_SECONDS 0.5  /* of a transaction, on average */
#define SLOW_REDIS_SECONDS 0.25 /* with Redis, of a batch, on average */

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

static const char *or_unnamed(const char *address)
{
    return address ? address : "no address";
}

/* ---- Redis is full or away ---- */

/* What Redis' words call for. */
static const struct {
    const char *words, *advice;
} remedies[] = {
    {"MISCONF", "Redis cannot write its data to disk: free space on its disk, or repair the rights there. INFO "
                "persistence tells more."},
    {"NOAUTH", "Correct redis.username and redis.password; client-intake check tests them."},
    {"WRONGPASS", "Correct redis.username and redis.password; client-intake check tests them."},
    {"NOPERM", "Give the user of redis.username the missing right; client-intake check names it."},
    {"LOADING", "Wait: Redis reads its data after a start."},
    {"READONLY", "This Redis is a replica: redis.address has to name the master."},
    {"NOREPLICAS", "Bring the replicas of Redis back: it refuses to write without them (min-replicas-to-write)."},
};

static const char *remedy_of(const char *words)
{
    for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
        if (strstr(words, remedies[i].words))
            return remedies[i].advice;
    return "Start Redis, or repair the network.";
}

void verdict_find_redis(struct verdict *verdict, const struct status *status)
{
    bool complains = is_open(&status->redis);
    if (status->redis_up || (status_begins(status) && !complains))
        return;
    const char *words = complains ? words_of(&status->redis) : "there is no connection yet";
    struct finding *finding;
    if (complains && strstr(words, "OOM")) {
        finding = verdict_add(verdict, FINDING_REDIS_FULL,
                              "Redis (%s) is full and refuses to write, so commands wait. It says: %s",
                              or_unnamed(status->redis_address), words);
        finding_advise(
            finding, "Raise its maxmemory if its machine has the memory, or remove keys of other programs; do not let "
                     "it evict. The worker goes on by itself; nothing is lost.");
    } else {
        finding = verdict_add(verdict, FINDING_REDIS_AWAY,
                              "Redis (%s) cannot be used, so commands wait. The last complaint: %s",
                              or_unnamed(status->redis_address), words);
        finding_advise(finding, "%s The worker goes on by itself; nothing is lost.", remedy_of(words));
    }
    finding->since_ms = complains ? status->redis.began_ms : 0;
}

/* ---- Kafka is away or slow ---- */

/* The last seconds if a batch was committed in them, otherwise the last minute. */
static const struct status_period *with_commits(const struct status_period *recent, const struct status_period *minute)
{
    return seconds_count(&recent->stages[STAGE_COMMIT]) > 0 ? recent : minute;
}

/* On average; 0 if none was committed. */
static double of_each_batch(double seconds, const struct status_period *period)
{
    uint64_t batches = seconds_count(&period->stages[STAGE_COMMIT]);
    return batches > 0 ? seconds / (double)batches : 0;
}

static bool kafka_is_slow(const struct status_period *recent, const struct status_period *minute)
{
    const struct status_period *period = with_commits(recent, minute);
    return of_each_batch(period_kafka_seconds(period), period) >= SLOW_KAFKA_SECONDS;
}

static void find_slow_kafka(struct verdict *verdict, const struct status *status)
{
    const struct status_period *period = with_commits(&status->recent, &status->minute);
    struct finding *finding = verdict_add(
        verdict, FINDING_KAFKA_SLOW, "Kafka (%s) is slow: a transaction takes %.1f s on average, over the last %.0f s.",
        or_unnamed(status->kafka_address), of_each_batch(period_kafka_seconds(period), period), period->seconds);
    finding_advise(finding, "Look at the brokers: load, disks, and replicas that are behind. More threads of the "
                            "worker do not help; nothing is lost.");
    finding_holds_since(finding, status, kafka_is_slow);
}

void verdict_find_kafka(struct verdict *verdict, const struct status *status)
{
    bool complains = is_open(&status->kafka);
    /* Without Redis a thread does not yet ask Kafka. */
    bool is_missing = !status->kafka_up && (complains || (status->redis_up && !status_begins(status)));
    if (kafka_is_slow(&status->recent, &status->minute)) {
        find_slow_kafka(verdict, status);
        return;
    }
    if (!is_missing)
        return;
    struct finding *finding =
        verdict_add(verdict, FINDING_KAFKA_AWAY, "Kafka (%s) does not answer, so commands wait. The last complaint: %s",
                    or_unnamed(status->kafka_address),
                    complains ? words_of(&status->kafka) : "none; a transaction, or the worker's group, has no answer");
    finding_advise(finding, "Look at the brokers and the network. The worker goes on by itself; nothing is lost.");
    finding->since_ms = complains ? status->kafka.began_ms : 0;
}

/* ---- Redis is slow ---- */

static bool redis_is_slow(const struct status_period *recent, const struct status_period *minute)
{
    const struct status_period *period = with_commits(recent, minute);
    return of_each_batch(period_redis_seconds(period), period) >= SLOW_REDIS_SECONDS;
}

void verdict_find_slow_redis(struct verdict *verdict, const struct status *status)
{
    if (!status->redis_up || !redis_is_slow(&status->recent, &status->minute))
        return;
    const struct status_period *period = with_commits(&status->recent, &status->minute);
    struct finding *finding = verdict_add(
        verdict, FINDING_REDIS_SLOW,
        "Redis (%s) is slow: a batch waits %.1f s for it on average, over the last %.0f s.",
        or_unnamed(status->redis_address), of_each_batch(period_redis_seconds(period), period), period->seconds);
    finding_advise(finding, "Look at Redis and the network to it: slow commands, swapping, a fork.");
    finding_holds_since(finding, status, redis_is_slow);
}
