/* unreadable_batch: finds the end of a batch that librdkafka cannot decompress within receive.message.max.bytes.
 * Librdkafka returns only the offset where the batch begins. A consumer of this module's own reads at offsets behind
 * it: inside the batch it gets the same error, after it something else. (worker/source/source_unreadable.c does the
 * same for the group.)
 *
 * The consumer checks checksums, so a batch that was damaged in transit is not taken for such a batch. */
#ifndef WORKER_REPLAY_UNREADABLE_BATCH_H
#define WORKER_REPLAY_UNREADABLE_BATCH_H

#include "worker/replay/batch_search.h"
#include "worker/replay/history_client.h"

struct unreadable_batch {
    struct history_client client; /* opened by the first search */
    const struct config *config;
    const char *topic;
    int32_t partition;
    int64_t base; /* where the batch begins */
    struct batch_search search;
};

/* Prepares an unused one. `config` and `topic` must outlive it. */
void unreadable_batch_init(struct unreadable_batch *batch, const struct config *config, const char *topic);
void unreadable_batch_close(struct unreadable_batch *batch);

/* Begins the search for the end of the batch at `base`, between `from` and `limit`. */
void unreadable_batch_begin(struct unreadable_batch *batch, int32_t partition, int64_t base, int64_t from,
                            int64_t limit);

/* Takes one step of the search. It takes some milliseconds, or as long as a batch takes to decompress. */
MUST_CHECK enum batch_finding unreadable_batch_step(struct unreadable_batch *batch);

#endif
