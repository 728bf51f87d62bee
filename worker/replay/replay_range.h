/* replay_range: the offsets that a replay reads. The bounds that a user names become offsets once, at the start, so
 * that everything later in the run speaks of the same commands.
 *
 * The folder worker/replay decides the history of the command topic again. It may use the folders before it in
 * docs/design.md. */
#ifndef WORKER_REPLAY_REPLAY_RANGE_H
#define WORKER_REPLAY_REPLAY_RANGE_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#include "common/must_check.h"
#include "worker/config/config.h"

struct replay_bound {
    enum replay_bound_kind {
        BOUND_BEGINNING, /* the first offset that the partition has; for `from` only */
        BOUND_END,       /* the last stable offset; for `to` only */
        BOUND_OFFSET,    /* `value` is an offset */
        BOUND_TIME       /* `value` is in ms since 1970: the first offset whose timestamp is not earlier, or the end */
    } kind;
    int64_t value;
};

struct replay_range {
    int32_t partition;
    int64_t first;    /* the first offset that the log has */
    int64_t first_ms; /* the timestamp of the first message from there on; -1: there is none */
    int64_t stable;   /* the last stable offset: where a read_committed reader's log ends */
    int64_t high;     /* the high watermark; above `stable` while a transaction is open */
    int64_t from, to; /* half-open; from >= to: empty. Always first <= from and to <= stable */
    int64_t from_ms;  /* the timestamp of the first message at or after `from`; -1: there is none, or librdkafka cannot
                       * decompress or parse it */
    int64_t to_ms;    /* the same of `to`, which is the first one not read; -1: nothing stands there */
    int64_t lost;     /* offsets from `offset:N` to `first`, which the log no longer has; 0: none */
    int64_t open;     /* offsets behind an open transaction that `offset:N` as `to` asked for; 0: none */
};

struct replay_ranges {
    struct replay_range *items; /* by ascending partition */
    uint32_t count;
};

/* Resolves the bounds for the partitions of config's command topic: `partitions` lists `partition_count` of them, in
 * any order and perhaps twice; with a count of 0 all are meant. Queries through `consumer`, which must be
 * read_committed and is not a member of a group. The result is freed with replay_ranges_free. Waits up to `wait_ms` for
 * each answer. */
enum range_result {
    RANGES_RESOLVED,
    RANGES_NO_PARTITION, /* a partition in `partitions` does not exist, or the topic does not; the reason is in `error`
                          */
    RANGES_UNAVAILABLE   /* Kafka did not answer; the reason is in `error` */
};
MUST_CHECK enum range_result replay_ranges_resolve(struct replay_ranges *ranges, rd_kafka_t *consumer,
                                                   const struct config *config, struct replay_bound from,
                                                   struct replay_bound to, const int32_t *partitions,
                                                   uint32_t partition_count, int wait_ms, char *error,
                                                   size_t error_size);
void replay_ranges_free(struct replay_ranges *ranges);

/* Reads "beginning", "end", "offset:N" or "time:T", T as time_read takes it. False for another text. Whether the kind
 * may be used as `from` or `to` is for the caller to check. */
MUST_CHECK bool replay_bound_read(const char *text, struct replay_bound *bound);

/* The number of offsets in the range; 0 if it is empty. */
int64_t replay_range_offsets(const struct replay_range *range);

#endif
