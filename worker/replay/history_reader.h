/* history_reader: reads ranges of partitions by assignment, one after the other. It joins no group,
 * commits nothing, creates no topic, and reads committed messages only.
 *
 * A range ends at its end, whatever stands there: a command, a transaction marker, an aborted message, or a gap that
 * compaction left. What retention deletes while it is read becomes a hole, not a jump. A topic that is deleted and
 * created again while it is read is noticed if its new log is shorter than the range.
 *
 * Messages with wrong offsets (source_misnumbered.c) end no range early and hide no other messages: their batch becomes
 * a hole. They are noticed by the message behind a jump, so some of them may have come before the hole.
 *
 * It holds up to about 40 MiB of messages that were fetched ahead, by the bytes of their values; a reader of many short
 * messages is opened with a bound of its own. One thread uses it at a time. */
#ifndef WORKER_REPLAY_HISTORY_READER_H
#define WORKER_REPLAY_HISTORY_READER_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/kafka/log_mark.h"

struct history_reader;

/* New, or NULL with the reason in `error`. */
MUST_CHECK struct history_reader *history_reader_open(const struct config *config, const char *topic, int wait_ms,
                                                      char *error, size_t error_size);

/* What is fetched ahead, for a reader of messages that are short, or that have more in their keys and headers than in
 * their values: librdkafka bounds the bytes of values only. */
struct history_ahead {
    const char *fetch_bytes; /* of one fetch, as compressed by the producer; a batch that is longer comes whole */
    uint32_t messages;       /* there is no further fetch while there are so many */
};

/* The same; `ahead`: NULL for the bound above. */
MUST_CHECK struct history_reader *history_reader_open_ahead(const struct config *config, const char *topic,
                                                            const struct history_ahead *ahead, int wait_ms, char *error,
                                                            size_t error_size);
void history_reader_close(struct history_reader *reader); /* after its messages were destroyed */

/* Turns to another topic. Messages of the one before stay valid. False with the reason in `error`. */
MUST_CHECK bool history_reader_turn(struct history_reader *reader, const char *topic, char *error, size_t error_size);

/* Borrowed: the consumer, for queries. */
rd_kafka_t *history_reader_handle(const struct history_reader *reader);

/* Begins the range [from, to) of a partition; ends the one before. A range that begins where the one before ended is
 * read on without a new fetch, so a partition may be read in many short ranges. False with the reason in `error`. */
MUST_CHECK bool history_reader_begin(struct history_reader *reader, int32_t partition, int64_t from, int64_t to,
                                     char *error, size_t error_size);

/* Offsets that could not be read. */
struct history_hole {
    int32_t partition;
    int64_t from, to; /* half-open */
    enum {
        HOLE_DELETED,  /* the log begins after them now: retention or DeleteRecords removed them while they were read */
        HOLE_REPLACED, /* the log is shorter now: the topic was deleted and created again, or truncated */
        HOLE_UNREADABLE,  /* librdkafka cannot decompress their batch within receive.message.max.bytes, or cannot parse
                             them */
        HOLE_MISNUMBERED, /* the producer gave messages of their batch wrong offsets; messages with offsets from here on
                             that came before the hole do not count, and may have been given the place of others */
        HOLE_OPEN         /* they stand behind an open transaction; replay_range.h finds these, not the reader */
    } reason;
};

enum history_reading {
    HISTORY_MESSAGE, /* *message must be destroyed with rd_kafka_message_destroy */
    HISTORY_HOLE,    /* *hole says which offsets are missing; the reading goes on behind them */
    HISTORY_PAUSE,   /* nothing came for a moment (100 ms); call again */
    HISTORY_END,     /* the range's end is reached */
    HISTORY_FAILED   /* the reason is in `error`: Kafka has been silent for `wait_ms` */
};
MUST_CHECK enum history_reading history_reader_next(struct history_reader *reader, rd_kafka_message_t **message,
                                                    struct history_hole *hole, char *error, size_t error_size);

/* Are all messages that came in their places? A caller that makes their places its own position asks before it does so.
 * READING_MISPLACED: the next hole tells from where on they are not. READING_UNKNOWN: Kafka gave no answer; ask again.
 */
enum history_places { READING_IN_PLACE, READING_MISPLACED, READING_UNKNOWN };
MUST_CHECK enum history_places history_reader_verify(struct history_reader *reader);

/* Does the partition's log have this message at its offset? READING_MISPLACED: it has another one there, or none.
 * READING_IN_PLACE also if it was deleted at the log's beginning. */
MUST_CHECK enum history_places history_reader_find(struct history_reader *reader, int32_t partition,
                                                   const struct log_mark *mark);

/* The next offset that may come, for progress. */
int64_t history_reader_position(const struct history_reader *reader);

#endif
