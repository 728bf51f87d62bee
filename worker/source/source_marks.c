/* The marks of logs (log_mark.h), and what the log's answers mean for them.
 *
 * Usually a mark is of a command. A log may have none that we have read in its place, and yet be read from an offset
 * above 0 on: its batches cannot be decompressed, or have wrong offsets, and were passed; it has markers of
 * transactions and aborted commands only; its records were deleted before we came; or a tool has set the offset. Then
 * the mark is of what the log returns for an offset before that: a batch that cannot be decompressed, the next command,
 * or nothing. The first command that is read in its place takes over. */
#include "worker/source/source_marks.h"

#include <stdlib.h>

#include "common/clock.h"
#include "worker/source/source_lags.h"
#include "worker/source/source_log.h"
#include "worker/source/source_message.h"
#include "worker/source/source_places.h"

#define ASK_WAIT_MS  300
#define READ_WAIT_MS 1500
#define BEFORE       64 /* so many offsets in front of ours are read; a new log most likely has a command there */

void source_renew_mark(struct log_state *log, const struct log_mark *mark)
{
    int64_t answered = log->mark.answered, nonce = log->mark.nonce;
    log->mark = *mark;
    log->mark.answered = answered;
    log->mark.nonce = nonce;
}

void source_adopt_passed(struct log_state *log)
{
    if (log->group != GROUP_ASKED || log->mark.offset >= 0 || log->passed_mark.offset < 0)
        return;
    source_renew_mark(log, &log->passed_mark);
    log->silent_ms = LOG_HAS_ANSWERED;
}

void source_note_passed(struct source *source, int32_t partition, const struct log_mark *mark)
{
    struct log_state *log = source_log(source, partition);
    log->passed_mark = *mark;
    source_adopt_passed(log);
}

static int64_t receive_limit(const struct source *source)
{
    return atoll(config_kafka(source->config, source->config->kafka_consumer, "receive.message.max.bytes"));
}

struct log_mark source_mark_of_answer(const struct source *source, const rd_kafka_message_t *message, int64_t place)
{
    return source_message_place_mark(message, place, receive_limit(source));
}

/* ---- comparing ---- */

static bool is_outside(const rd_kafka_message_t *message)
{
    return message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF || message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET;
}

static bool is_unreadable(const rd_kafka_message_t *message)
{
    return message->err == RD_KAFKA_RESP_ERR__BAD_COMPRESSION;
}

/* Whether there was nothing between the mark's offset and the end that the log had then. */
static enum log_finding compare_nothing(struct source *source, const rd_kafka_message_t *message,
                                        const struct log_mark *mark)
{
    bool is_behind = message->offset >= mark->end;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && is_behind)
        return LOG_SAME;
    if (is_outside(message)) {
        enum log_finding finding = source_compare_watermarks(source, message->partition, mark->offset, ASK_WAIT_MS);
        return finding == LOG_UNKNOWN
                   ? source_compare_watermarks(source, message->partition, mark->end - 1, ASK_WAIT_MS)
                   : finding;
    }
    if (message->err && !is_unreadable(message))
        return LOG_UNKNOWN;
    return is_behind ? LOG_SAME : LOG_OTHER;
}

enum log_finding source_compare_answer(struct source *source, const rd_kafka_message_t *message,
                                       const struct log_mark *mark)
{
    if (mark->kind == LOG_MARK_NOTHING)
        return compare_nothing(source, message, mark);
    if (is_outside(message))
        return source_compare_watermarks(source, message->partition, mark->offset, ASK_WAIT_MS);
    if (message->err && !is_unreadable(message))
        return LOG_UNKNOWN;
    struct log_mark found = source_mark_of_answer(source, message, mark->offset);
    return log_mark_is_same(mark, &found) ? LOG_SAME : LOG_OTHER;
}

/* Whether the batch that the mark is in can be read by this worker, and could not by the one that has made the mark, or
 * the other way round, since receive.message.max.bytes was changed. The two cannot be compared. */
static bool is_of_other_limit(const struct source *source, const rd_kafka_message_t *message,
                              const struct log_mark *mark)
{
    switch (mark->kind) {
    case LOG_MARK_UNREADABLE:
        return !message->err && message->offset == mark->offset && receive_limit(source) > mark->limit;
    case LOG_MARK_COMMAND:
        return is_unreadable(message) && message->offset <= mark->offset;
    case LOG_MARK_NEXT:
        return is_unreadable(message);
    case LOG_MARK_NOTHING:
        break;
    }
    return false;
}

/* The log has no mark: this answer for the offset of `next_mark` becomes it. */
static void take_mark(struct source *source, struct log_state *log, const rd_kafka_message_t *message)
{
    struct log_mark mark = log->next_mark;
    const bool is_before = message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET && log->start >= mark.end;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && message->offset >= mark.end)
        mark.end = message->offset;
    else if (!message->err || is_unreadable(message))
        mark = source_mark_of_answer(source, message, mark.offset);
    else if (!is_before) /* all before our offset was deleted; the beginning of a new log is not */
        return;
    source_renew_mark(log, &mark);
}

enum log_finding source_compare_mark(struct source *source, const rd_kafka_message_t *message)
{
    struct log_state *log = source_log(source, message->partition);
    if (log->mark.offset < 0) {
        take_mark(source, log, message);
        return LOG_SAME;
    }
    enum log_finding finding = source_compare_answer(source, message, &log->mark);
    /* Once this worker has seen the mark in the log, it reads it again in the same way. */
    bool is_first = log->silent_ms != LOG_HAS_ANSWERED;
    if (finding == LOG_OTHER && is_first && is_of_other_limit(source, message, &log->mark))
        finding = LOG_SAME;
    if (finding == LOG_SAME && (!message->err || is_unreadable(message))) {
        struct log_mark found = source_mark_of_answer(source, message, log->mark.offset);
        source_renew_mark(log, &found);
    }
    return finding;
}

/* ---- logs without a mark ---- */

bool source_begin_mark(struct source *source, int32_t partition)
{
    struct log_state *log = source_log(source, partition);
    if (log->group == GROUP_UNASKED)
        return false;
    int64_t open = source_open_offset(source, partition), from = open > BEFORE ? open - BEFORE : 0;
    log->begun = log->end;
    if (open <= 0)
        return false;
    log->next_mark = LOG_MARK_NONE;
    log->next_mark.kind = LOG_MARK_NOTHING;
    log->next_mark.offset = from < log->start && log->start < open ? log->start : from;
    log->next_mark.end = open;
    return true;
}

enum log_finding source_end_mark(struct source *source, int32_t partition, enum log_finding finding)
{
    return source_log(source, partition)->mark.offset < 0 ? LOG_SAME : finding;
}

/* ---- reading their commands again ---- */

bool source_find_next_mark(struct source *source, int32_t partition)
{
    struct log_state *log = source_log(source, partition);
    for (uint32_t i = source->batch->count; i > 0; i--) {
        const struct item *item = &source->batch->items[i - 1];
        if (item->from.partition != partition || !item_is_ours(item) || message_is_placeholder(source->messages[i - 1]))
            continue;
        log->next_mark = source_message_mark(source->messages[i - 1]);
        return !log_mark_is_same(&log->next_mark, &log->mark);
    }
    return false;
}

static void take_finding(struct source *source, const rd_kafka_message_t *message, void *opaque)
{
    rd_kafka_topic_partition_list_find(opaque, source->topic, message->partition)->offset =
        source_compare_mark(source, message);
}

static void take_next_finding(struct source *source, const rd_kafka_message_t *message, void *opaque)
{
    rd_kafka_topic_partition_list_find(opaque, source->topic, message->partition)->offset =
        source_compare_answer(source, message, &source_log(source, message->partition)->next_mark);
}

void source_read_marks(struct source *source, rd_kafka_topic_partition_list_t *partitions, bool next)
{
    rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_new(partitions->cnt);
    for (int i = 0; i < partitions->cnt; i++) {
        int32_t partition = partitions->elems[i].partition;
        const struct log_state *log = source_log(source, partition);
        rd_kafka_topic_partition_list_add(places, source->topic, partition)->offset =
            next || log->mark.offset < 0 ? log->next_mark.offset : log->mark.offset;
        partitions->elems[i].offset = LOG_UNKNOWN;
    }
    source_read_places(source, places, READ_WAIT_MS, next ? take_next_finding : take_finding, partitions);
    rd_kafka_topic_partition_list_destroy(places);
    /* Behind an open transaction there is no answer. Where Kafka is silent, the next comparison asks for the rest. */
    const int64_t until_ms = clock_now_ms() + READ_WAIT_MS;
    for (int i = 0; i < partitions->cnt && next && clock_now_ms() < until_ms; i++) {
        rd_kafka_topic_partition_t *place = &partitions->elems[i];
        if (place->offset == LOG_UNKNOWN)
            place->offset = source_compare_watermarks(
                source, place->partition, source_log(source, place->partition)->next_mark.offset, ASK_WAIT_MS);
    }
}

enum log_finding source_find(struct source *source, int32_t partition, const struct log_mark *mark)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, source->topic, partition);
    source_log(source, partition)->next_mark = *mark;
    source_read_marks(source, list, true);
    enum log_finding finding = (enum log_finding)list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return finding;
}
