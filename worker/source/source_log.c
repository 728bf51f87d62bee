/* Detects that the log of a partition was replaced.
 *
 * A command topic that is deleted and created again has the same name and starts at offset 0. Librdkafka notices only a
 * position beyond the new end. If the new log has grown past our position, librdkafka reads on from there, and the
 * commands before that would have no reply. Committed offsets may survive the old log, too.
 *
 * So the source remembers one command of each log: its offset, its timestamp and a hash of its value (log_mark.h). This
 * mark is committed in the metadata of the offsets. A client outside the group reads that command again once a second,
 * and also before commands are answered whose partition was quiet for a moment. If another command is in its place, or
 * none, the log was replaced, and the partition is read from the beginning. Commands that were fetched before a
 * successful comparison belong to the same log, since a deleted log does not come back. The first commands of a log
 * wait until one of them was read again, so that no command is answered in a log without a mark. */
#include "worker/source/source_log.h"

#include <stdlib.h>

#include "common/clock.h"
#include "worker/source/source_batches.h"
#include "worker/source/source_committed.h"
#include "worker/source/source_group.h"
#include "worker/source/source_jumps.h"
#include "worker/source/source_marks.h"
#include "worker/source/source_message.h"
#include "worker/source/source_misnumbered.h"
#include "worker/source/source_places.h"
#include "worker/source/source_unparsed.h"

#define QUIET_MS      100   /* about the time that it takes to delete and create a topic */
#define BUSY_EVERY_MS 1000  /* between comparisons while commands come */
#define IDLE_EVERY_MS 10000 /* between comparisons while none come */
#define LATER_MS      5000  /* added after a comparison without an answer */

static const struct log_state unknown = {.mark = {.answered = -1, .offset = -1, .timestamp_ms = -1, .nonce = -1},
                                         .passed_mark = {.answered = -1, .offset = -1, .timestamp_ms = -1, .nonce = -1},
                                         .group_offset = -1,
                                         .floor = -1,
                                         .start = -1,
                                         .begun = -1,
                                         .end = -1,
                                         .seen_offset = -1,
                                         .unsettled = -1,
                                         .unreadable = {.base = -1},
                                         .silence = {.from = -1, .passed = -1},
                                         .unparsed = {.first = -1}};

struct log_state *source_log(struct source *source, int32_t partition)
{
    if (partition >= source->log_count) {
        int32_t count = partition + 16;
        struct log_state *grown = realloc(source->logs, (size_t)count * sizeof(*grown));
        if (!grown)
            abort();
        source->logs = grown;
        while (source->log_count < count)
            source->logs[source->log_count++] = unknown;
    }
    return &source->logs[partition];
}

void source_forget_log(struct source *source, int32_t partition)
{
    source_forget_jumps(source, partition, -1);
    source_end_reading(source, partition);
    struct log_state *log = source_log(source, partition);
    int64_t trimmed_from = log->trimmed_from, trimmed_to = log->trimmed_to;
    *log = unknown;
    log->trimmed_from = trimmed_from;
    log->trimmed_to = trimmed_to;
}

void source_close_logs(struct source *source)
{
    source_close_reader(source);
    source_close_jumps(source);
    source_close_batches(source);
    source_close_probe(source);
    free(source->logs);
    source->logs = NULL;
    source->log_count = 0;
}

/* The last commands of these partitions in the batch become their marks, if the log has them in their places. Otherwise
 * the partition's finding becomes LOG_MISNUMBERED. It becomes LOG_UNKNOWN if there is neither an answer nor a mark: if
 * such commands were answered, another log could take this one's place unnoticed. */
static void renew_marks(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_topic_partition_list_t *next = rd_kafka_topic_partition_list_new(partitions->cnt);
    for (int i = 0; i < partitions->cnt; i++)
        if (partitions->elems[i].offset == LOG_SAME && source_find_next_mark(source, partitions->elems[i].partition))
            rd_kafka_topic_partition_list_add(next, source->topic, partitions->elems[i].partition);
    if (next->cnt > 0)
        source_read_marks(source, next, true);
    for (int i = 0; i < next->cnt; i++) {
        const rd_kafka_topic_partition_t *found = &next->elems[i];
        struct log_state *log = source_log(source, found->partition);
        rd_kafka_topic_partition_t *place =
            rd_kafka_topic_partition_list_find(partitions, source->topic, found->partition);
        if (found->offset == LOG_SAME)
            source_renew_mark(log, &log->next_mark);
        else if (found->offset == LOG_OTHER)
            place->offset = LOG_MISNUMBERED;
        else if (log->mark.offset < 0)
            place->offset = LOG_UNKNOWN;
    }
    rd_kafka_topic_partition_list_destroy(next);
}

static void cut_batches(struct source *source, const rd_kafka_topic_partition_list_t *partitions)
{
    for (int i = 0; i < partitions->cnt; i++)
        if (partitions->elems[i].offset == LOG_MISNUMBERED)
            source_cut_batch(source, partitions->elems[i].partition);
}

static void begin_other_log(struct source *source, const rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_topic_partition_list_t *others = rd_kafka_topic_partition_list_new(partitions->cnt);
    for (int i = 0; i < partitions->cnt; i++) {
        const rd_kafka_topic_partition_t *place = &partitions->elems[i];
        if (place->offset != LOG_OTHER)
            continue;
        log_warning("log replaced; its commands are answered from its beginning", LOG_TEXT("topic", source->topic),
                    LOG_INTEGER("partition", place->partition),
                    LOG_INTEGER("offset", partitions_next(source->partitions, place->partition)));
        metrics_add(source->metrics, METRIC_LOGS_REPLACED, 0, 1);
        source->losses++;
        struct log_state *log = source_log(source, place->partition);
        log->trimmed_from = log->trimmed_to = 0;
        rd_kafka_topic_partition_list_add(others, source->topic, place->partition);
    }
    if (others->cnt > 0)
        source_restart(source, others);
    rd_kafka_topic_partition_list_destroy(others);
}

bool source_knows_log(struct source *source, int32_t partition)
{
    const struct log_state *log = source_log(source, partition);
    bool is_silent = log->silent_ms > 0 && clock_now_ms() - log->silent_ms < LOG_SILENT_MS;
    return log->group == GROUP_ASKED && !is_silent;
}

bool source_is_answered(struct source *source, int32_t partition, int64_t offset)
{
    const struct log_state *log = source_log(source, partition);
    return log->silent_ms == LOG_HAS_ANSWERED && !log->is_restarted && offset < log->floor;
}

/* Compares the logs of these partitions with their marks. Replaces each partition's offset by its finding. */
static void compare(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_topic_partition_list_t *marked = rd_kafka_topic_partition_list_new(partitions->cnt);
    source_ask_group_of(source, partitions);
    for (int i = 0; i < partitions->cnt; i++) {
        rd_kafka_topic_partition_t *place = &partitions->elems[i];
        const struct log_state *log = source_log(source, place->partition);
        place->offset = log->group == GROUP_UNASKED ? LOG_UNKNOWN : LOG_SAME;
        if (log->mark.offset >= 0 || source_begin_mark(source, place->partition))
            rd_kafka_topic_partition_list_add(marked, source->topic, place->partition);
    }
    if (marked->cnt > 0)
        source_read_marks(source, marked, false);
    for (int i = 0; i < marked->cnt; i++)
        rd_kafka_topic_partition_list_find(partitions, source->topic, marked->elems[i].partition)->offset =
            source_end_mark(source, marked->elems[i].partition, (enum log_finding)marked->elems[i].offset);
    renew_marks(source, partitions);
    int64_t now = clock_now_ms();
    for (int i = 0; i < partitions->cnt; i++) {
        const rd_kafka_topic_partition_t *place = &partitions->elems[i];
        struct log_state *log = source_log(source, place->partition);
        if (place->offset != LOG_UNKNOWN && log->mark.offset >= 0)
            log->silent_ms = LOG_HAS_ANSWERED;
        else if (place->offset == LOG_UNKNOWN && log->silent_ms == 0 && log->group == GROUP_ASKED)
            log->silent_ms = now;
        bool is_put_off = place->offset == LOG_UNKNOWN && source_knows_log(source, place->partition);
        log->compared_ms = is_put_off ? now + LATER_MS : now;
        log->is_repeated = log->is_repeated && place->offset == LOG_UNKNOWN;
    }
    rd_kafka_topic_partition_list_destroy(marked);
}

/* After a comparison without an answer `compared_ms` is in the future, which delays the next one. Commands wait until
 * the group has answered, so it is asked each time. */
static bool is_due(const struct log_state *log, int64_t now_ms)
{
    int64_t since_ms = now_ms - log->compared_ms;
    return log->compared_ms == 0 || log->group == GROUP_UNASKED || since_ms >= BUSY_EVERY_MS ||
           (since_ms >= 0 && now_ms - log->taken_ms >= QUIET_MS);
}

/* Adds the partitions whose commands have come again since they were compared. There may be none of them in the batch.
 */
static void add_repeated(struct source *source, rd_kafka_topic_partition_list_t *due, int64_t now_ms)
{
    for (int32_t i = 0; i < source->log_count; i++) {
        const struct log_state *log = source_log(source, i);
        if (log->is_repeated && now_ms - log->compared_ms >= BUSY_EVERY_MS &&
            !rd_kafka_topic_partition_list_find(due, source->topic, i))
            rd_kafka_topic_partition_list_add(due, source->topic, i);
    }
}

static rd_kafka_topic_partition_list_t *find_due(struct source *source, int64_t now_ms)
{
    rd_kafka_topic_partition_list_t *due = rd_kafka_topic_partition_list_new(16);
    const struct batch *batch = source->batch;
    int32_t last = -1;
    for (uint32_t i = 0; i < batch->count; i++) {
        int32_t partition = batch->items[i].from.partition;
        struct log_state *log = source_log(source, partition);
        if (!item_is_ours(&batch->items[i]) || partition == last || log->taken_ms == now_ms)
            continue;
        last = partition;
        if (is_due(log, now_ms))
            rd_kafka_topic_partition_list_add(due, source->topic, partition);
        log->taken_ms = now_ms;
    }
    add_repeated(source, due, now_ms);
    return due;
}

/* The assigned partitions that were not compared for IDLE_EVERY_MS, or lack a mark. With `looks_for_losses`: those that
 * were not compared for BUSY_EVERY_MS, or whose group has not answered. NULL after the reason was logged. */
static rd_kafka_topic_partition_list_t *find_idle(struct source *source, int64_t now_ms, bool looks_for_losses)
{
    rd_kafka_topic_partition_list_t *due = source_assignment(source);
    for (int i = due ? due->cnt - 1 : -1; i >= 0; i--) {
        const struct log_state *log = source_log(source, due->elems[i].partition);
        int64_t since_ms = now_ms - log->compared_ms;
        /* It has an offset to commit, which is not done without a mark. */
        bool needs_mark = log->group == GROUP_ASKED && log->mark.offset < 0 && log->end > 0 && log->begun != log->end;
        bool wanted = looks_for_losses || log->is_repeated ? log->group == GROUP_UNASKED || since_ms >= BUSY_EVERY_MS
                                                           : log->compared_ms == 0 || since_ms >= IDLE_EVERY_MS;
        if (!wanted && !needs_mark)
            rd_kafka_topic_partition_list_del_by_idx(due, i);
    }
    while (due && due->cnt > MOST_AT_ONCE)
        rd_kafka_topic_partition_list_del_by_idx(due, due->cnt - 1);
    return due;
}

/* Destroys the list, which may be NULL. */
static void compare_due(struct source *source, rd_kafka_topic_partition_list_t *due)
{
    if (!due)
        return;
    if (due->cnt > 0) {
        compare(source, due);
        cut_batches(source, due);
        begin_other_log(source, due);
    }
    rd_kafka_topic_partition_list_destroy(due);
}

void source_compare_logs(struct source *source)
{
    int64_t now = clock_now_ms();
    if (!source->cut_off)
        compare_due(source, source->batch->count > 0 ? find_due(source, now) : find_idle(source, now, false));
}

void source_find_losses(struct source *source)
{
    if (!source->cut_off)
        compare_due(source, find_idle(source, clock_now_ms(), true));
}

bool source_is_repetition(struct source *source, int32_t partition)
{
    struct log_state *log = source_log(source, partition);
    if (log->is_repeating) {
        log->is_repeated = true;
        return true;
    }
    /* A batch may have many commands twice, so that each second one is a repetition. */
    if (log->mark.offset >= 0 && clock_now_ms() - log->compared_ms < BUSY_EVERY_MS) {
        log->is_repeated = true;
        return true;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, source->topic, partition)->offset = LOG_UNKNOWN;
    if (log->mark.offset >= 0) {
        compare(source, list);
    } else if (source_find_next_mark(source, partition)) {
        list->elems[0].offset = LOG_SAME;
        renew_marks(source, list);
    }
    enum log_finding finding = (enum log_finding)list->elems[0].offset;
    if (finding == LOG_OTHER)
        begin_other_log(source, list);
    else if (finding == LOG_MISNUMBERED)
        cut_batches(source, list);
    else if (finding == LOG_UNKNOWN)
        source_reassign(source, list);
    else
        log->is_repeating = true;
    rd_kafka_topic_partition_list_destroy(list);
    return finding == LOG_SAME;
}
