/* source_offsets: the client that reads the group's offsets. */
#ifndef WORKER_SOURCE_SOURCE_OFFSETS_H
#define WORKER_SOURCE_SOURCE_OFFSETS_H

#include "worker/source/source_state.h"

/* The source's observer, opened if need be. NULL after the reason was logged. */
MUST_CHECK rd_kafka_t *source_observer(struct source *source);

/* A client that reads the group's offsets and never joins it: while the group waits for members to join, a member's own
 * connection to the coordinator answers nothing else. The caller destroys it. NULL with the reason in `error`. */
MUST_CHECK rd_kafka_t *source_observer_new(const struct source *source, char *error, size_t error_size);

#endif
