#include "worker/replay/misnumbered_batch.h"

#include "common/clock.h"

#define READ_WAIT_MS 10000
#define SILENT_MS    1500 /* without an answer, before it is examined whether there is something to parse */
#define LOOK_WAIT_MS 2000
#define STEP_MS      1
#define EDGE_WAIT_MS 1000

void misnumbered_batch_init(struct misnumbered_batch *batch, const struct config *config, const char *topic,
                            struct history_client *client)
{
    *batch = (struct misnumbered_batch){.config = config, .topic = topic, .client = client};
}

void misnumbered_batch_close(struct misnumbered_batch *batch)
{
    batch_reader_close(batch->reader, true);
    parse_probe_close(batch->probe, true);
    batch->reader = NULL;
    batch->probe = NULL;
}

void misnumbered_batch_turn(struct misnumbered_batch *batch, const char *topic)
{
    misnumbered_batch_close(batch);
    batch->topic = topic;
}

static bool await_reading(struct misnumbered_batch *batch, int wait_ms, struct batch_reading *reading)
{
    bool is_read = false;
    for (int64_t until = clock_now_ms() + wait_ms; !is_read && clock_now_ms() < until;) {
        is_read = batch_reader_take(batch->reader, batch->partition, reading);
        if (!is_read)
            clock_sleep(STEP_MS);
    }
    return is_read;
}

/* True if what comes first at the offset or behind it cannot be parsed. That counts as a batch that cannot be
 * decompressed. */
static bool cannot_parse(struct misnumbered_batch *batch, int64_t offset, struct batch_reading *reading)
{
    char error[512];
    if (!batch->probe)
        batch->probe = parse_probe_open(batch->config, batch->topic, error, sizeof(error));
    if (!batch->probe || parse_probe_look(batch->probe, batch->partition, offset, LOOK_WAIT_MS).kind != PARSE_FAILED)
        return false;
    *reading = (struct batch_reading){.error = RD_KAFKA_RESP_ERR__BAD_COMPRESSION};
    return true;
}

/* Reads the batch of the log that has this offset, or the first one behind it. False without an answer. */
static bool read_at(struct misnumbered_batch *batch, int64_t offset, struct batch_reading *reading)
{
    char error[512];
    if (!batch->reader)
        batch->reader = batch_reader_open(batch->config, batch->topic, BATCH_READER_SINGLE, error, sizeof(error));
    if (!batch->reader || !batch_reader_begin(batch->reader, batch->partition, offset))
        return false;
    const bool is_read = await_reading(batch, SILENT_MS, reading) || cannot_parse(batch, offset, reading) ||
                         await_reading(batch, READ_WAIT_MS, reading);
    batch_reader_end(batch->reader, batch->partition);
    return is_read;
}

/* A leader that was elected a moment ago may tell a fetch of an end that is too early. What was deleted meanwhile was
 * before everything that is left. */
static enum message_place place_outside(struct misnumbered_batch *batch, int64_t offset)
{
    int64_t first, end;
    char error[512];
    if (!history_client_edges(batch->client, batch->topic, batch->partition, EDGE_WAIT_MS, &first, &end, error,
                              sizeof(error)))
        return MESSAGE_UNKNOWN;
    return offset < first ? MESSAGE_IN_PLACE : offset >= end ? MESSAGE_MISPLACED : MESSAGE_UNKNOWN;
}

/* *last: if the message is in its place, the last one of its batch. */
static enum message_place place_of(struct misnumbered_batch *batch, const struct log_mark *mark, struct log_mark *last)
{
    struct batch_reading reading;
    *last = *mark;
    if (!read_at(batch, mark->offset, &reading))
        return place_outside(batch, mark->offset);
    switch (reading.error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        if (!log_mark_is_same(mark, &reading.first))
            return MESSAGE_MISPLACED;
        *last = reading.last;
        return MESSAGE_IN_PLACE;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        return place_outside(batch, mark->offset);
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION: /* the message's own batch could be read */
        return MESSAGE_MISPLACED;
    default:
        return MESSAGE_UNKNOWN;
    }
}

enum message_place misnumbered_batch_find(struct misnumbered_batch *batch, int32_t partition,
                                          const struct log_mark *mark)
{
    struct log_mark last;
    batch->partition = partition;
    return place_of(batch, mark, &last);
}

enum message_place misnumbered_batch_verify(struct misnumbered_batch *batch, int32_t partition,
                                            const struct log_mark *mark)
{
    struct log_mark last, end;
    batch->partition = partition;
    const enum message_place place = place_of(batch, mark, &last);
    return place == MESSAGE_IN_PLACE && last.offset != mark->offset ? place_of(batch, &last, &end) : place;
}

/* ---- the search ---- */

void misnumbered_batch_begin(struct misnumbered_batch *batch, int32_t partition, int64_t from, int64_t limit)
{
    batch->partition = partition;
    batch_search_begin(&batch->search, from, limit, 1);
}

static enum batch_place look_outside(struct misnumbered_batch *batch, int64_t offset)
{
    return place_outside(batch, offset) == MESSAGE_UNKNOWN ? PLACE_UNKNOWN : PLACE_BEHIND;
}

/* Inside the batch, its last message comes. */
static enum batch_place look_at(void *context, int64_t offset)
{
    struct misnumbered_batch *batch = context;
    struct batch_reading reading;
    const bool is_read = read_at(batch, offset, &reading);
    if (is_read && reading.error == RD_KAFKA_RESP_ERR__BAD_COMPRESSION)
        return PLACE_BEHIND;
    if (!is_read || reading.error)
        return look_outside(batch, offset);
    if (batch->search.confirmed > 0)
        return log_mark_is_same(&batch->last, &reading.last) ? PLACE_INSIDE : PLACE_BEHIND;
    batch->last = reading.last;
    switch (misnumbered_batch_verify(batch, batch->partition, &reading.first)) {
    case MESSAGE_IN_PLACE:
        return PLACE_BEHIND;
    case MESSAGE_MISPLACED:
        return PLACE_INSIDE;
    case MESSAGE_UNKNOWN:
        break;
    }
    return PLACE_UNKNOWN;
}

enum batch_finding misnumbered_batch_step(struct misnumbered_batch *batch)
{
    return batch_search_step(&batch->search, look_at, batch);
}
