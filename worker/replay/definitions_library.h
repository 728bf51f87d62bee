/* definitions_library: every version of every workspace's definitions, for a replay. It takes them from the definitions
 * topic, from Redis, or from files. The bytes are in a spill file; the library holds about 100 bytes of index for each
 * version, and 32 for one whose bytes it has already. Compiled definitions are in a cache of bounded size, keyed by the
 * version's hash, and shared by all threads.
 *
 * One thread adds and seals; from then on any thread may look up and release. */
#ifndef WORKER_REPLAY_DEFINITIONS_LIBRARY_H
#define WORKER_REPLAY_DEFINITIONS_LIBRARY_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/spill.h"
#include "worker/config/config.h"
#include "worker/validate/definitions.h"

struct definitions_library;

/* Where the definitions of a command come from. */
enum library_source {
    LIBRARY_RECORDED, /* the topic: the version that the recorded reply names, otherwise that of the command's time */
    LIBRARY_CURRENT   /* what Redis held when the library was opened */
};

/* New, empty, or NULL when out of memory. `spill` must outlive it. The compiled definitions in the cache take about
 * `cache_bytes`; the ones in use may exceed that. */
MUST_CHECK struct definitions_library *definitions_library_new(struct spill *spill, size_t cache_bytes);
void definitions_library_free(struct definitions_library *library);

/* Reads the whole definitions topic, to its end at this moment. A message whose key is no workspace id is skipped; one
 * without a value means that the workspace has none from then on. A topic that does not exist is empty. False with the
 * reason in `error`. */
MUST_CHECK bool definitions_library_read_topic(struct definitions_library *library, const struct config *config,
                                               int wait_ms, char *error, size_t error_size);

/* Reads all keys custom-fields:{WORKSPACE} of Redis. Their versions count at any time. False with the reason in
 * `error`. */
MUST_CHECK bool definitions_library_read_redis(struct definitions_library *library, const struct config *config,
                                               char *error, size_t error_size);

/* One version, from a file or a test: `json` at == NULL: the workspace has none from then on. Copies everything. Of a
 * set that is longer than DEFINITIONS_READ_BYTES it keeps the part that the daemon would read from Redis, and its hash
 * is that part's. No two versions of a workspace have the same partition and offset. False with errno set when out of
 * memory or if the spill fails. */
MUST_CHECK bool definitions_library_add(struct definitions_library *library, struct span workspace, struct span json,
                                        int32_t partition, int64_t offset, int64_t timestamp_ms);

/* Ends the additions and sorts. Call it once, before the first look-up. */
void definitions_library_seal(struct definitions_library *library);

enum library_finding {
    LIBRARY_FOUND,   /* *definitions is set, to be given back with definitions_library_release */
    LIBRARY_NONE,    /* the workspace has no definitions at that time */
    LIBRARY_BROKEN,  /* it has, and they cannot be used */
    LIBRARY_LACKING, /* no such version is in the library */
    LIBRARY_FAILED   /* out of memory, or the spill cannot be read */
};

/* The version with this hash, whatever workspace it was written for. Any other 32 bytes are LIBRARY_LACKING. Never
 * LIBRARY_NONE. */
MUST_CHECK enum library_finding definitions_library_version(struct definitions_library *library,
                                                            const char version[HASH_LENGTH],
                                                            const struct definitions **definitions);

/* The workspace's last version that is not later than `timestamp_ms`; INT64_MAX for its last one. Never
 * LIBRARY_LACKING.
 *
 * "Last" extends definitions_history.h to any time. Only versions with a timestamp of at most `timestamp_ms` count. Of
 * each partition it takes the one with the highest offset, whatever the clocks of the writers said about those before
 * it. Of these it takes the one with the latest timestamp; of equal ones that of the higher partition. So a version
 * whose timestamp is later than that of its successor in the partition is never found. */
MUST_CHECK enum library_finding definitions_library_at(struct definitions_library *library, struct span workspace,
                                                       int64_t timestamp_ms, const struct definitions **definitions);

/* For a workspace's definitions that were found by either; NULL is allowed. */
void definitions_library_release(struct definitions_library *library, const struct definitions *definitions);

/* What the library holds and did. */
struct library_counts {
    uint64_t versions;    /* additions */
    uint64_t texts;       /* distinct ones among them, the absent ones aside */
    uint64_t compiled;    /* compilations, the broken ones included */
    uint64_t evicted;     /* compiled definitions that made room for others */
    uint64_t cache_bytes; /* of compiled definitions now */
};
struct library_counts definitions_library_counts(struct definitions_library *library);

#endif
