/* Where each reply of a batch goes: the topic and partition that its command names, if they are there, else the default
 * topic. What this producer knows of those topics. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#include "worker/reply_address.h"
#include "worker/sink_parts.h"

#define NEWS_WAIT_MS   100   /* for news of a topic that is missed, once a second at most */
#define LEARN_WAIT_MS  500   /* for what the producer has to know of topics that are there */
#define LEARN_EVERY_MS 1000  /* of one topic */
#define LEARN_ALONE    4     /* so many topics are asked for one by one; more, with all others of the cluster */
#define ROUTES_MOST    1000  /* librdkafka forgets no topic, so a producer that knows more is replaced */
#define DENIED_MS      10000 /* a right may have been granted since */
#define GONE_MS        2000  /* the cluster's next answer will tell */
#define STUCK_MS       10000 /* well below transaction.timeout.ms */
#define STUCK_SHUN_MS  30000

struct sink_topic {
    char *name;
    rd_kafka_topic_t *handle;
    int32_t partitions;   /* as far as it is used; 0: not known yet */
    int64_t learned_ms;   /* when the producer was told to learn it last */
    uint32_t undelivered; /* replies of the present transaction that are under way */
    UT_hash_handle hh;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the topics ---- */

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
        conf = NULL; /* taken in any case */
    }
    if (conf)
        rd_kafka_topic_conf_destroy(conf);
    if (topic && topic->handle)
        return topic;
    log_warning("a reply topic cannot be opened", LOG_SPAN("topic", name),
                LOG_TEXT("error", rd_kafka_err2str(rd_kafka_last_error())));
    if (topic)
        topic_free(topic);
    return NULL;
}

static struct sink_topic *topic_find(struct sink *sink, struct span name)
{
    struct sink_topic *topic = NULL;
    HASH_FIND(hh, sink->named, name.at, name.length, topic);
    if (topic || !(topic = topic_open(sink, name)))
        return topic;
    HASH_ADD_KEYPTR(hh, sink->named, topic->name, name.length, topic);
    sink->named_count++;
    return topic;
}

/* ---- what the producer has to know before it may send to a partition ---- */

static bool topic_is_stale(const struct sink_topic *topic, struct reply_topic known)
{
    return known.state == REPLY_TOPIC_THERE && topic->partitions != known.partitions &&
           now_ms() - topic->learned_ms >= LEARN_EVERY_MS;
}

/* Has the producer ask for one topic, or for all if `topic` is NULL; it takes over whatever the answer says of topics
 * that it knows. Only of topics that are there, so the broker creates none. */
static bool producer_learn(struct sink *sink, rd_kafka_topic_t *topic)
{
    const struct rd_kafka_metadata *metadata = NULL;
    if (rd_kafka_metadata(sink->producer, topic == NULL, topic, &metadata, LEARN_WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    rd_kafka_metadata_destroy(metadata);
    return true;
}

static void topic_took(struct sink_topic *topic, bool learned, int32_t partitions, int64_t at_ms)
{
    topic->learned_ms = at_ms;
    /* Without an answer a topic that is new to the producer is used all the same: it waits for the partitions then. */
    if (learned || topic->partitions == 0)
        topic->partitions = partitions;
}

/* Sees to it that the producer knows the partitions of the topics that this batch needs. One time-out ends it. */
static void sink_learn_stale(struct sink *sink, struct sink_topic **stale, const int32_t *partitions, size_t count)
{
    bool learned = count > LEARN_ALONE ? producer_learn(sink, NULL) : true;
    for (size_t i = 0; i < count; i++) {
        if (count <= LEARN_ALONE && learned)
            learned = producer_learn(sink, stale[i]->handle);
        topic_took(stale[i], learned, partitions[i], now_ms());
    }
}

/* ---- routes ---- */

/* NULL after the reason was logged. */
static struct sink_topic *topic_of(struct sink *sink, struct span name)
{
    bool is_default = span_equal(name, span_of_text(sink->config->replies.topic));
    return is_default ? sink->default_topic : topic_find(sink, name);
}

/* One item's. True if something is missed that may have come into being since the cluster was asked. */
static bool route_item(struct sink *sink, uint32_t index)
{
    struct item *item = &sink->batch->items[index];
    struct sink_route *route = &sink->routes[index];
    struct reply_address address = reply_address(item, sink->config);
    *route = (struct sink_route){.topic = sink->default_topic, .partition = -1};
    item->reply_absence = address.absence;
    if (address.absence != REPLY_AS_ASKED)
        return false;
    struct reply_topic known = reply_topics_find(sink->topics, address.topic);
    struct sink_topic *topic = known.state == REPLY_TOPIC_THERE ? topic_of(sink, address.topic) : NULL;
    if (!topic) {
        item->reply_absence = known.state == REPLY_TOPIC_ABSENT ? REPLY_TOPIC_MISSING : REPLY_TOPIC_REFUSED;
        return known.state == REPLY_TOPIC_ABSENT;
    }
    route->topic = topic;
    route->partition = reply_address_partition(&address, known.partitions);
    bool missed = route->partition < 0 && reply_address_names_partition(&address);
    if (missed)
        item->reply_absence = REPLY_PARTITION_MISSING;
    return missed;
}

static bool route_items(struct sink *sink)
{
    bool missed = false;
    for (uint32_t i = 0; i < sink->batch->count; i++)
        if (!sink->batch->items[i].dropped)
            missed = route_item(sink, i) || missed;
    return missed;
}

/* The topics of this batch of which the producer knows less, or other, than the cluster has said. */
static size_t find_stale(struct sink *sink, struct sink_topic **stale, int32_t *partitions)
{
    size_t count = 0;
    for (uint32_t i = 0; i < sink->batch->count; i++) {
        if (sink->batch->items[i].dropped)
            continue;
        struct sink_topic *topic = sink->routes[i].topic;
        struct reply_topic known = reply_topics_find(sink->topics, span_of_text(topic->name));
        if (!topic_is_stale(topic, known))
            continue;
        topic->learned_ms = now_ms(); /* so that it is found once */
        stale[count] = topic;
        partitions[count++] = known.partitions;
    }
    return count;
}

void sink_route_batch(struct sink *sink)
{
    struct arena *arena = &sink->batch->arena;
    size_t mark = arena->used, room = sink->batch->count;
    for (struct sink_topic *topic = sink->named; topic; topic = topic->hh.next)
        topic->undelivered = 0;
    if (route_items(sink) && reply_topics_look_again(sink->topics, NEWS_WAIT_MS))
        route_items(sink);
    struct sink_topic **stale = arena_alloc(arena, room * sizeof(struct sink_topic *));
    int32_t *partitions = arena_alloc(arena, room * sizeof(*partitions));
    sink_learn_stale(sink, stale, partitions, find_stale(sink, stale, partitions));
    arena_reset(arena, mark);
    sink->routed_ms = now_ms();
}

rd_kafka_topic_t *sink_route(const struct sink *sink, uint32_t index, int32_t *partitions, int32_t *partition)
{
    const struct sink_route *route = &sink->routes[index];
    *partitions = route->topic->partitions;
    /* It was chosen by what the cluster has said; the producer may know less. */
    *partition = route->partition < route->topic->partitions ? route->partition : -1;
    return route->topic->handle;
}

/* ---- what becomes of the replies ---- */

void sink_route_sent(rd_kafka_topic_t *handle)
{
    struct sink_topic *topic = rd_kafka_topic_opaque(handle);
    if (topic)
        topic->undelivered++;
}

/* How long a topic is not used after an error that tells of that topic alone; 0: it tells of something else. */
static int64_t shun_ms(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return GONE_MS;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:    /* a compacted topic takes no message without a key: brokers before 2.4 */
    case RD_KAFKA_RESP_ERR_INVALID_RECORD: /* and later ones */
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
        return DENIED_MS;
    default:
        return 0;
    }
}

void sink_route_failed(struct sink *sink, const rd_kafka_topic_t *handle, rd_kafka_resp_err_t code)
{
    const struct sink_topic *topic = rd_kafka_topic_opaque(handle);
    int64_t for_ms = shun_ms(code);
    if (topic && for_ms > 0)
        reply_topics_shun(sink->topics, span_of_text(topic->name), rd_kafka_err2str(code), for_ms);
}

void sink_route_ended(struct sink *sink, const rd_kafka_message_t *message)
{
    struct sink_topic *topic = rd_kafka_topic_opaque(message->rkt);
    if (topic && topic->undelivered > 0)
        topic->undelivered--;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        sink_route_failed(sink, message->rkt, message->err);
}

void sink_routes_deny(struct sink *sink)
{
    for (const struct sink_topic *topic = sink->named; topic; topic = topic->hh.next)
        if (topic->undelivered > 0)
            reply_topics_shun(sink->topics, span_of_text(topic->name), "one of the topics may not be written",
                              DENIED_MS);
}

/* librdkafka tells by nothing but its log which topic of a transaction may not be written. */
bool sink_routes_read_log(struct sink *sink, const char *facility, const char *text)
{
    static const char before[] = "Failed to add partition \"";
    const char *name = strcmp(facility, "ADDPARTS") == 0 ? strstr(text, before) : NULL;
    const char *end = name ? strchr(name + strlen(before), '"') : NULL;
    const char *denied = rd_kafka_err2str(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    if (!end || !strstr(end, denied))
        return false;
    name += strlen(before);
    reply_topics_shun(sink->topics, span_of(name, (size_t)(end - name)), denied, DENIED_MS);
    return true;
}

bool sink_routes_hold_up(struct sink *sink)
{
    uint32_t waiting = 0;
    bool lost = false;
    for (const struct sink_topic *topic = sink->named; topic; topic = topic->hh.next)
        waiting += topic->undelivered;
    if (waiting == 0)
        return false;
    bool has_answered = reply_topics_asked_ms(sink->topics) > sink->routed_ms;
    reply_topics_look_again(sink->topics, 0);
    if (!has_answered)
        return false;
    bool stuck = waiting == sink->undelivered && now_ms() - sink->routed_ms >= STUCK_MS;
    for (const struct sink_topic *topic = sink->named; topic; topic = topic->hh.next) {
        if (topic->undelivered == 0)
            continue;
        struct span name = span_of_text(topic->name);
        lost = lost || reply_topics_find(sink->topics, name).state != REPLY_TOPIC_THERE;
        if (stuck)
            reply_topics_shun(sink->topics, name, "it takes no message", STUCK_SHUN_MS);
    }
    return lost || stuck;
}

bool sink_routes_are_many(const struct sink *sink)
{
    return sink->named_count > ROUTES_MOST;
}

/* ---- the default topic, and the end ---- */

bool sink_routes_open(struct sink *sink)
{
    sink->routes = calloc(sink->batch->capacity, sizeof(*sink->routes));
    sink->default_topic = topic_open(sink, span_of_text(sink->config->replies.topic));
    return sink->routes && sink->default_topic;
}

rd_kafka_topic_t *sink_default_topic(const struct sink *sink)
{
    return sink->default_topic->handle;
}

void sink_default_learned(struct sink *sink, int32_t partitions)
{
    topic_took(sink->default_topic, true, partitions, now_ms());
}

static void topic_let_go(struct sink_topic *topic)
{
    if (topic && topic->handle)
        rd_kafka_topic_destroy(topic->handle);
    if (topic)
        topic->handle = NULL;
}

void sink_routes_let_go(struct sink *sink)
{
    for (struct sink_topic *topic = sink->named; topic; topic = topic->hh.next)
        topic_let_go(topic);
    topic_let_go(sink->default_topic);
}

void sink_routes_free(struct sink *sink)
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
