/* source_state: what the files of the source share. Like their headers, it is included by no other room. */
#ifndef WORKER_SOURCE_SOURCE_STATE_H
#define WORKER_SOURCE_SOURCE_STATE_H

#include "common/must_check.h"
#include "worker/kafka/kafka_patience.h"
#include "worker/kafka/log_mark.h"
#include "worker/source/batch_reader.h"
#include "worker/source/held_messages.h"
#include "worker/source/lag.h"
#include "worker/source/parse_range.h"
#include "worker/source/partitions.h"
#include "worker/source/source.h"

/* What a static member has found out about the group since it joined (source_ownership.c). */
struct ownership {
    bool is_whole;        /* every partition has an owner, so there is nothing left to watch */
    rd_kafka_t *observer; /* NULL: to be opened */
    int64_t look_ms;      /* when the next look is due; 0: the member has just joined */
    int64_t pause_ms;     /* from the last look to the next one */
    int32_t unassigned;   /* partitions without an owner at the last look; -1: not known */
};

/* A batch of the log that librdkafka cannot decompress (source_unreadable.c), or with wrong offsets
 * (source_misnumbered.c). */
struct unreadable {
    int64_t base;         /* the offset where it begins, or -1 if there is none */
    int64_t first;        /* the first of its offsets without a reply when the batch was first met, or -1: not known */
    int32_t met;          /* how often the consumer met it and the reader confirmed it */
    int64_t inside;       /* an offset that is known to be inside it */
    int64_t behind;       /* an offset that is known to be after it, or -1 */
    struct log_mark came; /* with wrong offsets: its first command that is met at `first` */
    struct log_mark last; /* with wrong offsets: its last command */
    struct log_mark mark; /* by which its log is recognized while no command could be read; made where `first` is */
};

/* A batch that source_misnumbered.c has read while it passes another one. */
struct past_reading {
    int64_t offset; /* where the reading began */
    struct batch_reading reading;
};
#define PAST_READINGS 4

/* How long a partition has brought nothing, though the log has commands for it (source_unparsed.c). */
struct silence {
    int64_t from;     /* the offset that is to come next; -1: the partition is not silent */
    int64_t since_ms; /* when that was first noticed, or when it was last examined */
    int64_t pause_ms; /* how long it must last before it is examined again; 0: it was not examined yet */
    uint64_t drained; /* source->drained at since_ms */
    int64_t passed;   /* what was examined before it has no command, or -1 */
};

/* What is known of a partition's log while the partition is assigned to us. */
struct log_state {
    enum {
        GROUP_UNASKED, /* since the assignment: the committed offset and its mark are not known yet */
        GROUP_ASKED    /* `mark` and `group_offset` are those that the group has, or newer ones of ours */
    } group;
    struct log_mark mark;        /* a command that was compared with the log, or the first one that we took of it */
    struct log_mark next_mark;   /* of a command in the batch, which becomes the mark if it is in its place */
    struct log_mark passed_mark; /* of the last batch of the log that was passed, or LOG_MARK_NONE */
    int64_t group_offset;        /* the committed offset, as far as we know, or -1 */
    int64_t floor; /* commands in front of it have a reply, if the log is that of the group's mark; -1: not known */
    int64_t start; /* where the log began when the group was asked, or -1 */
    int64_t begun; /* the `end` when source_begin_mark was last called, or -1 */
    int64_t end;   /* where the consumer last met the end, or -1; transaction markers are in front of it */
    int64_t seen_offset; /* of a command that source_peek saw, or -1 */
    int64_t seen_timestamp_ms;
    int64_t taken_ms;    /* when commands last came */
    int64_t compared_ms; /* when the mark was last compared with the log; in the future: see is_due */
    int64_t silent_ms;   /* since when the first comparison has had no answer; 0: not compared yet; LOG_HAS_ANSWERED */
    int64_t trimmed_from, trimmed_to; /* the last deleted records that were found after the committed offset; equal:
                                         none. Kept across assignments */
    int64_t waited_to;                /* where the log ended when a wait for definitions last reached its limit */
    bool is_restarted;                /* the log was replaced, and nothing of the new one has been committed yet */
    bool is_repeating;                /* the log is the same, and commands come that were taken already */
    bool is_repeated;                 /* such commands have come since the log was compared */
    bool is_misnumbered; /* a command has a wrong offset. What comes is dropped until the next fill has passed it */
    int64_t unsettled;   /* of the command behind the first jump that is not settled (source_jumps.c), or -1 */
    int64_t skipped;     /* offsets without a command that were not verified, since the last ones that were */
    int64_t other;     /* is_misnumbered: where the log has something else than the command that came; -1: not known */
    int64_t passed_ms; /* when the last try to pass got no answer */
    struct past_reading past[PAST_READINGS]; /* the last answers of such tries, the newest first */
    int past_count;
    struct unreadable unreadable;
    struct silence silence;
    struct parse_range unparsed; /* commands that get placeholders next; first = -1: none */
};

/* The memory that keys and headers of prefetched messages take (source_burden.c). */
struct burden {
    size_t each;   /* bytes of an average message of the last batches */
    size_t ahead;  /* messages that were prefetched when the last batch was filled */
    size_t coming; /* the most messages that were fetched while a batch was answered; 0 while messages are short */
};

#define LOG_HAS_ANSWERED (-1)
#define LOG_SILENT_MS    10000 /* how long a log without an answer to its first question delays its commands */
#define MOST_AT_ONCE     500   /* partitions in one comparison */

struct source {
    rd_kafka_t *consumer;
    rd_kafka_t *reader;                    /* reads single commands again, outside the group; NULL: to be opened */
    struct jumps *jumps;                   /* source_jump_list.c; NULL: there was none yet */
    struct batch_reader *batch_readers[2]; /* source_batches.c; by kind; NULL: to be opened */
    int32_t passing;                       /* the last partition whose turn it was in source_pass_misnumbered */
    struct parse_probe *probe;             /* source_unparsed.c; NULL: no partition is examined */
    int32_t passing_unparsed;              /* the same in source_pass_unparsed */
    int32_t probed;                        /* the partition that is examined, or -1 */
    int64_t probe_ms;                      /* when that began, or when the probe was last used */
    int64_t silence_ms;                    /* when silent partitions were last looked for */
    int64_t unparsed_ms;                   /* when commands that cannot be parsed were last passed; 0: never */
    uint64_t drained;                      /* how often the consumer had nothing to give */
    struct log_state *logs;                /* by partition */
    int32_t log_count;
    int64_t idle_ms; /* when source_idle_offsets last looked */
    struct metrics *metrics;
    rd_kafka_t *observer; /* reads the group's offsets and never joins it; NULL: to be opened */
    struct kafka_patience patience;
    const struct config *config;
    const char *topic;                             /* the config's */
    const char *records_topic, *definitions_topic; /* the config's */
    int64_t session_ms;
    size_t batch_bytes;
    size_t held_bytes; /* of copies, at most */
    uint32_t most;     /* commands in the present fill, at most */
    struct batch *batch;
    int64_t nonce;                 /* of the batch; -1: the system returned no random number */
    rd_kafka_message_t **messages; /* by item index; the items' spans point into them */
    struct held_messages held;     /* the next fill takes these first */
    struct partitions *partitions;
    int64_t filling_ms; /* when the present fill began; one time for all messages keeps a partition in order */
    rd_kafka_consumer_group_metadata_t *group, *next_group; /* next_group: of a rebalance since then, or NULL */
    char
        *member; /* the member id of the last rebalance (source_member.c); NULL: none yet, or its partitions are lost */
    uint64_t assignments;
    int64_t ends_asked_ms;    /* from when on the ends of logs are asked for again; Kafka was silent */
    int64_t starts_silent_ms; /* since when Kafka does not tell where logs begin; 0: it does */
    uint64_t losses;
    int64_t polled_ms; /* when the consumer was last polled */
    int64_t woken_ms;  /* when source_wake_fetches last woke librdkafka */
    int64_t unsure_ms; /* until then we may have lost our partitions without knowing */
    bool was_assigned; /* the first rebalance is over */
    bool was_lost;     /* partitions were lost, instead of revoked, at some time */
    struct burden burden;
    rd_kafka_queue_t *fetched; /* the consumer's prefetched messages */
    bool stalled;              /* librdkafka may have stopped fetching partitions that are still assigned */
    int64_t reassigned_ms;     /* when such partitions were last reset */
    bool paused;               /* all partitions, until source_resume */
    bool broken;
    bool cut_off;
    int64_t error_ms; /* when Kafka last had another error; 0: never */
    struct lag *lag;
    struct lag_position *positions; /* by index in the assignment */
    int position_capacity;
    int64_t looked_ms; /* when source_look_around last looked */
    struct ownership ownership;
    struct log_fault fault, progress_fault, verifying_fault;
};

#endif
