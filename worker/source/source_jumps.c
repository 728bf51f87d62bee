/* Jumps: offsets of a partition without a command, and the command behind them. Most are markers of transactions,
 * commands of a transaction that was aborted, or what compaction has removed. Or the command behind them has a wrong
 * offset (source_misnumbered.c), and librdkafka went on from there: the commands that it jumped over would have no
 * reply.
 *
 * So the batch of the log that has the command behind a jump is read once more, at that command's offset. If another
 * command comes first, or none, the offset is wrong. The batch may also begin with right offsets and end with wrong
 * ones, so its last command is looked for in the same way. If all are in their places, nothing was jumped over.
 *
 * The reading begins when a batch was filled, and goes on while definitions are looked up and commands are checked.
 * Before anything is decided, source_settle_jumps waits for what is left. A partition whose broker does not answer is
 * put off from its jump on, so it makes the others wait once only.
 *
 * A producer whose transactions have one command each leaves as many jumps as commands, and to read a batch takes tens
 * of milliseconds. So of many short jumps at a time only the first ones of a partition are verified. A long one, which
 * may have jumped over many commands, is always verified. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/source/batch_reader.h"
#include "worker/source/source_internal.h"
#include "worker/source/source_message.h"

#define MOST        8    /* jumps of a partition that are verified at a time; other short ones are taken as they are */
#define SHORT       4    /* offsets: as many as the markers of a few producers at once */
#define SILENT_MS   200  /* how long a batch waits without any answer */
#define SETTLE_MS   1000 /* how long it waits while answers come */
#define HELD_MS     100  /* how long held commands delay a fill while answers come */
#define UNMOVED_MS  20   /* and without one */
#define STEP_MS     1    /* between looks at the answers */
#define UNHEARD_MS  300  /* without an answer: the log's end may be before the offset */
#define ASK_MS      1000 /* between questions for ends */
#define ASK_WAIT_MS 50
#define RETRY_MS    100  /* after an error */
#define FAULT_MS    2000 /* without an answer, before that is logged */

struct jump {
    int32_t partition;
    int64_t from;         /* the offset behind the command before; -1: it is the first one since the assignment */
    struct log_mark to;   /* the command behind the jump */
    struct log_mark last; /* JUMP_LAST: the last command of its batch */
    enum {
        JUMP_NEW,     /* nothing is read */
        JUMP_TARGET,  /* the batch is read at the offset of `to` */
        JUMP_LAST     /* and now at the offset of its last command */
    } state;          /* changed by this file's `follow` */
    int64_t noted_ms; /* when it was noted, or became the first one of its partition */
    int64_t began_ms; /* when the reading began; JUMP_NEW: not before then */
};

struct jumps {
    struct jump *list; /* of all partitions, in order of arrival */
    uint32_t count, capacity;
    struct batch_reader *reader; /* NULL: to be opened */
    int64_t asked_ms;            /* when an end was last asked for */
    struct log_fault fault;
};

static struct jumps *jumps_of(struct source *source)
{
    if (!source->jumps) {
        source->jumps = calloc(1, sizeof(*source->jumps));
        if (!source->jumps)
            abort();
        source->jumps->fault =
            (struct log_fault){"verifying offsets failing; commands wait", "offsets verified again", .told = NULL};
    }
    return source->jumps;
}

void source_close_jumps(struct source *source)
{
    if (!source->jumps)
        return;
    batch_reader_close(source->jumps->reader, source_may_destroy(source));
    free(source->jumps->list);
    free(source->jumps);
    source->jumps = NULL;
}

static struct batch_reader *reader_of(struct source *source)
{
    struct jumps *jumps = jumps_of(source);
    char error[512];
    if (!jumps->reader &&
        !(jumps->reader = batch_reader_open(source->config, source->config->commands.topic, error, sizeof(error))))
        log_fault_begin(&jumps->fault, LOG_LIST(LOG_TEXT("error", error)));
    return jumps->reader;
}

bool source_awaits_jumps(const struct source *source)
{
    const struct jumps *jumps = source->jumps;
    int64_t now = clock_now_ms();
    for (uint32_t i = 0; jumps && i < jumps->count; i++)
        if (now - jumps->list[i].noted_ms < FAULT_MS)
            return true;
    return false;
}

bool source_is_unsettled(struct source *source, int32_t partition, int64_t offset)
{
    int64_t unsettled = source_log(source, partition)->unsettled;
    return unsettled >= 0 && offset >= unsettled;
}

/* ---- the list ---- */

static struct jump *first_of(struct jumps *jumps, int32_t partition)
{
    for (uint32_t i = 0; i < jumps->count; i++)
        if (jumps->list[i].partition == partition)
            return &jumps->list[i];
    return NULL;
}

static void note_first(struct source *source, int32_t partition)
{
    const struct jump *first = first_of(source->jumps, partition);
    source_log(source, partition)->unsettled = first ? first->to.offset : -1;
}

static uint32_t count_of(const struct jumps *jumps, int32_t partition)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < jumps->count; i++)
        count += jumps->list[i].partition == partition;
    return count;
}

void source_note_jump(struct source *source, const rd_kafka_message_t *message, int64_t from)
{
    struct jumps *jumps = jumps_of(source);
    bool is_short = from >= 0 && message->offset - from <= SHORT;
    if (is_short && count_of(jumps, message->partition) >= MOST)
        return;
    if (jumps->count == jumps->capacity) {
        jumps->capacity = jumps->capacity ? jumps->capacity * 2 : 16;
        struct jump *grown = realloc(jumps->list, jumps->capacity * sizeof(*grown));
        if (!grown)
            abort();
        jumps->list = grown;
    }
    jumps->list[jumps->count++] = (struct jump){.partition = message->partition,
                                                .from = from,
                                                .to = source_message_mark(message),
                                                .last = LOG_MARK_NONE,
                                                .noted_ms = clock_now_ms()};
    note_first(source, message->partition);
}

void source_forget_jumps(struct source *source, int32_t partition, int64_t from)
{
    struct jumps *jumps = source->jumps;
    if (!jumps || source_log(source, partition)->unsettled < 0)
        return;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < jumps->count; i++) {
        const struct jump *jump = &jumps->list[i];
        if (jump->partition != partition || jump->to.offset < from)
            jumps->list[kept++] = *jump;
        else if (jump->state != JUMP_NEW)
            batch_reader_end(jumps->reader, partition);
    }
    jumps->count = kept;
    note_first(source, partition);
}

/* ---- reading ---- */

enum log_finding source_judge(struct source *source, int32_t partition, const struct log_mark *mark,
                              const struct batch_reading *reading)
{
    switch (reading->error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return log_mark_is_same(mark, &reading->first) ? LOG_SAME : LOG_OTHER;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        return source_compare_watermarks(source, partition, mark->offset, ASK_WAIT_MS);
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION: /* the command's own batch could be read */
        return LOG_OTHER;
    default:
        return LOG_UNKNOWN;
    }
}

void source_end_reading(struct source *source, int32_t partition)
{
    if (source->jumps && source->jumps->reader)
        batch_reader_end(source->jumps->reader, partition);
}

bool source_read_batch(struct source *source, int32_t partition, int64_t offset, int wait_ms,
                       struct batch_reading *reading)
{
    struct batch_reader *reader = reader_of(source);
    if (!reader)
        return false;
    if (!batch_reader_reads(reader, partition, offset)) {
        if (!batch_reader_begin(reader, partition, offset))
            return false;
        metrics_add(source->metrics, METRIC_OFFSET_PROBES, 0, 1);
    }
    bool is_read = false;
    const int64_t until = clock_now_ms() + kafka_patience_ms(&source->patience, wait_ms);
    while (!is_read && clock_now_ms() < until) {
        is_read = batch_reader_take(reader, partition, reading);
        if (!is_read)
            clock_sleep(STEP_MS);
    }
    return is_read;
}

static void begin(struct source *source, struct jump *jump, int state)
{
    const struct log_mark *mark = state == JUMP_LAST ? &jump->last : &jump->to;
    struct batch_reader *reader = reader_of(source);
    jump->began_ms = clock_now_ms();
    jump->state = JUMP_NEW;
    if (reader && batch_reader_begin(reader, jump->partition, mark->offset)) {
        metrics_add(source->metrics, METRIC_OFFSET_PROBES, 0, 1);
        jump->state = state;
    } else {
        jump->began_ms += RETRY_MS;
    }
}

static int64_t earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static int64_t later(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

/* Where the first command after an assignment should be. False while the group has not answered. */
static bool find_begin(struct source *source, struct jump *jump)
{
    const struct log_state *log = source_log(source, jump->partition);
    if (jump->from < 0 && log->group == GROUP_ASKED)
        jump->from = earlier(jump->to.offset, later(0, later(log->group_offset, log->start)));
    return jump->from >= 0;
}

/* Without an answer: behind an open transaction there is none. */
static enum log_finding ask_end(struct source *source, const struct jump *jump)
{
    struct jumps *jumps = source->jumps;
    int64_t now = clock_now_ms();
    if (now - jump->began_ms < UNHEARD_MS || now - jumps->asked_ms < ASK_MS || source->cut_off)
        return LOG_UNKNOWN;
    jumps->asked_ms = now;
    return source_compare_watermarks(source, jump->partition,
                                     jump->state == JUMP_LAST ? jump->last.offset : jump->to.offset, ASK_WAIT_MS);
}

/* Goes on with the jump. LOG_SAME: nothing was jumped over. LOG_OTHER: something was. LOG_UNKNOWN: it is read. *moved:
 * there was an answer. */
static enum log_finding follow(struct source *source, struct jump *jump, bool *moved)
{
    struct batch_reading reading;
    if (jump->state == JUMP_NEW) {
        if (!find_begin(source, jump))
            return LOG_UNKNOWN;
        if (jump->from == jump->to.offset)
            return LOG_SAME;
        if (clock_now_ms() >= jump->began_ms)
            begin(source, jump, JUMP_TARGET);
        return LOG_UNKNOWN;
    }
    if (!batch_reader_take(source->jumps->reader, jump->partition, &reading))
        return ask_end(source, jump);
    *moved = true;
    const struct log_mark *mark = jump->state == JUMP_LAST ? &jump->last : &jump->to;
    enum log_finding finding = source_judge(source, jump->partition, mark, &reading);
    /* A batch that is damaged in the log: the consumer has delivered it, since its check.crcs is off. */
    if (reading.error == RD_KAFKA_RESP_ERR__BAD_MSG && clock_now_ms() - jump->noted_ms >= FAULT_MS)
        finding = LOG_SAME;
    if (finding == LOG_UNKNOWN) {
        jump->state = JUMP_NEW;
        jump->began_ms = clock_now_ms() + RETRY_MS;
    } else if (finding == LOG_SAME && !reading.error && reading.last.offset != mark->offset) {
        jump->last = reading.last;
        begin(source, jump, JUMP_LAST);
        return LOG_UNKNOWN;
    }
    return finding;
}

static void note_fault(struct source *source)
{
    struct jumps *jumps = source->jumps;
    if (jumps->count == 0)
        log_fault_end(&jumps->fault);
    else if (jumps->list[0].from >= 0 && clock_now_ms() - jumps->list[0].noted_ms >= FAULT_MS)
        log_fault_begin(&jumps->fault,
                        LOG_LIST(LOG_TEXT("topic", source->topic), LOG_INTEGER("partition", jumps->list[0].partition),
                                 LOG_INTEGER("offset", jumps->list[0].to.offset)));
}

/* True if the jump is the first one of its partition; the others wait for it. */
static bool is_first(struct source *source, const struct jump *jump)
{
    return jump->to.offset == source_log(source, jump->partition)->unsettled;
}

static void settle(struct source *source, uint32_t index)
{
    struct jumps *jumps = source->jumps;
    int32_t partition = jumps->list[index].partition;
    if (jumps->list[index].state != JUMP_NEW)
        batch_reader_end(jumps->reader, partition);
    memmove(&jumps->list[index], &jumps->list[index + 1], (--jumps->count - index) * sizeof(*jumps->list));
    note_first(source, partition);
    struct jump *next = first_of(jumps, partition);
    if (next)
        next->noted_ms = clock_now_ms();
}

/* Does what source_follow_jumps does. True if there was an answer. */
static bool follow_all(struct source *source)
{
    struct jumps *jumps = source->jumps;
    bool moved = false;
    for (uint32_t i = 0; jumps && i < jumps->count;) {
        struct jump *jump = &jumps->list[i];
        const int32_t partition = jump->partition;
        enum log_finding finding = is_first(source, jump) ? follow(source, jump, &moved) : LOG_UNKNOWN;
        if (finding == LOG_SAME)
            settle(source, i);
        else if (finding == LOG_OTHER)
            source_leave_misnumbered(source, partition, jump->from, jump->to.offset); /* forgets the jump */
        else
            i++;
        moved = moved || finding != LOG_UNKNOWN;
    }
    if (jumps)
        note_fault(source);
    return moved;
}

void source_follow_jumps(struct source *source)
{
    follow_all(source);
}

void source_follow_held_jumps(struct source *source)
{
    int64_t began = clock_now_ms(), heard = began;
    bool moved = follow_all(source);
    while (source_awaits_jumps(source)) {
        int64_t now = clock_now_ms();
        if (moved)
            heard = now;
        if (now - heard >= UNMOVED_MS || now - began >= HELD_MS)
            break;
        if (!moved)
            clock_sleep(STEP_MS);
        moved = follow_all(source);
    }
}

/* ---- settling ---- */

/* The first command of the batch that is behind an unsettled jump; or the batch's count. */
static uint32_t find_unsettled(struct source *source)
{
    const struct batch *batch = source->batch;
    uint32_t i = 0;
    while (i < batch->count &&
           !(item_is_ours(&batch->items[i]) &&
             source_is_unsettled(source, batch->items[i].from.partition, batch->items[i].from.offset)))
        i++;
    return i;
}

static void put_off_from(struct source *source, uint32_t index)
{
    int32_t partition = source->batch->items[index].from.partition;
    bool was_waiting = partitions_is_waiting(source->partitions, partition);
    partitions_put_off(source->partitions, partition);
    source_put_off_from(source, index, was_waiting);
}

static void put_off_unsettled(struct source *source)
{
    const struct batch *batch = source->batch;
    for (uint32_t i = find_unsettled(source); i < batch->count; i++) {
        const struct position *from = &batch->items[i].from;
        if (item_is_ours(&batch->items[i]) && source_is_unsettled(source, from->partition, from->offset))
            put_off_from(source, i);
    }
}

void source_settle_jumps(struct source *source)
{
    int64_t began = clock_now_ms(), heard = began;
    if (!source->jumps || source->jumps->count == 0)
        return;
    bool moved = follow_all(source);
    while (find_unsettled(source) < source->batch->count) {
        int64_t now = clock_now_ms();
        if (moved)
            heard = now;
        else if (now - heard >= SILENT_MS || now - began >= SETTLE_MS)
            break;
        else
            clock_sleep(STEP_MS);
        moved = follow_all(source);
    }
    put_off_unsettled(source);
}
