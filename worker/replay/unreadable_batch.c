#include "worker/replay/unreadable_batch.h"

#include "common/clock.h"

#define CONFIRMATIONS 3     /* before the end is searched */
#define LOOK_WAIT_MS  10000 /* a busy machine takes some seconds to decompress 100 MB */
#define POLL_MS       100
#define EDGE_WAIT_MS  1000

void unreadable_batch_init(struct unreadable_batch *batch, const struct config *config, const char *topic)
{
    *batch = (struct unreadable_batch){.config = config, .topic = topic};
}

void unreadable_batch_close(struct unreadable_batch *batch)
{
    history_client_close(&batch->client);
}

void unreadable_batch_begin(struct unreadable_batch *batch, int32_t partition, int64_t base, int64_t from,
                            int64_t limit)
{
    batch->partition = partition;
    batch->base = base;
    batch_search_begin(&batch->search, from, limit, CONFIRMATIONS);
}

static bool open_client(struct unreadable_batch *batch)
{
    static const struct history_client_settings settings = {"read_committed", "error", "65536", 0};
    char error[512];
    return batch->client.handle || history_client_open(&batch->client, batch->config, &settings, error, sizeof(error));
}

/* A leader that was elected a moment ago may tell a fetch of an end that is too early. */
static enum batch_place look_outside(struct unreadable_batch *batch, int64_t offset)
{
    int64_t first, end;
    char error[512];
    return history_client_edges(&batch->client, batch->topic, batch->partition, EDGE_WAIT_MS, &first, &end, error,
                                sizeof(error)) &&
                   (offset < first || offset >= end)
               ? PLACE_BEHIND
               : PLACE_UNKNOWN;
}

static enum batch_place place_of(struct unreadable_batch *batch, const rd_kafka_message_t *message, int64_t offset)
{
    switch (message->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return message->offset >= offset ? PLACE_BEHIND : PLACE_UNKNOWN;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        return look_outside(batch, offset);
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
        return message->offset > batch->base    ? PLACE_BEHIND
               : message->offset == batch->base ? PLACE_INSIDE
                                                : PLACE_UNKNOWN;
    default:
        return PLACE_UNKNOWN;
    }
}

/* The first message or event at the offset. New; NULL if there was no answer. */
static rd_kafka_message_t *read_at(struct unreadable_batch *batch, int64_t offset)
{
    char error[512];
    rd_kafka_message_t *message = NULL;
    if (!open_client(batch) ||
        !history_client_assign_one(&batch->client, batch->topic, batch->partition, offset, error, sizeof(error)))
        return NULL;
    for (int64_t until = clock_now_ms() + LOOK_WAIT_MS; !message && clock_now_ms() < until;)
        message = rd_kafka_consumer_poll(batch->client.handle, POLL_MS);
    const bool is_idle = history_client_assign(&batch->client, NULL, error, sizeof(error));
    if (!message || (is_idle && message->rkt && message->partition == batch->partition))
        return message;
    rd_kafka_message_destroy(message);
    return NULL;
}

static enum batch_place look_at(void *context, int64_t offset)
{
    struct unreadable_batch *batch = context;
    rd_kafka_message_t *message = read_at(batch, offset);
    const enum batch_place place = message ? place_of(batch, message, offset) : PLACE_UNKNOWN;
    if (message)
        rd_kafka_message_destroy(message);
    return place;
}

enum batch_finding unreadable_batch_step(struct unreadable_batch *batch)
{
    return batch_search_step(&batch->search, look_at, batch);
}
