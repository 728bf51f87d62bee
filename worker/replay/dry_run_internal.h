/* dry_run_internal: what the files of a dry run share. No other file includes it.
 *
 * A dry run is a pipeline (common/pipeline.h). One thread reads the history into chunks, several threads decide the
 * commands of a chunk each, and the caller's thread reports them in the order of the history. */
#ifndef WORKER_REPLAY_DRY_RUN_INTERNAL_H
#define WORKER_REPLAY_DRY_RUN_INTERNAL_H

#include <stdatomic.h>

#include "common/progress.h"
#include "worker/replay/decision.h"
#include "worker/replay/dry_run.h"
#include "worker/replay/named_workspaces.h"

#define CHUNK_COMMANDS 512
#define CHUNK_BYTES    ((size_t)1 << 20)

/* Replies that others have written may differ from short commands by a megabyte each. So a chunk holds only so many
 * bytes of entries, and the spill has the rest. */
#define CHUNK_ENTRIES  ((size_t)1 << 20)
#define ENTRY_IN_CHUNK (-1)

/* What was decided of a command. */
struct decided {
    enum decision_result result;
    struct comparison comparison;
    char workspace[WORKSPACE_ID_CHARACTERS];
    uint32_t workspace_length; /* 0: it has none that can be used */
    size_t entry_length;       /* 0: it has no entry */
    int64_t entry_at;          /* its place in the spill; ENTRY_IN_CHUNK: it is in the chunk's `entries` */
};

struct dry_run_chunk {
    struct batch batch;
    rd_kafka_message_t **messages; /* by item; NULL once the command is decided */
    struct decided *decided;       /* by item */
    struct reply_block *block;     /* holds the replies to all of its commands */
    char *entries;
    size_t entries_length, entries_capacity;
    int64_t done; /* offsets of all ranges, behind its last command */
    int error;    /* errno of a decision that failed; 0: none */
};

struct dry_run_thread {
    struct json_parser *parser;
    struct arena scratch; /* of one command */
};

struct dry_run {
    const struct config *config;
    const struct dry_run_request *request;
    struct history_reader *reader;
    struct replay_ranges ranges;
    struct spill *spill;
    struct replay_definitions *definitions;
    struct recorded_replies *replies;
    struct replay_report *report;
    struct progress progress;
    struct dry_run_chunk *chunks;
    uint32_t chunk_count;
    struct dry_run_thread *threads;
    uint32_t thread_count;
    atomic_bool stopped;

    /* Of the filling thread. */
    uint32_t range;                 /* that is read */
    bool is_begun;                  /* the reader reads it */
    int64_t done_before;            /* offsets of the ranges before it */
    rd_kafka_message_t *carried;    /* the first message of the next chunk */
    struct history_hole unreadable; /* the rest of such a hole; from == to: none */
    struct reply_block *block;      /* of the last chunk */
    int32_t block_partition;
    struct replay_holes holes;
    bool has_failed;
    char failure[512];

    /* Of the emptying thread. */
    struct named_workspaces named;
    int error; /* errno of a decision or of the report */
};

/* ---- dry_run_feed.c: the steps of the filling thread ---- */

/* Fills the chunk with commands of one partition whose replies are in one block. False at the end, on a stop, or after
 * a failure. */
bool dry_run_fill(struct dry_run *run, struct dry_run_chunk *chunk);

/* Notes that offsets which were asked for are missing. False when out of memory. */
MUST_CHECK bool dry_run_add_hole(struct dry_run *run, const struct history_hole *hole);

/* Frees what the chunk holds of its commands. */
void dry_run_clear(struct dry_run_chunk *chunk);

/* ---- dry_run_work.c: the other steps ---- */

/* Decides the chunk's commands and writes their entries. */
void dry_run_work(const struct dry_run *run, struct dry_run_chunk *chunk, struct dry_run_thread *thread);

/* Passes the chunk's commands to the report. False with run->error set. */
MUST_CHECK bool dry_run_report(struct dry_run *run, const struct dry_run_chunk *chunk);

#endif
