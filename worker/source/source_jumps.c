/* Jumps: offsets of a partition without a command, and the command behind them. Most are markers of transactions,
 * commands of a transaction that was aborted, or what compaction has removed. Or the command behind them has a wrong
 * offset (source_misnumbered.c), and librdkafka went on from there: the commands that it jumped over would have no
 * reply.
 *
 * So the log is read once more, where jump_proof.h says: at the offset of the command behind a jump first, then
 * wherever something could stand that it hides.
 *
 * The reading begins when a batch was filled, and goes on while definitions are looked up and commands are checked.
 * Before anything is decided, source_settle_jumps waits for what is left. A partition whose broker does not answer is
 * put off from its jump on, so it makes the others wait once only.
 *
 * A producer whose transactions have one command each leaves as many jumps as commands, and to read a batch takes tens
 * of milliseconds. So of many short jumps at a time only the first ones of a partition are verified, and one after so
 * many offsets that were not. A long one, which may have jumped over many commands, is always verified. So is one into
 * which a command comes: a response of the broker mostly has the commands behind the one with the wrong offset, too. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/source/batch_reader.h"
#include "worker/source/jump_proof.h"
#include "worker/source/source_internal.h"
#include "worker/source/source_message.h"

#define MOST        8    /* jumps of a partition that are verified at a time; other short ones are taken as they are */
#define SHORT       4    /* offsets: as many as the markers of a few producers at once */
#define SKIPPED     256  /* offsets of short jumps that are taken as they are, one jump after the other */
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
#define MUTE_MS     3000 /* without an answer, before it is examined whether it can be parsed */
#define WIDE_MS     4000 /* without an answer, before a wide reading is given up */

struct jump {
    int32_t partition;
    int64_t from;       /* the offset behind the command before; -1: it is the first one since the assignment */
    struct log_mark to; /* the command behind the jump */
    struct jump_proof proof;
    struct jump_question question; /* JUMP_READ */
    enum {
        JUMP_NEW,     /* the proof has not begun */
        JUMP_DUE,     /* its next question is to be read */
        JUMP_READ     /* and is being read */
    } state;          /* changed by this file's `follow` */
    bool is_late;     /* noted since a command came into it, which its end may have overtaken */
    int64_t noted_ms; /* when it was noted, or became the first one of its partition */
    int64_t began_ms; /* when the reading began; JUMP_NEW, JUMP_DUE: not before then */
};

struct jumps {
    struct jump *list; /* of all partitions, in order of arrival */
    uint32_t count, capacity;
    int64_t asked_ms;  /* when an end was last asked for */
    int64_t looked_ms; /* when it was last examined whether something can be parsed */
};

static struct jumps *jumps_of(struct source *source)
{
    if (!source->jumps) {
        source->jumps = calloc(1, sizeof(*source->jumps));
        if (!source->jumps)
            abort();
    }
    return source->jumps;
}

void source_close_jumps(struct source *source)
{
    if (!source->jumps)
        return;
    free(source->jumps->list);
    free(source->jumps);
    source->jumps = NULL;
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

/* Where the jump to this offset is in the list, in front of those of its partition that lead further. */
static uint32_t find_place(const struct jumps *jumps, int32_t partition, int64_t to)
{
    uint32_t place = jumps->count;
    while (place > 0 && (jumps->list[place - 1].partition != partition || jumps->list[place - 1].to.offset > to))
        place--;
    if (place > 0)
        return place;
    while (place < jumps->count && jumps->list[place].partition != partition)
        place++;
    return place;
}

static struct jump *add_jump(struct source *source, const rd_kafka_message_t *message, int64_t from)
{
    struct jumps *jumps = jumps_of(source);
    const uint32_t place = find_place(jumps, message->partition, message->offset);
    if (jumps->count == jumps->capacity) {
        jumps->capacity = jumps->capacity ? jumps->capacity * 2 : 16;
        struct jump *grown = realloc(jumps->list, jumps->capacity * sizeof(*grown));
        if (!grown)
            abort();
        jumps->list = grown;
    }
    struct jump *jump = &jumps->list[place];
    memmove(jump + 1, jump, (jumps->count++ - place) * sizeof(*jump));
    if (place + 1 < jumps->count && jump[1].partition == message->partition && jump[1].state == JUMP_READ) {
        source_end_reading(source, message->partition);
        jump[1].state = JUMP_DUE;
    }
    *jump = (struct jump){
        .partition = message->partition, .from = from, .to = source_message_mark(message), .noted_ms = clock_now_ms()};
    jump->proof = (struct jump_proof){.to = jump->to, .hint = -1};
    note_first(source, message->partition);
    return jump;
}

void source_note_jump(struct source *source, const rd_kafka_message_t *message, int64_t from)
{
    struct log_state *log = source_log(source, message->partition);
    const int64_t length = message->offset - from;
    if (from >= 0 && length <= SHORT && log->skipped + length <= SKIPPED &&
        count_of(jumps_of(source), message->partition) >= MOST) {
        log->skipped += length;
        return;
    }
    log->skipped = 0;
    add_jump(source, message, from);
}

/* What was taken of a partition around an offset, and has no reply yet. */
struct neighbours {
    int64_t before;                  /* the highest offset up to it, or -1 */
    const rd_kafka_message_t *after; /* the first command behind it, or NULL */
    bool is_ours;                    /* `after` is still to be answered here */
};

static void note_neighbour(struct neighbours *found, const rd_kafka_message_t *taken, bool is_ours,
                           const rd_kafka_message_t *message)
{
    if (taken->partition != message->partition)
        return;
    if (taken->offset <= message->offset) {
        found->before = taken->offset > found->before ? taken->offset : found->before;
    } else if (!found->after || taken->offset < found->after->offset) {
        found->after = taken;
        found->is_ours = is_ours && !message_is_placeholder(taken);
    }
}

/* A jump that was not verified, or no longer is being: it is now. */
static void note_jump_again(struct source *source, const rd_kafka_message_t *message)
{
    const struct batch *batch = source->batch;
    const struct log_state *log = source_log(source, message->partition);
    struct neighbours found = {log->group == GROUP_ASKED && log->group_offset > 0 ? log->group_offset - 1 : -1, NULL,
                               false};
    for (uint32_t i = 0; i < batch->count; i++)
        note_neighbour(&found, source->messages[i], item_is_ours(&batch->items[i]), message);
    for (uint32_t i = 0; i < source->held.count; i++)
        note_neighbour(&found, source->held.messages[i].message, true, message);
    if (found.before < message->offset && found.is_ours) {
        struct jump *jump = add_jump(source, found.after, found.before < 0 ? -1 : found.before + 1);
        jump->is_late = true;
        jump_proof_hint(&jump->proof, message->offset);
    }
}

void source_note_late(struct source *source, const rd_kafka_message_t *message)
{
    for (uint32_t i = 0; source->jumps && i < source->jumps->count; i++) {
        struct jump *jump = &source->jumps->list[i];
        if (jump->partition == message->partition && jump->from <= message->offset &&
            message->offset < jump->to.offset) {
            jump_proof_hint(&jump->proof, message->offset);
            return;
        }
    }
    note_jump_again(source, message);
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
        else if (jump->state == JUMP_READ)
            source_end_reading(source, partition);
    }
    jumps->count = kept;
    note_first(source, partition);
}

/* ---- reading ---- */

static enum batch_reader_kind kind_of(const struct jump *jump)
{
    return jump->question.is_wide ? BATCH_READER_WIDE : BATCH_READER_SINGLE;
}

/* Begins to read what the proof asks for. */
static void begin_question(struct source *source, struct jump *jump)
{
    const struct jump_question question = jump->question = jump_proof_question(&jump->proof);
    struct batch_reader *reader = source_batch_reader(source, kind_of(jump));
    jump->began_ms = clock_now_ms();
    if (reader && batch_reader_begin(reader, jump->partition, question.offset)) {
        if (question.is_wide)
            batch_reader_count(reader, jump->partition, question.after, question.before);
        metrics_add(source->metrics, METRIC_OFFSET_PROBES, 0, 1);
        jump->state = JUMP_READ;
    } else {
        jump->state = JUMP_DUE;
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
    return source_compare_watermarks(source, jump->partition, jump->question.offset, ASK_WAIT_MS);
}

/* A wide reading may have no answer at all: it also reads what was aborted, and librdkafka cannot parse each record
 * that Kafka takes (parse_probe.h). True once it has had none for long, while Kafka answers other questions. */
static bool is_unanswerable(struct source *source, const struct jump *jump)
{
    int64_t low, high;
    return jump->question.is_wide && !source->cut_off &&
           clock_now_ms() - jump->began_ms >= kafka_patience_ms(&source->patience, WIDE_MS) &&
           source_ask_ends(source, source->consumer, jump->partition, ASK_WAIT_MS, &low, &high);
}

/* As source_end_unparsed, for a reading that has had no answer for long. The next look is after as long. */
static bool is_unparsed(struct source *source, struct jump *jump, struct batch_reading *reading)
{
    struct jumps *jumps = source->jumps;
    const int64_t now = clock_now_ms(), silent_ms = kafka_patience_ms(&source->patience, MUTE_MS);
    if (jump->question.is_wide || now - jump->began_ms < silent_ms || now - jumps->looked_ms < silent_ms)
        return false;
    const bool is_found = source_end_unparsed(source, jump->partition, jump->question.offset, reading);
    jumps->looked_ms = clock_now_ms();
    return is_found;
}

/* What an error in place of an answer says. *answer: JUMP_GOES_ON, or what the proof says where it is passed over. */
static enum log_finding judge_error(struct source *source, struct jump *jump, const struct batch_reading *reading,
                                    enum jump_answer *answer)
{
    const struct log_mark place = {.offset = jump->question.offset};
    enum log_finding finding = jump->question.is_wide && reading->error != RD_KAFKA_RESP_ERR__BAD_MSG
                                   ? LOG_SAME
                                   : source_judge(source, jump->partition, &place, reading);
    /* A batch that is damaged in the log: the consumer has delivered it, since its check.crcs is off. */
    if (reading->error == RD_KAFKA_RESP_ERR__BAD_MSG && clock_now_ms() - jump->noted_ms >= FAULT_MS)
        finding = LOG_SAME;
    if (finding == LOG_SAME)
        *answer = jump_proof_pass(&jump->proof);
    return finding;
}

/* Goes on with the jump. LOG_SAME: nothing was jumped over. LOG_OTHER: something was. LOG_UNKNOWN: it is read. *moved:
 * there was an answer. */
static enum log_finding follow(struct source *source, struct jump *jump, bool *moved)
{
    struct batch_reading reading;
    if (jump->is_late && jump->to.offset < source_log(source, jump->partition)->group_offset)
        return LOG_SAME; /* the command behind it has its reply: nothing can be taken back */
    if (jump->state == JUMP_NEW) {
        if (!find_begin(source, jump))
            return LOG_UNKNOWN;
        if (jump->from == jump->to.offset)
            return LOG_SAME;
        jump_proof_begin(&jump->proof, jump->from, &jump->to, (uint64_t)log_mark_nonce());
        jump->state = JUMP_DUE;
    }
    if (jump->state == JUMP_DUE) {
        if (clock_now_ms() >= jump->began_ms)
            begin_question(source, jump);
        return LOG_UNKNOWN;
    }
    const bool is_read = batch_reader_take(source->batch_readers[kind_of(jump)], jump->partition, &reading) ||
                         is_unparsed(source, jump, &reading);
    if (!is_read && !is_unanswerable(source, jump))
        return ask_end(source, jump);
    *moved = true;
    jump->state = JUMP_DUE;
    enum jump_answer answer = JUMP_GOES_ON;
    enum log_finding finding = LOG_SAME;
    if (!is_read)
        answer = jump_proof_pass(&jump->proof);
    else if (reading.error)
        finding = judge_error(source, jump, &reading, &answer);
    else
        answer = jump_proof_answer(&jump->proof, &reading);
    if (finding == LOG_UNKNOWN)
        jump->began_ms = clock_now_ms() + RETRY_MS;
    if (finding != LOG_SAME)
        return finding;
    if (answer == JUMP_GOES_ON)
        begin_question(source, jump);
    return answer == JUMP_GOES_ON ? LOG_UNKNOWN : answer == JUMP_RIGHT ? LOG_SAME : LOG_OTHER;
}

static void note_fault(struct source *source)
{
    struct jumps *jumps = source->jumps;
    if (jumps->count == 0)
        log_fault_end(&source->verifying_fault);
    else if (jumps->list[0].from >= 0 && clock_now_ms() - jumps->list[0].noted_ms >= FAULT_MS)
        log_fault_begin(&source->verifying_fault,
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
    if (jumps->list[index].state == JUMP_READ)
        source_end_reading(source, partition);
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
            source_leave_misnumbered(source, partition, jump->from, jump->to.offset,
                                     jump->question.offset); /* forgets the jump */
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
