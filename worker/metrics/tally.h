/* tally: what a committed batch adds to the metrics. */
#ifndef WORKER_METRICS_TALLY_H
#define WORKER_METRICS_TALLY_H

#include "worker/model/batch.h"
#include "worker/metrics/metrics.h"

/* `now_ms`: since 1970, UTC. */
void tally_batch(struct metrics *metrics, const struct batch *batch, int64_t now_ms);

#endif
