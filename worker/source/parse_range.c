#include "worker/source/parse_range.h"

#include "common/clock.h"
#include "worker/source/source_unreadable.h"

#define ASK_AFTER_MS 100 /* without an answer, before the end is asked for; and between such questions */
#define STEP_MS      1
#define MOST_FAILED  32 /* of one batch, before the rest of it counts as failed */

/* ---- where a range ends ---- */

struct parse_range parse_range_of(const struct parse_finding *finding, const struct parse_range *before)
{
    const int64_t base = finding->lowest >= 0 ? finding->lowest : finding->offset;
    const bool goes_on = before->base == base && finding->offset > before->inside;
    return (struct parse_range){.first = finding->offset,
                                .inside = finding->offset,
                                .behind = -1,
                                .is_cut = finding->is_cut,
                                .base = base,
                                .failed = (goes_on ? before->failed : 0) + 1};
}

bool parse_range_is_known(const struct parse_range *range)
{
    return range->behind == range->inside + 1;
}

/* A batch comes from one producer. One that builds so many records that cannot be read is broken as a whole. */
static bool takes_rest(const struct parse_range *range)
{
    return range->failed > MOST_FAILED;
}

static bool is_same_batch(const struct parse_range *range, const struct parse_finding *finding)
{
    return finding->lowest >= 0 && finding->lowest <= range->inside;
}

/* What fails behind `inside` is in the range if it is the next offset; or if it is in the same batch, and the batch has
 * no more records. Otherwise there may be records between that can be read. */
static enum place_finding place_of_failure(const struct parse_range *range, const struct parse_finding *finding)
{
    const bool is_same_end = ((range->is_cut && finding->is_cut) || takes_rest(range)) && is_same_batch(range, finding);
    return finding->offset == range->inside + 1 || is_same_end ? PLACE_UNREADABLE : PLACE_BEHIND;
}

static enum place_finding place_of_answer(struct parse_probe *probe, const struct parse_range *range,
                                          const struct parse_finding *finding, int64_t offset)
{
    switch (finding->error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return takes_rest(range) && is_same_batch(range, finding) ? PLACE_UNREADABLE : PLACE_BEHIND;
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
        return PLACE_BEHIND;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        return parse_probe_is_outside(probe, offset) ? PLACE_BEHIND : PLACE_UNKNOWN;
    default:
        return PLACE_UNKNOWN;
    }
}

/* Behind an open transaction, which holds back the end, there is no answer at all: then the end is asked for. */
static enum place_finding look_at(struct parse_probe *probe, int32_t partition, int64_t offset, int wait_ms,
                                  const struct parse_range *range, bool *is_cut)
{
    int64_t began_ms = clock_now_ms(), asked_ms = began_ms;
    if (!parse_probe_begin(probe, partition, offset))
        return PLACE_UNKNOWN;
    for (int64_t now = began_ms; now - began_ms < wait_ms; now = clock_now_ms()) {
        const struct parse_finding finding = parse_probe_take(probe);
        if (finding.kind == PARSE_ANSWERED)
            return place_of_answer(probe, range, &finding, offset);
        if (finding.offset > offset) /* nothing failed there */
            return PLACE_BEHIND;
        if (finding.kind == PARSE_FAILED) {
            *is_cut = finding.is_cut;
            return place_of_failure(range, &finding);
        }
        if (now - asked_ms >= ASK_AFTER_MS) {
            if (parse_probe_is_outside(probe, offset))
                return PLACE_BEHIND;
            asked_ms = clock_now_ms();
        }
        clock_sleep(STEP_MS);
    }
    return PLACE_UNKNOWN;
}

/* Records of a bad length fail one by one. Where the records of a batch end before it, or the rest of it is taken, the
 * steps double until one leads past the batch, and then halve. */
static int64_t next_place(const struct parse_range *range)
{
    if (!range->is_cut && !takes_rest(range))
        return range->inside + 1;
    return range->inside + (range->behind < 0 ? range->inside - range->first + 1 : (range->behind - range->inside) / 2);
}

bool parse_range_search(struct parse_probe *probe, int32_t partition, struct parse_range *range, int search_ms,
                        int look_ms)
{
    for (int64_t until = clock_now_ms() + search_ms; !parse_range_is_known(range) && clock_now_ms() < until;) {
        const int64_t offset = next_place(range);
        bool is_cut = false;
        switch (look_at(probe, partition, offset, look_ms, range, &is_cut)) {
        case PLACE_UNKNOWN:
            until = 0;
            break;
        case PLACE_UNREADABLE:
            range->failed += offset == range->inside + 1;
            range->inside = offset;
            range->is_cut = is_cut;
            break;
        case PLACE_BEHIND:
            range->behind = offset;
        }
    }
    parse_probe_end(probe);
    return parse_range_is_known(range);
}
