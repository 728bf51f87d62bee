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
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/kafka/kafka_assign.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/source/source_internal.h"
#include "worker/source/source_message.h"

#define QUIET_MS      100   /* about the time that it takes to delete and create a topic */
#define BUSY_EVERY_MS 1000  /* between comparisons while commands come */
#define IDLE_EVERY_MS 10000 /* between comparisons while none come */
#define LATER_MS      5000  /* added after a comparison without an answer */
#define READ_WAIT_MS  1500
#define ASK_WAIT_MS   300
#define SILENT_MS     10000 /* how long a log without an answer to its first comparison delays its commands */
#define MOST_AT_ONCE  500   /* partitions in one comparison */

static const struct log_state unknown = {.mark = {.answered = -1, .offset = -1, .timestamp_ms = -1, .nonce = -1},
                                         .passed_mark = {.answered = -1, .offset = -1, .timestamp_ms = -1, .nonce = -1},
                                         .group_offset = -1,
                                         .start = -1,
                                         .begun = -1,
                                         .end = -1,
                                         .seen_offset = -1,
                                         .unsettled = -1,
                                         .unreadable = {.base = -1}};

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
    if (source->reader) {
        rd_kafka_resp_err_t code = rd_kafka_consumer_close(source->reader);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            source_log_error("closing the reader failed", code);
        if (source_may_destroy(source))
            rd_kafka_destroy(source->reader);
    }
    source->reader = NULL;
    source_close_jumps(source);
    free(source->logs);
    source->logs = NULL;
    source->log_count = 0;
}

/* ---- marks ---- */

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

/* The partition's last readable command in the batch. False if there is none, or it is the mark. */
static bool find_next_mark(struct source *source, int32_t partition)
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

/* ---- reading commands again ---- */

/* The queue must be long: with a short one librdkafka before 2.2 waits up to a second before it fetches again, in each
 * comparison. */
static rd_kafka_t *reader_new(const struct source *source, char *error, size_t error_size)
{
    static const struct {
        const char *name, *value;
    } owned[] = {
        {"isolation.level", "read_committed"},  {"enable.auto.commit", "false"},   {"enable.partition.eof", "true"},
        {"auto.offset.reset", "error"},         {"queued.min.messages", "100000"}, {"check.crcs", "true"},
        {"max.partition.fetch.bytes", "65536"}, {"fetch.wait.max.ms", "10"},       {"fetch.error.backoff.ms", "20"}};
    rd_kafka_conf_t *conf = kafka_conf_new(source->config, source->config->kafka_consumer, error, error_size);
    bool ok = conf != NULL;
    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]) && ok; i++)
        ok = kafka_conf_set(conf, owned[i].name, owned[i].value, error, error_size);
    rd_kafka_t *reader = ok ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, error_size) : NULL;
    if (conf && !reader)
        rd_kafka_conf_destroy(conf);
    if (reader && rd_kafka_poll_set_consumer(reader) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_destroy(reader);
        return NULL;
    }
    return reader;
}

static bool open_reader(struct source *source)
{
    char error[512];
    if (!source->reader && !(source->reader = reader_new(source, error, sizeof(error))))
        log_fault_begin(&source->progress_fault, LOG_LIST(LOG_TEXT("error", error)));
    return source->reader != NULL;
}

enum log_finding source_compare_watermarks(struct source *source, int32_t partition, int64_t offset, int wait_ms)
{
    int64_t low, high;
    if (!open_reader(source) || rd_kafka_query_watermark_offsets(source->reader, source->topic, partition, &low, &high,
                                                                 wait_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return LOG_UNKNOWN;
    return offset >= high ? LOG_OTHER : offset < low ? LOG_SAME : LOG_UNKNOWN;
}

void source_read_places(struct source *source, rd_kafka_topic_partition_list_t *places, int wait_ms,
                        source_answer *answer, void *opaque)
{
    int left = 0;
    if (!open_reader(source))
        return;
    if (kafka_assign(source->reader, places) == RD_KAFKA_RESP_ERR_NO_ERROR)
        left = places->cnt;
    for (int64_t until = clock_now_ms() + wait_ms, now; left > 0 && (now = clock_now_ms()) < until;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(source->reader, (int)(until - now));
        rd_kafka_topic_partition_t *place =
            message && message->rkt ? rd_kafka_topic_partition_list_find(places, source->topic, message->partition)
                                    : NULL;
        /* Ignores a second message of a place, and messages of an earlier assignment. */
        if (place && place->offset >= 0 && (message->err || message->offset >= place->offset)) {
            place->offset = RD_KAFKA_OFFSET_INVALID;
            left--;
            answer(source, message, opaque);
        }
        if (message)
            rd_kafka_message_destroy(message);
    }
    rd_kafka_resp_err_t code = kafka_assign(source->reader, NULL);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        source_log_error("unassigning the reader failed", code);
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

/* Reads the commands that the marks, or the next marks, of these partitions refer to. Replaces each partition's offset
 * by its finding. */
static void read_again(struct source *source, rd_kafka_topic_partition_list_t *partitions, bool next)
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

/* The last commands of these partitions in the batch become their marks, if the log has them in their places. Otherwise
 * the partition's finding becomes LOG_MISNUMBERED. It becomes LOG_UNKNOWN if there is neither an answer nor a mark: if
 * such commands were answered, another log could take this one's place unnoticed. */
static void renew_marks(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_topic_partition_list_t *next = rd_kafka_topic_partition_list_new(partitions->cnt);
    for (int i = 0; i < partitions->cnt; i++)
        if (partitions->elems[i].offset == LOG_SAME && find_next_mark(source, partitions->elems[i].partition))
            rd_kafka_topic_partition_list_add(next, source->topic, partitions->elems[i].partition);
    if (next->cnt > 0)
        read_again(source, next, true);
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

enum log_finding source_find(struct source *source, int32_t partition, const struct log_mark *mark)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, source->topic, partition);
    source_log(source, partition)->next_mark = *mark;
    read_again(source, list, true);
    enum log_finding finding = (enum log_finding)list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return finding;
}

/* ---- commands of paused partitions ---- */

static void take_sight(struct source *source, const rd_kafka_message_t *message, void *opaque)
{
    struct log_state *log = source_log(source, message->partition);
    rd_kafka_timestamp_type_t type;
    (void)opaque;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        log->end = message->offset;
        log->seen_offset = -1;
    } else if (!message->err) {
        log->seen_offset = message->offset;
        log->seen_timestamp_ms = rd_kafka_message_timestamp(message, &type);
    }
}

void source_peek(struct source *source, const struct lag_position *positions, size_t count, int wait_ms)
{
    rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_new(16);
    for (size_t i = 0; i < count && places->cnt < MOST_AT_ONCE; i++)
        if (positions[i].offset >= 0)
            rd_kafka_topic_partition_list_add(places, source->topic, positions[i].partition)->offset =
                positions[i].offset;
    if (places->cnt > 0)
        source_read_places(source, places, wait_ms, take_sight, NULL);
    rd_kafka_topic_partition_list_destroy(places);
}

/* ---- committed offsets ---- */

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
 * for SILENT_MS; then the comparison is left out. */
static bool find_trimmed(struct source *source, rd_kafka_topic_partition_list_t *committed)
{
    rd_kafka_topic_partition_list_t *starts = rd_kafka_topic_partition_list_new(committed->cnt);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < committed->cnt; i++)
        if (!committed->elems[i].err)
            rd_kafka_topic_partition_list_add(starts, source->topic, committed->elems[i].partition)->offset =
                RD_KAFKA_OFFSET_BEGINNING;
    if (starts->cnt > 0)
        code = rd_kafka_offsets_for_times(source->observer, starts, ASK_WAIT_MS);
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
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || now - source->starts_silent_ms >= SILENT_MS;
}

/* Reads the committed offsets and marks of those partitions whose group is GROUP_UNASKED. */
static void ask_group(struct source *source, const rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_topic_partition_list_t *unasked = rd_kafka_topic_partition_list_new(partitions->cnt);
    for (int i = 0; i < partitions->cnt; i++)
        if (source_log(source, partitions->elems[i].partition)->group == GROUP_UNASKED)
            rd_kafka_topic_partition_list_add(unasked, source->topic, partitions->elems[i].partition);
    rd_kafka_t *observer = unasked->cnt > 0 ? source_observer(source) : NULL;
    rd_kafka_resp_err_t code = observer ? rd_kafka_committed(observer, unasked, ASK_WAIT_MS) : RD_KAFKA_RESP_ERR__FAIL;
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
    ask_group(source, list);
    rd_kafka_topic_partition_list_destroy(list);
    return source_log(source, partition)->group == GROUP_ASKED;
}

void source_ask_group(struct source *source)
{
    rd_kafka_topic_partition_list_t *partitions = source_assignment(source);
    if (!partitions)
        return;
    ask_group(source, partitions);
    rd_kafka_topic_partition_list_destroy(partitions);
}

/* ---- comparing ---- */

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
    bool is_silent = log->silent_ms > 0 && clock_now_ms() - log->silent_ms < SILENT_MS;
    return log->group == GROUP_ASKED && !is_silent;
}

/* Compares the logs of these partitions with their marks. Replaces each partition's offset by its finding. */
static void compare(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_topic_partition_list_t *marked = rd_kafka_topic_partition_list_new(partitions->cnt);
    ask_group(source, partitions);
    for (int i = 0; i < partitions->cnt; i++) {
        rd_kafka_topic_partition_t *place = &partitions->elems[i];
        const struct log_state *log = source_log(source, place->partition);
        place->offset = log->group == GROUP_UNASKED ? LOG_UNKNOWN : LOG_SAME;
        if (log->mark.offset >= 0 || source_begin_mark(source, place->partition))
            rd_kafka_topic_partition_list_add(marked, source->topic, place->partition);
    }
    if (marked->cnt > 0)
        read_again(source, marked, false);
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
        bool wanted = looks_for_losses ? log->group == GROUP_UNASKED || since_ms >= BUSY_EVERY_MS
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
    if (log->is_repeating)
        return true;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, source->topic, partition)->offset = LOG_UNKNOWN;
    if (log->mark.offset >= 0) {
        compare(source, list);
    } else if (find_next_mark(source, partition)) {
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
