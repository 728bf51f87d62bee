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
 * put off from its jump on, so it makes the others wait once only. */
#include "worker/source/source_jumps.h"

#include "common/clock.h"
#include "worker/source/source_batches.h"
#include "worker/source/source_held.h"
#include "worker/source/source_jump_list.h"
#include "worker/source/source_log.h"
#include "worker/source/source_misnumbered.h"
#include "worker/source/source_places.h"

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

bool source_awaits_jumps(const struct source *source)
{
    const struct jumps *jumps = source->jumps;
    int64_t now = clock_now_ms();
    for (uint32_t i = 0; jumps && i < jumps->count; i++)
        if (now - jumps->list[i].noted_ms < FAULT_MS)
            return true;
    return false;
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
            source_drop_jump(source, i);
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
