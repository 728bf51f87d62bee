/* index_rebuild_internal: what the files of the rebuild share. */
#ifndef WORKER_INDEX_INDEX_REBUILD_INTERNAL_H
#define WORKER_INDEX_INDEX_REBUILD_INTERNAL_H

#include "common/must_check.h"
#include "worker/index/index_audit.h"
#include "worker/index/index_internal.h"
#include "worker/index/index_restore.h"
#include "worker/index/rebuild_lock.h"
#include "worker/index/rebuild_waits.h"
#include "worker/kafka/topic_reader.h"

#define REBUILD_KAFKA_WAIT_MS 3000

struct rebuild {
    struct index *index;
    const struct audit_gap *gap; /* NULL: everything */
    struct arena *scratch;
    index_keep_going *keep_going;
    void *listener;
    char *error;
    size_t error_size;
    struct rebuild_lock lock;
    struct topic_reader *reader;
    struct restore restore;
    int64_t began_ms, said_ms;
    int64_t began_wall_ms;      /* by the wall clock, before the topics' ends are asked for */
    bool is_other_log;          /* the gap is of an earlier record topic of that name */
    bool has_looked;            /* rebuild_find_withdrawn was done */
    int passes;                 /* of the present reading that are done: 0 or 1 */
    int64_t renewed_ms;         /* when keep_going was last called and the lock renewed */
    struct rebuild_waits waits; /* what the reading of the record topic waits for */
    struct offsets committed;   /* by the group, of the command topic */
    struct offsets nonces;      /* of these commits; after a part the gap has them */
    struct offsets record_ends; /* up to which the record topic was read */
    struct offsets definitions; /* up to which the definitions topic was read */
};

/* Always false. */
bool rebuild_fail(struct rebuild *rebuild, const char *error);

/* Calls keep_going and renews the lock, if that is due. `listener` is the rebuild. False with the reason in `error`. */
MUST_CHECK bool rebuild_go_on(void *listener);

/* Writes the clients that Redis lacks: all of them, or those of the gap. False with the reason in `error`. */
MUST_CHECK bool rebuild_clients(struct rebuild *rebuild);

/* After the clients of the gap were noted: looks for claims of commands that were committed without a client, and thus
 * for a state of Redis from before they were withdrawn. True if there are none. False with the reason in `error`; with
 * restore.contradicted if all of the record topic is needed. */
MUST_CHECK bool rebuild_find_withdrawn(struct rebuild *rebuild);

/* Where a part rebuild begins: at the offsets of the gap, and no later than at what was written to the topic since its
 * checkpoints. The topic may have been deleted and created again after they were written. Then its messages are later
 * than they are, and their offsets tell nothing. Raises *from, which the caller owns. */
MUST_CHECK bool rebuild_find_start(struct rebuild *rebuild, struct offsets *from);

/* Whether the gap can be of the log that the reader has opened. Offsets beyond its end are those of a log that was
 * replaced or cut; then the other offsets tell nothing, either, and is_other_log becomes true. */
MUST_CHECK bool rebuild_is_of_this_log(struct rebuild *rebuild);

/* The end of a rebuild. Everything is written only while the lock is ours, on the server that was audited.
 *
 * Whole: checkpoints of all partitions and a new epoch in one transaction, which also removes the lock.
 * Part: checkpoints are raised to what was committed when the reading began; those that the audit found ahead of the
 * group are lowered to it. Only if the epoch is still the one that the audit found. False with the reason in `error`.
 */
MUST_CHECK bool rebuild_end_whole(struct rebuild *rebuild);
MUST_CHECK bool rebuild_end_part(struct rebuild *rebuild);

#endif
