/* What a replay needs before its worker: a request that can be done, topics, ranges, the lock, definitions. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/failpoint.h"
#include "common/stop.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/replay/replay_apply_internal.h"
#include "worker/validate/decode.h"
#include "worker/validate/reply_address.h"

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
    apply->parser = decode_parser_new((size_t)apply->config.limits.command_bytes);
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

enum replay_apply_result apply_open(struct apply *apply, struct replay_ranges *ranges)
{
    enum replay_apply_result result = check_request(apply);
    apply->workspaces = digest_of_workspaces(&apply->request->selection);
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

void apply_close(struct apply *apply)
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
