/* replay_apply_internal: what the files of an applied replay share. No other file includes it. */
#ifndef WORKER_REPLAY_REPLAY_APPLY_INTERNAL_H
#define WORKER_REPLAY_REPLAY_APPLY_INTERNAL_H

#include "common/must_check.h"
#include "common/progress.h"
#include "common/rate.h"
#include "worker/daemon/worker_feed.h"
#include "worker/index/index_replay.h"
#include "worker/replay/named_workspaces.h"
#include "worker/replay/record_view.h"
#include "worker/replay/replay_apply.h"
#include "worker/replay/replay_lock.h"
#include "worker/replay/reply_reading.h"

#define GROUP_BYTES 512

/* A partition's range and how far it is done. */
struct apply_range {
    int32_t partition;
    int64_t from, to;
    struct replay_range asked; /* the range of this start, whose recorded replies were read; from <= to */
    int64_t position;          /* that the group has committed; -1: none yet */
    int64_t nonce;             /* of the last commit of a batch; OFFSET_NONE: there was none yet */
    int64_t scanned;           /* commands before it were taken or passed over */
    uint64_t workspaces;       /* that its name was begun with; as struct apply has them */
    struct log_mark mark;      /* of a command that was read by any run of the name: its log is known by it */
    int64_t missing;           /* offsets before the position that could not be read, by any run of the name; and what
                                * the first one could not reach at the edges of the range */
};

/* Why an item gets no reply. */
enum passing {
    PASSING_NOT,
    PASSING_RECORDED, /* its client has a record by now */
    PASSING_UNKNOWN   /* the definitions topic lacks its definitions */
};

/* The commands that are committed. */
struct apply_counts {
    uint64_t passed_over, of_others; /* with a record; of workspaces that are not selected */
    uint64_t created, rejected, unknown;
    uint64_t codes[ERROR_COUNT]; /* of the rejected ones */
};

struct apply {
    const struct config *original; /* as the user has it: the recorded replies are in its topics */
    const struct replay_apply_request *request;
    struct config config; /* the same, with other replies; its texts belong to the original */
    char *error;
    size_t error_size;
    enum replay_apply_result result; /* valid when the worker has ended */
    bool has_begun;                  /* the positions are known, and the ranges are printed */
    bool is_done;
    bool has_gone_on; /* an earlier run has done a part of the ranges */
    struct named_workspaces named;

    struct history_reader *reader;
    bool is_begun; /* the reader reads the present range */
    struct apply_range *ranges;
    uint32_t range_count, range; /* the present one; range_count: all are done */

    uint64_t workspaces; /* tells selections of workspaces apart; 0: all of them */
    char group_name[GROUP_BYTES];
    rd_kafka_consumer_group_metadata_t *group;
    rd_kafka_t *own, *observer; /* observers of our group and of the daemon's */
    struct replay_lock *lock;
    struct index_replay marks;
    struct record_view *view;
    struct offsets record_ends; /* behind the records that we have committed */
    int64_t view_done;          /* of its present reading, when it was last looked at */

    /* The definitions, unless Redis has them. */
    struct spill *spill;
    struct recorded_replies *replies;
    struct replay_definitions *definitions;
    struct reply_block *block;
    int32_t block_partition;
    struct found_definitions *found; /* by item */

    /* The present batch. */
    struct feed_worker worker;
    struct json_parser *parser;
    rd_kafka_message_t **messages; /* by item */
    enum passing *passing;         /* by item */
    rd_kafka_message_t **pending;  /* postponed ones: the next batch takes these first; sorted */
    uint32_t pending_count, pending_capacity;
    struct history_hole unreadable; /* the rest of such a hole; from == to: none */
    struct history_hole *holes;     /* of the present range, behind its position; sorted (replay_missing.c) */
    uint32_t hole_count;
    struct log_mark seen; /* of the last command that was read for it; LOG_MARK_NONE: none was */
    int64_t nonce;
    uint32_t evaluations;                    /* how often it was evaluated */
    uint64_t passed_recorded, passed_others; /* while it was filled */

    /* The standing of claims (claim_standings.c). */
    struct offsets committed; /* by the daemon's group, since begin_standings; count 0: not asked yet */
    struct offsets fenced;    /* 1: the partition's fence was taken since begin_standings */
    bool has_awaited;         /* the view was awaited since then */

    int64_t moved_ms;     /* when something last went on; CLOCK_MONOTONIC */
    int64_t committed_ms; /* when a position was last committed */
    struct rate rate;     /* of commands: --rate */
    struct progress progress;
    struct log_fault fault;
    struct apply_counts counts;
};

static inline struct apply_range *apply_present(struct apply *apply)
{
    return &apply->ranges[apply->range];
}

/* The positions are known: prints the ranges. */
void apply_begin(struct apply *apply);

/* Something went on. */
void apply_note_progress(struct apply *apply);

/* The keep_going of long calls: the lock is ours, and no stop was requested. */
bool apply_keep_going(void *apply);

/* The worker ends with this result, unless it has one already. */
void apply_end(struct apply *apply, enum replay_apply_result result, const char *reason);

/* True if the lock is ours now, so that a producer may be opened, which ends the transaction of an earlier one. If the
 * lock is missing, takes it again, unless another process has gone on with our work: then the worker ends. */
bool apply_holds_lock(struct apply *apply);

/* ---- replay_apply_open.c: what is needed before the worker ---- */

/* Checks the request and the topics, resolves the ranges, and takes the lock. REPLAY_APPLIED if all is there; otherwise
 * the reason is in apply->error. apply_close frees all of it in any case, and gives the lock back. */
MUST_CHECK enum replay_apply_result apply_open(struct apply *apply, struct replay_ranges *ranges);
void apply_close(struct apply *apply);

/* ---- replay_position.c: the position, as our group's offsets ---- */

/* Reads our group's offsets of all ranges into the ranges. A range that was begun before keeps its ends. The producer
 * must have ended the transaction of the run before. False after the reason was logged, or after the worker was told to
 * end: what was begun cannot go on if its range, its workspaces or the log are others now. */
MUST_CHECK bool position_read(struct apply *apply, int wait_ms);

/* The offset to commit for a range. New; the caller destroys it. */
rd_kafka_topic_partition_list_t *position_list(const struct apply *apply, const struct apply_range *range,
                                               int64_t offset, int64_t nonce);

/* First positions of the ranges that have none. New; NULL if all have one. */
rd_kafka_topic_partition_list_t *position_first(const struct apply *apply);

/* These offsets were committed. */
void position_note(struct apply *apply, const rd_kafka_topic_partition_list_t *offsets);

/* True if our group has the position that we have committed, or the one that the batch in hand would commit. *asked:
 * there was an answer. */
bool position_is_ours(struct apply *apply, bool *asked);

/* RECONCILE_COMMITTED if our group has exactly this offset and nonce. */
enum reconcile_result position_compare(struct apply *apply, const struct apply_range *range, int64_t offset,
                                       int64_t nonce, int wait_ms);

/* ---- replay_missing.c: offsets that could not be read ---- */

/* The reader has found a hole behind the position of the present range. */
void missing_add(struct apply *apply, const struct history_hole *hole);

/* What a position at this offset of the range has in its metadata. */
int64_t missing_before(const struct apply *apply, const struct apply_range *range, int64_t offset);

/* The position is `offset` now, with this number. */
void missing_note(struct apply *apply, struct apply_range *range, int64_t offset, int64_t missing);

/* Those before all positions. */
int64_t missing_of_all(const struct apply *apply);

/* ---- claim_standings.c ---- */

void standings_begin(void *apply);
enum claim_standing standing_of_claim(void *apply, const struct batch *batch, uint32_t index, struct span id,
                                      struct span line);

/* ---- replay_apply_definitions.c ---- */

/* Reads what recorded definitions need. False with the reason in apply->error. */
MUST_CHECK bool apply_definitions_open(struct apply *apply, const struct replay_ranges *ranges);
void apply_definitions_close(struct apply *apply);

/* True if Redis has the definitions that are asked for: the daemon's own look-up reads them. */
bool apply_uses_redis(const struct apply *apply);

/* Gives the items of the batch their definitions, if Redis does not have them. False after the reason was logged: call
 * it again later. */
MUST_CHECK bool apply_definitions_find(struct apply *apply);

/* The batch has ended, or is evaluated again. */
void apply_definitions_release(struct apply *apply);

/* ---- replay_scan.c: reading the range ---- */

/* How many commands may be taken now, of `most`: --rate. */
uint32_t scan_allowance(struct apply *apply, uint32_t most);

/* Takes commands without a record into the empty batch, `most` at most, as they come without a pause. Those that it
 * passes over are counted in passed_recorded and passed_others. */
void scan_commands(struct apply *apply, uint32_t most);

/* ---- replay_messages.c: the messages of the batch, and the pending ones ---- */

/* Gives all of them back to librdkafka. */
void messages_drop(struct apply *apply);

/* Hands pending messages to `consider`, which owns them then, until the batch has `most` items. */
typedef void messages_consider(struct apply *apply, rd_kafka_message_t *message);
void messages_take_pending(struct apply *apply, uint32_t most, messages_consider *consider);

/* worker_feed's put_off and release. */
uint32_t messages_put_off(void *apply, uint32_t most);
void messages_release(void *apply);

/* ---- replay_fill.c: filling the batch ---- */

/* worker_feed's fill. */
int fill_batch(void *apply, uint32_t most, int wait_ms);

/* Reads the records that came since. False after the reason was logged, or if the run is to end. */
MUST_CHECK bool fill_update_view(struct apply *apply);

/* ---- replay_apply_report.c ---- */

void apply_print_ranges(const struct apply *apply);
void apply_print_summary(const struct apply *apply);

/* Offsets of all ranges. */
int64_t apply_offsets(const struct apply *apply);

/* ---- replay_feed.c: the worker's feed ---- */

extern const struct worker_feed replay_feed;

/* The offset behind what the present batch answers. */
int64_t feed_batch_end(const struct apply *apply);

#endif
