/* index_internal: what the files of the index share. No other folder includes it. */
#ifndef WORKER_INDEX_INDEX_INTERNAL_H
#define WORKER_INDEX_INDEX_INTERNAL_H

#include "common/must_check.h"
#include "worker/index/checkpoint.h"
#include "worker/index/claim.h"
#include "worker/index/index.h"
#include "worker/index/index_audit.h"
#include "worker/index/index_replay.h"
#include "worker/index/own_claims.h"
#include "worker/index/shards.h"
#include "worker/redis/redis_connection.h"
#include "worker/redis/redis_epoch.h"
#include "worker/redis/redis_keys.h"
#include "worker/redis/redis_pipeline.h"
#include "worker/redis/redis_record_topic.h"
#include "worker/redis/redis_sentinels.h"

#define ERROR_TEXT_BYTES      256
#define REPLICATION_ID_LENGTH 40 /* hexadecimal digits */

/* The most bytes that are read of a checkpoint, and of DEFINITIONS_READ_KEY: enough for 50,000 partitions. */
#define OFFSETS_BYTES ((size_t)1 << 20)
#define CLAIMED_BYTES ((size_t)20)
/* The most bytes that are read of a client of which only source, time and email are needed: they come first. */
#define CLIENT_HEAD_BYTES ((size_t)1 << 20)

/* The checkpoints as the last audit has found them, or as this index has written them since; a replay's: its marks. The
 * fence compares them with what is in Redis. */
struct known_checkpoints {
    struct checkpoint *at; /* by partition */
    int32_t count;
    int32_t last; /* the partition of which this index wrote one last, since the audit; -1: none */
};

struct index {
    const struct config *config;
    redisContext *connection;          /* NULL: none */
    struct redis_sentinels *sentinels; /* NULL: redis.kind is not sentinel */
    struct shards *shards;             /* NULL: redis.kind is not cluster */
    struct arena scratch;              /* of a cluster */
    int64_t audited_ms;                /* a cluster: when an audit ended last */
    int64_t restore_at_ms;             /* a cluster: no rebuild before of slots that the last one has left lost */
    int64_t restore_new_at_ms;         /* a cluster: nor of others before this */
    int64_t take_over_at_ms;           /* a cluster: when slots that others restore are tried to be taken next */
    unsigned left_over;                /* so many slots a rebuild has left lost */
    int64_t retried_since_ms; /* a cluster: since when batches were decided again; 0: the last one was decided */
    int64_t checked_ms;       /* when the connection was last found to answer */
    uint64_t retries;
    bool refused;      /* Redis answers, but refused the last command */
    int64_t failed_ms; /* when index_fail was last called */
    bool verified;
    uint64_t audits;            /* that ended with index_take */
    struct redis_epoch epoch;   /* found by the last audit */
    struct redis_epoch damaged; /* the epoch under which damage was found */
    enum {
        DISTRUST_NONE,
        DISTRUST_NEXT, /* since index_distrust, until the next audit */
        DISTRUST_EPOCH /* since that audit: it found the epoch `distrusted`, which is not trusted any more */
    } distrust;
    char distrusted[EPOCH_LENGTH];
    struct redis_epoch definitions_epoch;         /* of the data that the definitions cache comes from */
    char definitions_server[REDIS_ADDRESS_BYTES]; /* where they were read */
    char replication_id[REPLICATION_ID_LENGTH];   /* of the server, at the last audit */
    char owner[EPOCH_LENGTH];                     /* our fencing token, in the owner keys of our partitions */
    struct offsets record_ends;                   /* every record before them is in Redis */
    struct offsets committed;                     /* of the command topic: the highest that were ever committed */
    struct offsets claimed;                       /* what CLAIMED_KEY holds, of the partitions that are known */
    struct offsets settled, left;                 /* index_unsure.c: from the one to the other there may be claims that
                                                     are not committed, and that are not known one by one */
    struct own_claims own;                        /* since the last audit */
    struct known_checkpoints known;
    bool asked;                   /* the outcomes of the present batch come from Redis */
    uint64_t asked_audit;         /* `audits` at that time */
    index_keep_going *keep_going; /* NULL: never gives up */
    void *listener;
    int64_t kept_going_ms;                                                 /* when keep_going was last called */
    void (*rebuild_progress)(void *listener, int64_t done, int64_t total); /* may be NULL */
    void *rebuild_listener;
    const struct index_replay *replay; /* NULL: the daemon's index */
    struct log_fault away, unverified, foreign, undecided, evicting;
    bool may_evict;            /* as Redis last said */
    int64_t asked_eviction_ms; /* when it was last asked on this connection; CLOCK_MONOTONIC; 0: never */
    char foreign_text[RECORD_TOPIC_TEXT_BYTES]; /* "" unless Redis belongs to another record topic (index_foreign) */
};

/* True if the reply is this index's fencing token, which it writes into the owner keys and the rebuild lock. */
bool index_is_our_name(const struct index *index, const redisReply *reply);

/* "topic/partition" of the command topic, in the arena. */
struct span index_place(const struct index *index, int32_t partition, struct arena *arena);

/* Calls keep_going if that is due, and returns its answer; else true. */
MUST_CHECK bool index_may_go_on(struct index *index);

/* Notes whether Redis belongs to another record topic. `reply` is that to RECORD_TOPIC_READ. */
enum record_topic_finding index_note_record_topic(struct index *index, const redisReply *reply);

/* Redis has executed all commands of a batch: it refuses none. */
void index_accepted(struct index *index);

/* Epoch, owner or server have changed: the index becomes stale. Always returns false. */
bool index_invalidate(struct index *index, const char *error);

/* Watches the epoch, the owners and the checkpoints of the batch's partitions (a replay's: its lock and its mark), and
 * no other key, and compares them. Also compares the checkpoint that this index wrote last. Redis carries out the EXEC
 * that follows on this connection only if what is watched has not changed by then. False after index_fail or
 * index_invalidate. */
MUST_CHECK bool index_fence(struct index *index, struct batch *batch);

/* The server's replication id (INFO replication). A server that becomes a master takes a new one, even if it was a
 * master before. All zero if Redis does not return it. */
void index_read_replication_id(const redisReply *reply, char replication_id[REPLICATION_ID_LENGTH]);
void index_write_ask_replication(struct redis_pipeline *pipeline);

/* Reads the answer to index_write_ask_replication, and compares it with the last audit's. If the user may not ask
 * (NOPERM), the check is left out, but not with Sentinels (redis_sentinels.h). False after index_fail or
 * index_invalidate. */
MUST_CHECK bool index_same_replication_id(struct index *index, struct redis_pipeline *pipeline);

/* Reads the next answer, which must be of this type. New, or NULL after index_fail. */
MUST_CHECK redisReply *index_answer(struct index *index, struct redis_pipeline *pipeline, int type);

/* Reads the next answer, which must be a status, as to WATCH or of a command that is queued. False after index_fail. */
MUST_CHECK bool index_answer_status(struct index *index, struct redis_pipeline *pipeline);

/* Reads the answers to MULTI, `count` commands and EXEC. New: the answer to EXEC, with an element for each command.
 * NULL after index_fail, or if a watched key has changed; then Redis did nothing. */
MUST_CHECK redisReply *index_executed(struct index *index, struct redis_pipeline *pipeline, size_t count);

/* One command, as redisCommand takes it. New, or NULL after index_fail, or without a connection. */
MUST_CHECK redisReply *index_ask(struct index *index, const char *format, ...);

/* Sends the pipeline and reads its answers, of which only errors matter. False after index_fail. */
MUST_CHECK bool index_carry_out(struct index *index, struct redis_pipeline *pipeline);

/* Notes a checkpoint, and what is known. CHECKPOINT_NONE for a partition of which nothing was noted. */
void index_know_checkpoint(struct index *index, int32_t partition, const struct checkpoint *checkpoint);
struct checkpoint index_known_checkpoint(const struct index *index, int32_t partition);
void index_forget_checkpoints(struct index *index);

/* Notes the checkpoints of the partitions 0 to `count` - 1 as they are in Redis. False after index_fail. */
MUST_CHECK bool index_look_at_checkpoints(struct index *index, int32_t count, struct arena *scratch);

/* Writes the partition's checkpoint. `record_ends` is the result of offsets_text. It and `place` are in the arena. */
void index_write_checkpoint(struct redis_pipeline *pipeline, struct span place, const struct checkpoint *checkpoint,
                            struct span record_ends);

/* Like index_write_checkpoint, to a key of these parts. */
void index_write_checkpoint_at(struct redis_pipeline *pipeline, const struct span *key, size_t parts,
                               const struct checkpoint *checkpoint, struct span record_ends);

/* True if a transaction has written records, up to `ends`, in front of the ends that the record topic had before: it is
 * another log, or was cut. Without transactions some of the records may have been written before those ends were found;
 * then this tells nothing. Logs it. */
bool index_is_of_other_log(const struct config *config, const struct offsets *known, const struct offsets *ends);

/* Writes our fencing token into the owner keys. False after index_fail. */
MUST_CHECK bool index_own(struct index *index, const int32_t *partitions, int32_t count, struct arena *scratch);

/* A command without arguments, such as MULTI. */
void index_write_word(struct redis_pipeline *pipeline, struct span word);
void index_write_set(struct redis_pipeline *pipeline, struct span key, struct span value);

/* Closes the connection, on which answers may be outstanding. Always returns false. */
bool index_fail(struct index *index, const char *error);

/* Whether the Sentinels still name the server of the connection (redis_sentinels.h). Without Sentinels always true.
 * False after index_fail. */
MUST_CHECK bool index_is_on_master(struct index *index);

/* A key of the index holds something that the index never writes there: its content is lost, and only the record topic
 * has it. Until another epoch is found, an audit returns AUDIT_LOST. Closes the connection, on which answers may be
 * outstanding. Always returns false. */
bool index_damaged(struct index *index, const char *what, struct span workspace);

/* The reply to pipeline_read. at == NULL for a missing key, an empty string, and a key of another type. False if the
 * reply is neither a string nor WRONGTYPE. */
MUST_CHECK bool index_reply_span(const redisReply *reply, struct span *value);

/* Reads the next answer to pipeline_read into the arena, as index_reply_span. False after index_fail. */
MUST_CHECK bool index_read(struct index *index, struct redis_pipeline *pipeline, struct arena *arena,
                           struct span *value);

/* Like index_read, for the key of a client (all of it or its beginning), or of an email. False also after
 * index_damaged. */
MUST_CHECK bool index_read_client(struct index *index, struct redis_pipeline *pipeline, struct arena *arena,
                                  struct span workspace, struct span *value);
MUST_CHECK bool index_read_owner(struct index *index, struct redis_pipeline *pipeline, struct arena *arena,
                                 struct span workspace, struct span *value);

/* Like index_read_client, for a reply that was read before; `value` is its text. False after index_damaged. */
MUST_CHECK bool index_check_client(struct index *index, const redisReply *reply, struct span value,
                                   struct span workspace);

/* True for a valid command that no stage has decided yet. */
static inline bool item_claims(const struct item *item)
{
    return item_is_ours(item) && item->outcome == OUTCOME_UNDECIDED;
}

/* True for a rejected command that may repeat, or conflict with, one that was accepted under earlier definitions or
 * limits. */
static inline bool item_asks(const struct item *item)
{
    return item_is_ours(item) && item->outcome == OUTCOME_REJECTED && item->has_identity &&
           (item->error == ERROR_VALIDATION_FAILED || item->error == ERROR_DEFINITIONS_MISSING ||
            item_is_delivered(item, MESSAGE_RECORD));
}

/* True if the client of this id was claimed by a command of the batch behind item `index`. `line` is at least its first
 * line. */
bool index_is_claimed_behind(const struct batch *batch, uint32_t index, struct span line, struct span id);

/* Write the two claims of an item, and look up the keys that may block them. */
void index_write_claim(struct redis_pipeline *pipeline, struct span command, const struct item *item);
/* Reads the client under the item's id, up to the length that the item's bytes can become (index_client_bytes). */
size_t index_client_bytes(const struct item *item);
void index_write_get_client(struct redis_pipeline *pipeline, const struct item *item);
void index_write_get_email(struct redis_pipeline *pipeline, const struct item *item);
/* Reads only the first line of a client, which has its source. */
void index_write_get_line(struct redis_pipeline *pipeline, const struct item *item, struct span id);

/* ---- index_cluster.c; only with redis.kind = cluster ---- */

MUST_CHECK bool index_cluster_open(struct index *index);
void index_cluster_close(struct index *index);
MUST_CHECK bool index_cluster_connect(struct index *index);
bool index_cluster_is_verified(const struct index *index);
MUST_CHECK enum audit_result index_cluster_audit(struct index *index, const struct kafka_progress *progress,
                                                 struct arena *scratch, struct audit_gap *gap);
MUST_CHECK enum rebuild_result index_cluster_rebuild(struct index *index, const struct offsets *committed,
                                                     const struct audit_gap *gap, struct arena *scratch,
                                                     index_keep_going *keep_going, void *listener, char *error,
                                                     size_t error_size);
MUST_CHECK bool index_cluster_take(struct index *index);
MUST_CHECK bool index_cluster_definitions(struct index *index, struct definitions_cache *cache, struct batch *batch,
                                          uint32_t *known);
MUST_CHECK bool index_cluster_claim(struct index *index, struct batch *batch);
MUST_CHECK bool index_cluster_confirm(struct index *index, struct batch *batch);

/* ---- index_claimed.c ---- */

/* The offset behind the last command of a partition that was claimed, committed or not. */
struct claimed_raise {
    int32_t partition;
    int64_t claimed;
    struct span place, text; /* in the batch's arena */
};

/* The partitions of which the batch claims a later command than was claimed before, in the batch's arena. Returns how
 * many. None for a replay, whose commands are all of history. */
MUST_CHECK uint32_t index_claimed_raises(const struct index *index, struct batch *batch, struct claimed_raise **raises);
/* Writes them, one command for each; and notes that they are in Redis. */
void index_write_claimed(struct redis_pipeline *pipeline, const struct claimed_raise *raises, uint32_t count);
void index_note_claimed(struct index *index, const struct claimed_raise *raises, uint32_t count);
/* OFFSET_NONE if the key is missing or holds something else. */
int64_t index_read_claimed(const redisReply *reply);
/* After index_own: reads the partitions' keys again. False after index_fail. */
MUST_CHECK bool index_look_at_claimed(struct index *index, const int32_t *partitions, int32_t count,
                                      struct arena *scratch);
/* Deletes the keys of the partitions 0 to `count` - 1, in one command. */
void index_write_no_claimed(struct redis_pipeline *pipeline, const struct span *places, int32_t count);

/* Removes the claims that an earlier run made for items whose client does not fit (item->record_form). False: claim the
 * batch again. */
MUST_CHECK bool index_release(struct index *index, struct batch *batch);

/* Notes in the finding of item `item` which of its clients were claimed by a later command of the batch; for a replay,
 * which of them count. False if that cannot be told now. */
MUST_CHECK bool index_find_uncommitted(struct index *index, const struct batch *batch, uint32_t item,
                                       struct claim_finding *finding);

/* ---- index_unsure.c ---- */

/* After an audit: the partition's commands before `settled` are committed, and none behind `claimed` is claimed. */
void index_note_settled(struct index *index, int32_t partition, int64_t settled, int64_t claimed);

/* The item's claim was made. */
void index_note_claim(struct index *index, const struct item *item);

/* True if the client under `id` is a claim that this worker has made since the last audit, for a command of the item's
 * partition, and has not committed. `line` is at least the client's first line; at == NULL: there is none. */
MUST_CHECK bool index_has_claimed(struct index *index, const struct item *item, struct span line, struct span id);

/* True if Redis was rebuilt since it was distrusted, and the last audit has found no claims of the partition: what
 * index_has_claimed denies is committed. */
MUST_CHECK bool index_knows_claims(const struct index *index, int32_t partition);

/* True if the finding of a command does not tell whether the client of a later command counts. Then Redis is rebuilt
 * before the batch is claimed again. */
MUST_CHECK bool index_is_unsure(struct index *index, const struct item *item, const struct claim_finding *finding);

struct audit_gap;

/* Adds to the gap the records that may be missing since the checkpoint. Its `record_ends` are the caller's. */
void index_widen_records(struct audit_gap *gap, const struct checkpoint *checkpoint, struct offsets *record_ends);

/* Adds to the gap what may be missing from `since` on, which the caller owns. */
void index_widen_gap(bool *behind, struct offsets *from, struct offsets *since);

/* ---- index_replay.c; only for an index that serves a replay ---- */

/* The key of the replay's lock, in the arena; that of its mark of the present partition; and what the index writes
 * there. */
struct span index_replay_lock(const struct index *index, struct arena *arena);
struct span index_replay_mark_key(const struct index *index, struct arena *arena);
struct checkpoint index_replay_mark(const struct index *index);

/* Watches the owner keys of the claims in the finding that are CLAIM_FENCED, in addition to what is watched. *held:
 * they hold our name. False after index_fail. */
MUST_CHECK bool index_replay_watch(struct index *index, const struct claim_finding *finding, struct arena *arena,
                                   bool *held);

/* Compares the replay's marks with what its group has committed. Widens the gap by what may be missing. */
MUST_CHECK bool index_replay_compare(struct index *index, struct arena *scratch, struct audit_gap *gap);

/* Raises the highest offsets of the checkpoints to the ends of the replay's ranges. Call it before index_take. */
MUST_CHECK bool index_replay_raise(struct index *index, struct arena *scratch);

/* Writes the mark of the replay's present partition, whose key is `place` in the arena. */
void index_replay_write_mark(const struct index *index, struct redis_pipeline *pipeline, struct span place,
                             struct span record_ends);

/* After a rebuild, which has read the record topic up to `record_ends`, since `read_ms`: writes all marks. If that
 * fails, the next audit finds them behind. */
void index_replay_renew(struct index *index, const struct offsets *record_ends, int64_t read_ms, struct arena *scratch);

/* Replaces the claims that block the item, in one Redis transaction under WATCH, if all of them are uncommitted claims
 * of later commands. Afterwards the batch must be claimed again, even if a key has changed meanwhile and nothing was
 * replaced. False after index_fail, index_invalidate or index_damaged. */
MUST_CHECK bool index_displace(struct index *index, struct batch *batch, struct item *item);

#endif
