/* What is wrong with those who send commands, and with their workspaces. */
#include <stdio.h>

#include "common/timestamp.h"
#include "worker/http/verdict_internal.h"

#define MINUTE_MS          60000
#define REJECTIONS_LEAST   100 /* in the last minute */
#define REJECTIONS_PERCENT 50
#define WAITING_NAMED      3

#define OPTIONS_BYTES 512

#define WORKSPACE_OF(key) (int)(key).length, (key).workspace

/* What a command line of ours needs to reach the same servers: the config, or their addresses where there is none. */
struct options {
    char text[OPTIONS_BYTES];
};

static struct options options_of(const struct status *status, bool with_redis)
{
    struct options options = {""};
    if (status->config_path)
        snprintf(options.text, OPTIONS_BYTES, " --config %s", status->config_path);
    else if (status->kafka_address)
        snprintf(options.text, OPTIONS_BYTES, " --set kafka.bootstrap.servers=%s%s%s", status->kafka_address,
                 with_redis ? " --set redis.address=" : "",
                 with_redis && status->redis_address ? status->redis_address : "");
    return options;
}

static void find_waiting(struct verdict *verdict, const struct status *status)
{
    const struct command_note *notes = status->waiting_commands;
    size_t named = status->waiting_count < WAITING_NAMED ? status->waiting_count : WAITING_NAMED;
    char names[640] = ""; /* enough for WAITING_NAMED */
    int length = 0;
    if (status->waiting == 0)
        return;
    for (size_t i = 0; i < named; i++)
        length +=
            snprintf(names + length, sizeof(names) - (size_t)length,
                     "%s partition %d at offset %lld (%sworkspace %.*s %s)", i > 0 ? "," : ":",
                     (int)notes[i].key.partition, (long long)notes[i].offset, notes[i].is_broken ? "those of " : "",
                     WORKSPACE_OF(notes[i].key), notes[i].is_broken ? "are broken" : "has none");
    if (named > 0 && status->waiting > named)
        snprintf(names + length, sizeof(names) - (size_t)length, ", and %llu more",
                 (unsigned long long)(status->waiting - named));
    struct finding *finding =
        verdict_add(verdict, FINDING_DEFINITIONS_AWAITED, "%llu partition%s of %s wait%s for definitions%s.",
                    (unsigned long long)status->waiting, status->waiting == 1 ? "" : "s", status->topic,
                    status->waiting == 1 ? "s" : "", names);
    finding_advise(finding,
                   "Put them: client-intake definitions put %.*s FILE%s. The partition goes on at once. Otherwise its "
                   "command is rejected as definitions_missing when it is "
                   "%lld s old (definitions.wait).",
                   named > 0 ? (int)notes[0].key.length : 9, named > 0 ? notes[0].key.workspace : "WORKSPACE",
                   options_of(status, true).text, (long long)(status->definitions_wait_ms / 1000));
    finding->since_ms = named > 0 ? notes[0].since_ms : 0;
}

static void find_noisy(struct verdict *verdict, const struct status *status)
{
    if (status->noisy_count == 0)
        return;
    const struct noisy_workspace *noisy = &status->noisy[0];
    struct finding *finding =
        verdict_add(verdict, FINDING_NOISY_WORKSPACE,
                    "Workspace %.*s takes %u %% of partition %d of %s, while commands of that partition wait.",
                    WORKSPACE_OF(noisy->key), noisy->percent, (int)noisy->key.partition, status->topic);
    finding_advise(finding, "Ask its owner to slow down, or to use several keys, so that its commands use other "
                            "partitions; or set a quota on its producer in Kafka.");
    finding->since_ms = noisy->since_ms;
}

static uint64_t garbage_of(const struct status_period *period)
{
    uint64_t garbage = 0;
    for (unsigned i = ERROR_NONE + 1; i < ERROR_COUNT; i++)
        if (error_is_dead_letter((enum error)i))
            garbage += period->rejections[i];
    return garbage;
}

static bool garbage_comes(const struct status_period *recent, const struct status_period *minute)
{
    (void)recent;
    return garbage_is_much(garbage_of(minute), minute->commands);
}

static bool most_are_rejected(const struct status_period *recent, const struct status_period *minute)
{
    (void)recent;
    uint64_t rejected = minute->results[OUTCOME_REJECTED];
    return rejected >= REJECTIONS_LEAST && rejected * 100 > minute->commands * REJECTIONS_PERCENT;
}

static void find_garbage(struct verdict *verdict, const struct status *status)
{
    const struct command_note *last = &status->garbage;
    bool has_workspace = last->key.length > 0;
    struct finding *finding =
        verdict_add(verdict, FINDING_GARBAGE,
                    "A producer sends garbage: %llu of %llu commands of the last minute cannot be read. The last: %s, "
                    "partition %d, "
                    "offset %lld of %s, %s%.*s.",
                    (unsigned long long)garbage_of(&status->minute), (unsigned long long)status->minute.commands,
                    last->code, (int)last->key.partition, (long long)last->offset, status->topic,
                    has_workspace ? "workspace " : "without a workspace", WORKSPACE_OF(last->key));
    finding_holds_since(finding, status, garbage_comes);
    char time[TIME_LENGTH];
    struct options options = options_of(status, false);
    time_text(finding->since_ms - MINUTE_MS, time);
    finding_advise(finding,
                   "client-intake dead-letters list --group --since %.19sZ%s tells what they have in common, with the "
                   "place of an example; client-intake dead-letters show "
                   "PLACE%s its key and headers, which mostly name the sender. Tell the sender. The other commands "
                   "are answered.",
                   time, options.text, options.text);
}

static void find_rejections(struct verdict *verdict, const struct status *status)
{
    const struct status_period *minute = &status->minute;
    unsigned code = ERROR_NONE + 1;
    if (status->garbage.since_ms > 0 && garbage_comes(NULL, minute)) {
        find_garbage(verdict, status);
        return;
    }
    if (!most_are_rejected(NULL, minute) || status->rejected.count == 0)
        return;
    for (unsigned i = ERROR_NONE + 1; i < ERROR_COUNT; i++)
        if (minute->rejections[i] > minute->rejections[code])
            code = i;
    const struct sketch_key *key = &status->rejected.rows[0].key;
    struct finding *finding =
        verdict_add(verdict, FINDING_REJECTIONS,
                    "%llu of %llu commands of the last minute are rejected, most of them as %s, and of workspace %.*s.",
                    (unsigned long long)minute->results[OUTCOME_REJECTED], (unsigned long long)minute->commands,
                    error_row((enum error)code)->code, WORKSPACE_OF(*key));
    finding_advise(finding,
                   "See whether the definitions of the workspace changed: client-intake definitions history %.*s%s. If "
                   "they did not, tell the sender.",
                   WORKSPACE_OF(*key), options_of(status, false).text);
    finding_holds_since(finding, status, most_are_rejected);
}

void verdict_find_senders(struct verdict *verdict, const struct status *status)
{
    find_waiting(verdict, status);
    find_noisy(verdict, status);
    find_rejections(verdict, status);
}
