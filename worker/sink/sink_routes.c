/* Where each reply of a batch goes: to the topic and partition that its command names, if they exist, else to the
 * default topic. Also what happens to a topic that refuses replies. */
#include <string.h>

#include "common/clock.h"
#include "worker/sink/sink_internal.h"
#include "worker/validate/reply_address.h"

#define NEWS_WAIT_MS     100   /* for news of a missing topic, once a second at most */
#define SETTINGS_WAIT_MS 3000  /* for settings of topics that are new to us; Kafka tells them within milliseconds */
#define STUCK_MS         10000 /* well below transaction.timeout.ms */
/* Once a named topic has failed, for reports of other messages: in all, and after the last one. */
#define REPORTS_MS      1000
#define QUIET_MS        300
#define REPORTS_STEP_MS 10

/* ---- routes ---- */

struct span sink_reply_key(const struct item *item)
{
    if (item->reply_form >= FORM_KEYLESS)
        return (struct span){0};
    return item->reply_key;
}

/* Whether a reply may be sent to a topic that exists. */
static bool may_use(const struct sink *sink, const struct reply_topic *known, bool has_key)
{
    if (known->needs_key && !has_key)
        return false;
    return sink->tries || (has_key ? known->is_proven : known->is_proven_keyless);
}

/* Chooses the route of one item. True if a topic or partition is missing that may exist since the last answer. */
static bool route_item(struct sink *sink, uint32_t index)
{
    struct item *item = &sink->batch->items[index];
    struct sink_route *route = &sink->routes[index];
    *route = (struct sink_route){.topic = sink->default_topic, .partition = -1};
    if (item_is_delivered(item, MESSAGE_REPLY))
        return false;
    const struct reply_address address = item->address;
    item->reply_absence = address.absence;
    if (address.absence != REPLY_AS_ASKED)
        return false;
    struct reply_topic known = reply_topics_find(sink->topics, address.topic);
    sink->has_unread = sink->has_unread || known.is_unread;
    if (known.state == REPLY_TOPIC_THERE && !may_use(sink, &known, sink_reply_key(item).at != NULL))
        known.state = REPLY_TOPIC_SUSPENDED;
    struct sink_topic *topic =
        known.state == REPLY_TOPIC_THERE ? sink_topic_named(sink, address.topic, known.partitions) : NULL;
    if (!topic) {
        item->reply_absence = known.state == REPLY_TOPIC_ABSENT ? REPLY_TOPIC_MISSING : REPLY_TOPIC_REFUSED;
        return known.state == REPLY_TOPIC_ABSENT;
    }
    if (topic != sink->default_topic) {
        topic->is_proven = known.is_proven;
        topic->is_proven_keyless = known.is_proven_keyless;
    }
    route->topic = topic;
    route->partition = reply_address_partition(&address, known.partitions);
    bool missed = route->partition < 0 && reply_address_names_partition(&address);
    if (missed)
        item->reply_absence = REPLY_PARTITION_MISSING;
    return missed;
}

static bool route_each(struct sink *sink)
{
    bool missed = false;
    for (uint32_t i = 0; i < sink->batch->count; i++)
        if (item_is_ours(&sink->batch->items[i]))
            missed = route_item(sink, i) || missed;
    return missed;
}

/* Waits for the settings of topics, where they are not known. */
static bool route_items(struct sink *sink)
{
    sink->has_unread = false;
    bool missed = route_each(sink);
    if (sink->has_unread)
        reply_topics_await_settings(sink->topics, SETTINGS_WAIT_MS);
    return sink->has_unread ? route_each(sink) : missed;
}

void sink_route_batch(struct sink *sink)
{
    for (struct sink_topic *topic = sink->named; topic; topic = topic->hh.next)
        topic->undelivered = topic->keyless = topic->failure = 0;
    sink->tries = reply_topics_may_try(sink->topics);
    sink->has_lost = false;
    sink->own = OWN_SILENT;
    sink->lost_ms = 0;
    if (route_items(sink) && reply_topics_look_again(sink->topics, NEWS_WAIT_MS))
        route_items(sink);
    sink_topics_learn(sink);
    sink->routed_ms = clock_now_ms();
}

rd_kafka_topic_t *sink_route(const struct sink *sink, uint32_t index, int32_t *partitions, int32_t *partition)
{
    const struct sink_route *route = &sink->routes[index];
    *partitions = route->topic->partitions;
    /* It was chosen from reply_topics; the producer may know fewer partitions. */
    *partition = route->partition < route->topic->partitions ? route->partition : -1;
    return route->topic->handle;
}

/* ---- refusals ---- */

void sink_route_sent(rd_kafka_topic_t *handle, bool has_key)
{
    struct sink_topic *topic = rd_kafka_topic_opaque(handle);
    if (topic)
        topic->undelivered++;
    if (topic && !has_key)
        topic->keyless++;
}

/* What an error of a message means for a topic that a command has named. There are errors that the topic has for
 * itself, and errors that only follow from others. All the rest may be Kafka's, whatever their names say: an unknown
 * error, a leader or a log directory that is away, a quota, the state of the producer, a code that comes with a later
 * Kafka. A topic that alone has one of these, again and again, must not stop its partition, either. */
static enum refusal refusal_of(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return REFUSAL_GONE;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:    /* a compacted topic takes no message without a key: brokers before 2.4 */
    case RD_KAFKA_RESP_ERR_INVALID_RECORD: /* and later ones */
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE: /* zstd, in the format of a broker before 2.1 */
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
        return REFUSAL_DENIED;
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE: /* the sink sends a smaller one */
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
    case RD_KAFKA_RESP_ERR__STATE: /* another message has failed */
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__DESTROY:
        return REFUSAL_NONE;
    default:
        return REFUSAL_UNSURE;
    }
}

/* True if the error may be about a missing key. A broker refuses a request as a whole, so messages with a key get the
 * error, too. If all messages of a request have a key, the error has another reason. */
static bool may_tell_of_key(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_INVALID_RECORD || code == RD_KAFKA_RESP_ERR_INVALID_MSG;
}

void sink_route_failed(struct sink *sink, const rd_kafka_topic_t *handle, rd_kafka_resp_err_t code)
{
    struct sink_topic *topic = rd_kafka_topic_opaque(handle);
    enum refusal refusal = refusal_of(code);
    const bool is_own = !topic || topic == sink->default_topic;
    if (is_own && refusal != REFUSAL_NONE)
        sink->own = OWN_FAILED;
    if (is_own || refusal == REFUSAL_NONE)
        return;
    if (refusal == REFUSAL_UNSURE) {
        topic->failure = code;
        return;
    }
    if (topic->keyless > 0 && may_tell_of_key(code))
        reply_topics_need_key(sink->topics, span_of_text(topic->name), rd_kafka_err2str(code), refusal);
    else
        reply_topics_suspend(sink->topics, span_of_text(topic->name), rd_kafka_err2str(code), refusal);
    sink->has_lost = sink->has_lost || refusal != REFUSAL_GONE;
}

/* The topic accepts replies like this one. */
static void sink_route_proven(struct sink *sink, struct sink_topic *topic, bool has_key)
{
    if (has_key ? topic->is_proven : topic->is_proven_keyless)
        return;
    reply_topics_prove(sink->topics, span_of_text(topic->name), has_key);
    topic->is_proven = true;
    topic->is_proven_keyless = topic->is_proven_keyless || !has_key;
}

void sink_route_ended(struct sink *sink, const rd_kafka_message_t *message)
{
    struct sink_topic *topic = rd_kafka_topic_opaque(message->rkt);
    if (topic && topic->undelivered > 0)
        topic->undelivered--;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        sink_route_failed(sink, message->rkt, message->err);
    else if (topic && topic != sink->default_topic)
        sink_route_proven(sink, topic, message->key != NULL);
    else if (sink->own == OWN_SILENT)
        sink->own = OWN_WORKED;
}

static void suspend_all_named(struct sink *sink)
{
    for (uint32_t i = 0; i < sink->batch->count; i++) {
        const struct sink_topic *topic = !item_is_ours(&sink->batch->items[i]) ? NULL : sink->routes[i].topic;
        if (topic && topic != sink->default_topic) {
            reply_topics_suspend(sink->topics, span_of_text(topic->name), "one of the topics may not be written",
                                 REFUSAL_DENIED);
            sink->has_lost = true;
        }
    }
}

static uint32_t named_undelivered(const struct sink *sink)
{
    uint32_t waiting = 0;
    for (const struct sink_topic *topic = sink->named; topic; topic = topic->hh.next)
        waiting += topic->undelivered;
    return waiting;
}

static bool has_failed_named(const struct sink *sink)
{
    for (const struct sink_topic *topic = sink->named; topic; topic = topic->hh.next)
        if (topic->failure != RD_KAFKA_RESP_ERR_NO_ERROR || (sink->connection_lost && topic->undelivered > 0))
            return true;
    return false;
}

/* Reports that are on their way tell whether the program's own topics fail, too, and which named ones work. Librdkafka
 * keeps back what it had not sent when the transaction failed, so not all messages get one. */
static void await_reports(struct sink *sink)
{
    const int64_t began_ms = clock_now_ms();
    int64_t last_ms = began_ms, now_ms = began_ms;
    while (sink->undelivered > 0 && sink->own != OWN_FAILED && now_ms - last_ms < QUIET_MS &&
           now_ms - began_ms < REPORTS_MS) {
        const uint32_t before = sink->undelivered;
        rd_kafka_poll(sink->producer, REPORTS_STEP_MS);
        now_ms = clock_now_ms();
        last_ms = sink->undelivered < before ? now_ms : last_ms;
    }
}

/* A connection was lost: the one to a leader of our own topics, too, unless these have taken all their messages. The
 * named topics that have not are the only ones that it can be about then. */
static void note_unreachable(struct sink *sink)
{
    if (!sink->connection_lost || sink->undelivered > named_undelivered(sink))
        return;
    for (struct sink_topic *topic = sink->named; topic; topic = topic->hh.next)
        if (topic->undelivered > 0 && topic->failure == RD_KAFKA_RESP_ERR_NO_ERROR)
            topic->failure = RD_KAFKA_RESP_ERR__TRANSPORT;
}

static void doubt_failed(struct sink *sink)
{
    const bool had_none = sink->own == OWN_SILENT && sink->undelivered == named_undelivered(sink);
    const enum own_topics own = had_none ? OWN_WORKED : sink->own;
    for (const struct sink_topic *topic = sink->named; topic; topic = topic->hh.next) {
        if (topic->failure == RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        const int64_t lasted_ms =
            reply_topics_doubt(sink->topics, span_of_text(topic->name), rd_kafka_err2str(topic->failure), own);
        sink->has_lost = sink->has_lost || lasted_ms >= 0;
        if (lasted_ms > sink->lost_ms)
            sink->lost_ms = lasted_ms;
    }
}

void sink_routes_deny(struct sink *sink)
{
    enum sink_denial denial = atomic_load(&sink->denial);
    if (has_failed_named(sink)) {
        await_reports(sink);
        note_unreachable(sink);
    }
    doubt_failed(sink);
    if (denial == DENIAL_OF_ONE)
        suspend_all_named(sink);
    const int64_t try_ms = clock_now_ms() - sink->routed_ms;
    if (sink->has_lost || denial == DENIAL_NAMED)
        reply_topics_lost(sink->topics, try_ms > sink->lost_ms ? try_ms : sink->lost_ms);
    sink->has_lost = false;
}

void sink_routes_read_log(struct sink *sink, const char *facility, const char *text)
{
    static const char before[] = "Failed to add partition \"";
    const char *denied = rd_kafka_err2str(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    const char *name = strstr(text, before);
    if (!strstr(text, denied))
        return;
    if (strcmp(facility, "ADDPARTS") == 0 && name) {
        name += strlen(before);
        reply_topics_suspend(sink->topics, span_of(name, strcspn(name, "\"")), denied, REFUSAL_DENIED);
        atomic_store(&sink->denial, DENIAL_NAMED);
    } else if (strcmp(facility, "TXNERR") == 0 && !strstr(text, "offsets")) {
        /* An error about offsets means that the command topic may not be read. */
        enum sink_denial none = DENIAL_NONE;
        atomic_compare_exchange_strong(&sink->denial, &none, DENIAL_OF_ONE);
    }
}

bool sink_routes_are_stuck(struct sink *sink)
{
    const uint32_t waiting = named_undelivered(sink);
    bool lost = false;
    if (waiting == 0)
        return false;
    bool has_answered = reply_topics_asked_ms(sink->topics) > sink->routed_ms;
    reply_topics_look_again(sink->topics, 0);
    if (!has_answered)
        return false;
    bool stuck = waiting == sink->undelivered && clock_now_ms() - sink->routed_ms >= STUCK_MS;
    for (const struct sink_topic *topic = sink->named; topic; topic = topic->hh.next) {
        if (topic->undelivered == 0)
            continue;
        struct span name = span_of_text(topic->name);
        lost = lost || reply_topics_find(sink->topics, name).state != REPLY_TOPIC_THERE;
        if (stuck)
            reply_topics_suspend(sink->topics, name, "it takes no message", REFUSAL_STUCK);
        sink->has_lost = sink->has_lost || stuck;
    }
    return lost || stuck;
}
