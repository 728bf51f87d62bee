/* replay_apply: decides and writes again the commands of a history that have no record. They pass the stages of the
 * daemon (worker/daemon), with claims in Redis and one Kafka transaction for each batch; all replies go to one topic.
 *
 * Whether a command has a record is decided by the record topic at the command's turn (record_view.h). A command whose
 * client has one is passed over, without a reply. So is one whose id an earlier command of the same batch has just
 * given to a client. A command without an id or a workspace that can be used has no client, and is answered again. Dead
 * letters are not written again.
 *
 * A name stands for one run over the ranges that its first start has found. Their ends and the position are the
 * offsets, and the metadata of the offsets, of the group `<group>-replay-NAME`. They are committed in the transactions
 * of the batches. So a run that was interrupted, in any way, goes on where it was. index_replay.h says what it does
 * beside the daemon's workers. One process at a time applies a replay to a command topic (replay_lock.h). */
#ifndef WORKER_REPLAY_REPLAY_APPLY_H
#define WORKER_REPLAY_REPLAY_APPLY_H

#include "common/must_check.h"
#include "worker/replay/dry_run.h"

#define REPLAY_NAME_CHARACTERS 64

/* True if a replay may have this name: 1 to 64 of A-Z a-z 0-9 . _ - */
bool replay_name_is_legal(const char *name);

struct replay_apply_request {
    struct replay_selection selection;
    struct replay_definitions_request definitions;
    const char *name;    /* replay_name_is_legal */
    const char *replies; /* the topic of all replies */
    enum replay_output output;
    int64_t rate;        /* the most commands that are decided in a second; 0: no limit */
    uint32_t threads;    /* that read recorded replies; one thread decides */
    size_t memory_bytes; /* at least DRY_RUN_MEMORY_LEAST */
    int wait_ms;         /* for each answer of Kafka before the first command */
};

enum replay_apply_result {
    REPLAY_APPLIED,       /* the ranges are done */
    REPLAY_INCOMPLETE,    /* they are done, but for what could not be read, or decided for lack of definitions */
    REPLAY_MISUSED,       /* the name, the partitions or the topic of the replies cannot be used; see `error` */
    REPLAY_MISCONFIGURED, /* the config does not allow it; see `error` */
    REPLAY_IN_USE,        /* another process applies a replay, or has taken over; see `error` */
    REPLAY_UNAVAILABLE,   /* Kafka or Redis is not there, or has not been there for two minutes; see `error` */
    REPLAY_STOPPED        /* a stop was requested (stop.h); the position is kept */
};

/* Prints ranges and a summary on standard output: text, or JSON lines, one for each partition and one for the summary.
 */
MUST_CHECK enum replay_apply_result
replay_apply(const struct config *config, const struct replay_apply_request *request, char *error, size_t error_size);

#endif
