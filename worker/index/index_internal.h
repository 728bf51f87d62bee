/* index_internal: what the files of the index share among themselves; nobody else includes it. */
#ifndef WORKER_INDEX_INDEX_INTERNAL_H
#define WORKER_INDEX_INDEX_INTERNAL_H

#include "worker/index/claim.h"
#include "worker/index/index.h"
#include "worker/redis/redis_epoch.h"
#include "worker/redis/redis_pipeline.h"

#define WHY_SIZE              256
#define REPLICATION_ID_LENGTH 40 /* of a replication id */

struct index {
    const struct config *config;
    redisContext *connection; /* NULL: none */
    int64_t checked_ms;       /* when the connection answered a PING */
    uint64_t retries;
    bool refused;      /* Redis answers, but does not do what it is asked for */
    int64_t failed_ms; /* when something failed last */
    bool verified;
    uint64_t audits;          /* that found it sound */
    struct redis_epoch epoch; /* that the last audit found */
    enum {
        DISTRUST_NONE,
        DISTRUST_NEXT, /* by index_distrust, until the next audit */
        DISTRUST_EPOCH /* by an audit: `distrusted` was there, and is no good from now on */
    } distrust;
    char distrusted[EPOCH_LENGTH];
    struct redis_epoch definitions_epoch;       /* of the data that the definitions cache comes from */
    char replication_id[REPLICATION_ID_LENGTH]; /* of the server, at that time */
    char owner[EPOCH_LENGTH];                   /* our name, in the owner keys of our partitions */
    struct offsets record_ends;                 /* every record before them is in Redis */
    struct offsets committed;                   /* the highest that were ever committed of the command topic */
    bool asked;                                 /* the outcomes of the present batch come from Redis */
    uint64_t asked_audit;                       /* `audits` at that time */
    index_patience *keep_going;                 /* NULL: endless */
    void *listener;
    int64_t patient_ms; /* when it was asked last */
    struct log_fault away, unverified;
};

/* The marks. What was read of the definitions topic: its offsets. */
#define DEFINITIONS_READ_KEY  "client-intake:definitions"
#define OWNER_KEY(place)      SPAN("client-intake:owner:"), (place)
#define CHECKPOINT_KEY(place) SPAN("client-intake:checkpoint:"), (place)

/* The parts of the index's keys, contract §4. The braces keep a workspace on one cluster slot. */
#define CLIENT_KEY(workspace, id)   SPAN("client:{"), (workspace), SPAN("}:"), (id)
#define EMAIL_KEY(workspace, email) SPAN("client-email:{"), (workspace), SPAN("}:"), (email)
#define DEFINITIONS_KEY(workspace)  SPAN("custom-fields:{"), (workspace), SPAN("}")

/* "topic/partition" of the command topic, in the arena. */
struct span index_place(const struct index *index, int32_t partition, struct arena *arena);

/* Asks the caller's keep_going, if it is time. */
bool index_is_patient(struct index *index);

/* Redis has done everything that a batch asks for. */
void index_accepted(struct index *index);

/* The marks are not as they were left. Always returns false. */
bool index_invalidate(struct index *index, const char *why);

/* Watches the epoch and the owners of the batch's partitions (WATCH, and nothing else from before), and compares them.
 * An EXEC that follows on this connection happens only if they have not changed until then. False after index_fail or
 * index_invalidate. */
bool index_fence(struct index *index, struct batch *batch);

/* The server's replication id (INFO replication): it changes when a replica becomes the master, and a server that was
 * one, became a replica and is one again has another. Empty where Redis does not tell. */
void index_read_replication_id(const redisReply *reply, char replication_id[REPLICATION_ID_LENGTH]);
void index_write_ask_replication(struct redis_pipeline *pipeline);

/* Reads the answer to index_write_ask_replication, and compares it with what the last audit found. A user that may not
 * ask (NOPERM) does without. False after index_fail or index_invalidate. */
bool index_same_life(struct index *index, struct redis_pipeline *pipeline);

/* Reads the next answer, which must be of this type. New, or NULL after index_fail. */
redisReply *index_answer(struct index *index, struct redis_pipeline *pipeline, int type);

/* Reads the answers to MULTI, `count` commands and EXEC: that of EXEC, whose elements are those of the commands. New;
 * or NULL after index_fail, or when nothing was done since something watched has changed. */
redisReply *index_executed(struct index *index, struct redis_pipeline *pipeline, size_t count);

/* One command, as redisCommand takes it. New, or NULL after index_fail, or without a connection. */
redisReply *index_ask(struct index *index, const char *format, ...);

/* Sends the pipeline and reads its answers, whatever they are but errors. False after index_fail. */
bool index_carry_out(struct index *index, struct redis_pipeline *pipeline);

/* How far a partition of the command topic is. */
struct checkpoint {
    int64_t next;    /* offset behind the last committed command */
    int64_t highest; /* the highest that this ever was: the group's offsets may be set back */
    int64_t nonce;   /* of the commit (log_mark.h); OFFSET_NONE: not known */
};

#define CHECKPOINT_NONE ((struct checkpoint){OFFSET_NONE, OFFSET_NONE, OFFSET_NONE})

/* The key's value is these numbers, the nonce only if it is known, and behind them the offsets of the record topic.
 * `record_ends` is the caller's afterwards. False if the text is none of ours. */
bool checkpoint_parse(struct span text, struct checkpoint *checkpoint, struct offsets *record_ends);

/* Writes the partition's checkpoint: `record_ends` as offsets_text gives them. `place` and it are of the arena. */
void index_write_checkpoint(struct redis_pipeline *pipeline, struct span place, const struct checkpoint *checkpoint,
                            struct span record_ends);

/* Writes our name into the owner keys. False after index_fail. */
bool index_own(struct index *index, const int32_t *partitions, int32_t count, struct arena *scratch);

/* A command without arguments, such as MULTI. */
void index_write_word(struct redis_pipeline *pipeline, struct span word);
void write_set(struct redis_pipeline *pipeline, struct span key, struct span value);

/* Ends the connection: answers may be outstanding, so it cannot be used again. Always returns false. */
bool index_fail(struct index *index, const char *why);

/* What a GET, or an MGET of one key, answered: at == NULL for nothing. False if it is no string. GET fails at a key of
 * another type, MGET finds nothing there. */
bool index_reply_span(const redisReply *reply, struct span *value);

/* Reads the next GET's answer into the arena. False after index_fail. */
bool index_read(struct index *index, struct redis_pipeline *pipeline, struct arena *arena, struct span *value);

/* Writes the two claims of an item, and the look-ups of what may stand against them. */
void index_write_claim(struct redis_pipeline *pipeline, struct span command, const struct item *item,
                       struct span source);
void index_write_get_client(struct redis_pipeline *pipeline, const struct item *item);
void index_write_get_email(struct redis_pipeline *pipeline, const struct item *item);
/* Only the first line of another client, which tells its source. */
void index_write_get_line(struct redis_pipeline *pipeline, const struct item *item, struct span id);

/* Gives back what items whose client does not fit (item->record_form) had claimed in an earlier run. False: claim the
 * batch anew.
 */
bool index_release(struct index *index, struct batch *batch);

/* Notes in the finding of the item of that index which of the clients it names a later command of the batch has
 * claimed.
 */
void index_find_uncommitted(const struct batch *batch, uint32_t index, struct claim_finding *finding);

/* Replaces, in one Redis transaction guarded by WATCH, what stands against the item, if that is nothing but its own
 * future. Whether it did so or found that things have changed: the batch must be claimed anew. False after index_fail.
 */
bool index_displace(struct index *index, struct batch *batch, const struct item *item);

#endif
