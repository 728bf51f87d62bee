/* worker_internal: what the files of the worker share. No other file includes it. */
#ifndef WORKER_DAEMON_WORKER_INTERNAL_H
#define WORKER_DAEMON_WORKER_INTERNAL_H

#include "common/json.h"
#include "worker/daemon/worker.h"
#include "worker/daemon/worker_feed.h"
#include "worker/index/index.h"
#include "worker/kafka/kafka_patience.h"
#include "worker/metrics/thread_board.h"
#include "worker/sink/sink.h"
#include "worker/tracing/batch_trace.h"

#define COMMIT_WAIT_MS   1000 /* near Kafka; also how soon a stop is noticed while Kafka is away */
#define BACKOFF_FIRST_MS 20
#define BACKOFF_LAST_MS  1000

/* With a slow broker every transaction has a step that takes longer than COMMIT_WAIT_MS: that is one fault. */
#define SENDING_QUIET_MS 15000

struct worker {
    const struct worker_shared *shared;
    enum worker_state state;         /* worker_enter changes it */
    enum sink_result doubtful;       /* WORKER_IN_DOUBT: the transaction's result, if it turns out not committed */
    const struct config *config;     /* of the start: used for connections */
    const struct config *validation; /* validates the present batch */
    unsigned number;
    struct metrics *metrics;
    struct batch batch;
    struct json_parser *parser;
    int64_t command_bytes; /* the longest command that batch and parser have room for */
    struct definitions_cache *cache;
    struct index *index;
    struct sink *sink;         /* NULL: to be opened */
    struct batch_trace *trace; /* NULL: no traces */
    const struct worker_feed *feed;
    void *source;                   /* the feed's; NULL: to be opened */
    char transactional[80];         /* what is added to the prefix of transactional.id */
    uint64_t assignments;           /* the source's assignments at the last audit */
    uint64_t losses;                /* of the source, which a rebuild covers. It is done before the next claim */
    struct offsets record_ends;     /* of the last producer, whose transaction may not have been committed */
    bool single;                    /* messages are sent one by one, since the broker refused a request as too large */
    uint32_t single_most;           /* the most commands in such a transaction */
    uint32_t single_left;           /* postponed commands that are also sent this way */
    uint32_t slow_most;             /* the most commands in a transaction, since larger ones timed out; 0: no limit */
    int64_t try_ms;                 /* when the present try to send the batch began; CLOCK_MONOTONIC */
    struct size_limits size_limits; /* the sizes that output topics have refused lately */
    struct kafka_patience patience; /* with the answers to the sink: nothing goes on without them */
    bool kafka_is_slow;             /* the last call to the sink has had no answer yet */
    struct log_fault rebuild_fault, sending_fault;
};

/* What a stage does with a batch. */
enum stage_result {
    BATCH_GOES_ON,     /* to the next stage */
    BATCH_STARTS_OVER, /* the outcomes are void: the batch is evaluated again, from decoding on */
    BATCH_ENDS         /* there is no batch any more, or a stop was requested */
};

struct backoff {
    int next_ms;
};

/* ---- worker_open.c ---- */

/* Call between two batches. Makes room for the longest command that a reloaded config allows. */
void worker_follow_config(struct worker *worker);

/* Uses the reloaded config if there is room for its longest command. The batch may be filled. */
void worker_take_config(struct worker *worker);

/* ---- worker_wait.c ---- */

/* The heartbeat: shows that the loop is alive, and updates the metrics. */
void worker_beat(struct worker *worker);

/* Waits, longer each time, and stays in the group if there is a consumer. False if a stop was requested. If the
 * consumer fails, it is closed, and the worker is WORKER_OPENING. */
bool worker_back_off(struct worker *worker, struct backoff *backoff);

/* Changes the state, and shows it. */
void worker_enter(struct worker *worker, enum worker_state state);

void worker_close_source(struct worker *worker);
void worker_drop_source(struct worker *worker);

/* ---- worker_ready.c: what must be there before a command is decided ---- */

/* Waits until all of it is there. False if a stop was requested before. */
bool worker_get_ready(struct worker *worker);

/* One try each. True if the sink is prepared; if Redis is connected. */
bool worker_open_sink(struct worker *worker);
bool worker_has_redis(struct worker *worker);

void worker_close_sink(struct worker *worker);

/* True if Redis is connected and its index is verified. Otherwise audits the index, and rebuilds it if need be. Needs a
 * source. */
bool worker_ensure_index(struct worker *worker);

/* The worker's index_keep_going (index.h). Needs a source. */
bool worker_keep_going(void *worker);

/* ---- worker_commit.c: the last stage ---- */

enum stage_result worker_commit(struct worker *worker);

/* For an empty batch: commits the source_idle_offsets. */
void worker_commit_idle(struct worker *worker);

#endif
