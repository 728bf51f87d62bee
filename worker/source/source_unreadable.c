/* Commands that no client with our limits can read: a batch of the log that is compressed and becomes longer than
 * receive.message.max.bytes, or that cannot be decompressed at all. Librdkafka fetches it again and again, and gives
 * the offset where the batch begins, but not where it ends. So the end is searched with the reader, which is outside of
 * the group, and the consumer goes on from there. */
#include "worker/source/source_internal.h"

#define SEEK_WAIT_MS 5000
#define TRIES        64 /* of one search: twice as many as an offset needs */

enum place_finding {
    PLACE_UNKNOWN,    /* no answer */
    PLACE_UNREADABLE, /* in the batch */
    PLACE_BEHIND      /* behind it */
};

struct search {
    int64_t base; /* the offset where the batch begins */
    enum place_finding finding;
};

static void take_place(struct source *source, const rd_kafka_message_t *message, void *opaque)
{
    struct search *search = opaque;
    (void)source;
    if (!message->err || message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF ||
        message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        search->finding = PLACE_BEHIND;
    else if (message->err == RD_KAFKA_RESP_ERR__BAD_COMPRESSION)
        search->finding = message->offset > search->base ? PLACE_BEHIND : PLACE_UNREADABLE;
}

static enum place_finding look_at(struct source *source, int32_t partition, int64_t base, int64_t offset)
{
    struct search search = {base, PLACE_UNKNOWN};
    rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(places, source->topic, partition)->offset = offset;
    source_read_places(source, places, take_place, &search);
    rd_kafka_topic_partition_list_destroy(places);
    return search.finding;
}

/* The offset behind the batch that begins at `base`, or -1 if that is not known. */
static int64_t end_of_batch(struct source *source, int32_t partition, int64_t base)
{
    int64_t inside = base, behind = -1, step = 1;
    if (look_at(source, partition, base, base) != PLACE_UNREADABLE)
        return -1;
    for (int i = 0; i < TRIES && behind != inside + 1; i++) {
        int64_t offset = behind < 0 ? inside + step : inside + (behind - inside) / 2;
        enum place_finding finding = look_at(source, partition, base, offset);
        if (finding == PLACE_UNKNOWN)
            return -1;
        if (finding == PLACE_BEHIND)
            behind = offset;
        else
            inside = offset;
        step *= 2;
    }
    return behind == inside + 1 ? behind : -1;
}

static bool seek_to(struct source *source, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(places, source->topic, partition)->offset = offset;
    rd_kafka_error_t *error = rd_kafka_seek_partitions(source->consumer, places, SEEK_WAIT_MS);
    rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : places->elems[0].err;
    if (error)
        rd_kafka_error_destroy(error);
    rd_kafka_topic_partition_list_destroy(places);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        source_log_error("passing over commands that cannot be read failed", code);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool source_pass_over(struct source *source, int32_t partition, int64_t base)
{
    /* One that waits is paused; it is met again when it is resumed. */
    if (source->holding || partitions_is_waiting(source->partitions, partition))
        return false;
    int64_t next = partitions_next(source->partitions, partition);
    int64_t behind = end_of_batch(source, partition, base);
    if (behind <= next || !seek_to(source, partition, behind))
        return false;
    int64_t first = base > next ? base : next;
    log_error(
        "commands cannot be decompressed within receive.message.max.bytes; they are passed over without an answer",
        LOG_TEXT("topic", source->topic), LOG_INTEGER("partition", partition), LOG_INTEGER("offset", first),
        LOG_INTEGER("last", behind - 1));
    metrics_add(source->metrics, METRIC_UNREADABLE, 0, (uint64_t)(behind - first));
    partitions_advance(source->partitions, partition, behind - 1);
    return true;
}
