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
    struct redis_epoch epoch; /* of the data that the definitions cache comes from */
    struct log_fault away;
};

/* The parts of the index's keys, contract §4. The braces keep a workspace on one cluster slot. */
#define CLIENT_KEY(workspace, id)   SPAN("client:{"), (workspace), SPAN("}:"), (id)
#define EMAIL_KEY(workspace, email) SPAN("client-email:{"), (workspace), SPAN("}:"), (email)
#define DEFINITIONS_KEY(workspace)  SPAN("custom-fields:{"), (workspace), SPAN("}")

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

/* Replaces, in one Redis transaction guarded by WATCH, what stands against the item, if that is nothing but its own
 * future. Whether it did so or found that things have changed: the batch must be claimed anew. False after store_fail.
 */
bool store_take_over(struct store *store, struct batch *batch, const struct item *item);

#endif
