#include "worker/replay/unreadable_batch.h"

#include <xxhash.h>

#include "common/clock.h"
#include "worker/source/source_message.h"

#define CONFIRMATIONS 3     /* before the end is searched */
#define LOOK_WAIT_MS  10000 /* a busy machine takes some seconds to decompress 100 MB */
#define POLL_MS       100
#define EDGE_WAIT_MS  1000

enum place { PLACE_UNKNOWN, PLACE_INSIDE, PLACE_BEHIND };

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
    batch->from = from;
    batch->limit = limit;
    batch->inside = from - 1;
    batch->behind = -1;
    batch->confirmed = 0;
    batch->fault = FAULT_COMPRESSION;
}

void misnumbered_batch_begin(struct unreadable_batch *batch, int32_t partition, int64_t from, int64_t limit)
{
    unreadable_batch_begin(batch, partition, from, from, limit);
    batch->fault = FAULT_OFFSETS;
}

static bool open_client(struct unreadable_batch *batch)
{
    static const struct history_client_settings settings = {"read_committed", "error", "65536", 0};
    char error[512];
    return batch->client.handle || history_client_open(&batch->client, batch->config, &settings, error, sizeof(error));
}

/* A leader that was elected a moment ago may tell a fetch of an end that is too early. */
static enum place look_outside(struct unreadable_batch *batch, int64_t offset)
{
    int64_t first, end;
    char error[512];
    return history_client_edges(&batch->client, batch->topic, batch->partition, EDGE_WAIT_MS, &first, &end, error,
                                sizeof(error)) &&
                   (offset < first || offset >= end)
               ? PLACE_BEHIND
               : PLACE_UNKNOWN;
}

static enum place place_of(struct unreadable_batch *batch, const rd_kafka_message_t *message, int64_t offset)
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

/* ---- messages in their places ---- */

struct log_mark message_mark(const rd_kafka_message_t *message)
{
    return (struct log_mark){.answered = -1,
                             .offset = message->offset,
                             .timestamp_ms = source_message_timestamp(message),
                             .hash = message->payload ? XXH3_64bits(message->payload, message->len) : 0,
                             .nonce = -1};
}

static enum message_place place_in_log(struct unreadable_batch *batch, const rd_kafka_message_t *found,
                                       const struct log_mark *mark)
{
    int64_t first, end;
    char error[512];
    if (!found->err) {
        const struct log_mark other = message_mark(found);
        return other.offset == mark->offset && other.timestamp_ms == mark->timestamp_ms && other.hash == mark->hash
                   ? MESSAGE_IN_PLACE
                   : MESSAGE_MISPLACED;
    }
    if ((found->err != RD_KAFKA_RESP_ERR__PARTITION_EOF && found->err != RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) ||
        !history_client_edges(&batch->client, batch->topic, batch->partition, EDGE_WAIT_MS, &first, &end, error,
                              sizeof(error)))
        return MESSAGE_UNKNOWN;
    /* What was deleted meanwhile was before everything that is left. */
    return mark->offset < first ? MESSAGE_IN_PLACE : mark->offset >= end ? MESSAGE_MISPLACED : MESSAGE_UNKNOWN;
}

enum message_place unreadable_batch_verify(struct unreadable_batch *batch, int32_t partition,
                                           const struct log_mark *mark)
{
    batch->partition = partition;
    rd_kafka_message_t *found = read_at(batch, mark->offset);
    const enum message_place place = found ? place_in_log(batch, found, mark) : MESSAGE_UNKNOWN;
    if (found)
        rd_kafka_message_destroy(found);
    return place;
}

/* ---- the search ---- */

/* Inside a batch with wrong offsets, the first message that comes is not in its place. */
static enum place misnumbered_place(struct unreadable_batch *batch, const rd_kafka_message_t *message, int64_t offset)
{
    if (message->err)
        return place_of(batch, message, offset);
    if (message->offset == offset)
        return PLACE_BEHIND;
    const struct log_mark mark = message_mark(message);
    switch (unreadable_batch_verify(batch, batch->partition, &mark)) {
    case MESSAGE_IN_PLACE:
        return PLACE_BEHIND;
    case MESSAGE_MISPLACED:
        return PLACE_INSIDE;
    case MESSAGE_UNKNOWN:
        break;
    }
    return PLACE_UNKNOWN;
}

static enum place look_at(struct unreadable_batch *batch, int64_t offset)
{
    rd_kafka_message_t *message = read_at(batch, offset);
    if (!message)
        return PLACE_UNKNOWN;
    const enum place place =
        batch->fault == FAULT_OFFSETS ? misnumbered_place(batch, message, offset) : place_of(batch, message, offset);
    rd_kafka_message_destroy(message);
    return place;
}

/* The steps double until one leads behind the batch, and then halve. */
static int64_t next_place(const struct unreadable_batch *batch)
{
    int64_t inside = batch->inside, behind = batch->behind;
    return inside + (behind < 0 ? inside - batch->from + 1 : (behind - inside) / 2);
}

enum unreadable_finding unreadable_batch_step(struct unreadable_batch *batch)
{
    bool confirms = batch->confirmed < (batch->fault == FAULT_OFFSETS ? 1 : CONFIRMATIONS);
    int64_t offset = confirms ? batch->from : next_place(batch);
    if (offset >= batch->limit && batch->behind < 0) {
        batch->behind = batch->limit;
    } else {
        switch (look_at(batch, offset)) {
        case PLACE_UNKNOWN:
            return UNREADABLE_UNKNOWN;
        case PLACE_INSIDE:
            batch->inside = offset;
            batch->confirmed += confirms;
            break;
        case PLACE_BEHIND:
            if (confirms)
                return UNREADABLE_NOT;
            batch->behind = offset;
        }
    }
    return batch->behind == batch->inside + 1 ? UNREADABLE_ENDS : UNREADABLE_STEP;
}
