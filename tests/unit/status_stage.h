/* status_stage: a status of which all is well, what may be wrong with one, and what the verdict finds. */
#ifndef TESTS_STATUS_STAGE_H
#define TESTS_STATUS_STAGE_H

#include "worker/http/status.h"
#include "worker/http/verdict.h"

/* A worker of the topic "commands" that is ready and has processed nothing. To be freed by status_free. */
struct status *a_status(void);

/* So many more observations, each of so many seconds. */
void observe(struct seconds_histogram *histogram, unsigned count, double seconds);

/* A complaint of 5,000 ms after 1970. It ended then; 0: it lasts. */
void complain(struct complaint_view *complaint, const char *text, int64_t ended_ms);

/* What was found last. */
extern struct verdict verdict;

/* Expects that the status has these findings, by their names and in this order, with a space between them. Each has a
 * text and an advice. */
void ck_findings(const struct status *status, const char *expected);

#endif
