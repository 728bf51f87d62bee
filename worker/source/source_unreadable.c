/* Commands that no client with our limits can read: they are in a compressed batch of the log that decompresses to more
 * than receive.message.max.bytes. Librdkafka fetches such a batch again and again. It returns the offset where the
 * batch begins, but not where it ends. The reader, which is outside the group, finds the end: at an offset inside the
 * batch it gets the same error, at an offset after it something else. The reader checks checksums, so it does not
 * mistake a batch that was damaged in transit for such a batch. The broker accepts only batches that have a message at
 * each of their offsets. So the next batches get a placeholder for each of its commands, and the consumer is moved past
 * them. */
#include "worker/source/source_unreadable.h"

#include "common/clock.h"
#include "worker/source/source_committed.h"
#include "worker/source/source_fill.h"
#include "worker/source/source_log.h"
#include "worker/source/source_marks.h"
#include "worker/source/source_message.h"
#include "worker/source/source_places.h"

#define MEETINGS     3     /* how often the batch must be met before its end is searched */
#define LOOK_WAIT_MS 10000 /* a busy machine takes some seconds to decompress 100 MB */
#define LOW_WAIT_MS  300
#define SEEK_WAIT_MS 5000
#define SEARCH_MS    1000 /* of one search; the next meeting continues it */

struct place {
    int64_t base;  /* the offset where the batch begins */
    int64_t asked; /* the offset that is read */
    enum place_finding finding;
    struct log_mark mark; /* PLACE_UNREADABLE: by which the log is recognized at the offset */
};

/* A leader that was elected a moment ago, or a follower that lags, may tell of an end that is too early. A query for
 * the end gets an error until the leader knows the right one (KIP-207). */
bool source_is_beyond_end(struct source *source, int32_t partition, int64_t offset)
{
    int64_t low, high;
    return source->reader && source_ask_ends(source, source->reader, partition, LOW_WAIT_MS, &low, &high) &&
           (offset >= high || offset < low);
}

static void take_place(struct source *source, const rd_kafka_message_t *message, void *opaque)
{
    struct place *place = opaque;
    bool is_outside =
        message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF || message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET;
    if (!message->err || (is_outside && source_is_beyond_end(source, message->partition, place->asked)))
        place->finding = PLACE_BEHIND;
    else if (message->err == RD_KAFKA_RESP_ERR__BAD_COMPRESSION && message->offset >= place->base)
        place->finding = message->offset > place->base ? PLACE_BEHIND : PLACE_UNREADABLE;
    if (place->finding == PLACE_UNREADABLE)
        place->mark = source_mark_of_answer(source, message, place->asked);
}

/* Behind an open transaction, which holds back the end, the reader gets no answer at all. */
static void visit(struct source *source, int32_t partition, struct place *place)
{
    if (place->asked > place->base && source_is_beyond_end(source, partition, place->asked)) {
        place->finding = PLACE_BEHIND;
        return;
    }
    rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(places, source->topic, partition)->offset = place->asked;
    source_read_places(source, places, LOOK_WAIT_MS, take_place, place);
    rd_kafka_topic_partition_list_destroy(places);
}

static enum place_finding look_at(struct source *source, int32_t partition, int64_t base, int64_t offset)
{
    struct place place = {base, offset, PLACE_UNKNOWN, LOG_MARK_NONE};
    visit(source, partition, &place);
    return place.finding;
}

/* The first offset from `base` on that needs a reply of ours, or -1 if that is not known yet. It may be inside the
 * batch, since a fetch always returns whole batches. */
int64_t source_first_unanswered(struct source *source, int32_t partition, int64_t base)
{
    int64_t low, high, first = partitions_next(source->partitions, partition);
    if (first < 0) {
        if (!source_knows_group(source, partition) ||
            !source_ask_ends(source, source->consumer, partition, LOW_WAIT_MS, &low, &high))
            return -1;
        first = source_log(source, partition)->group_offset;
        if (first < low || first > high)
            first = low;
    }
    return first > base ? first : base;
}

static bool end_is_known(const struct unreadable *unreadable)
{
    return unreadable->behind == unreadable->inside + 1;
}

/* With steps that double until one leads past the end, and then halve. */
bool source_search_end(struct source *source, int32_t partition, struct unreadable *unreadable, source_look *look)
{
    for (int64_t until = clock_now_ms() + SEARCH_MS; !end_is_known(unreadable) && clock_now_ms() < until;) {
        int64_t inside = unreadable->inside, behind = unreadable->behind;
        int64_t step = behind < 0 ? inside - unreadable->first + 1 : (behind - inside) / 2;
        switch (look(source, partition, unreadable->base, inside + step)) {
        case PLACE_UNKNOWN:
            return false;
        case PLACE_UNREADABLE:
            unreadable->inside = inside + step;
            break;
        case PLACE_BEHIND:
            unreadable->behind = inside + step;
        }
    }
    return end_is_known(unreadable);
}

static void search_end(struct source *source, int32_t partition, struct unreadable *unreadable)
{
    if (source_search_end(source, partition, unreadable, look_at))
        log_error("commands cannot be decompressed within receive.message.max.bytes; they are answered as too_large",
                  LOG_TEXT("topic", source->topic), LOG_INTEGER("partition", partition),
                  LOG_INTEGER("offset", unreadable->first), LOG_INTEGER("last", unreadable->behind - 1));
}

void source_seek(struct source *source, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(places, source->topic, partition)->offset = offset;
    rd_kafka_error_t *error = rd_kafka_seek_partitions(source->consumer, places, SEEK_WAIT_MS);
    rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : places->elems[0].err;
    if (error)
        rd_kafka_error_destroy(error);
    rd_kafka_topic_partition_list_destroy(places);
    /* Before 2.1.0 librdkafka waits only a thousandth of SEEK_WAIT_MS, but it seeks. */
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR__TIMED_OUT)
        source_log_error("seeking past unreadable commands failed", code);
}

int64_t source_hold_placeholders(struct source *source, int32_t partition, const struct unreadable *unreadable)
{
    int64_t next = partitions_next(source->partitions, partition);
    if (next < unreadable->first)
        next = unreadable->first;
    for (int i = 0; i < PLACEHOLDERS && next < unreadable->behind; i++, next++) {
        if (partitions_advance(source->partitions, partition, next))
            held_messages_add(&source->held, placeholder_new(partition, next), false);
    }
    return next;
}

/* Holds placeholders for the next offsets of the batch. After the last one it moves the consumer past the batch. */
static void hold_placeholders(struct source *source, int32_t partition, const struct unreadable *unreadable)
{
    source_note_passed(source, partition, &unreadable->mark);
    int64_t next = source_hold_placeholders(source, partition, unreadable);
    if (next >= unreadable->behind)
        source_seek(source, partition, next);
}

/* The consumer went on behind the batch, and meets it once more: either that was under way, or the end was wrong. */
static void verify_end(struct source *source, int32_t partition, struct unreadable *unreadable)
{
    if (end_is_known(unreadable) && partitions_next(source->partitions, partition) >= unreadable->behind &&
        look_at(source, partition, unreadable->base, unreadable->behind) == PLACE_UNREADABLE) {
        unreadable->inside = unreadable->behind;
        unreadable->behind = -1;
    }
}

static void begin_unreadable(struct source *source, int32_t partition, int64_t base)
{
    source_log(source, partition)->unreadable =
        (struct unreadable){.base = base, .first = -1, .behind = -1, .mark = LOG_MARK_NONE};
    log_warning("a batch of commands cannot be decompressed within receive.message.max.bytes; it is read again",
                LOG_TEXT("topic", source->topic), LOG_INTEGER("partition", partition), LOG_INTEGER("offset", base));
}

/* Lets the reader confirm that the batch cannot be read. True once it has done so often enough. */
static bool is_confirmed(struct source *source, int32_t partition, struct unreadable *unreadable)
{
    if (unreadable->met >= MEETINGS)
        return true;
    if (unreadable->first < 0)
        unreadable->first = unreadable->inside = source_first_unanswered(source, partition, unreadable->base);
    struct place place = {unreadable->base, unreadable->first, PLACE_UNKNOWN, LOG_MARK_NONE};
    if (unreadable->first >= 0)
        visit(source, partition, &place);
    if (place.finding == PLACE_UNREADABLE) {
        unreadable->met++;
        unreadable->mark = place.mark;
    } else if (place.finding == PLACE_BEHIND) {
        source_seek(source, partition, unreadable->first);
        unreadable->first = -1;
        unreadable->met = 0;
    }
    return false;
}

void source_meet_unreadable(struct source *source, int32_t partition, int64_t base)
{
    struct unreadable *unreadable = &source_log(source, partition)->unreadable;
    /* Held messages come first. A paused partition meets the batch again after the resume. */
    if (source->paused || partitions_is_waiting(source->partitions, partition) ||
        held_messages_first(&source->held, partition) >= 0)
        return;
    if (unreadable->base != base)
        begin_unreadable(source, partition, base);
    if (!is_confirmed(source, partition, unreadable))
        return;
    verify_end(source, partition, unreadable);
    if (!end_is_known(unreadable))
        search_end(source, partition, unreadable);
    if (end_is_known(unreadable))
        hold_placeholders(source, partition, unreadable);
}
