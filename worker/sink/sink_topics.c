/* The reply topics as one producer knows them. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/sink/sink_internal.h"

#define LEARN_WAIT_MS  500  /* for one request */
#define LEARN_EVERY_MS 1000 /* between requests for one topic */
#define LEARN_ALONE    4    /* the most topics that are requested one by one; for more, all topics of the cluster are */
#define NAMED_MOST     1000 /* librdkafka forgets no topic, so a producer that knows more is replaced */

static void topic_free(struct sink_topic *topic)
{
    if (topic->handle)
        rd_kafka_topic_destroy(topic->handle);
    free(topic->name);
    free(topic);
}

/* NULL after the reason was logged. */
static struct sink_topic *topic_open(struct sink *sink, struct span name)
{
    struct sink_topic *topic = calloc(1, sizeof(*topic));
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(sink->producer);
    if (topic && conf && (topic->name = strndup(name.at, name.length))) {
        rd_kafka_topic_conf_set_opaque(conf, topic);
        topic->handle = rd_kafka_topic_new(sink->producer, topic->name, conf);
        conf = NULL; /* librdkafka owns it in any case */
    }
    if (conf)
        rd_kafka_topic_conf_destroy(conf);
    if (topic && topic->handle)
        return topic;
    log_warning("opening a reply topic failed", LOG_SPAN("topic", name),
                LOG_TEXT("error", rd_kafka_err2str(rd_kafka_last_error())));
    if (topic)
        topic_free(topic);
    return NULL;
}

struct sink_topic *sink_topic_named(struct sink *sink, struct span name, int32_t partitions)
{
    struct sink_topic *topic = NULL;
    if (span_equal(name, span_of_text(sink->config->replies.topic)))
        return sink->default_topic;
    HASH_FIND(hh, sink->named, name.at, name.length, topic);
    if (topic || !(topic = topic_open(sink, name)))
        return topic;
    topic->partitions = partitions;
    HASH_ADD_KEYPTR(hh, sink->named, topic->name, name.length, topic);
    sink->named_count++;
    return topic;
}

bool sink_topics_are_many(const struct sink *sink)
{
    return sink->named_count > NAMED_MOST;
}

/* ---- the partitions that the producer knows ---- */

/* The producer requests one topic, or all if `topic` is NULL, and updates the topics that it knows. The topic exists,
 * so the broker creates none. */
static bool producer_learn(struct sink *sink, rd_kafka_topic_t *topic)
{
    const struct rd_kafka_metadata *metadata = NULL;
    if (rd_kafka_metadata(sink->producer, topic == NULL, topic, &metadata, LEARN_WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    rd_kafka_metadata_destroy(metadata);
    return true;
}

/* Lists each topic of this batch whose number of partitions the producer does not know. `partitions`: these numbers. */
static size_t find_stale(struct sink *sink, struct sink_topic **stale, int32_t *partitions)
{
    size_t count = 0;
    int64_t now = clock_now_ms();
    for (uint32_t i = 0; i < sink->batch->count; i++) {
        if (!item_is_ours(&sink->batch->items[i]))
            continue;
        struct sink_topic *topic = sink->routes[i].topic;
        struct reply_topic known = reply_topics_find(sink->topics, span_of_text(topic->name));
        if (known.state != REPLY_TOPIC_THERE || topic->learned == known.partitions ||
            now - topic->learned_ms < LEARN_EVERY_MS)
            continue;
        topic->learned_ms = now;
        stale[count] = topic;
        partitions[count++] = known.partitions;
    }
    return count;
}

/* A time-out ends this: other topics keep the partitions that were known. Replies to a topic that is new to the
 * producer wait inside librdkafka. */
void sink_topics_learn(struct sink *sink)
{
    struct arena *arena = &sink->batch->arena;
    size_t mark = arena->used, room = sink->batch->count;
    struct sink_topic **stale = arena_alloc(arena, room * sizeof(struct sink_topic *));
    int32_t *partitions = arena_alloc(arena, room * sizeof(*partitions));
    size_t count = find_stale(sink, stale, partitions);
    bool learned = count <= LEARN_ALONE || producer_learn(sink, NULL);
    for (size_t i = 0; i < count && learned; i++) {
        learned = count > LEARN_ALONE || producer_learn(sink, stale[i]->handle);
        if (learned)
            stale[i]->partitions = stale[i]->learned = partitions[i];
    }
    arena_reset(arena, mark);
}

/* ---- the default topic, and the end ---- */

bool sink_topics_open(struct sink *sink)
{
    sink->routes = calloc(sink->batch->capacity, sizeof(*sink->routes));
    sink->default_topic = topic_open(sink, span_of_text(sink->config->replies.topic));
    return sink->routes && sink->default_topic;
}

void sink_default_learned(struct sink *sink, int32_t partitions)
{
    sink->default_topic->partitions = sink->default_topic->learned = partitions;
}

static void topic_release(struct sink_topic *topic)
{
    if (topic && topic->handle)
        rd_kafka_topic_destroy(topic->handle);
    if (topic)
        topic->handle = NULL;
}

void sink_topics_release(struct sink *sink)
{
    for (struct sink_topic *topic = sink->named; topic; topic = topic->hh.next)
        topic_release(topic);
    topic_release(sink->default_topic);
}

void sink_topics_free(struct sink *sink)
{
    struct sink_topic *topic, *next;
    HASH_ITER(hh, sink->named, topic, next)
    {
        HASH_DEL(sink->named, topic);
        topic_free(topic);
    }
    if (sink->default_topic)
        topic_free(sink->default_topic);
    free(sink->routes);
}
