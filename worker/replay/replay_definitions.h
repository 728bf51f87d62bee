/* replay_definitions: which definitions a replay uses for a command: those of a file, those in Redis, or those that the
 * topic's history tells. */
#ifndef WORKER_REPLAY_REPLAY_DEFINITIONS_H
#define WORKER_REPLAY_REPLAY_DEFINITIONS_H

#include "common/must_check.h"
#include "worker/replay/definitions_library.h"
#include "worker/replay/recorded_replies.h"

/* A workspace's definitions from a file: --definitions WORKSPACE=FILE. They compile. */
struct replay_override {
    struct span workspace, json;
};

/* What a user asks for. */
struct replay_definitions_request {
    enum library_source source; /* for the workspaces without an override */
    const struct replay_override *overrides;
    size_t override_count;
};

struct replay_definitions;

/* New, with everything read; or NULL with the reason in `error`. `spill` and the request's overrides must outlive it.
 */
MUST_CHECK struct replay_definitions *replay_definitions_open(const struct config *config,
                                                              const struct replay_definitions_request *request,
                                                              struct spill *spill, size_t cache_bytes, int wait_ms,
                                                              char *error, size_t error_size);
/* The same from libraries that are filled and sealed: that of the topic, and that of Redis, or NULL if the request is
 * not for current ones. They belong to the result, and are freed if there is none. */
MUST_CHECK struct replay_definitions *replay_definitions_of(struct definitions_library *topic,
                                                            struct definitions_library *redis,
                                                            const struct replay_definitions_request *request,
                                                            struct spill *spill, size_t cache_bytes, char *error,
                                                            size_t error_size);
void replay_definitions_free(struct replay_definitions *definitions);

/* The definitions of a decoded item. */
struct found_definitions {
    enum library_finding finding;
    const struct definitions *definitions; /* NULL unless LIBRARY_FOUND */
    struct definitions_library *library;   /* that holds them; NULL: none was asked */
};

/* Those by which the item is decided now. `reply` may be NULL. An item without a workspace has none. */
struct found_definitions replay_definitions_now(struct replay_definitions *definitions, const struct item *item,
                                                const struct recorded_reply *reply);

/* Those by which it was decided, as far as the topic tells. */
struct found_definitions replay_definitions_then(struct replay_definitions *definitions, const struct item *item,
                                                 const struct recorded_reply *reply);

void replay_definitions_release(const struct found_definitions *found);

#endif
