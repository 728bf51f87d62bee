/* The messages of a reading. */
#include <stdio.h>

#include "common/clock.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/kafka/topic_reader_internal.h"

static bool is_at_end(const struct topic_reader *reader)
{
    for (int32_t i = 0; i < reader->count; i++)
        if (reader->partitions[i].next < reader->partitions[i].end)
            return false;
    return true;
}

/* True if the message belongs to this reading. At the beginning of an open transaction librdkafka reports the end of
 * the partition. That ends the reading, and the next extension reads the rest, unless open transactions are awaited. */
static bool take(struct topic_reader *reader, const rd_kafka_message_t *message)
{
    if (message->partition < 0 || message->partition >= reader->count)
        return false;
    struct partition *partition = &reader->partitions[message->partition];
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (message->offset < partition->end && !reader->awaits_open)
            partition->end = message->offset;
        partition->next = message->offset < partition->end ? message->offset : partition->end;
        partition->held_ms = partition->next < partition->end ? clock_now_ms() : 0;
    }
    if (message->err || partition->next >= partition->end)
        return false;
    bool counts = message->offset < partition->end;
    partition->next = counts ? message->offset + 1 : partition->end;
    partition->held_ms = 0;
    return counts;
}

static bool report_shorter(const struct topic_reader *reader, int32_t partition, int64_t end, char *error,
                           size_t error_size)
{
    snprintf(error, error_size, "%s/%d became shorter while it was read: it ends at %lld, not at %lld", reader->topic,
             (int)partition, (long long)end, (long long)reader->partitions[partition].end);
    return true;
}

/* The consumer starts from the beginning if its offset is beyond the end of the log. */
static bool goes_back(const struct topic_reader *reader, const rd_kafka_message_t *message, char *error,
                      size_t error_size)
{
    if ((message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) || message->partition < 0 ||
        message->partition >= reader->count)
        return false;
    const struct partition *partition = &reader->partitions[message->partition];
    if (partition->next >= partition->end || message->offset >= partition->next)
        return false;
    snprintf(error, error_size, "%s/%d was replaced by another log while it was read: got offset %lld, expected %lld",
             reader->topic, (int)message->partition, (long long)message->offset, (long long)partition->next);
    return true;
}

/* An open transaction holds the end back. A log that was truncated, or deleted and created again, may never reach
 * it. A topic that is missing, or Kafka that does not reply, may come back. */
static bool is_shorter(struct topic_reader *reader, char *error, size_t error_size)
{
    struct offsets ends = {0};
    bool shorter = false;
    rd_kafka_t *observer = topic_reader_consumer(reader, "read_uncommitted", error, error_size);
    int32_t count = observer ? kafka_topic_partitions(observer, reader->topic, reader->wait_ms, error, error_size) : 0;
    if (count > 0 && count < reader->count) {
        snprintf(error, error_size, "%s has fewer partitions than when its reading began", reader->topic);
        shorter = true;
    } else if (count > 0 && offsets_of_known_ends(&ends, observer, reader->topic, reader->count, reader->wait_ms, error,
                                                  error_size)) {
        for (int32_t i = 0; i < reader->count && !shorter; i++) {
            int64_t end = offsets_get(&ends, i);
            shorter = end != OFFSET_NONE && end < reader->partitions[i].end &&
                      report_shorter(reader, i, end, error, error_size);
        }
    }
    offsets_free(&ends);
    if (observer)
        rd_kafka_destroy(observer);
    return shorter;
}

/* The wait for open transactions has no limit; the ends are compared from time to time. */
static enum topic_reading await(struct topic_reader *reader, char *error, size_t error_size)
{
    if (clock_now_ms() - reader->moved_ms < reader->wait_ms)
        return TOPIC_PAUSE;
    if (is_shorter(reader, error, error_size))
        return TOPIC_FAILED;
    reader->moved_ms = clock_now_ms();
    return TOPIC_PAUSE;
}

/* The first partition that is not read to its end, and that no open transaction holds up. */
static int32_t unread_partition(const struct topic_reader *reader)
{
    int32_t i = 0;
    while (i < reader->count &&
           (reader->partitions[i].next >= reader->partitions[i].end || reader->partitions[i].held_ms > 0))
        i++;
    return i;
}

enum topic_reading topic_reader_next(struct topic_reader *reader, rd_kafka_message_t **message, char *error,
                                     size_t error_size)
{
    *message = NULL;
    if (is_at_end(reader))
        return TOPIC_END;
    rd_kafka_message_t *polled = topic_wake_poll(reader);
    if (polled && (!polled->err || polled->err == RD_KAFKA_RESP_ERR__PARTITION_EOF))
        reader->heard_ms = clock_now_ms();
    if (polled && goes_back(reader, polled, error, error_size)) {
        rd_kafka_message_destroy(polled);
        return TOPIC_FAILED;
    }
    if (polled && take(reader, polled)) {
        reader->moved_ms = clock_now_ms();
        *message = polled;
        return TOPIC_MESSAGE;
    }
    rd_kafka_resp_err_t code = polled ? polled->err : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (polled && polled->err && polled->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        snprintf(reader->fault, sizeof(reader->fault), "%s", rd_kafka_message_errstr(polled));
    if (polled)
        rd_kafka_message_destroy(polled);
    if (reader->awaits_open)
        return await(reader, error, error_size);
    if (clock_now_ms() - reader->heard_ms < reader->wait_ms)
        return TOPIC_PAUSE;
    const int32_t unread = unread_partition(reader);
    snprintf(error, error_size, "%s/%d: nothing came for offset %lld: %s", reader->topic, (int)unread,
             unread < reader->count ? (long long)reader->partitions[unread].next : -1,
             reader->fault[0] ? reader->fault : rd_kafka_err2str(code));
    return TOPIC_FAILED;
}

bool topic_reader_is_held_up(const struct topic_reader *reader, int64_t ms, int32_t *partition, int64_t *offset)
{
    const int64_t now_ms = clock_now_ms();
    for (int32_t i = 0; i < reader->count && reader->awaits_open; i++) {
        const struct partition *place = &reader->partitions[i];
        if (place->next >= place->end || place->held_ms == 0 || now_ms - place->held_ms < ms)
            continue;
        *partition = i;
        *offset = place->next;
        return true;
    }
    return false;
}

bool topic_reader_stands_still(const struct topic_reader *reader, int64_t ms, int32_t *partition, int64_t *offset,
                               const char **error)
{
    const int32_t unread = unread_partition(reader);
    if (unread == reader->count || clock_now_ms() - reader->heard_ms < ms)
        return false;
    *partition = unread;
    *offset = reader->partitions[unread].next;
    *error = reader->fault[0] ? reader->fault : "nothing comes for this offset";
    return true;
}

int64_t topic_reader_total(const struct topic_reader *reader)
{
    int64_t total = 0;
    for (int32_t i = 0; i < reader->count; i++)
        total += reader->partitions[i].end - reader->partitions[i].begin;
    return total;
}

int64_t topic_reader_done(const struct topic_reader *reader)
{
    int64_t done = 0;
    for (int32_t i = 0; i < reader->count; i++)
        done += reader->partitions[i].next - reader->partitions[i].begin;
    return done;
}
