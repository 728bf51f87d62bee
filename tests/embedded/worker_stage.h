/* worker_stage: the fixture's worker: what its first thread counts, and what it replies. */
#ifndef TESTS_WORKER_STAGE_H
#define TESTS_WORKER_STAGE_H

#include <check.h>
#include <stdint.h>

#include "tests/embedded/fixture.h"
#include "worker/metrics/metrics.h"
#include "worker/model/batch.h"

/* A new test case of the suite. Each of its tests has the fixture. */
TCase *add_case(Suite *suite, const char *name);

/* The same; `open` stands for fixture_open. */
TCase *add_case_that_opens(Suite *suite, const char *name, void (*open)(void));

void sleep_ms(int wait_ms);

/* What the worker has counted; `value` is that of the metric's label, 0 if it has none. */
uint64_t count_of(enum metric metric, unsigned value);

/* Waits until it is at least this. */
void wait_for_count(enum metric metric, unsigned value, uint64_t least);

/* Waits until so many commands have created clients and are committed. */
void wait_until_committed(uint64_t commands);

/* Expects `count` replies, no more, and those of each partition in the order of its commands. */
void expect_replies_in_order(size_t count);

/* Expects `all` replies, and of them one for each of the partition's first `count` offsets, in their order, with these
 * verdicts (reply_verdict). */
void expect_replies_of(int32_t partition, const char *const *verdicts, size_t count, size_t all);

#endif
