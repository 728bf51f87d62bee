/* source_internal: what the files of the source share. No other file includes it. */
#ifndef WORKER_SOURCE_SOURCE_INTERNAL_H
#define WORKER_SOURCE_SOURCE_INTERNAL_H

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

/* ---- source.c: the fill ---- */

/* The partition, in a list that the caller destroys. */
MUST_CHECK rd_kafka_topic_partition_list_t *source_one_partition(const struct source *source, int32_t partition);

/* Handles an error that came in place of a message. Most are temporary; a fatal one ends the consumer. */
void source_error(struct source *source, const rd_kafka_message_t *message);

/* Takes the message: puts it into the batch, or drops it. It is held instead if `hold` says so, or if its partition
 * waits. */
void source_receive(struct source *source, rd_kafka_message_t *message, bool hold);

/* Pauses all partitions, if they are not, and serves the group and its rebalances. Asks Kafka nothing. */
void source_serve_paused(struct source *source, int wait_ms);

void source_log_error(const char *event, rd_kafka_resp_err_t code);

/* ---- source_open.c: the consumer is opened and closed ---- */

/* Subscribes to the command topic. Returns librdkafka's code. */
MUST_CHECK rd_kafka_resp_err_t source_subscribe(struct source *source);

/* False if librdkafka cannot safely destroy our consumers: they are closed and leaked. Before 2.3.0 it aborts when a
 * consumer is destroyed between joining and its first assignment (its issue #4312). Before 2.1.0 it waits without end
 * to destroy a consumer that lost partitions with their topic (#4187). */
bool source_may_destroy(const struct source *source);

/* ---- source_burden.c: the memory of prefetched messages ---- */

#define HEAVY_BYTES   ((size_t)64 << 10) /* average bytes of key and headers from which on nothing is prefetched */
#define HEAVY_WAIT_MS 20                 /* for the next message then, so that batches fill all the same */

/* Call before a fill: notes how many messages were fetched since the last batch was filled. As many may come during the
 * next one. */
void source_note_coming(struct source *source);

/* Call after a fill: drops what was prefetched if it takes too much memory. */
void source_lighten(struct source *source);

/* True while very long messages are held: the partitions stay paused until batches have taken these. */
MUST_CHECK bool source_is_draining(const struct source *source);

/* ---- source_postpone.c: commands that are not answered with their batch ---- */

/* Postpones the item and the later items of its partition, which waits. Returns how many. */
uint32_t source_put_off_from(struct source *source, uint32_t index, bool was_waiting);

/* ---- source_held.c: what is kept of postponed commands ---- */

/* Adds the batch's message to `postponed`, or destroys it. A partition without definitions keeps copies only. */
void source_keep(struct source *source, struct held_messages *postponed, uint32_t index);

/* Drops librdkafka's messages, and those behind them, of partitions without definitions. They arrived before. */
void source_drop_fetched(struct source *source);

/* True if the message, which has just arrived, must be dropped: its partition has no definitions, or was cut. */
MUST_CHECK bool source_drop_waiting(struct source *source, const rd_kafka_message_t *message);

/* Lets the partition go on if its last held command has been answered, or its empty wait is over. */
void source_end_wait(struct source *source, int32_t partition);

/* Call before a fill: partitions of which nothing could be kept are read again where that is due. */
void source_end_empty_waits(struct source *source);

/* ---- source_group.c: the group and our assignment ---- */

/* Librdkafka's callback, with the source as its opaque. */
void source_on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions,
                         void *opaque);

/* Call after each poll. Notices a stall between two polls (source_is_sure). */
void source_note_poll(struct source *source);

/* What is in hand and held of these partitions is no longer ours. */
void source_drop(struct source *source, const rd_kafka_topic_partition_list_t *partitions);

/* New, or NULL after the reason was logged. */
MUST_CHECK rd_kafka_topic_partition_list_t *source_assignment(struct source *source);

/* Resets partitions that are assigned to us to their committed offsets, as if they had just been assigned. */
void source_reassign(struct source *source, rd_kafka_topic_partition_list_t *partitions);

/* Resets the partitions that have brought no command yet. If librdkafka cannot read a committed offset, it keeps the
 * partition but never fetches it; its error does not say which partition that is. */
void source_reassign_failed(struct source *source);

/* A batch was filled from a queue that may have been full: librdkafka fetches again. */
void source_wake_fetches(struct source *source);

void source_pause_partitions(struct source *source, rd_kafka_topic_partition_list_t *partitions);
void source_resume_partitions(struct source *source, rd_kafka_topic_partition_list_t *partitions);
/* Resumes the partitions, which are assigned to us, and reads them from their offsets on. What is known of them stays.
 */
void source_read_from(struct source *source, rd_kafka_topic_partition_list_t *partitions);

/* As source_reassign, to this offset. */
void source_reassign_at(struct source *source, int32_t partition, int64_t offset);

/* Resets partitions that are assigned to us to the beginning of their logs. */
void source_restart(struct source *source, rd_kafka_topic_partition_list_t *partitions);

/* ---- source_log.c: detects a replaced log ---- */

/* The result of looking for a command in the log. */
enum log_finding {
    LOG_SAME,        /* the command is in its place, or the topic's retention has deleted it */
    LOG_OTHER,       /* another command is in its place, or none */
    LOG_MISNUMBERED, /* LOG_SAME, but a command of the batch is not in its place */
    LOG_UNKNOWN      /* no answer */
};

struct log_state *source_log(struct source *source, int32_t partition);

/* The partition was assigned or revoked. */
void source_forget_log(struct source *source, int32_t partition);

/* Compares the logs that the batch's commands come from with their marks, unless that was done a moment ago. Items of a
 * replaced log are dropped, and its partition is read from the beginning. */
void source_compare_logs(struct source *source);

/* False while commands of the partition must wait: its committed offset and mark are not known, or the log has not been
 * compared with the mark since the assignment. If the log gives no answer, commands wait some seconds only. */
MUST_CHECK bool source_knows_log(struct source *source, int32_t partition);

/* True if the command at the offset has a reply: the log is the one in which a worker has committed a later offset.
 * Such commands come where librdkafka begins to read in front of the committed offset. False also for some that have
 * one: the mark may be up to a second's commands behind the committed offset. */
MUST_CHECK bool source_is_answered(struct source *source, int32_t partition, int64_t offset);

/* For a command that was taken before. True if the log is the same, so the command is a repetition, or if that was
 * found a moment ago: then source_compare_logs compares once more. False if the partition was reset and is read from
 * another offset. */
bool source_is_repetition(struct source *source, int32_t partition);

void source_close_logs(struct source *source);

/* ---- source_places.c: single commands are read again, outside the group ---- */

/* Receives the first answer for a place: a command or an error. */
typedef void source_answer(struct source *source, const rd_kafka_message_t *message, void *opaque);

/* Reads the command at each of these places, or the next one after it, outside the group. Calls `answer` for each place
 * that has an answer within `wait_ms`, or a longer time where Kafka is slow. */
void source_read_places(struct source *source, rd_kafka_topic_partition_list_t *places, int wait_ms,
                        source_answer *answer, void *opaque);

/* While partitions are paused: reads the commands at these positions into the log states' `seen` and `end`. */
void source_peek(struct source *source, const struct lag_position *positions, size_t count, int wait_ms);

/* For a command that cannot be read since its offset is outside the log, or seems to be its end. A newly elected leader
 * may return an end that is too low to a fetch. To a request for the end it returns an error until it knows the right
 * one (KIP-207). Waits up to `wait_ms`, or longer where Kafka is slow (kafka_patience.h). */
enum log_finding source_compare_watermarks(struct source *source, int32_t partition, int64_t offset, int wait_ms);

/* Reads where the log begins and ends, by `client`. Waits as source_compare_watermarks. False without an answer. */
MUST_CHECK bool source_ask_ends(struct source *source, rd_kafka_t *client, int32_t partition, int wait_ms, int64_t *low,
                                int64_t *high);

void source_close_reader(struct source *source);

/* ---- source_committed.c: what the group has committed ---- */

/* Asks for the committed offset of the partition if it is not known. False if there was no answer. */
MUST_CHECK bool source_knows_group(struct source *source, int32_t partition);

/* Reads the committed offsets and marks of those of these partitions whose group is GROUP_UNASKED. */
void source_ask_group_of(struct source *source, const rd_kafka_topic_partition_list_t *partitions);

/* rd_kafka_committed. Nothing goes on without the answer, so each try without one lengthens the next wait. */
rd_kafka_resp_err_t source_ask_committed(struct source *source, rd_kafka_t *observer,
                                         rd_kafka_topic_partition_list_t *partitions, int wait_ms);

/* While partitions are paused: asks for the committed offsets of those that were assigned since. */
void source_ask_group(struct source *source);

/* Write and read the mark in the metadata of an offset. */
void source_mark_offset(rd_kafka_topic_partition_t *place, const struct log_mark *mark);
MUST_CHECK bool source_read_mark(const rd_kafka_topic_partition_t *place, struct log_mark *mark);

/* ---- source_marks.c: marks, and what the log's answers mean for them ---- */

/* The mark becomes the log's. How far the commands are answered stays as it is. */
void source_renew_mark(struct log_state *log, const struct log_mark *mark);

/* A batch of the log, by which the log can be recognized, gets placeholders. Its mark becomes the log's if there is no
 * other one. It need not be compared first: it tells the log that the placeholders stand for, and if that is replaced
 * before they are answered, the next comparison finds that. */
void source_note_passed(struct source *source, int32_t partition, const struct log_mark *mark);

/* Call when the group was asked: the mark of source_note_passed may have come before. */
void source_adopt_passed(struct log_state *log);

/* What tells the log by its answer for `place`: a command, or RD_KAFKA_RESP_ERR__BAD_COMPRESSION. */
struct log_mark source_mark_of_answer(const struct source *source, const rd_kafka_message_t *message, int64_t place);

/* What the log's answer for the mark's offset says of the log. */
enum log_finding source_compare_answer(struct source *source, const rd_kafka_message_t *message,
                                       const struct log_mark *mark);

/* The same for the partition's own mark. If it has none, the answer is one to source_begin_mark, and becomes the mark.
 */
enum log_finding source_compare_mark(struct source *source, const rd_kafka_message_t *message);

/* For a log without a mark: `next_mark` tells where it is to be read to get one. False if nothing is before what we
 * read, so that no command can be lost there. */
MUST_CHECK bool source_begin_mark(struct source *source, int32_t partition);

/* What was found, after the reading. A log that still has no mark counts as the same. */
enum log_finding source_end_mark(struct source *source, int32_t partition, enum log_finding finding);

/* `next_mark` becomes the partition's last readable command in the batch. False if there is none, or it is the mark. */
MUST_CHECK bool source_find_next_mark(struct source *source, int32_t partition);

/* Reads the commands that the marks, or the next marks, of these partitions refer to. Replaces each partition's offset
 * by its finding. */
void source_read_marks(struct source *source, rd_kafka_topic_partition_list_t *partitions, bool next);

/* Whether the log has this command, and no other one, at its offset. */
enum log_finding source_find(struct source *source, int32_t partition, const struct log_mark *mark);

/* ---- source_misnumbered.c: commands whose offsets are not their places in the log ---- */

/* True if the message was dropped: its offset, or that of an earlier one, is not its place. */
MUST_CHECK bool source_drop_misnumbered(struct source *source, const rd_kafka_message_t *message);

/* The last command of the partition in the batch is not in its place. It leaves the batch, and all behind the last one
 * that is. */
void source_cut_batch(struct source *source, int32_t partition);

/* The command at `to` has a wrong offset, and those from `from` on were jumped over. What was taken from there on
 * leaves the batch and the held messages. `other` is where the log has something else than that command's batch. */
void source_leave_misnumbered(struct source *source, int32_t partition, int64_t from, int64_t to, int64_t other);

/* Call before a fill: passes such commands. Each offset of their batch of the log gets a placeholder. Of many
 * partitions only some have their turn. */
void source_pass_misnumbered(struct source *source);

/* ---- source_jump_list.c: offsets behind which commands may be missing ---- */

/* The message is taken, and none of the offsets from `from` on before it was. `from` is -1 for the first message since
 * the assignment. */
void source_note_jump(struct source *source, const rd_kafka_message_t *message, int64_t from);

/* The message came behind one with a higher offset. It may be one that was jumped over: its offset is looked at. */
void source_note_late(struct source *source, const rd_kafka_message_t *message);

/* Forgets the jumps of the partition to this offset and to later ones. */
void source_forget_jumps(struct source *source, int32_t partition, int64_t from);

/* True if the command is behind a jump that is not settled: it must not be answered yet. */
MUST_CHECK bool source_is_unsettled(struct source *source, int32_t partition, int64_t offset);

void source_close_jumps(struct source *source);

/* ---- source_jumps.c: verifies them ---- */

/* True while answers are likely to come soon. */
MUST_CHECK bool source_awaits_jumps(const struct source *source);

/* Takes the answers that are there, and asks what is to be asked next; waits for nothing. What is behind a wrong jump
 * leaves the batch. */
void source_follow_jumps(struct source *source);

/* Call before a fill, when all jumps are those of held commands: as source_follow_jumps, but waits for a moment while
 * answers come. Otherwise a partition with many jumps would have few commands in each batch. */
void source_follow_held_jumps(struct source *source);

/* ---- source_batches.c: reads batches of the log again ---- */

/* The reader of this kind, opened if need be. NULL after the reason was logged. */
MUST_CHECK struct batch_reader *source_batch_reader(struct source *source, enum batch_reader_kind kind);

/* Reads the batch of the log that has this offset, or the first one behind it. False without an answer in `wait_ms`:
 * the reading goes on until another one of the partition begins, and the next call for the same offset takes its
 * answer. An aborted transaction of many batches takes that long. What cannot be parsed counts as
 * RD_KAFKA_RESP_ERR__BAD_COMPRESSION. Not for a partition that has jumps. */
MUST_CHECK bool source_read_batch(struct source *source, int32_t partition, int64_t offset, int wait_ms,
                                  struct batch_reading *reading);

/* Whether the log has this command, and no other one, at its offset, where `reading` was read. */
enum log_finding source_judge(struct source *source, int32_t partition, const struct log_mark *mark,
                              const struct batch_reading *reading);

/* Ends what source_read_batch has left open. */
void source_end_reading(struct source *source, int32_t partition);

/* A reading of BATCH_READER_SINGLE at this offset has had no answer. True if that is because librdkafka cannot parse
 * what comes first there: the reading is ended, and counts as a batch that cannot be decompressed. As
 * source_cannot_parse. */
MUST_CHECK bool source_end_unparsed(struct source *source, int32_t partition, int64_t offset,
                                    struct batch_reading *reading);

void source_close_batches(struct source *source);

/* ---- source_unreadable.c: commands that cannot be read ---- */

/* The consumer has met a batch of the log that it cannot decompress, which begins at `base`. It meets the batch again
 * until it is moved past it. */
void source_meet_unreadable(struct source *source, int32_t partition, int64_t base);

/* The first offset from `base` on that needs a reply of ours, or -1 if that is not known yet. */
int64_t source_first_unanswered(struct source *source, int32_t partition, int64_t base);

/* True if the log has no command at the offset that could be read now. */
bool source_is_beyond_end(struct source *source, int32_t partition, int64_t offset);

/* Where in a batch that cannot be read an offset is. */
enum place_finding {
    PLACE_UNKNOWN,    /* no answer, or another error */
    PLACE_UNREADABLE, /* inside the batch */
    PLACE_BEHIND      /* after it */
};
typedef enum place_finding source_look(struct source *source, int32_t partition, int64_t base, int64_t offset);

/* Searches the end of the batch for a second at most. True once it is known. */
MUST_CHECK bool source_search_end(struct source *source, int32_t partition, struct unreadable *unreadable,
                                  source_look *look);
#define PLACEHOLDERS 10000 /* at once, at most */

/* Holds placeholders for some of the next offsets of the batch. Returns the offset behind them. */
int64_t source_hold_placeholders(struct source *source, int32_t partition, const struct unreadable *unreadable);

/* Moves the consumer, whose partition is assigned to us. */
void source_seek(struct source *source, int32_t partition, int64_t offset);

/* ---- source_unparsed.c: commands that librdkafka cannot parse, of which it tells nobody ---- */

/* Call before a fill: examines partitions that are silent though their logs have commands, and passes commands that
 * librdkafka cannot parse. Each of them gets a placeholder. */
void source_pass_unparsed(struct source *source);

/* Whether what the log has first at this offset or behind it is a command that librdkafka cannot parse, found by the
 * client that examines silent partitions. Takes up to a second, or longer where Kafka is slow. False also if there is
 * no answer, or the client is in use. */
MUST_CHECK bool source_cannot_parse(struct source *source, int32_t partition, int64_t offset);

void source_close_probe(struct source *source);

/* ---- source_member.c: whether the partitions are still ours ---- */

/* Metadata that Kafka refuses: of no member. New. */
MUST_CHECK rd_kafka_consumer_group_metadata_t *source_no_group(const struct config *config);

/* Call at the beginning of each rebalance in which nothing is lost. Reads the group's metadata. If the consumer has
 * become another member and kept its partitions, nothing in hand is ours any more, and the source must be opened again.
 */
void source_note_member(struct source *source);

/* The partitions are lost, and librdkafka has told so. Kafka refuses the metadata that we have. */
void source_forget_member(struct source *source);

/* Takes over the metadata of the last rebalance, if there was one. */
void source_refresh_group(struct source *source);

/* The same while the batch waits. Without a rebalance it reads the metadata again, if the consumer is still the member
 * of the last one. */
void source_follow_generation(struct source *source);

/* ---- source_ownership.c: finds partitions without an owner ---- */

/* For a static member that has joined again: counts the partitions without an owner, and rejoins the group if there are
 * any, until there are none. Call it before each fill; the batch must be empty. */
void source_watch_ownership(struct source *source);

/* Ends the watch and frees its observer. */
void source_end_watch(struct source *source);

/* ---- source_offsets.c: committed offsets and progress ---- */

/* The source's observer, opened if need be. NULL after the reason was logged. */
MUST_CHECK rd_kafka_t *source_observer(struct source *source);

/* A client that reads the group's offsets and never joins it: while the group waits for members to join, a member's own
 * connection to the coordinator answers nothing else. The caller destroys it. NULL with the reason in `error`. */
MUST_CHECK rd_kafka_t *source_observer_new(const struct source *source, char *error, size_t error_size);

/* ---- source_lags.c: how far the partitions are ---- */

/* The offset of the partition's first command without a reply. If there is none here, the offset that comes next, or -1
 * if that is not known. */
int64_t source_open_offset(const struct source *source, int32_t partition);

/* The end that the client's last fetch of the partition returned, or -1. */
int64_t source_fetched_end(const struct source *source, rd_kafka_t *client, int32_t partition);

/* Once a second: shows the lags and, after all brokers were unreachable, asks whether one answers again. */
void source_look_around(struct source *source);

#endif
