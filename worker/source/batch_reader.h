/* batch_reader: reads single batches of a topic's log again, outside the group. A fetch returns one batch, so the
 * reader knows where the batch ends, which a consumer does not; or, if wanted, as many as fit into a response. Several
 * partitions can be read at the same time. */
#ifndef WORKER_SOURCE_BATCH_READER_H
#define WORKER_SOURCE_BATCH_READER_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/kafka/log_mark.h"

struct batch_reader;

/* What came first at an offset: an error, or the commands of a batch. */
struct batch_reading {
    rd_kafka_resp_err_t error; /* also _PARTITION_EOF, and _AUTO_OFFSET_RESET for an offset outside the log */
    struct log_mark first;     /* the first command; all of the batch's from the offset on count */
    struct log_mark last;      /* the one with the highest offset */
    int64_t count;             /* of all of them */
    int64_t between;           /* batch_reader_count */
};

enum batch_reader_kind {
    BATCH_READER_SINGLE, /* one batch at a time, of what is committed */
    BATCH_READER_WIDE    /* as many as a response has, those of aborted and open transactions included */
};

/* New, or NULL with the reason in `error`. Connects when it first reads. `topic` must outlive it. */
MUST_CHECK struct batch_reader *batch_reader_open(const struct config *config, const char *topic,
                                                  enum batch_reader_kind kind, char *error, size_t error_size);
/* may_destroy: as source_may_destroy says of the other consumers; otherwise the client stays until the process ends. */
void batch_reader_close(struct batch_reader *reader, bool may_destroy);

/* Begins to read the partition at the offset. What was read of the partition before ends. False after the reason was
 * logged. Does not wait. */
MUST_CHECK bool batch_reader_begin(struct batch_reader *reader, int32_t partition, int64_t offset);

/* Call after batch_reader_begin: the reading counts as `between` the commands whose offsets are above `after`, until
 * one comes whose offset is not below `before`. Otherwise it counts none. */
void batch_reader_count(struct batch_reader *reader, int32_t partition, int64_t after, int64_t before);

/* True if there is an answer: it is in *reading, and the partition is not read any more. Does not wait. */
MUST_CHECK bool batch_reader_take(struct batch_reader *reader, int32_t partition, struct batch_reading *reading);

/* True while the partition is read from this offset on, and there was no answer. */
MUST_CHECK bool batch_reader_reads(struct batch_reader *reader, int32_t partition, int64_t offset);

/* Ends what is read of the partition, if anything is. */
void batch_reader_end(struct batch_reader *reader, int32_t partition);

#endif
