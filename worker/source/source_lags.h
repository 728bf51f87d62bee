/* source_lags: how far the partitions are. */
#ifndef WORKER_SOURCE_SOURCE_LAGS_H
#define WORKER_SOURCE_SOURCE_LAGS_H

#include "worker/source/source_state.h"

/* The offset of the partition's first command without a reply. If there is none here, the offset that comes next, or -1
 * if that is not known. */
int64_t source_open_offset(const struct source *source, int32_t partition);

/* The end that the client's last fetch of the partition returned, or -1. */
int64_t source_fetched_end(const struct source *source, rd_kafka_t *client, int32_t partition);

/* Once a second: shows the lags and, after all brokers were unreachable, asks whether one answers again. */
void source_look_around(struct source *source);

#endif
