/* parse_range: offsets that librdkafka cannot parse, and that follow each other; a parse_probe finds where they end. */
#ifndef WORKER_SOURCE_PARSE_RANGE_H
#define WORKER_SOURCE_PARSE_RANGE_H

#include "worker/source/parse_probe.h"

struct parse_range {
    int64_t first, inside; /* those from `first` to `inside` fail */
    int64_t behind;        /* an offset that is known to be behind the range, or -1 */
    bool is_cut;           /* of `inside`, as in struct parse_finding */
    int64_t base;          /* the first offset of the batch */
    int32_t failed; /* offsets of the batch that were found to fail, each for itself, also those of earlier ranges */
};

/* The range of an offset that failed. `before`: the partition's last range, by which those of one batch are
 * counted; a range with failed = 0 if there was none. A range that does not come behind `before` is of another log,
 * whose first batch begins at the same offset, or is met again: its count begins again. */
struct parse_range parse_range_of(const struct parse_finding *finding, const struct parse_range *before);
MUST_CHECK bool parse_range_is_known(const struct parse_range *range);

/* Searches where the range ends, for `search_ms` at most, or one look that takes up to `look_ms`. True once it is
 * known. Only offsets that fail are in it: each was read, or it is between two offsets of one batch whose records end
 * before them. Where more than 32 offsets of one batch fail, the rest of the batch is in the range, too, whatever it
 * is: to read each takes milliseconds, and a batch may have 100,000. Ends what was read before. */
MUST_CHECK bool parse_range_search(struct parse_probe *probe, int32_t partition, struct parse_range *range,
                                   int search_ms, int look_ms);

#endif
