/* source_internal: what the files of the source share among themselves; nobody else includes it. */
#ifndef WORKER_SOURCE_SOURCE_INTERNAL_H
#define WORKER_SOURCE_SOURCE_INTERNAL_H

#include "common/must_check.h"
#include "worker/kafka/log_mark.h"
#include "worker/source/held_messages.h"
#include "worker/source/lag.h"
#include "worker/source/partitions.h"
#include "worker/source/source.h"

/* What a static member has seen of the group since it came. */
struct ownership {
    bool is_whole;        /* every partition has an owner: nothing more to look after */
    rd_kafka_t *observer; /* NULL: to be opened */
    int64_t look_ms;      /* when it looks next; 0: it has just come */
    int64_t pause_ms;     /* and how long it waited for that */
    int32_t orphans;      /* the partitions that were nobody's when it looked last; -1: that was not known */
};

/* A batch of the log that librdkafka cannot decompress, see source_unreadable.c. */
struct unreadable {
    int64_t base;   /* the offset where it begins, or -1 while there is none */
    int64_t first;  /* the first of its offsets that was not answered when the batch was met first, or -1: not known */
    int32_t met;    /* how often the consumer met it and the reader confirmed it */
    int64_t inside; /* an offset that is known to be in it */
    int64_t behind; /* one that is known to be behind it, or -1 */
};

/* What is known of a partition's log while the partition is ours. */
struct log_state {
    enum {
        GROUP_UNASKED, /* since the partition was assigned: what the group's offset says of the log is not known yet */
        GROUP_ASKED    /* `mark` and `group_offset` are what the group said, or what we know since */
    } group;
    struct log_mark mark; /* a command that was compared with the log, or was the first one that we took of it */
    int64_t group_offset; /* committed by the group, as far as we know, or -1 */
    int64_t end;          /* where the consumer met the end last, or -1; transaction markers are in front of it */
    int64_t seen_offset;  /* of a command that was looked at without being taken, or -1 */
    int64_t seen_timestamp_ms;
    int64_t taken_ms;    /* when commands came last */
    int64_t compared_ms; /* when the mark was compared with the log last */
    int64_t lost_offset; /* the group's offset when commands behind it were found to be gone, last; it outlives the
                            assignment. LOST_NEVER: they never were */
    bool is_restarted;   /* the log is another, and nothing of it has been committed yet */
    bool is_repeating;   /* commands come that were taken already, and the log is the same */
    struct unreadable unreadable;
};

/* What keys and headers take of the messages that are fetched ahead, see source_lighten. */
struct burden {
    size_t each;   /* bytes, of an average message of the last batches */
    size_t ahead;  /* messages that were fetched ahead when the last batch was filled */
    size_t coming; /* the most messages that were fetched while a batch was answered, as long as they are long */
};

#define LOST_NEVER (-2)

struct source {
    rd_kafka_t *consumer;
    rd_kafka_t *reader;     /* reads single commands again, outside of the group; NULL: to be opened */
    struct log_state *logs; /* by partition */
    int32_t log_count;
    int64_t idle_ms; /* when it was last looked for offsets to commit without commands */
    struct metrics *metrics;
    rd_kafka_t *observer; /* asks for the group and never joins it; NULL: to be opened */
    const struct config *config;
    const char *topic;                             /* the config's */
    const char *records_topic, *definitions_topic; /* the config's */
    int64_t session_ms;
    size_t batch_bytes;
    uint32_t most; /* commands of the present fill */
    struct batch *batch;
    rd_kafka_message_t **messages; /* by item; what the items' spans point into */
    struct held_messages held;     /* the next fill takes them first */
    struct partitions *partitions;
    int64_t filling_ms; /* when the present fill began: one time for all, so that a partition stays in order */
    rd_kafka_consumer_group_metadata_t *group;
    uint64_t assignments;
    uint64_t losses;
    int64_t polled_ms; /* when the group was served last */
    int64_t unsure_ms; /* until then it is not certain that our partitions are ours */
    bool was_assigned; /* the first rebalance is over */
    bool was_lost;     /* partitions, at some time, instead of being given back */
    struct burden burden;
    rd_kafka_queue_t *fetched; /* the consumer's messages that are fetched ahead */
    bool stalled;              /* librdkafka may have given up on partitions that it still holds */
    int64_t reassigned_ms;     /* when such were taken anew, last */
    bool group_changed;        /* a rebalance ran since the metadata was read */
    bool holding;
    bool broken;
    bool cut_off;
    struct lag *lag;
    struct lag_position *positions; /* by index in the assignment */
    int position_capacity;
    int64_t looked_ms; /* when lags were looked at last */
    struct ownership ownership;
    struct log_fault fault, progress_fault;
};

void source_log_error(const char *event, rd_kafka_resp_err_t code);

/* True while very long messages are carried: the partitions stay paused until they are in batches. */
MUST_CHECK bool source_is_draining(const struct source *source);

/* Librdkafka's answer. */
MUST_CHECK rd_kafka_resp_err_t source_subscribe(struct source *source);

/* ---- source_group.c: the group, and the partitions that are ours ---- */

/* Librdkafka's callback, with the source as its opaque. */
void source_on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions,
                         void *opaque);

/* The consumer has been polled: notices when that was not done for long. */
void source_note_poll(struct source *source);

/* Reads the group's metadata anew. */
void source_refresh_group(struct source *source);

/* New, or NULL after the reason was logged. */
MUST_CHECK rd_kafka_topic_partition_list_t *source_assignment(struct source *source);

/* Takes partitions anew, which are ours, from their committed offsets on: as if they had been assigned just now. */
void source_reassign(struct source *source, rd_kafka_topic_partition_list_t *partitions);

/* Takes those anew that have brought nothing yet. Librdkafka keeps one whose committed offset it could not read,
 * but never reads it; it says that something went wrong, not where. */
void source_reassign_failed(struct source *source);

void source_pause_partitions(struct source *source, rd_kafka_topic_partition_list_t *partitions);
void source_resume_partitions(struct source *source, rd_kafka_topic_partition_list_t *partitions);

/* Takes partitions, which are ours, from the beginning of their logs. */
void source_restart(struct source *source, rd_kafka_topic_partition_list_t *partitions);

/* ---- source_log.c: that the log of a partition is the one that we read before ---- */

struct log_state *source_log(struct source *source, int32_t partition);

/* The partition has come or gone. */
void source_forget_log(struct source *source, int32_t partition);

/* The batch has been filled: compares the logs that its commands come from, where that was not done a moment ago. What
 * comes from another log than the one before is dropped, and the partition read from its beginning. */
void source_compare_logs(struct source *source);

/* Asks for the group's offset of the partition if it is not known. False if there was no answer. */
MUST_CHECK bool source_knows_group(struct source *source, int32_t partition);

/* A command has come that was taken before. True if it is a repetition: the log is the same. False if the partition is
 * read again from another place. */
bool source_is_repetition(struct source *source, int32_t partition);

/* While partitions are paused: looks at the commands at these positions, for the log states' `seen` and `end`. */
void source_peek(struct source *source, const struct lag_position *positions, size_t count, int wait_ms);

/* What becomes of the first answer for a place: a command, or an error in its stead. */
typedef void source_answer(struct source *source, const rd_kafka_message_t *message, void *opaque);

/* Reads one command at each of these places, outside of the group, or what comes behind it. Calls `answer` for each
 * that has an answer within `wait_ms`. */
void source_read_places(struct source *source, rd_kafka_topic_partition_list_t *places, int wait_ms,
                        source_answer *answer, void *opaque);

/* Writes the mark that goes with an offset, and reads it. */
void source_mark_offset(rd_kafka_topic_partition_t *place, const struct log_mark *mark);
MUST_CHECK bool source_read_mark(const rd_kafka_topic_partition_t *place, struct log_mark *mark);

void source_close_logs(struct source *source);

/* ---- source_unreadable.c: commands that cannot be decompressed ---- */

/* The consumer has met a batch of the log that it cannot decompress, which begins at `base`. It meets the batch again
 * until the consumer goes on behind it. */
void source_meet_unreadable(struct source *source, int32_t partition, int64_t base);

/* ---- source_ownership.c: that every partition has an owner ---- */

/* As a static member that has come back: counts the partitions that the group gave to nobody, and has them shared anew,
 * until there are none. To be called again and again; the batch must be empty. */
void source_watch_ownership(struct source *source);

/* Looks no more, and frees what that took. */
void source_end_watch(struct source *source);

/* False if librdkafka could not destroy our consumers. Before 2.3.0 it aborts when a consumer is destroyed between
 * joining and its first assignment (its issue #4312), and before 2.1.0 it waits without end after partitions were lost
 * with their topic (#4187), for any consumer that had them. Such a one is closed and left alone. */
bool source_may_destroy(const struct source *source);

/* ---- source_offsets.c: how far we are ---- */

/* The one that the audit uses. NULL after the reason was logged. */
MUST_CHECK rd_kafka_t *source_surveyor(struct source *source);

/* A client that only asks: a member's own connection to the coordinator answers nothing else while the group waits for
 * others to join. The caller destroys it. NULL with the reason in `why`. */
MUST_CHECK rd_kafka_t *source_observer_new(const struct source *source, char *why, size_t error_size);

/* Shows the lags, now and then, and asks whether a broker answers again after all were gone. */
void source_look_around(struct source *source);

#endif
