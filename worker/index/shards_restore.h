/* shards_restore: the restoration of slots of a cluster from the record topic, all that are lost at once.
 * slot_restore.h has the steps of one slot.
 *
 *     shards_restore_begin    takes the slots that are lost, and those that another worker seems to restore but has
 *                             left. Nothing is decided in them from then on
 *     (the caller waits for transactions that have come to their commit, asks for the group's offsets, and reads the
 *     record topic up to its end)
 *     shards_restore_write    the living clients of these slots, each once; as often as it takes
 *     shards_restore_end      gives them their epoch; they are sound. Where a shard is complete with it, its
 *                             checkpoints are written
 *
 * A slot whose master is lost meanwhile, or that moves, leaves the restoration and is lost again at the next audit. The
 * others go on. */
#ifndef WORKER_INDEX_SHARDS_RESTORE_H
#define WORKER_INDEX_SHARDS_RESTORE_H

#include "common/must_check.h"
#include "worker/index/shards.h"

struct shards_restore;

/* New, or NULL when out of memory, or when the system has no random numbers. */
MUST_CHECK struct shards_restore *shards_restore_new(struct shards *shards, struct arena *scratch);
void shards_restore_free(struct shards_restore *restore);

/* Returns how many slots were taken. */
unsigned shards_restore_begin(struct shards_restore *restore);

/* Whether the slot was taken, and has not left. */
bool shards_restore_has(const struct shards_restore *restore, unsigned slot);

/* Renews the tokens of all slots. To be called at least every SLOT_RESTORE_LIFE_MS / 4. */
void shards_restore_renew(struct shards_restore *restore);

/* What is known of Kafka when the record topic was read. */
struct shards_progress {
    const struct offsets *committed, *nonces; /* by the group, asked for after the beginning */
    const struct offsets *record_ends;        /* up to which the record topic was read */
    const struct offsets *highest;            /* behind the commands that the records come from; NULL: not known */
    int64_t read_ms;                          /* since when it was read, by the wall clock */
};

/* Returns how many slots are sound with it. */
unsigned shards_restore_end(struct shards_restore *restore, const struct shards_progress *progress);

#endif
