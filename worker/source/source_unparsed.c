/* Commands that librdkafka cannot parse, though Kafka has taken them (parse_probe.h says which). It fetches such a
 * place again and again, and gives neither a message nor an error nor an end: the partition is silent, and nobody knows
 * why.
 *
 * What can be noticed is that the log goes on behind the place where the consumer is, since each fetch tells the log's
 * stable end, and yet nothing comes. Many harmless things look so for a while: an aborted transaction of many batches,
 * a slow broker, a partition without a leader, messages that wait in the consumer's queue behind those of others. So a
 * partition that is silent for some seconds is examined by a client of its own, which tells commands that cannot be
 * parsed from all these. Nothing is done before it does. It is opened for the examination, and closed soon after.
 *
 * The commands are then passed like those that cannot be decompressed. But in a batch of several commands only the bad
 * ones are: librdkafka reads those around them. */
#include "worker/source/source_unparsed.h"

#include "common/clock.h"
#include "worker/source/source_group.h"
#include "worker/source/source_lags.h"
#include "worker/source/source_log.h"
#include "worker/source/source_open.h"
#include "worker/source/source_unreadable.h"

#define LOOK_EVERY_MS   1000
#define SILENT_MS       4000  /* before a partition is examined */
#define CROWDED_MS      30000 /* the same, where the consumer has had messages of other partitions all the time */
#define DRAINED         2     /* how often it must have had none otherwise */
#define PAUSE_MOST_MS   60000 /* between examinations of a partition that found nothing */
#define EXAM_MS         10000 /* an examination that has no result ends then; the next one goes on where it was */
#define EXAM_WAIT_MS    10    /* of one fill */
#define LOOK_MS         1000  /* of one look for another reader */
#define SEARCH_MS       1000  /* of one fill */
#define SEARCH_LOOK_MS  3000  /* of one look at an offset; a busy machine takes that long to decompress 100 MB */
#define STEP_MS         1
#define PROBE_UNUSED_MS 10000 /* before the client is closed */
/* Where there was one bad command there may be many, each between good ones. So for a while the log is suspect. */
#define SUSPECT_FOR_MS        60000
#define SUSPECT_LOOK_EVERY_MS 50
#define SUSPECT_SILENT_MS     300

static int64_t later(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

static bool is_suspect(const struct source *source, int64_t now_ms)
{
    return source->unparsed_ms != 0 && now_ms - source->unparsed_ms < SUSPECT_FOR_MS;
}

void source_close_probe(struct source *source)
{
    parse_probe_close(source->probe, source_may_destroy(source));
    source->probe = NULL;
    source->probed = -1;
}

/* ---- silence ---- */

/* The offset that is to come next, as far as that is known without a question. */
static int64_t expected_offset(struct source *source, int32_t partition)
{
    const struct log_state *log = source_log(source, partition);
    const int64_t next = later(partitions_next(source->partitions, partition), log->end);
    return next >= 0 ? next : later(0, later(log->group_offset, log->start));
}

/* True if the log has a stable end behind the next offset, and nothing of ours holds the partition back. */
static bool lacks_commands(struct source *source, int32_t partition)
{
    const struct log_state *log = source_log(source, partition);
    return source_fetched_end(source, source->consumer, partition) > expected_offset(source, partition) &&
           !partitions_is_waiting(source->partitions, partition) && !log->is_misnumbered && log->unsettled < 0 &&
           log->unparsed.first < 0 && held_messages_first(&source->held, partition) < 0;
}

static void begin_silence(struct source *source, int32_t partition, int64_t pause_ms, int64_t now_ms)
{
    struct silence *silence = &source_log(source, partition)->silence;
    const int64_t from = expected_offset(source, partition);
    if (silence->from != from)
        silence->passed = -1;
    silence->from = from;
    silence->since_ms = now_ms;
    silence->pause_ms = pause_ms;
    silence->drained = source->drained;
}

/* True once the partition is silent for so long that it must be examined. */
static bool is_silent(struct source *source, int32_t partition, int64_t now_ms)
{
    struct silence *silence = &source_log(source, partition)->silence;
    if (!lacks_commands(source, partition)) {
        silence->from = -1;
        return false;
    }
    if (silence->from != expected_offset(source, partition)) {
        begin_silence(source, partition, 0, now_ms);
        return false;
    }
    int64_t least_ms = is_suspect(source, now_ms) ? SUSPECT_SILENT_MS : SILENT_MS;
    least_ms = later(silence->pause_ms, kafka_patience_ms(&source->patience, (int)least_ms));
    const int64_t lasts_ms = now_ms - silence->since_ms;
    return lasts_ms >= least_ms && (source->drained - silence->drained >= DRAINED || lasts_ms >= CROWDED_MS);
}

/* ---- the examination ---- */

static bool open_probe(struct source *source)
{
    char error[512];
    if (!source->probe && !(source->probe = parse_probe_open(source->config, source->topic, error, sizeof(error))))
        log_fault_begin(&source->progress_fault, LOG_LIST(LOG_TEXT("error", error)));
    return source->probe != NULL;
}

static void begin_exam(struct source *source, int32_t partition, int64_t now_ms)
{
    struct log_state *log = source_log(source, partition);
    const int64_t first = source_first_unanswered(source, partition, later(0, log->end));
    source->probe_ms = now_ms;
    if (first >= 0 && open_probe(source) &&
        parse_probe_begin(source->probe, partition, later(first, log->silence.passed)))
        source->probed = partition;
    else
        begin_silence(source, partition, PAUSE_MOST_MS, now_ms);
}

/* The partition that is examined may be silent no more: something has come, or it has left us. */
static bool lasts(struct source *source)
{
    const int64_t from = source_log(source, source->probed)->silence.from;
    return from >= 0 && lacks_commands(source, source->probed) && from == expected_offset(source, source->probed);
}

/* If nothing was found, the next examination is the later, the more often that happens. */
static void end_exam(struct source *source, int64_t reached, int64_t now_ms)
{
    const int32_t partition = source->probed;
    struct silence *silence = &source_log(source, partition)->silence;
    const int64_t least_ms = is_suspect(source, now_ms) ? SUSPECT_SILENT_MS : SILENT_MS;
    const int64_t pause_ms = silence->pause_ms > 0 ? 2 * silence->pause_ms : least_ms;
    const bool is_silent = lasts(source);
    parse_probe_end(source->probe);
    source->probed = -1;
    source->probe_ms = now_ms;
    if (!is_silent) {
        silence->from = -1;
        return;
    }
    begin_silence(source, partition, pause_ms < PAUSE_MOST_MS ? pause_ms : PAUSE_MOST_MS, now_ms);
    silence->passed = later(silence->passed, reached);
}

static struct parse_finding await_finding(struct source *source)
{
    struct parse_finding finding = parse_probe_take(source->probe);
    for (int64_t until = clock_now_ms() + EXAM_WAIT_MS; finding.kind == PARSE_PENDING && clock_now_ms() < until;) {
        clock_sleep(STEP_MS);
        finding = parse_probe_take(source->probe);
    }
    return finding;
}

static void follow_exam(struct source *source)
{
    struct log_state *log = source_log(source, source->probed);
    const struct parse_finding finding = await_finding(source);
    const int64_t now = clock_now_ms();
    const bool is_found = finding.kind == PARSE_FAILED && lasts(source);
    if (finding.kind != PARSE_PENDING || !lasts(source))
        end_exam(source, -1, now);
    else if (now - source->probe_ms >= EXAM_MS)
        end_exam(source, finding.offset, now);
    if (is_found)
        log->unparsed = parse_range_of(&finding, &log->unparsed);
}

static void look_for_silence(struct source *source, int64_t now_ms)
{
    rd_kafka_topic_partition_list_t *assigned = source_assignment(source);
    source->silence_ms = now_ms;
    for (int i = 0; assigned && i < assigned->cnt && source->probed < 0; i++)
        if (is_silent(source, assigned->elems[i].partition, now_ms))
            begin_exam(source, assigned->elems[i].partition, now_ms);
    if (assigned)
        rd_kafka_topic_partition_list_destroy(assigned);
}

bool source_cannot_parse(struct source *source, int32_t partition, int64_t offset)
{
    if (source->cut_off || source->probed >= 0 || !open_probe(source))
        return false;
    const struct parse_finding finding =
        parse_probe_look(source->probe, partition, offset, kafka_patience_ms(&source->patience, LOOK_MS));
    source->probe_ms = clock_now_ms();
    return finding.kind == PARSE_FAILED;
}

/* ---- passing ---- */

/* Holds placeholders for some of the next offsets of the range. After the last one the consumer goes on behind it. */
static void hold_placeholders(struct source *source, int32_t partition, struct parse_range *range)
{
    const struct unreadable unreadable = {.first = range->first, .behind = range->behind};
    const int64_t next = source_hold_placeholders(source, partition, &unreadable);
    if (next < range->behind)
        return;
    source_seek(source, partition, next);
    range->first = -1;
    source_log(source, partition)->silence.from = -1;
    source->unparsed_ms = clock_now_ms();
}

/* The consumer stays where it is meanwhile. */
static void pass(struct source *source, int32_t partition)
{
    struct parse_range *range = &source_log(source, partition)->unparsed;
    if (!parse_range_is_known(range)) {
        if (source->probed >= 0 || !open_probe(source))
            return;
        source->probe_ms = clock_now_ms();
        if (!parse_range_search(source->probe, partition, range, SEARCH_MS,
                                kafka_patience_ms(&source->patience, SEARCH_LOOK_MS)))
            return;
        log_error("commands cannot be parsed; they are answered as too_large", LOG_TEXT("topic", source->topic),
                  LOG_INTEGER("partition", partition), LOG_INTEGER("offset", range->first),
                  LOG_INTEGER("last", range->inside));
    }
    hold_placeholders(source, partition, range);
}

/* One partition after the other has its turn, in this fill or in a later one. */
static void pass_some(struct source *source, int64_t began_ms)
{
    for (int32_t n = 0; n < source->log_count && clock_now_ms() - began_ms < SEARCH_MS; n++) {
        const int32_t partition = source->passing_unparsed = (source->passing_unparsed + 1) % source->log_count;
        if (source_log(source, partition)->unparsed.first >= 0 &&
            !partitions_is_waiting(source->partitions, partition) && held_messages_first(&source->held, partition) < 0)
            pass(source, partition);
    }
}

void source_pass_unparsed(struct source *source)
{
    const int64_t now = clock_now_ms();
    if (source->cut_off)
        return;
    if (source->probed >= 0)
        follow_exam(source);
    pass_some(source, now);
    if (source->probed < 0 &&
        now - source->silence_ms >= (is_suspect(source, now) ? SUSPECT_LOOK_EVERY_MS : LOOK_EVERY_MS))
        look_for_silence(source, now);
    /* A client that may not be destroyed would be left behind each time. */
    if (source->probe && source->probed < 0 && clock_now_ms() - source->probe_ms >= PROBE_UNUSED_MS &&
        source_may_destroy(source))
        source_close_probe(source);
}
