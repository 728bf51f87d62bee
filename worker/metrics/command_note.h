/* command_note: a command that is shown to people: its place, its workspace, and since when. */
#ifndef WORKER_METRICS_COMMAND_NOTE_H
#define WORKER_METRICS_COMMAND_NOTE_H

#include "worker/metrics/workspace_sketch.h"
#include "worker/model/batch.h"

struct command_note {
    struct sketch_key key;
    int64_t offset;
    int64_t since_ms; /* since 1970, UTC; 0: there is none */
    const char *code; /* the error code of a rejected command, otherwise NULL */
    bool is_broken;   /* its workspace has definitions that cannot be used */
};

/* `wall_ms` is since 1970, UTC. */
struct command_note command_note_of(const struct item *item, int64_t wall_ms);

#endif
