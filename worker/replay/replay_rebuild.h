/* replay_rebuild: fills Redis from the record topic and the definitions topic, with the daemon's own audit and rebuild.
 * It does what a worker of the daemon does at its start: an empty Redis, or one whose data cannot be trusted, is filled
 * as a whole; one that lacks what came to the topics since its checkpoints gets that; one that is complete is left
 * alone. It takes the rebuild lock, so it may run beside the daemon. */
#ifndef WORKER_REPLAY_REPLAY_REBUILD_H
#define WORKER_REPLAY_REPLAY_REBUILD_H

#include "common/must_check.h"
#include "worker/config/config.h"

enum replay_rebuild_result {
    REPLAY_REBUILT,         /* Redis is complete; what was done is printed on standard output */
    REPLAY_REBUILD_FAILED,  /* the reason is in `error` */
    REPLAY_REBUILD_FOREIGN, /* Redis belongs to another record topic; `error` says what to do */
    REPLAY_REBUILD_STOPPED  /* a stop was requested; what was written is right */
};

MUST_CHECK enum replay_rebuild_result replay_rebuild(const struct config *config, char *error, size_t error_size);

#endif
