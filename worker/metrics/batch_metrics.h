/* batch_metrics: adds a committed batch to the metrics. */
#ifndef WORKER_METRICS_BATCH_METRICS_H
#define WORKER_METRICS_BATCH_METRICS_H

#include "worker/metrics/metrics.h"
#include "worker/model/batch.h"

/* `now_ms`: since 1970, UTC. */
void batch_metrics_count(struct metrics *metrics, const struct batch *batch, int64_t now_ms);

#endif
