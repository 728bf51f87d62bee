/* Keeps librdkafka fetching after its queue was full, where it needs wakes (kafka_fetching.h). */
#include <stdlib.h>

#include "common/clock.h"
#include "worker/kafka/kafka_fetching.h"
#include "worker/kafka/topic_reader_internal.h"

#define POLL_MS    100
#define WAKE_MS    10 /* between two wakes; longer each time while nothing comes */
#define LONGEST_MS 1000
#define PARTITIONS 16 /* their leaders are woken; more would be much to ask of a broker each time */

/* Only the requests count: librdkafka's threads look at the queue when they send them. So no answer is waited for. */
static void wake_leaders(struct topic_reader *reader, int64_t now_ms)
{
    struct topic_wake *wake = &reader->wake;
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int32_t i = 0; i < reader->count && ends->cnt < PARTITIONS; i++) {
        wake->partition = (wake->partition + 1) % reader->count;
        const struct partition *partition = &reader->partitions[wake->partition];
        if (partition->next < partition->end)
            rd_kafka_topic_partition_list_add(ends, reader->topic, wake->partition)->offset = RD_KAFKA_OFFSET_END;
    }
    if (ends->cnt > 0)
        (void)rd_kafka_offsets_for_times(reader->handle, ends, 0);
    rd_kafka_topic_partition_list_destroy(ends);
    wake->woken_ms = now_ms;
    wake->may_be_full = false;
}

static size_t limit_of(const struct topic_reader *reader, const char *name)
{
    const char *text = config_kafka(reader->config, reader->config->kafka_consumer, name);
    return text ? strtoull(text, NULL, 10) : 0;
}

void topic_wake_open(struct topic_reader *reader)
{
    reader->wake = (struct topic_wake){.pause_ms = WAKE_MS,
                                       .most_messages = limit_of(reader, "queued.min.messages"),
                                       .most_bytes = limit_of(reader, "queued.max.messages.kbytes") * 1024};
}

/* With half of what stops librdkafka the queue may have been full, since some of it was taken. */
static void note(struct topic_reader *reader, const rd_kafka_message_t *message)
{
    struct topic_wake *wake = &reader->wake;
    const size_t queued = rd_kafka_queue_length(reader->queue);
    wake->pause_ms = WAKE_MS;
    wake->message_bytes = (7 * wake->message_bytes + message->len + message->key_len) / 8;
    if (queued >= wake->most_messages / 2 || queued * wake->message_bytes >= wake->most_bytes / 2)
        wake->may_be_full = true;
}

/* The queue is empty. */
static rd_kafka_message_t *await(struct topic_reader *reader)
{
    struct topic_wake *state = &reader->wake;
    if (state->may_be_full)
        wake_leaders(reader, clock_now_ms());
    rd_kafka_message_t *polled =
        rd_kafka_consumer_poll(reader->handle, state->pause_ms < POLL_MS ? state->pause_ms : POLL_MS);
    const int64_t now_ms = clock_now_ms();
    if (polled || now_ms - state->woken_ms < state->pause_ms)
        return polled;
    wake_leaders(reader, now_ms);
    state->pause_ms = 2 * state->pause_ms < LONGEST_MS ? 2 * state->pause_ms : LONGEST_MS;
    return NULL;
}

rd_kafka_message_t *topic_wake_poll(struct topic_reader *reader)
{
    if (!kafka_fetching_needs_wakes())
        return rd_kafka_consumer_poll(reader->handle, POLL_MS);
    rd_kafka_message_t *polled = rd_kafka_consumer_poll(reader->handle, 0);
    if (!polled)
        polled = await(reader);
    if (polled && !polled->err)
        note(reader, polled);
    const int64_t now_ms = clock_now_ms();
    if (reader->wake.may_be_full && now_ms - reader->wake.woken_ms >= WAKE_MS)
        wake_leaders(reader, now_ms);
    return polled;
}
