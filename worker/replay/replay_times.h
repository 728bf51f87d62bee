/* replay_times: the timestamps of the messages at some offsets, found by a short read of all partitions at once. */
#ifndef WORKER_REPLAY_REPLAY_TIMES_H
#define WORKER_REPLAY_REPLAY_TIMES_H

#include "common/must_check.h"
#include "worker/config/config.h"

/* One question. */
struct replay_time {
    int32_t partition;
    int64_t offset; /* from here on */
    int64_t end;    /* of the log, for a read_committed reader */
    int64_t *ms;    /* the answer goes here: the timestamp of the first committed message; -1: there is none before
                     * `end`, or it cannot be decompressed or parsed */
};

/* Answers all of them. The order of the questions changes. False with the reason in `error` if Kafka has been silent
 * for `wait_ms`. */
MUST_CHECK bool replay_times_find(const struct config *config, struct replay_time *times, size_t count, int wait_ms,
                                  char *error, size_t error_size);

#endif
