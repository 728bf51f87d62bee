#include "worker/http/status_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/quote.h"
#include "worker/http/status_json_internal.h"

#define PARTITIONS_LISTED 20 /* those with the oldest commands */

static const char *const results[] = {
    [OUTCOME_CREATED] = "created", [OUTCOME_DUPLICATE] = "duplicate", [OUTCOME_REJECTED] = "rejected"};
static const char *const cache_events[CACHE_EVENTS] = {
    [CACHE_HIT] = "hit",           [CACHE_MISS] = "miss",       [CACHE_BROKEN] = "broken",
    [CACHE_COMPILED] = "compiled", [CACHE_EVICTED] = "evicted", [CACHE_INVALIDATED] = "invalidated"};
static const char *const levels[] = {[FINDING_NOTE] = "note", [FINDING_WARNING] = "warning", [FINDING_BAD] = "bad"};

const char *const status_stages[BATCH_STAGES] = {
    [STAGE_DECODE] = "decode", [STAGE_DEFINITIONS] = "definitions", [STAGE_CHECK] = "check",
    [STAGE_CLAIM] = "claim",   [STAGE_COMPOSE] = "compose",         [STAGE_COMMIT] = "commit"};

void json_build_set(struct json_build *build, json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, value) != 0)
        build->complete = false;
}

void json_build_append(struct json_build *build, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        build->complete = false;
}

/* Of any bytes: those that are not UTF-8 become '?'. */
json_t *json_build_text(struct span text)
{
    char *copy = strndup(text.at, text.length);
    if (!copy)
        return NULL;
    text_make_utf8(copy);
    json_t *value = json_string(copy);
    free(copy);
    return value;
}

json_t *json_build_count(uint64_t count)
{
    return json_integer((json_int_t)count);
}

json_t *json_build_number(double number)
{
    if (number < 0)
        return json_null();
    double scale = number >= 100 ? 10 : 1e6;
    return json_real(round(number * scale) / scale);
}

static json_t *time_or_null(int64_t since_ms)
{
    return since_ms > 0 ? json_integer(since_ms) : json_null();
}

double status_rate(uint64_t count, const struct status_period *period)
{
    return period->seconds > 0 ? (double)count / period->seconds : 0;
}

double status_mean(const struct seconds_histogram *histogram)
{
    uint64_t count = seconds_count(histogram);
    return count > 0 ? histogram->sum / (double)count : -1;
}

/* ---- the parts ---- */

static json_t *verdict_of(struct json_build *build, const struct verdict *verdict)
{
    json_t *findings = json_array();
    for (size_t i = 0; i < verdict->count; i++) {
        const struct finding *finding = &verdict->findings[i];
        json_t *object = json_object();
        json_build_set(build, object, "kind", json_string(finding_name(finding->kind)));
        json_build_set(build, object, "level", json_string(levels[finding_level(finding->kind)]));
        json_build_set(build, object, "text", json_build_text(span_of_text(finding->text)));
        json_build_set(build, object, "advice", json_string(finding->advice));
        json_build_set(build, object, "section", json_string(finding_section(finding->kind)));
        json_build_set(build, object, "since", time_or_null(finding->since_ms));
        json_build_set(build, object, "orEarlier", json_boolean(finding->or_earlier));
        json_build_append(build, findings, object);
    }
    return findings;
}

static json_t *now_of(struct json_build *build, const struct status_period *period)
{
    json_t *object = json_object(), *stage_object = json_object();
    json_build_set(build, object, "seconds", json_build_number(period->seconds));
    json_build_set(build, object, "commandsPerSecond", json_build_number(status_rate(period->commands, period)));
    for (unsigned i = OUTCOME_CREATED; i <= OUTCOME_REJECTED; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%sPerSecond", results[i]);
        json_build_set(build, object, name, json_build_number(status_rate(period->results[i], period)));
    }
    json_build_set(build, object, "replyP50Seconds", json_build_number(seconds_quantile(&period->reply, 0.5)));
    json_build_set(build, object, "replyP99Seconds", json_build_number(seconds_quantile(&period->reply, 0.99)));
    for (unsigned i = 0; i < BATCH_STAGES; i++)
        json_build_set(build, stage_object, status_stages[i], json_build_number(status_mean(&period->stages[i])));
    json_build_set(build, object, "stageSeconds", stage_object);
    return object;
}

static json_t *totals_of(struct json_build *build, const struct status_sample *now)
{
    json_t *object = json_object();
    for (unsigned i = OUTCOME_CREATED; i <= OUTCOME_REJECTED; i++)
        json_build_set(build, object, results[i], json_build_count(now->results[i]));
    return object;
}

static json_t *rejections_of(struct json_build *build, const struct status *status)
{
    json_t *list = json_array();
    for (unsigned i = ERROR_NONE + 1; i < ERROR_COUNT; i++) {
        if (status->now.rejections[i] == 0)
            continue;
        json_t *object = json_object();
        json_build_set(build, object, "code", json_string(error_row((enum error)i)->code));
        json_build_set(build, object, "total", json_build_count(status->now.rejections[i]));
        json_build_set(build, object, "lastMinute", json_build_count(status->minute.rejections[i]));
        json_build_append(build, list, object);
    }
    return list;
}

static int compare_ages(const void *one, const void *other)
{
    const struct partition_lag *first = one, *second = other;
    if (first->oldest_seconds != second->oldest_seconds)
        return first->oldest_seconds < second->oldest_seconds ? 1 : -1;
    if (first->lag != second->lag)
        return first->lag < second->lag ? 1 : -1;
    return (first->partition > second->partition) - (first->partition < second->partition);
}

static json_t *lag_of(struct json_build *build, const struct status *status)
{
    json_t *object = json_object(), *list = json_array();
    struct partition_lag *sorted = malloc((status->lag_count + 1) * sizeof(*sorted));
    if (!sorted)
        build->complete = false;
    else if (status->lag_count > 0)
        memcpy(sorted, status->lags, status->lag_count * sizeof(*sorted));
    if (sorted)
        qsort(sorted, status->lag_count, sizeof(*sorted), compare_ages);
    for (size_t i = 0; sorted && i < status->lag_count && i < PARTITIONS_LISTED; i++) {
        json_t *partition = json_object();
        json_build_set(build, partition, "partition", json_integer(sorted[i].partition));
        json_build_set(build, partition, "commands", json_integer(sorted[i].lag));
        json_build_set(build, partition, "oldestSeconds", json_build_number(sorted[i].oldest_seconds));
        json_build_append(build, list, partition);
    }
    free(sorted);
    json_build_set(build, object, "commands", json_integer(status->now.lag));
    json_build_set(build, object, "oldestSeconds", json_build_number(status->now.oldest_seconds));
    json_build_set(build, object, "partitionCount", json_build_count(status->lag_count));
    json_build_set(build, object, "partitions", list);
    return object;
}

static json_t *threads_of(struct json_build *build, const struct status *status)
{
    json_t *list = json_array();
    for (size_t i = 0; i < status->thread_count; i++) {
        const struct status_thread *thread = &status->threads[i];
        json_t *object = json_object();
        json_build_set(build, object, "thread", json_build_count(i));
        json_build_set(build, object, "state", json_string(worker_state_name(thread->state)));
        json_build_set(build, object, "heartbeatSeconds",
                       json_build_number(thread->beat_ms > 0 ? (double)thread->beat_ms / 1000 : 0));
        json_build_set(build, object, "kafkaUp", json_boolean(thread->kafka_up));
        json_build_set(build, object, "redisUp", json_boolean(thread->redis_up));
        json_build_set(build, object, "rebuilding", json_boolean(thread->rebuilding));
        json_build_set(build, object, "waitingPartitions", json_build_count(thread->waiting));
        json_build_append(build, list, object);
    }
    return list;
}

static json_t *server_of(struct json_build *build, const char *address, bool up, const struct complaint_view *complaint)
{
    json_t *object = json_object();
    json_build_set(build, object, "address", address ? json_build_text(span_of_text(address)) : json_null());
    json_build_set(build, object, "up", json_boolean(up));
    if (complaint->began_ms == 0) {
        json_build_set(build, object, "complaint", json_null());
        return object;
    }
    json_t *last = json_object();
    json_build_set(build, last, "text", json_build_text(span_of_text(complaint->text)));
    json_build_set(build, last, "since", json_integer(complaint->began_ms));
    json_build_set(build, last, "until", time_or_null(complaint->ended_ms));
    json_build_set(build, object, "complaint", last);
    return object;
}

static json_t *definitions_of(struct json_build *build, const struct status *status)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < CACHE_EVENTS; i++)
        json_build_set(build, object, cache_events[i], json_build_count(status->now.cache[i]));
    uint64_t hits = status->minute.cache[CACHE_HIT], misses = status->minute.cache[CACHE_MISS];
    json_build_set(build, object, "hitShare",
                   json_build_number(hits + misses > 0 ? (double)hits / (double)(hits + misses) : -1));
    json_build_set(build, object, "waitingPartitions", json_build_count(status->waiting));
    json_build_set(build, object, "waitingCommand",
                   status->waiting_count > 0 ? status_json_note(build, &status->waiting_commands[0]) : json_null());
    json_build_set(build, object, "waitingCommands", status_json_waiting(build, status));
    return object;
}

/* ---- the whole ---- */

/* jansson escapes quotes, backslashes and controls, and with JSON_ENSURE_ASCII all that is not ASCII. */
static void write_escaped(FILE *out, const char *text)
{
    for (; *text; text++)
        if (*text == '<' || *text == '>' || *text == '&')
            fprintf(out, "\\u%04x", *text);
        else
            fputc(*text, out);
}

bool status_json_write(FILE *out, const struct status *status, const struct verdict *verdict)
{
    struct json_build build = {true};
    json_t *root = json_object();
    json_build_set(&build, root, "version", json_string(CLIENT_INTAKE_VERSION));
    json_build_set(&build, root, "topic", json_build_text(span_of_text(status->topic)));
    json_build_set(&build, root, "time", json_integer(status->now.wall_ms));
    json_build_set(&build, root, "started", json_integer(status->started_ms));
    json_build_set(&build, root, "ready", json_boolean(status->ready));
    json_build_set(&build, root, "findings", verdict_of(&build, verdict));
    json_build_set(&build, root, "now", now_of(&build, &status->recent));
    json_build_set(&build, root, "totals", totals_of(&build, &status->now));
    json_build_set(&build, root, "rejections", rejections_of(&build, status));
    json_build_set(&build, root, "lag", lag_of(&build, status));
    json_build_set(&build, root, "threads", threads_of(&build, status));
    json_build_set(&build, root, "kafka", server_of(&build, status->kafka_address, status->kafka_up, &status->kafka));
    json_build_set(&build, root, "redis", server_of(&build, status->redis_address, status->redis_up, &status->redis));
    json_build_set(&build, root, "definitions", definitions_of(&build, status));
    json_build_set(&build, root, "deadLetter", status_json_note(&build, &status->garbage));
    json_build_set(&build, root, "busiestWorkspaces", status_json_workspaces(&build, &status->busiest));
    json_build_set(&build, root, "mostRejectedWorkspaces", status_json_workspaces(&build, &status->rejected));
    json_build_set(&build, root, "noisyWorkspaces", status_json_noisy(&build, status));
    json_build_set(&build, root, "history", status_json_history(&build, status));
    char *text =
        root && build.complete ? json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(root);
    if (!text)
        return false;
    write_escaped(out, text);
    fputc('\n', out);
    free(text);
    return true;
}
