/* worker_internal: what the files of the worker share among themselves. No other file includes it. */
#ifndef WORKER_DAEMON_WORKER_INTERNAL_H
#define WORKER_DAEMON_WORKER_INTERNAL_H

#include "common/json.h"
#include "worker/daemon/worker.h"
#include "worker/index/index.h"
#include "worker/sink/sink.h"
#include "worker/source/source.h"

#define COMMIT_WAIT_MS   1000 /* how soon a stop is seen while Kafka is away */
#define BACKOFF_FIRST_MS 20
#define BACKOFF_LAST_MS  1000

/* Where a worker is. The loop and worker_ready.c change it, unless a comment names another place. */
enum worker_state {
    WORKER_OPENING, /* Redis, the producer or the consumer is not there. Nothing is decided. Also after the consumer was
                       closed, which takes the batch with it (worker_drop_source). */
    WORKER_AUDITING, /* All three are there. Redis is compared with what Kafka has committed, and rebuilt if need be. */
    WORKER_READY,    /* It waits for commands. */
    WORKER_IN_BATCH, /* A batch passes through the stages. Producer and Redis may be replaced meanwhile. */
    WORKER_IN_DOUBT  /* In a batch: a transaction may have been committed, and the group has not told yet. Begins and
                        ends in worker_commit.c. */
};

struct worker {
    const struct worker_shared *shared;
    enum worker_state state;
    enum sink_result doubtful;    /* WORKER_IN_DOUBT: what the transaction counts as if it was not committed */
    const struct config *config;  /* of the start: what connections are opened by */
    const struct config *judging; /* by which the present batch is judged */
    unsigned number;
    struct metrics *metrics;
    struct batch batch;
    struct json_parser *parser;
    int64_t command_bytes; /* what batch and parser have room for */
    struct definitions_cache *cache;
    struct index *index;
    struct sink *sink;              /* NULL: to be opened */
    struct source *source;          /* NULL: to be opened */
    uint64_t assignments;           /* of the source, when the store was audited last */
    uint64_t losses;                /* of the source, for which Redis was or will be rebuilt */
    struct offsets record_ends;     /* that the last producer left behind, whose transaction was not known to be
                                       committed */
    bool single;                    /* messages are sent one by one, since one is too large, or is in company */
    uint32_t single_most;           /* so many commands at most are in a transaction then */
    uint32_t single_left;           /* so many were put off for that, and are to be sent so, too */
    struct size_limits size_limits; /* what output topics have refused lately */
    bool kafka_is_slow;             /* what was asked last of the sink has had no answer yet */
    struct log_fault rebuild_fault, sending_fault;
};

/* What becomes of a batch in a stage. */
enum stage_result {
    BATCH_GOES_ON,     /* to the next stage */
    BATCH_STARTS_OVER, /* what was decided does not stand: the batch is evaluated again, from its decoding on */
    BATCH_ENDS         /* there is no batch (any more), or no time */
};

struct backoff {
    int next_ms;
};

/* ---- worker_open.c ---- */

/* Between two batches: makes room for the longest command of the config that was reloaded. */
void worker_follow_config(struct worker *worker);

/* Takes over what was reloaded, if there is that room. The batch may be filled. */
void worker_take_config(struct worker *worker);

/* ---- worker_wait.c ---- */

/* The heartbeat: the loop has gone on, in work or in waiting. */
void worker_beat(struct worker *worker);

/* Waits, longer each time, as a member of the group if there is one. False if the end was asked for. If the consumer
 * fails, it is closed, and the worker is WORKER_OPENING. */
bool worker_back_off(struct worker *worker, struct backoff *backoff);

void worker_drop_source(struct worker *worker);

/* ---- worker_ready.c: what must be there before anything is decided ---- */

/* False if the end was asked for before all was there. */
bool worker_get_ready(struct worker *worker);

/* One try each. */
bool worker_open_sink(struct worker *worker);
bool worker_has_redis(struct worker *worker);

void worker_close_sink(struct worker *worker);

/* True if Redis is there and its index is verified. Audits it and rebuilds it where that is not known. With a source
 * only. */
bool worker_ensure_index(struct worker *worker);

/* The keep_going (index.h) of a worker that has a source. */
bool worker_keep_going(void *worker);

/* ---- worker_commit.c: the last stage ---- */

enum stage_result worker_commit(struct worker *worker);

/* The batch is empty: commits offsets that stand behind the last command, where that is due (source_idle_offsets). */
void worker_commit_idle(struct worker *worker);

#endif
