/* store_parts: what the files of the store share among themselves; nobody else includes it. */
#ifndef WORKER_STORE_PARTS_H
#define WORKER_STORE_PARTS_H

#include "worker/claim.h"
#include "worker/redis_epoch.h"
#include "worker/redis_pipeline.h"
#include "worker/store.h"

#define WHY_SIZE 256

struct store {
    const struct config *config;
    redisContext *connection; /* NULL: none */
    int64_t checked_ms;       /* when the connection answered a PING */
    uint64_t retries;
    bool refused; /* Redis answers, but does not do what it is asked for */
    bool sound;
    uint64_t audits;                      /* that found it sound */
    struct redis_epoch epoch;             /* that the last audit found */
    struct redis_epoch definitions_epoch; /* of the data that the definitions cache comes from */
    char owner[EPOCH_LENGTH];             /* our name, in the owner keys of our partitions */
    struct offsets record_ends;           /* every record before them is in Redis */
    bool asked;                           /* the outcomes of the present batch come from Redis */
    uint64_t asked_audit;                 /* `audits` at that time */
    struct log_fault away, unsound;
};

/* The marks. */
#define OWNER_KEY(place)      SPAN("client-intake:owner:"), (place)
#define CHECKPOINT_KEY(place) SPAN("client-intake:checkpoint:"), (place)

/* The parts of the index's keys, contract §4. The braces keep a workspace on one cluster slot. */
#define CLIENT_KEY(workspace, id)   SPAN("client:{"), (workspace), SPAN("}:"), (id)
#define EMAIL_KEY(workspace, email) SPAN("client-email:{"), (workspace), SPAN("}:"), (email)
#define DEFINITIONS_KEY(workspace)  SPAN("custom-fields:{"), (workspace), SPAN("}")

/* "topic/partition" of the command topic, in the arena. */
struct span store_place(const struct store *store, int32_t partition, struct arena *arena);

/* Redis has done everything that a batch asks for. */
void store_accepted(struct store *store);

/* The marks are not as they were left. Always returns false. */
bool store_find_unsound(struct store *store, const char *why);

/* Watches the epoch and the owners of the batch's partitions (WATCH, and nothing else from before), and compares them.
 * An EXEC that follows on this connection happens only if they have not changed until then. False after store_fail or
 * store_find_unsound. */
bool store_fence(struct store *store, struct batch *batch);

/* Reads the next answer, which must be of this type. New, or NULL after store_fail. */
redisReply *store_answer(struct store *store, struct redis_pipeline *pipeline, int type);

/* Reads the answers to MULTI, `count` commands and EXEC: that of EXEC, whose elements are those of the commands. New;
 * or NULL after store_fail, or when nothing was done since something watched has changed. */
redisReply *store_executed(struct store *store, struct redis_pipeline *pipeline, size_t count);

/* Sends the pipeline and reads its answers, whatever they are but errors. False after store_fail. */
bool store_carry_out(struct store *store, struct redis_pipeline *pipeline);

/* A checkpoint's text, and back; `record_ends` is then the caller's. False if it is none of ours. */
struct span checkpoint_text(int64_t next, const struct offsets *record_ends, struct arena *arena);
bool checkpoint_parse(struct span text, int64_t *next, struct offsets *record_ends);
void write_checkpoint(struct redis_pipeline *pipeline, struct span place, struct span text);

/* Writes our name into the owner keys. False after store_fail. */
bool store_own(struct store *store, const int32_t *partitions, int32_t count, struct arena *scratch);

/* A command without arguments, such as MULTI. */
void write_word(struct redis_pipeline *pipeline, struct span word);

/* Ends the connection: answers may be outstanding, so it cannot be used again. Always returns false. */
bool store_fail(struct store *store, const char *why);

/* What a GET answered: at == NULL for nothing. False if it is no string. */
bool store_reply_span(const redisReply *reply, struct span *value);

/* Reads the next GET's answer into the arena. False after store_fail. */
bool store_read(struct store *store, struct redis_pipeline *pipeline, struct arena *arena, struct span *value);

/* Writes the two claims of an item, and the look-ups of what may stand against them. */
void write_claim(struct redis_pipeline *pipeline, struct span command, const struct item *item, struct span source);
void write_get_client(struct redis_pipeline *pipeline, const struct item *item);
void write_get_email(struct redis_pipeline *pipeline, const struct item *item);
/* Only the first line of another client, which tells its source. */
void write_get_line(struct redis_pipeline *pipeline, const struct item *item, struct span id);

/* Gives back what the batch's refused items (item->refused) had claimed in an earlier run. False: claim the batch anew.
 */
bool store_release(struct store *store, struct batch *batch);

/* Replaces, in one Redis transaction guarded by WATCH, what stands against the item, if that is nothing but its own
 * future. Whether it did so or found that things have changed: the batch must be claimed anew. False after store_fail.
 */
bool store_take_over(struct store *store, struct batch *batch, const struct item *item);

#endif
