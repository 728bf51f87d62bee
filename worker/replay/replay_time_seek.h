/* replay_time_seek: what a time stands for where Kafka's answer is not enough.
 *
 * Kafka finds the first offset whose timestamp is not earlier. A transaction marker has one too: the time of the
 * broker. In a topic with messages of earlier times, such as a mirrored or an imported one, it may stand far before the
 * first message that is late enough. */
#ifndef WORKER_REPLAY_REPLAY_TIME_SEEK_H
#define WORKER_REPLAY_REPLAY_TIME_SEEK_H

#include <stdint.h>

#include "common/must_check.h"
#include "worker/config/config.h"

/* Reads the partition of the command topic from *offset on. Sets *offset to the first message whose timestamp is not
 * earlier than `time_ms`, and *found_ms to its timestamp; or to `end` and -1 if there is none before it. False with the
 * reason in `error`. */
MUST_CHECK bool replay_time_seek(const struct config *config, int32_t partition, int64_t end, int64_t time_ms,
                                 int wait_ms, int64_t *offset, int64_t *found_ms, char *error, size_t error_size);

#endif
