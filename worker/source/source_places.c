/* Single commands of the log are read again, by a client outside the group. */
#include "worker/source/source_places.h"

#include "common/clock.h"
#include "worker/kafka/kafka_assign.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/source/source_fill.h"
#include "worker/source/source_log.h"
#include "worker/source/source_open.h"

/* The queue must be long: with a short one librdkafka before 2.2 waits up to a second before it fetches again, in each
 * comparison. */
static rd_kafka_t *reader_new(const struct source *source, char *error, size_t error_size)
{
    static const struct kafka_owned owned[] = {{"isolation.level", "read_committed"},  {"enable.auto.commit", "false"},
                                               {"enable.partition.eof", "true"},       {"auto.offset.reset", "error"},
                                               {"queued.min.messages", "100000"},      {"check.crcs", "true"},
                                               {"max.partition.fetch.bytes", "65536"}, {"fetch.wait.max.ms", "10"},
                                               {"fetch.error.backoff.ms", "20"},       {NULL, NULL}};
    rd_kafka_conf_t *conf = kafka_conf_with(source->config, source->config->kafka_consumer, owned, error, error_size);
    rd_kafka_t *reader = conf ? kafka_conf_open(conf, RD_KAFKA_CONSUMER, error, error_size) : NULL;
    if (reader && rd_kafka_poll_set_consumer(reader) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_destroy(reader);
        return NULL;
    }
    return reader;
}

static bool open_reader(struct source *source)
{
    char error[512];
    if (!source->reader && !(source->reader = reader_new(source, error, sizeof(error))))
        log_fault_begin(&source->progress_fault, LOG_LIST(LOG_TEXT("error", error)));
    return source->reader != NULL;
}

bool source_ask_ends(struct source *source, rd_kafka_t *client, int32_t partition, int wait_ms, int64_t *low,
                     int64_t *high)
{
    const int64_t asked_ms = clock_now_ms();
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(client, source->topic, partition, low, high,
                                                                kafka_patience_ms(&source->patience, wait_ms));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        kafka_patience_answered(&source->patience, asked_ms, clock_now_ms());
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

enum log_finding source_compare_watermarks(struct source *source, int32_t partition, int64_t offset, int wait_ms)
{
    int64_t low, high;
    if (!open_reader(source) || !source_ask_ends(source, source->reader, partition, wait_ms, &low, &high))
        return LOG_UNKNOWN;
    return offset >= high ? LOG_OTHER : offset < low ? LOG_SAME : LOG_UNKNOWN;
}

void source_read_places(struct source *source, rd_kafka_topic_partition_list_t *places, int wait_ms,
                        source_answer *answer, void *opaque)
{
    int left = 0;
    if (!open_reader(source))
        return;
    if (kafka_assign(source->reader, places) == RD_KAFKA_RESP_ERR_NO_ERROR)
        left = places->cnt;
    const int64_t until = clock_now_ms() + kafka_patience_ms(&source->patience, wait_ms);
    for (int64_t now; left > 0 && (now = clock_now_ms()) < until;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(source->reader, (int)(until - now));
        rd_kafka_topic_partition_t *place =
            message && message->rkt ? rd_kafka_topic_partition_list_find(places, source->topic, message->partition)
                                    : NULL;
        /* Ignores a second message of a place, and messages of an earlier assignment. */
        if (place && place->offset >= 0 && (message->err || message->offset >= place->offset)) {
            place->offset = RD_KAFKA_OFFSET_INVALID;
            left--;
            answer(source, message, opaque);
        }
        if (message)
            rd_kafka_message_destroy(message);
    }
    rd_kafka_resp_err_t code = kafka_assign(source->reader, NULL);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        source_log_error("unassigning the reader failed", code);
}

static void take_sight(struct source *source, const rd_kafka_message_t *message, void *opaque)
{
    struct log_state *log = source_log(source, message->partition);
    rd_kafka_timestamp_type_t type;
    (void)opaque;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        log->end = message->offset;
        log->seen_offset = -1;
    } else if (!message->err) {
        log->seen_offset = message->offset;
        log->seen_timestamp_ms = rd_kafka_message_timestamp(message, &type);
    }
}

void source_peek(struct source *source, const struct lag_position *positions, size_t count, int wait_ms)
{
    rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_new(16);
    for (size_t i = 0; i < count && places->cnt < MOST_AT_ONCE; i++)
        if (positions[i].offset >= 0)
            rd_kafka_topic_partition_list_add(places, source->topic, positions[i].partition)->offset =
                positions[i].offset;
    if (places->cnt > 0)
        source_read_places(source, places, wait_ms, take_sight, NULL);
    rd_kafka_topic_partition_list_destroy(places);
}

void source_close_reader(struct source *source)
{
    if (source->reader) {
        rd_kafka_resp_err_t code = rd_kafka_consumer_close(source->reader);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            source_log_error("closing the reader failed", code);
        if (source_may_destroy(source))
            rd_kafka_destroy(source->reader);
    }
    source->reader = NULL;
}
