/* unreadable_batch: finds the end of a batch that librdkafka cannot decompress within receive.message.max.bytes, or
 * whose messages have wrong offsets (source_misnumbered.c tells how that can be). Librdkafka returns only the offset
 * where the batch begins. A consumer of this module's own reads at offsets behind it: inside the batch it gets the same
 * error, after it something else. (worker/source/source_unreadable.c does the same for the group.)
 *
 * The consumer checks checksums, so a batch that was damaged in transit is not taken for such a batch. */
#ifndef WORKER_REPLAY_UNREADABLE_BATCH_H
#define WORKER_REPLAY_UNREADABLE_BATCH_H

#include "worker/kafka/log_mark.h"
#include "worker/replay/history_client.h"

struct unreadable_batch {
    struct history_client client; /* opened by the first search */
    const struct config *config;
    const char *topic;
    int32_t partition;
    int64_t base;   /* where the batch begins */
    int64_t from;   /* the first offset that is of interest */
    int64_t limit;  /* the search ends here, even if the batch does not */
    int64_t inside; /* the last offset that is known to be inside; from - 1: none */
    int64_t behind; /* the first offset that is known to be behind, or `limit` */
    int confirmed;  /* how often `from` was unreadable */
    enum { FAULT_COMPRESSION, FAULT_OFFSETS } fault;
};

/* Prepares an unused one. `config` and `topic` must outlive it. */
void unreadable_batch_init(struct unreadable_batch *batch, const struct config *config, const char *topic);
void unreadable_batch_close(struct unreadable_batch *batch);

/* Begins the search for the end of the batch at `base`, between `from` and `limit`. */
void unreadable_batch_begin(struct unreadable_batch *batch, int32_t partition, int64_t base, int64_t from,
                            int64_t limit);

/* The same for a batch with wrong offsets that `from` is in. */
void misnumbered_batch_begin(struct unreadable_batch *batch, int32_t partition, int64_t from, int64_t limit);

/* What tells a message of a partition from others. */
struct log_mark message_mark(const rd_kafka_message_t *message);

/* Is the message in its place: does the log, read again at its offset, have it there? */
enum message_place { MESSAGE_UNKNOWN, MESSAGE_IN_PLACE, MESSAGE_MISPLACED };
MUST_CHECK enum message_place unreadable_batch_verify(struct unreadable_batch *batch, int32_t partition,
                                                      const struct log_mark *mark);

/* Takes one step of the search. It takes some milliseconds, or as long as a batch takes to decompress. */
enum unreadable_finding {
    UNREADABLE_UNKNOWN, /* no answer; call again */
    UNREADABLE_STEP,    /* the search made progress; call again */
    UNREADABLE_ENDS,    /* from `from` to batch->behind nothing can be read */
    UNREADABLE_NOT      /* `from` can be read after all */
};
MUST_CHECK enum unreadable_finding unreadable_batch_step(struct unreadable_batch *batch);

#endif
