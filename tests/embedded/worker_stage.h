/* worker_stage: a worker of one thread on the fixture: what it counts and replies. */
#ifndef TESTS_WORKER_STAGE_H
#define TESTS_WORKER_STAGE_H

#include <check.h>
#include <stdint.h>

#include "tests/embedded/fixture.h"
#include "worker/metrics/metrics.h"
#include "worker/model/batch.h"

/* A new test case of the suite. Each of its tests has the fixture. */
TCase *add_case(Suite *suite, const char *name);

/* What the worker has counted; `value` is that of the metric's label, 0 if it has none. */
uint64_t count_of(enum metric metric, unsigned value);

/* Waits until it is at least this. */
void wait_for_count(enum metric metric, unsigned value, uint64_t least);

/* Expects `all` replies, and of them one for each of the partition's first `count` offsets, in their order, with these
 * verdicts (reply_verdict). */
void expect_replies_of(int32_t partition, const char *const *verdicts, size_t count, size_t all);

#endif
