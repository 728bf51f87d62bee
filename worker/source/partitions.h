/* partitions: the state of each partition of the command topic while it is assigned to us: the next offset, the
 * committed offset, and whether it waits. A partition waits for definitions, or for the next batch if its commands did
 * not all fit into a transaction. A wait for definitions has a limit. The limit counts from when the partition began to
 * wait, so it ends for all waiting commands of the partition at once. */
#ifndef WORKER_SOURCE_PARTITIONS_H
#define WORKER_SOURCE_PARTITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/must_check.h"

struct partitions;

/* New, or NULL when out of memory. */
MUST_CHECK struct partitions *partitions_new(void);
void partitions_free(struct partitions *partitions);

/* The partition was assigned or revoked: resets its state. */
void partitions_forget(struct partitions *partitions, int32_t partition);

/* Notes the command at `offset`. False if it was noted before: after a pause some versions of librdkafka deliver
 * messages again. */
bool partitions_advance(struct partitions *partitions, int32_t partition, int64_t offset);

/* Commands from `offset` on count as not noted. */
void partitions_go_back(struct partitions *partitions, int32_t partition, int64_t offset);

/* The offset after the last noted command, or -1. */
int64_t partitions_next(const struct partitions *partitions, int32_t partition);

/* The last offset that was committed since the partition was assigned, or -1. */
void partitions_note_committed(struct partitions *partitions, int32_t partition, int64_t offset);
int64_t partitions_committed(const struct partitions *partitions, int32_t partition);

/* The partition waits for definitions. Its next try is due in `retry_ms`. False if it has waited for `limit_ms`
 * already. All times are milliseconds of one monotonic clock. */
MUST_CHECK bool partitions_wait(struct partitions *partitions, int32_t partition, int64_t now_ms, int64_t retry_ms,
                                int64_t limit_ms);
/* The partition waits for the next batch only. */
void partitions_put_off(struct partitions *partitions, int32_t partition);

/* Ends a wait of either kind. */
void partitions_end_wait(struct partitions *partitions, int32_t partition);

bool partitions_is_waiting(const struct partitions *partitions, int32_t partition);

/* True if the partition does not wait, or if its next try is due. */
bool partitions_may_try(const struct partitions *partitions, int32_t partition, int64_t now_ms);

/* How many partitions wait, and how many of them wait for definitions. */
uint32_t partitions_waiting(const struct partitions *partitions);
uint32_t partitions_lacking_definitions(const struct partitions *partitions);

#endif
