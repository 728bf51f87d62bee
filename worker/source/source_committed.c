/* What the group has committed: offsets, the marks of the logs in their metadata, and what was deleted behind them. */
#include "worker/source/source_committed.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/source/source_group.h"
#include "worker/source/source_log.h"
#include "worker/source/source_marks.h"
#include "worker/source/source_offsets.h"

#define ASK_WAIT_MS 300

void source_mark_offset(rd_kafka_topic_partition_t *place, const struct log_mark *mark)
{
    char text[LOG_MARK_BYTES];
    size_t length = log_mark_write(mark, text);
    place->metadata = malloc(length);
    if (!place->metadata)
        abort();
    memcpy(place->metadata, text, length);
    place->metadata_size = length;
}

bool source_read_mark(const rd_kafka_topic_partition_t *place, struct log_mark *mark)
{
    return log_mark_read(place->metadata, place->metadata_size, mark);
}

/* The log begins at `start`; the committed offset is `offset`, or negative if there is none. If the log begins after
 * it, records without a reply were deleted. They may have been transaction markers only, which cannot be found out. */
static void compare_start(struct source *source, int32_t partition, int64_t offset, int64_t start)
{
    struct log_state *log = source_log(source, partition);
    int64_t from = offset >= 0 ? offset : 0;
    log->start = start;
    if (start <= from || (log->trimmed_from == from && log->trimmed_to == start))
        return;
    log_warning("records behind the committed offset were deleted", LOG_TEXT("topic", source->topic),
                LOG_INTEGER("partition", partition), LOG_INTEGER("from", from), LOG_INTEGER("to", start));
    log->trimmed_from = from;
    log->trimmed_to = start;
    source->losses++;
}

/* Compares the committed offsets of these partitions with the beginnings of their logs. False without an answer,
 * for LOG_SILENT_MS; then the comparison is left out. */
static bool find_trimmed(struct source *source, rd_kafka_topic_partition_list_t *committed)
{
    rd_kafka_topic_partition_list_t *starts = rd_kafka_topic_partition_list_new(committed->cnt);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < committed->cnt; i++)
        if (!committed->elems[i].err)
            rd_kafka_topic_partition_list_add(starts, source->topic, committed->elems[i].partition)->offset =
                RD_KAFKA_OFFSET_BEGINNING;
    if (starts->cnt > 0)
        code = rd_kafka_offsets_for_times(source->observer, starts, kafka_patience_ms(&source->patience, ASK_WAIT_MS));
    for (int i = 0; i < starts->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        code = starts->elems[i].err;
    for (int i = 0; i < starts->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        const rd_kafka_topic_partition_t *start = &starts->elems[i];
        compare_start(source, start->partition,
                      rd_kafka_topic_partition_list_find(committed, source->topic, start->partition)->offset,
                      start->offset);
    }
    rd_kafka_topic_partition_list_destroy(starts);
    /* A partition without a leader has no answer, and must not hold up the others. */
    int64_t now = clock_now_ms();
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        source->starts_silent_ms = 0;
    else if (source->starts_silent_ms == 0)
        source->starts_silent_ms = now;
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || now - source->starts_silent_ms >= LOG_SILENT_MS;
}

rd_kafka_resp_err_t source_ask_committed(struct source *source, rd_kafka_t *observer,
                                         rd_kafka_topic_partition_list_t *partitions, int wait_ms)
{
    const int64_t asked_ms = clock_now_ms();
    wait_ms = kafka_patience_insist_ms(&source->patience, wait_ms);
    rd_kafka_resp_err_t code = rd_kafka_committed(observer, partitions, wait_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        kafka_patience_answered(&source->patience, asked_ms, clock_now_ms());
    else if (code == RD_KAFKA_RESP_ERR__TIMED_OUT)
        kafka_patience_unanswered(&source->patience, wait_ms);
    return code;
}

static int64_t earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* Commands in front of it have a reply, in the log of the mark. An offset that a tool has committed has no nonce, or
 * the tool has kept the mark and set the offset back, so that commands are answered again. What stands behind the mark
 * may have been cut off since. -1: not known. */
static int64_t answered_before(const struct log_mark *mark, int64_t committed)
{
    return mark->nonce <= 0 ? -1 : earlier(committed, earlier(mark->answered, mark->offset + 1));
}

void source_ask_group_of(struct source *source, const rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_topic_partition_list_t *unasked = rd_kafka_topic_partition_list_new(partitions->cnt);
    for (int i = 0; i < partitions->cnt; i++)
        if (source_log(source, partitions->elems[i].partition)->group == GROUP_UNASKED)
            rd_kafka_topic_partition_list_add(unasked, source->topic, partitions->elems[i].partition);
    rd_kafka_t *observer = unasked->cnt > 0 ? source_observer(source) : NULL;
    rd_kafka_resp_err_t code =
        observer ? source_ask_committed(source, observer, unasked, ASK_WAIT_MS) : RD_KAFKA_RESP_ERR__FAIL;
    bool answered = observer && code == RD_KAFKA_RESP_ERR_NO_ERROR && find_trimmed(source, unasked);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && !answered)
        code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    for (int i = 0; answered && i < unasked->cnt; i++) {
        const rd_kafka_topic_partition_t *place = &unasked->elems[i];
        struct log_state *log = source_log(source, place->partition);
        if (place->err) {
            code = place->err;
            continue;
        }
        log->group = GROUP_ASKED;
        log->group_offset = place->offset >= 0 ? place->offset : -1;
        if (!source_read_mark(place, &log->mark))
            log->mark.answered = log->group_offset;
        log->floor = answered_before(&log->mark, log->group_offset);
        source_adopt_passed(log);
    }
    if (observer && code == RD_KAFKA_RESP_ERR_NO_ERROR)
        log_fault_end(&source->progress_fault);
    else if (observer)
        log_fault_begin(&source->progress_fault, LOG_LIST(LOG_TEXT("error", rd_kafka_err2str(code))));
    rd_kafka_topic_partition_list_destroy(unasked);
}

bool source_knows_group(struct source *source, int32_t partition)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, source->topic, partition);
    source_ask_group_of(source, list);
    rd_kafka_topic_partition_list_destroy(list);
    return source_log(source, partition)->group == GROUP_ASKED;
}

void source_ask_group(struct source *source)
{
    rd_kafka_topic_partition_list_t *partitions = source_assignment(source);
    if (!partitions)
        return;
    source_ask_group_of(source, partitions);
    rd_kafka_topic_partition_list_destroy(partitions);
}
