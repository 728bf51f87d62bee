/* term: the fencing token of a partition, for fences (fence.h): a number and a nonce.
 *
 * A term is taken by a worker that was assigned the partition. It is kept in one key of the partition, the last one
 * that was taken. A script takes it, one above the last, or the time of the server in microseconds if that is higher.
 *
 * A counter alone would not do. A failover may lose terms that were taken last. If it lost one, the next worker would
 * get the same number, which the nonce shows: a script with an equal number and another nonce is refused. But if it
 * lost two, the next worker would get a lower number than the stale worker has, and in a slot where the stale one has
 * not been, the new one would decide and commit, and then the stale one with its higher number decide again. The time
 * is not lost with the server: between a term that was taken and the next assignment of its partition lies a rebalance.
 * So terms rise as long as the clocks of master and replica differ by less than that. If they differ by more and terms
 * are lost, too, the worker with the lower term is refused where the other one has been, and takes another term above
 * the one that it was refused for.
 *
 * A worker that is refused may be the stale one. It does not know it, so it takes another term only as it took the
 * first one, after the source is sure of its partitions, and before it asks for the group's offsets. */
#ifndef WORKER_INDEX_TERM_H
#define WORKER_INDEX_TERM_H

#include "worker/index/index_scripts.h"
#include "worker/redis/redis_epoch.h"

#define TERM_BYTES ((size_t)64) /* more than a term takes, with a NUL */

struct term {
    char text[TERM_BYTES]; /* "NUMBER NONCE" */
};

/* Takes a term of a partition, above `refused`: the stored term for which a script was STALE, or at == NULL. The nonce
 * is a new redis_epoch_random. `place` is "topic/partition". */
void term_send_take(struct redis_pipeline *pipeline, struct span place, struct span refused,
                    const char nonce[EPOCH_LENGTH], enum script_call how);
/* Reads its answer. */
MUST_CHECK enum script_end term_receive(struct redis_pipeline *pipeline, struct term *term,
                                        struct script_failure *failure);

/* The same, of an answer that was read. */
MUST_CHECK enum script_end term_take(struct arena *arena, const redisReply *answer, struct term *term,
                                     struct script_failure *failure);

/* Asks for the term that was taken last, and tells whether it is this one. SCRIPT_STALE if it is not. */
void term_send_ask(struct redis_pipeline *pipeline, struct span place);
MUST_CHECK enum script_end term_receive_same(struct redis_pipeline *pipeline, const struct term *term,
                                             struct script_failure *failure);
MUST_CHECK enum script_end term_take_same(struct arena *arena, const redisReply *answer, const struct term *term,
                                          struct script_failure *failure);

#endif
