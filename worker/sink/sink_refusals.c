/* Messages that are too large for their topics: a reply becomes smaller, a client makes its command too_large, a dead
 * letter is left out. */
#include "common/clock.h"
#include "worker/sink/sink_internal.h"

const char *sink_reply_topic(const struct sink *sink, uint32_t index)
{
    int32_t partitions, named;
    return rd_kafka_topic_name(sink_route(sink, index, &partitions, &named));
}

bool sink_reply_is_void(const struct item *item)
{
    return item->record_form == FORM_NONE && item->outcome != OUTCOME_REJECTED;
}

static void log_refusal(const struct item *item, enum log_level level, const char *event)
{
    log_event(level, event,
              LOG_LIST(LOG_TEXT("topic", item->from.topic), LOG_INTEGER("partition", item->from.partition),
                       LOG_INTEGER("offset", item->from.offset)));
}

/* For records and dead letters: they have one form only, so nothing may be inferred that is not certain. */
static void sink_learn_size(struct sink *sink, const char *topic, size_t bytes)
{
    if (sink->knows_sizes)
        size_limits_learn(sink->limits, topic, bytes, clock_now_ms());
}

/* Learned also of compressed replies, of which the longer one may be smaller for the broker. A try reports a few
 * refused messages only, and each try takes a new producer: without this knowledge a topic with a low limit would slow
 * its partition down to some commands a second. The price is that such a reply begins in a smaller form than it had to.
 */
static void learn_reply_size(struct sink *sink, const struct item *item)
{
    const char *topic = sink_reply_topic(sink, (uint32_t)(item - sink->batch->items));
    size_limits_learn(sink->limits, topic, item->reply_bytes, clock_now_ms());
}

static void refuse_client(struct sink *sink, struct item *item, size_t bytes)
{
    log_refusal(item, LOG_LEVEL_WARNING, "a client is refused as too large");
    item->client_bytes = bytes;
    item->client_most = bytes > sink->message_most ? sink->message_most : 0;
    item->record_form = FORM_NONE;
    item->reply_form = FORM_FULL;
    sink->has_refused_client = true;
}

void sink_leave_out_reply(struct item *item)
{
    log_refusal(item, LOG_LEVEL_WARNING, "a reply is refused as too large in every form; the command has none");
    item->reply_form = FORM_NONE;
}

/* A refused reply takes the next smaller form. After the smallest form there are two cases. If the client in the reply
 * does not fit, and the transaction can be undone, the command becomes too_large, as when the record topic refuses the
 * client. Otherwise the topic accepts no reply at all, and the command gets none. */
static void refuse_reply(struct sink *sink, struct item *item)
{
    bool holds_client = item->outcome != OUTCOME_REJECTED;
    if (sink_reply_is_void(item))
        return;
    learn_reply_size(sink, item);
    if (item->reply_form < FORM_KEYLESS) {
        log_refusal(item, LOG_LEVEL_INFO, "a reply is refused as too large and becomes smaller");
        item->reply_form++;
    } else if (holds_client && item->reply_bytes > SMALLEST_REPLY_BYTES && sink->transactional &&
               !item_is_delivered(item, MESSAGE_RECORD)) {
        refuse_client(sink, item, item->reply_bytes);
    } else {
        sink_leave_out_reply(item);
    }
}

void sink_refuse_dead_letter(struct item *item)
{
    log_refusal(item, LOG_LEVEL_WARNING, "dead letter refused as too large; the command stays in its topic");
    item->dead_letter_form = FORM_NONE;
}

void sink_refuse(struct sink *sink, struct item *item, enum message_kind kind)
{
    sink->has_refused = true;
    switch (kind) {
    case MESSAGE_REPLY:
        refuse_reply(sink, item);
        break;
    case MESSAGE_RECORD:
        sink_learn_size(sink, sink->config->records.topic, item->record_bytes);
        refuse_client(sink, item, item->record_bytes);
        break;
    case MESSAGE_DEAD_LETTER:
        sink_learn_size(sink, sink->config->dead_letters.topic, item->dead_letter_bytes);
        sink_refuse_dead_letter(item);
        break;
    }
}
