/* index_audit: checks that Redis still has what Kafka says is committed, and rebuilds it if not.
 *
 * A loss of data ends every connection (a restart, another server), removes the epoch (a flush), or changes the
 * replication id (a server that was a replica for a while). An audit follows every new connection and every change of
 * these, so it meets every loss but one: a master that goes on taking writes after another one has been promoted. With
 * Sentinels it meets that one, too: the worker leaves such a master before it commits anything (redis_sentinels.h).
 *
 * What survives a loss is the state of Redis at an earlier moment, because a file and a replica's stream are cut at
 * their end. So if a checkpoint survived, everything that was in Redis before it survived, too. If a partition's
 * checkpoint is not behind what the group has committed, nothing of that partition is lost. If this holds for every
 * partition of the topic, ours or not, nothing is lost at all. If a checkpoint is behind, only what was written to the
 * record topic after it can be missing.
 *
 * The earlier state may also have what was removed since: a claim that was withdrawn before its command was committed.
 * The part rebuild looks for those (index_rebuild_withdrawn.c).
 *
 * A replica that is promoted has such an earlier state of the old master, transactions of Redis whole. It may have the
 * epoch and lack claims: then it lacks the checkpoint of their commit, which was written behind them, so the audit
 * finds that checkpoint behind, and the records since it are read. That also holds for what a worker has committed
 * while another one was already connected to the promoted server, since the group's offsets are asked for after
 * connecting, and transactions that had come to their commit are waited for. A second failover may promote a server
 * that is as old as the first one was. Nothing that was read for the first one counts then: the checkpoints that tell
 * of it stand on the server that is gone, and those of the second server are compared with the group's offsets again. A
 * promoted server in the middle of a whole rebuild has no epoch, or the epoch and all of the state before that rebuild.
 * What is damaged or not trusted under an epoch stays so when the epoch comes back with an older server (index_damaged,
 * index_distrust).
 *
 * A checkpoint at the group's offset proves nothing either if it was written after another commit: a tool has set the
 * offset, or commands were answered up to the same offset again, perhaps those of another log. So the checkpoint and
 * the metadata of the group's offset carry the nonce of their commit.
 *
 * An offset beyond the checkpoint whose metadata have no nonce was set by a tool. No worker comes to the commands that
 * it passes over, so claims that a killed worker left for them would stay, and count as committed. Only a whole rebuild
 * removes them. It writes the checkpoint at that offset, without a nonce, so the next audit finds nothing to do. The
 * offsets of versions that knew no nonce look the same while their checkpoint is behind.
 *
 * Claims that a killed worker left are settled by the worker that comes to their commands. If the command topic was
 * deleted and created again, or lost its end, before any command was committed there that tells the log (source_log.c),
 * nobody comes to them. So claims are written together with how far the partition is claimed. If that is beyond what is
 * committed, the end of the partition is asked for after it was read, and is not before it in the same log. A new log
 * that has grown past it is not told from the old one.
 *
 * The offsets of a checkpoint tell nothing of a record topic that was deleted and created again since. A transaction
 * that writes in front of the end that is known shows it at once (index_checkpoint), and so does an offset beyond the
 * end, when a part rebuild begins: then all is rebuilt. A new topic may have grown past the offset while no worker
 * looked. But its messages are later than the checkpoint. So a checkpoint has its time, and a part rebuild reads all
 * that is later than that (index_rebuild_start.c).
 *
 * Offsets of the definitions topic that are beyond its end, which is asked for again, are those of an earlier topic of
 * that name. Then all of it is read.
 *
 * A checkpoint that is ahead of what the group has committed proves nothing: the group's offset was set back or is
 * gone, or the checkpoint belongs to an earlier topic of that name. The records after that checkpoint may be missing,
 * too. Another worker that commits between the progress and the audit looks the same, so the group is asked again. A
 * checkpoint is written after its commit, so the group's second answer is not behind a checkpoint that was read before
 * it. */
#ifndef WORKER_INDEX_INDEX_AUDIT_H
#define WORKER_INDEX_INDEX_AUDIT_H

#include "common/must_check.h"
#include "worker/index/index.h"

enum audit_result {
    AUDIT_FINE,   /* nothing is missing; index_take makes the index verified */
    AUDIT_BEHIND, /* what the gap describes may be missing. This is also the result for a moment while another worker is
                     between its commit and its checkpoint */
    AUDIT_AHEAD,  /* Redis is ahead of the progress, by checkpoints, claims, or what it has read of the definitions:
                     kafka_progress_repeat, and progress and audit again */
    AUDIT_LOST, /* anything may be missing or too much: there is no epoch, the index is damaged under it, the group has
                   lost its offset, a tool has set it forward, or the command topic ends before commands that were
                   claimed. Kafka deletes offsets together with their topic. Then nothing tells that the topic is
                   another one, and claims of commands that went with it would stay. */
    AUDIT_FOREIGN, /* Redis belongs to another record topic (index_foreign): nothing may be written */
    AUDIT_FAILED   /* Redis did not answer: again after index_connect */
};

/* What Kafka knows, in the order in which it is asked for. */
struct kafka_progress {
    struct offsets definition_ends; /* the present end of the definitions topic */
    struct offsets record_ends;     /* the present end of committed records */
    struct offsets committed;       /* by the group, of the command topic; transactions that had come to their commit
                                       were waited for */
    struct offsets nonces;          /* of these commits (log_mark.h) */
    bool is_repeated;               /* kafka_progress_repeat was called */
    struct offsets checkpoints;     /* after AUDIT_AHEAD: those that were ahead of the progress before this one */
    struct offsets claimed;         /* after AUDIT_AHEAD: how far partitions were claimed beyond that progress */
    struct offsets
        definitions_read;        /* after AUDIT_AHEAD: what Redis had read of the definitions, if beyond their ends */
    struct offsets command_ends; /* the present ends of these partitions, as far as they are known */
};
typedef void kafka_progress_turn(void *listener);

/* Reads all but what kafka_progress_repeat sets. `observer` is a kafka_observer_new of the config's group.
 * Makes several requests, each of which takes up to `wait_ms`, and calls `between`, which may be NULL, between them.
 * False with the reason in `error`. */
MUST_CHECK bool kafka_progress_ask(struct kafka_progress *progress, rd_kafka_t *observer, const struct config *config,
                                   int wait_ms, kafka_progress_turn *between, void *listener, char *error,
                                   size_t error_size);
void kafka_progress_free(struct kafka_progress *progress);

/* The offsets from which on the topics' messages may be missing in Redis. */
struct audit_gap {
    bool records_behind, definitions_behind;
    struct offsets records, definitions;
    int64_t since_ms;                      /* the earliest time of the checkpoints that are behind; 0: not known */
    struct offsets claimed;                /* how far partitions are claimed beyond what is committed */
    struct offsets claims_from, claims_to; /* of partitions whose checkpoints are behind: from there to there commands
                                              were claimed, and are committed since. Such a claim may have been
                                              withdrawn in between (index_rebuild_withdrawn.c) */
    struct offsets ahead;  /* checkpoints that are ahead of what the group has committed; the rebuild lowers them */
    struct offsets nonces; /* of the group's offsets; the rebuild writes them */
    bool offsets_gone;     /* the group has no offset where there is a checkpoint: see AUDIT_LOST */
    struct offsets definitions_read; /* what Redis has read of the definitions, if beyond their ends */
    bool log_is_cut;                 /* a partition ends before commands that were claimed: see AUDIT_LOST */
    bool offsets_set; /* the group's offset is beyond a checkpoint, by no commit of a worker: see AUDIT_LOST */
};
void audit_gap_free(struct audit_gap *gap);

/* After AUDIT_AHEAD: moves what was found beyond the progress from the gap to the progress, which is to be asked for
 * again. */
void kafka_progress_repeat(struct kafka_progress *progress, struct audit_gap *gap);

/* Before the progress is asked for: takes the terms of these partitions, on a cluster (fence.h). On one server it does
 * nothing. False if no term could be taken. */
MUST_CHECK bool index_prepare(struct index *index, const int32_t *partitions, int32_t count, struct arena *scratch);

/* Replaces *gap, which the caller owns. */
MUST_CHECK enum audit_result index_audit(struct index *index, const struct kafka_progress *progress,
                                         struct arena *scratch, struct audit_gap *gap);

/* After AUDIT_FINE: makes this index the owner of these partitions, and verified. A replay becomes no owner. If Redis
 * has no name of a record topic yet, it gets ours. False after a failure, or if it got another one meanwhile. */
MUST_CHECK bool index_take(struct index *index, const int32_t *partitions, int32_t count, struct arena *scratch);

/* ---- the rebuild ---- */

enum rebuild_result {
    REBUILD_DONE,     /* audit again */
    REBUILD_BY_OTHER, /* another worker rebuilt, or has stopped: audit again */
    REBUILD_FAILED,   /* the reason is in `error`; what was written is right, and will be written again */
    REBUILD_ENDED     /* keep_going returned false */
};

/* A part rebuild writes what the gap describes, while other workers go on. A whole rebuild (`gap` is NULL, or the gap
 * does not show who has an email) writes all clients, the definitions that Redis lacks, and a new epoch at the end,
 * while the others wait. One worker rebuilds at a time. Afterwards the clients and emails in Redis are those of the
 * record topic, and after a part rebuild also the claims that other workers have made meanwhile. */
MUST_CHECK enum rebuild_result index_rebuild(struct index *index, const struct offsets *committed,
                                             const struct audit_gap *gap, struct arena *scratch,
                                             index_keep_going *keep_going, void *listener, char *error,
                                             size_t error_size);

/* Called a few times a second while a rebuild reads the record topic: offsets done, of how many. It is read twice. */
typedef void index_rebuild_progress(void *listener, int64_t done, int64_t total);
void index_set_rebuild_progress(struct index *index, index_rebuild_progress *progress, void *listener);

#endif
