/* thread_board: what a thread of the daemon shows to people, beside its metrics: its state, the last complaints about
 * Kafka and Redis, its workspaces. The status page reads it. Nothing of it is a metric: names of workspaces would make
 * series without end. */
#ifndef WORKER_METRICS_THREAD_BOARD_H
#define WORKER_METRICS_THREAD_BOARD_H

#include <stdatomic.h>

#include "common/complaint.h"
#include "worker/metrics/garbage_watch.h"
#include "worker/metrics/noisy_workspaces.h"
#include "worker/metrics/waiting_commands.h"
#include "worker/metrics/workspace_window.h"

/* The state of a worker (worker/daemon). Its loop and worker_ready.c change it, unless a comment names another place.
 */
#define WORKER_STATES(ROW)                                                                                             \
    /* Redis, the producer or the consumer is missing. Nothing is decided. Also after the consumer was closed, which   \
     * empties the batch (worker_drop_source). */                                                                      \
    ROW(WORKER_OPENING)                                                                                                \
    /* All three are there. Redis is compared with the committed offsets, and rebuilt if need be. */                   \
    ROW(WORKER_AUDITING)                                                                                               \
    /* It waits for commands. */                                                                                       \
    ROW(WORKER_READY)                                                                                                  \
    /* A batch passes through the stages. The producer and the Redis connection may be replaced. */                    \
    ROW(WORKER_IN_BATCH)                                                                                               \
    /* In a batch: a transaction may have been committed, and the committed offsets are not known yet. Begins and      \
     * ends in worker_commit.c. */                                                                                     \
    ROW(WORKER_IN_DOUBT)

enum worker_state {
#define STATE_ROW(name) name,
    WORKER_STATES(STATE_ROW)
#undef STATE_ROW
        WORKER_STATE_COUNT
};

/* "WORKER_READY" and so on. */
const char *worker_state_name(enum worker_state state);

struct thread_board {
    _Atomic int state;                /* enum worker_state */
    _Atomic uint64_t commit_redis_us; /* of the commit stage, spent with Redis */
    struct complaint kafka, redis;
    struct workspace_window *window;
    struct noisy_workspaces *noisy;
    struct garbage_watch garbage_watch; /* for the thread that owns the board, as the next one */
    struct log_fault waiting_fault;     /* while any command waits for definitions */
    pthread_mutex_t lock;               /* of what follows */
    struct waiting_commands waiting;
    struct command_note garbage; /* the last command that went to the dead letters */
};

/* New, or NULL when out of memory. */
MUST_CHECK struct thread_board *thread_board_new(void);
void thread_board_free(struct thread_board *board);

/* ---- for the thread that owns the board ---- */

void thread_board_enter(struct thread_board *board, enum worker_state state);

/* So much of the commit stage was spent with Redis. */
void thread_board_add_commit_redis(struct thread_board *board, double seconds);

/* The command waits for definitions. The log hears of the first one. Times are CLOCK_MONOTONIC, and since 1970, UTC. */
void thread_board_note_waiting(struct thread_board *board, const struct item *item, int64_t clock_ms, int64_t wall_ms);

/* Counts the commands of a committed batch, and notes its last dead letter. */
void thread_board_count(struct thread_board *board, const struct batch *batch, int64_t clock_ms, int64_t wall_ms);

/* To be called now and then, also when there are no commands: tells the log what has ended. */
void thread_board_look(struct thread_board *board, int64_t clock_ms);

/* ---- for any thread ---- */

enum worker_state thread_board_state(const struct thread_board *board);

/* Seconds of the commit stage that were spent with Redis, since the start. */
double thread_board_commit_redis(const struct thread_board *board);

/* The commands that wait for definitions. Returns how many. */
size_t thread_board_waiting(struct thread_board *board, int64_t clock_ms, struct command_note notes[WAITING_MOST]);

/* The last command that went to the dead letters. */
struct command_note thread_board_garbage(struct thread_board *board);

#endif
