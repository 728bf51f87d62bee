#include "worker/replay/replay_apply.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/stop.h"
#include "worker/daemon/worker.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/replay/replay_apply_internal.h"
#include "worker/validate/reply_address.h"

#define HELPER_MS 2000 /* how long the thread that asks for reply topics may take to end */

bool replay_name_is_legal(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const size_t length = strlen(name);
    return length > 0 && length <= REPLAY_NAME_CHARACTERS && strspn(name, allowed) == length;
}

void apply_note_progress(struct apply *apply)
{
    apply->moved_ms = clock_now_ms();
}

void apply_end(struct apply *apply, enum replay_apply_result result, const char *reason)
{
    if (stop_is_requested())
        return;
    snprintf(apply->error, apply->error_size, "%s", reason);
    apply->result = result;
    stop_request();
}

static bool is_taken_over(struct apply *apply)
{
    apply_end(apply, REPLAY_IN_USE, "another process has taken over");
    return false;
}

bool apply_holds_lock(struct apply *apply)
{
    bool asked = true;
    enum replay_lock_state state = replay_lock_ask(apply->lock);
    if (state == REPLAY_LOCK_MISSING && apply->has_begun) {
        const bool is_ours = position_is_ours(apply, &asked);
        if (asked && !is_ours)
            return is_taken_over(apply);
    }
    if (state == REPLAY_LOCK_MISSING && asked) {
        state = replay_lock_retake(apply->lock);
        replay_lock_token(apply->lock, apply->marks.token);
        if (apply->worker.index)
            index_replay_void(apply->worker.index);
    }
    if (state == REPLAY_LOCK_LOST)
        return is_taken_over(apply);
    return state == REPLAY_LOCK_OURS;
}

bool apply_keep_going(void *listener)
{
    struct apply *apply = listener;
    int64_t total;
    const int64_t done = record_view_done(apply->view, &total);
    if (done != apply->view_done)
        apply_note_progress(apply);
    apply->view_done = done;
    replay_feed.beat(apply);
    return !stop_is_requested();
}

/* ---- what must be there ---- */

static enum replay_apply_result misused(struct apply *apply, const char *subject, const char *error)
{
    snprintf(apply->error, apply->error_size, "%s %s", subject, error);
    return REPLAY_MISUSED;
}

static enum replay_apply_result check_request(struct apply *apply)
{
    const struct config *config = apply->original;
    const char *topic = apply->request->replies;
    const char *const others[] = {config->commands.topic, config->records.topic, config->definitions.topic,
                                  config->dead_letters.topic};
    if (!replay_name_is_legal(apply->request->name))
        return misused(apply, "the name of a replay", "must be 1 to 64 of A-Z a-z 0-9 . _ -");
    if (config->delivery.mode != DELIVERY_EXACTLY_ONCE) {
        misused(apply, "delivery.mode", "must be exactly-once, since a replay is applied in transactions");
        return REPLAY_MISCONFIGURED;
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(topic, others[i]) == 0 || strncmp(topic, "__", 2) == 0)
            return misused(apply, topic, "has another use, so no replies can go to it");
    /* The replies that the daemon gave are there, and a dry run and `dead-letters` look for them there. */
    if (strcmp(topic, config->replies.topic) == 0)
        return misused(apply, topic,
                       "is replies.topic, where a command must not have a second reply: create another topic for the "
                       "replies of replays, and name that");
    if (reply_topic_is_allowed(config, span_of_text(topic)))
        return misused(apply, topic,
                       "is a topic of replies.allowed, where a command must not have a second reply: create a topic "
                       "for the replies of replays that no entry there matches, and name that");
    return REPLAY_APPLIED;
}

static enum replay_apply_result check_topics(struct apply *apply)
{
    const struct config *config = &apply->config;
    const char *const topics[] = {config->replies.topic, config->records.topic};
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        const int32_t count = kafka_topic_partitions(history_reader_handle(apply->reader), topics[i],
                                                     apply->request->wait_ms, apply->error, apply->error_size);
        if (count < 0)
            return REPLAY_UNAVAILABLE;
        if (count == 0)
            return misused(apply, topics[i], "does not exist");
    }
    return REPLAY_APPLIED;
}

/* ---- opening ---- */

static void make_config(struct apply *apply)
{
    apply->config = *apply->original;
    apply->config.replies.topic = (char *)(uintptr_t)apply->request->replies;
    apply->config.replies.allowed = (struct text_list){NULL, 0};
    apply->config.definitions.on_missing = ON_MISSING_REJECT;
}

static bool open_memory(struct apply *apply)
{
    const size_t capacity = (size_t)apply->config.batch.commands;
    apply->view = record_view_new(&apply->config, apply_keep_going, apply);
    apply->parser = json_parser_new((size_t)apply->config.limits.command_bytes);
    apply->messages = calloc(capacity, sizeof(*apply->messages));
    apply->passing = calloc(capacity, sizeof(*apply->passing));
    apply->found = calloc(capacity, sizeof(*apply->found));
    if (named_workspaces_open(&apply->named, &apply->request->selection, &apply->request->definitions) && apply->view &&
        apply->parser && apply->messages && apply->passing && apply->found)
        return true;
    snprintf(apply->error, apply->error_size, "out of memory");
    return false;
}

/* In any order, and one that is named twice counts once. */
static uint64_t digest_of_workspaces(const struct replay_selection *selection)
{
    uint64_t digest = 0;
    for (size_t i = 0; i < selection->workspace_count; i++) {
        const struct span workspace = selection->workspaces[i];
        size_t before = 0;
        while (before < i && !span_equal(selection->workspaces[before], workspace))
            before++;
        if (before == i)
            digest += XXH3_64bits(workspace.at, workspace.length);
    }
    return digest;
}

static bool open_group(struct apply *apply)
{
    const char *group = config_kafka(apply->original, apply->original->kafka_consumer, "group.id");
    if (!group)
        group = "client-intake";
    snprintf(apply->group_name, sizeof(apply->group_name), "%s-replay-%s", group, apply->request->name);
    apply->group = rd_kafka_consumer_group_metadata_new(apply->group_name);
    apply->own = kafka_observer_new(&apply->config, apply->group_name, apply->error, apply->error_size);
    apply->observer = apply->own ? kafka_observer_new(&apply->config, NULL, apply->error, apply->error_size) : NULL;
    return apply->observer != NULL;
}

static bool copy_ranges(struct apply *apply, const struct replay_ranges *ranges)
{
    apply->ranges = calloc(ranges->count + 1, sizeof(*apply->ranges));
    if (!apply->ranges) {
        snprintf(apply->error, apply->error_size, "out of memory");
        return false;
    }
    apply->range_count = ranges->count;
    for (uint32_t i = 0; i < ranges->count; i++) {
        const struct replay_range *range = &ranges->items[i];
        const int64_t to = range->to > range->from ? range->to : range->from;
        apply->ranges[i] = (struct apply_range){.partition = range->partition, .from = range->from, .to = to};
        apply->ranges[i].asked = *range;
        apply->ranges[i].asked.to = to;
        apply->ranges[i].missing = range->lost + range->open;
    }
    return true;
}

static enum replay_apply_result resolve(struct apply *apply, struct replay_ranges *ranges)
{
    const struct replay_selection *selection = &apply->request->selection;
    switch (replay_ranges_resolve(ranges, history_reader_handle(apply->reader), &apply->config, selection->from,
                                  selection->to, selection->partitions, selection->partition_count,
                                  apply->request->wait_ms, apply->error, apply->error_size)) {
    case RANGES_NO_PARTITION:
        return REPLAY_MISUSED;
    case RANGES_UNAVAILABLE:
        return REPLAY_UNAVAILABLE;
    case RANGES_RESOLVED:
        break;
    }
    return copy_ranges(apply, ranges) ? REPLAY_APPLIED : REPLAY_UNAVAILABLE;
}

static enum replay_apply_result take_lock(struct apply *apply)
{
    if (!redis_epoch_random(apply->marks.token)) {
        snprintf(apply->error, apply->error_size, "the system has no random number");
        return REPLAY_UNAVAILABLE;
    }
    switch (replay_lock_take(&apply->lock, &apply->config, apply->marks.token, apply->error, apply->error_size)) {
    case REPLAY_LOCK_TAKEN:
        return REPLAY_APPLIED;
    case REPLAY_LOCK_IN_USE:
        if (stop_is_requested())
            return REPLAY_STOPPED;
        snprintf(apply->error, apply->error_size,
                 "a replay of %s is being applied, by this name or another; one at a time can be",
                 apply->config.commands.topic);
        return REPLAY_IN_USE;
    case REPLAY_LOCK_FAILED:
        break;
    }
    return REPLAY_UNAVAILABLE;
}

/* Everything that is needed before the worker. */
static enum replay_apply_result open_all(struct apply *apply, struct replay_ranges *ranges)
{
    enum replay_apply_result result = check_request(apply);
    make_config(apply);
    if (result != REPLAY_APPLIED)
        return result;
    apply->reader = history_reader_open(&apply->config, apply->config.commands.topic, apply->request->wait_ms,
                                        apply->error, apply->error_size);
    if (!apply->reader || !open_memory(apply) || !open_group(apply))
        return REPLAY_UNAVAILABLE;
    result = check_topics(apply);
    if (result == REPLAY_APPLIED)
        result = resolve(apply, ranges);
    stop_on_signals();
    if (result == REPLAY_APPLIED)
        result = take_lock(apply);
    if (result != REPLAY_APPLIED)
        return result;
    failpoint(FAILPOINT_REPLAY_LOCKED);
    if (apply_definitions_open(apply, ranges))
        return REPLAY_APPLIED;
    return stop_is_requested() ? REPLAY_STOPPED : REPLAY_UNAVAILABLE;
}

static void close_all(struct apply *apply)
{
    replay_lock_give_back(apply->lock);
    apply_definitions_close(apply);
    named_workspaces_close(&apply->named);
    record_view_free(apply->view);
    json_parser_free(apply->parser);
    free(apply->messages);
    free(apply->passing);
    free(apply->found);
    free(apply->pending);
    free(apply->holes);
    free(apply->ranges);
    if (apply->group)
        rd_kafka_consumer_group_metadata_destroy(apply->group);
    if (apply->own)
        rd_kafka_destroy(apply->own);
    if (apply->observer)
        rd_kafka_destroy(apply->observer);
    history_reader_close(apply->reader);
    offsets_free(&apply->record_ends);
    offsets_free(&apply->committed);
    offsets_free(&apply->fenced);
    offsets_free(&apply->marks.ends);
    offsets_free(&apply->marks.positions);
    offsets_free(&apply->marks.nonces);
}

/* ---- the run ---- */

void apply_begin(struct apply *apply)
{
    apply->has_begun = true;
    for (uint32_t i = 0; i < apply->range_count; i++)
        offsets_set(&apply->marks.ends, apply->ranges[i].partition, apply->ranges[i].to);
    apply_print_ranges(apply);
    progress_begin(&apply->progress, "offsets", apply_offsets(apply), false);
}

static void run_worker(struct apply *apply, struct worker_shared *shared, struct metrics *metrics)
{
    struct worker_feed feed = replay_feed;
    feed.context = apply;
    feed.transactional = "replay"; /* of all names, so that Kafka fences an earlier run by any of them */
    if (apply_uses_redis(apply))
        feed.look_up = NULL;
    struct worker *worker = worker_open(shared, 0, metrics, &feed);
    if (!worker) {
        apply_end(apply, REPLAY_UNAVAILABLE, "out of memory");
        return;
    }
    apply_note_progress(apply);
    worker_run(worker);
    if (apply->has_begun)
        progress_close(&apply->progress);
    worker_close(worker);
}

static void run(struct apply *apply)
{
    struct worker_shared shared = {.config = &apply->config};
    struct metrics *metrics = metrics_new();
    apply->result = REPLAY_STOPPED;
    atomic_store(&shared.validation, &apply->config);
    shared.topics = metrics ? reply_topics_open(&apply->config) : NULL;
    if (shared.topics)
        run_worker(apply, &shared, metrics);
    else
        apply_end(apply, REPLAY_UNAVAILABLE, "out of memory");
    const struct timespec deadline = clock_time(clock_now_ms() + HELPER_MS);
    if (reply_topics_end(shared.topics, &deadline))
        reply_topics_free(shared.topics); /* otherwise the thread still uses it; the process ends soon */
    metrics_free(metrics);
    if (apply->is_done)
        apply->result = missing_of_all(apply) > 0 || apply->counts.unknown > 0 ? REPLAY_INCOMPLETE : REPLAY_APPLIED;
}

enum replay_apply_result replay_apply(const struct config *config, const struct replay_apply_request *request,
                                      char *error, size_t error_size)
{
    struct apply *apply = calloc(1, sizeof(*apply));
    struct replay_ranges ranges = {0};
    if (!apply) {
        snprintf(error, error_size, "out of memory");
        return REPLAY_UNAVAILABLE;
    }
    *apply = (struct apply){.original = config, .request = request, .error = error, .error_size = error_size};
    apply->workspaces = digest_of_workspaces(&request->selection);
    apply->rate = RATE_OF(request->rate);
    apply->fault = (struct log_fault){"the replay waits", "the replay goes on", .told = NULL};
    apply->marks.name = request->name;
    apply->marks.begin_standings = standings_begin;
    apply->marks.standing_of = standing_of_claim;
    apply->marks.listener = apply;
    enum replay_apply_result result = open_all(apply, &ranges);
    if (result == REPLAY_APPLIED) {
        run(apply);
        if (apply->is_done && !apply->has_gone_on)
            named_workspaces_warn(&apply->named);
        if (apply->has_begun)
            apply_print_summary(apply);
        result = apply->result;
    }
    close_all(apply);
    replay_ranges_free(&ranges);
    free(apply);
    return result;
}
