/* partitions: what the source knows of each partition of the command topic while it is ours: how far it was taken and
 * committed, and whether it waits: for definitions, or since its commands did not all fit into a transaction. A wait
 * for definitions has a limit, counted from when the partition began it, so that many commands that wait together are
 * given up together. */
#ifndef WORKER_SOURCE_PARTITIONS_H
#define WORKER_SOURCE_PARTITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/must_check.h"

struct partitions;

/* New, or NULL when out of memory. */
MUST_CHECK struct partitions *partitions_new(void);
void partitions_free(struct partitions *partitions);

/* The partition was assigned or taken away: nothing is known of it any more. */
void partitions_forget(struct partitions *partitions, int32_t partition);

/* True if the command at `offset` is new to us, and then notes it. After a pause some versions of librdkafka hand out
 * messages again. */
bool partitions_advance(struct partitions *partitions, int32_t partition, int64_t offset);

/* The offset behind the last command taken, or -1. */
int64_t partitions_next(const struct partitions *partitions, int32_t partition);

/* The offset that was committed last since the partition was assigned, or -1. */
void partitions_note_committed(struct partitions *partitions, int32_t partition, int64_t offset);
int64_t partitions_committed(const struct partitions *partitions, int32_t partition);

/* Lets the partition wait for definitions, its next try in `retry_ms`. False if it has done so for `limit_ms` already.
 * Times are of one monotonic clock, in ms. */
MUST_CHECK bool partitions_wait(struct partitions *partitions, int32_t partition, int64_t now_ms, int64_t retry_ms,
                                int64_t limit_ms);
/* Lets the partition wait for the next batch only. */
void partitions_put_off(struct partitions *partitions, int32_t partition);

/* Ends either wait. */
void partitions_end_wait(struct partitions *partitions, int32_t partition);

/* True while the partition waits. */
bool partitions_is_waiting(const struct partitions *partitions, int32_t partition);

/* True if it does not wait, or if it may be tried again. */
bool partitions_may_try(const struct partitions *partitions, int32_t partition, int64_t now_ms);

/* How many wait, and how many of them for definitions. */
uint32_t partitions_waiting(const struct partitions *partitions);
uint32_t partitions_lacking_definitions(const struct partitions *partitions);

#endif
