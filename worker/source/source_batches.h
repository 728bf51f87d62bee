/* source_batches: reads batches of the log again. */
#ifndef WORKER_SOURCE_SOURCE_BATCHES_H
#define WORKER_SOURCE_SOURCE_BATCHES_H

#include "worker/source/source_log.h"
#include "worker/source/source_state.h"

/* The reader of this kind, opened if need be. NULL after the reason was logged. */
MUST_CHECK struct batch_reader *source_batch_reader(struct source *source, enum batch_reader_kind kind);

/* Reads the batch of the log that has this offset, or the first one behind it. False without an answer in `wait_ms`:
 * the reading goes on until another one of the partition begins, and the next call for the same offset takes its
 * answer. An aborted transaction of many batches takes that long. What cannot be parsed counts as
 * RD_KAFKA_RESP_ERR__BAD_COMPRESSION. Not for a partition that has jumps. */
MUST_CHECK bool source_read_batch(struct source *source, int32_t partition, int64_t offset, int wait_ms,
                                  struct batch_reading *reading);

/* Whether the log has this command, and no other one, at its offset, where `reading` was read. */
enum log_finding source_judge(struct source *source, int32_t partition, const struct log_mark *mark,
                              const struct batch_reading *reading);

/* Ends what source_read_batch has left open. */
void source_end_reading(struct source *source, int32_t partition);

/* A reading of BATCH_READER_SINGLE at this offset has had no answer. True if that is because librdkafka cannot parse
 * what comes first there: the reading is ended, and counts as a batch that cannot be decompressed. As
 * source_cannot_parse. */
MUST_CHECK bool source_end_unparsed(struct source *source, int32_t partition, int64_t offset,
                                    struct batch_reading *reading);

void source_close_batches(struct source *source);

#endif
