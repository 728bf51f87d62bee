/* partitions: the state of each partition of the command topic while it is assigned to us: the next offset, the
 * committed offset, and whether it waits. A partition waits for definitions, or for the next batch if its commands did
 * not all fit into a transaction. A wait for definitions has a limit. The limit counts from when the partition began to
 * wait, so it ends for all waiting commands of the partition at once.
 *
 * Of a partition that waits for definitions only the first command is tried, now and then. If that is answered, the
 * partition waits for the next batch with the others. So partitions that wait take little room in batches, however many
 * they are and however much they hold.
 *
 * Commands of a partition that waits may be dropped, where there is no room to keep them. Then the partition is cut: it
 * has to be read again from its next offset on once the wait has ended. If nothing of it is left, that is due now and
 * then. The limit of the wait goes on for the commands that were noted before. */
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

/* Commands of the partition, which waits, were dropped from `offset` on. They count as not noted. */
void partitions_cut(struct partitions *partitions, int32_t partition, int64_t offset);
/* True from then on until the wait has ended. */
MUST_CHECK bool partitions_is_cut(const struct partitions *partitions, int32_t partition);

/* The offset after the last command that was ever noted, dropped ones included, or -1. */
int64_t partitions_noted(const struct partitions *partitions, int32_t partition);

/* The offset after the last noted command, or -1. */
int64_t partitions_next(const struct partitions *partitions, int32_t partition);

/* The last offset that was committed since the partition was assigned, or -1. */
void partitions_note_committed(struct partitions *partitions, int32_t partition, int64_t offset);
int64_t partitions_committed(const struct partitions *partitions, int32_t partition);

/* The partition waits for definitions. Its next try is due in `retry_ms`. False if it has waited for `limit_ms`
 * already; then nothing changes. All times are milliseconds of one monotonic clock. */
MUST_CHECK bool partitions_wait(struct partitions *partitions, int32_t partition, int64_t now_ms, int64_t retry_ms,
                                int64_t limit_ms);
/* The partition waits for Redis, where a cluster cannot decide its first command now: as for definitions, but without a
 * limit. A wait for definitions that follows has its whole limit. */
void partitions_hold(struct partitions *partitions, int32_t partition, int64_t now_ms, int64_t retry_ms);
/* Call before partitions_wait for the command at `offset`. It has a limit of its own, unless the partition waits, or
 * the command was dropped in an earlier wait. */
void partitions_renew_limit(struct partitions *partitions, int32_t partition, int64_t offset);
/* The partition waits for the next batch only. If it waits for definitions, its try was not made. */
void partitions_put_off(struct partitions *partitions, int32_t partition);

/* Ends a wait of any kind. The limit goes on if commands of the wait were dropped. */
void partitions_end_wait(struct partitions *partitions, int32_t partition);

/* Nothing is left of the partition, which waits for definitions and was cut. It is due in `retry_ms`. */
void partitions_wait_empty(struct partitions *partitions, int32_t partition, int64_t now_ms, int64_t retry_ms);
MUST_CHECK bool partitions_waits_empty(const struct partitions *partitions, int32_t partition);
/* A partition of which nothing is left and that is due: its wait can be ended now. -1: none. */
MUST_CHECK int32_t partitions_take_empty(struct partitions *partitions, int64_t now_ms);

bool partitions_is_waiting(const struct partitions *partitions, int32_t partition);

/* Before a batch of at most `room` commands takes held ones. Tries of partitions that wait for definitions get half of
 * every second batch at most. Where more are due, each has its turn before any has another. */
void partitions_begin_tries(struct partitions *partitions, uint32_t room, int64_t now_ms);

/* True if the batch may take the partition's next command: it does not wait, it waits for this batch, or its try is
 * due and was not made since partitions_begin_tries. */
bool partitions_may_try(const struct partitions *partitions, int32_t partition, int64_t now_ms);

/* The batch has taken a command of the partition. */
void partitions_note_try(struct partitions *partitions, int32_t partition);

/* A command of the partition that was in the batch is answered. If it was a try, the wait for definitions becomes one
 * for the next batch. Its limit goes on, since the next command may lack others. */
void partitions_note_answer(struct partitions *partitions, int32_t partition);

MUST_CHECK bool partitions_lacks_definitions(const struct partitions *partitions, int32_t partition);

/* How many partitions wait, and how many of them wait for definitions, and not for Redis. */
uint32_t partitions_waiting(const struct partitions *partitions);
uint32_t partitions_lacking_definitions(const struct partitions *partitions);

#endif
