/* index_audit: whether Redis still has what Kafka says is committed; and the rebuild, if it has not.
 *
 * A loss of data ends every connection (a restart, another server), takes the epoch away (a flush), or changes the
 * replication id (a server that was a replica for a while). So an audit on every new connection and after every change
 * of these meets all of them but one: a master that goes on taking writes after another has been promoted.
 *
 * What survives a loss is what Redis was at an earlier moment: a file and a replica's stream are cut at their end. So
 * if a checkpoint survived, everything that was in Redis before it survived, too. If a partition's checkpoint is not
 * behind what the group has committed, nothing is lost of that partition; if this holds for every partition of the
 * topic, ours or not, nothing is lost at all. If it is behind, only what was written to the record topic after it can
 * be missing.
 *
 * A checkpoint that is ahead of what the group has committed tells nothing: the group's offset was set back or is gone,
 * or it belongs to a topic that was created again. The records after that checkpoint may be missing, too. Another
 * worker that commits between the progress and the audit looks the same, so the group is asked once more: a checkpoint
 * is written after its commit, so the group's answer is never behind a checkpoint that was read before the question. */
#ifndef WORKER_INDEX_INDEX_AUDIT_H
#define WORKER_INDEX_INDEX_AUDIT_H

#include "common/must_check.h"
#include "worker/index/index.h"

enum audit_result {
    AUDIT_FINE,   /* nothing is missing; index_take makes it sound */
    AUDIT_BEHIND, /* what the gap says may be missing. Also said for a moment while another worker is between its commit
                     and its checkpoint */
    AUDIT_AHEAD,  /* checkpoints are ahead of the progress: progress again, with the gap's `ahead` as its `checkpoints`
                   */
    AUDIT_LOST,   /* anything may be missing */
    AUDIT_FAILED  /* Redis gave no answer: again after index_connect */
};

/* What Kafka knows, asked for in this order. */
struct kafka_progress {
    struct offsets definition_ends; /* the present end of the definitions topic */
    struct offsets record_ends;     /* the present end of committed records */
    struct offsets committed;       /* by the group, of the command topic; transactions that had come to their commit
                                       were waited for */
    struct offsets checkpoints;     /* after AUDIT_AHEAD: those that were ahead of the progress before this one */
};
void kafka_progress_free(struct kafka_progress *progress);

/* From where on the topics' messages may be missing in Redis. */
struct audit_gap {
    bool records_behind, definitions_behind;
    struct offsets records, definitions;
    struct offsets ahead; /* checkpoints that are ahead of what the group has committed; the rebuild lowers them */
};
void audit_gap_free(struct audit_gap *gap);

/* *gap is replaced, and the caller's. */
MUST_CHECK enum audit_result index_audit(struct index *index, const struct kafka_progress *progress,
                                         struct arena *scratch, struct audit_gap *gap);

/* After AUDIT_FINE: becomes the owner of these partitions, and is sound from now on. False after a failure. */
MUST_CHECK bool index_take(struct index *index, const int32_t *partitions, int32_t count, struct arena *scratch);

/* ---- the rebuild ---- */

enum rebuild_result {
    REBUILD_DONE,     /* audit again */
    REBUILD_BY_OTHER, /* another worker did it, or does it no more: audit again */
    REBUILD_FAILED,   /* the reason is in `why`; what was written is right, and will be written again */
    REBUILD_ENDED     /* keep_going said so */
};

/* Brings Redis what the gap says is missing; or everything, if that is NULL or if the gap turns out not to tell who has
 * an email: all clients, the definitions that it lacks, and a new epoch at the end, while all others wait. One worker
 * at a time. In the end the clients and emails in Redis are those of the record topic; beside them, after a part, the
 * claims of workers that went on meanwhile. */
MUST_CHECK enum rebuild_result index_rebuild(struct index *index, const struct offsets *committed,
                                             const struct audit_gap *gap, struct arena *scratch,
                                             index_patience *keep_going, void *listener, char *why, size_t error_size);

#endif
