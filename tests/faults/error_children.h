/* error_children: jobs in processes of their own, several at once, each with a limit. A job has steps; it tells before
 * each that it begins and afterwards how it went, so that a crash or a hang is put down to its step. After a step that
 * failed, the rest of the job goes on in a new process. */
#ifndef TESTS_ERROR_CHILDREN_H
#define TESTS_ERROR_CHILDREN_H

#include "tests/faults/error_run.h"

struct job {
    const struct lane *lane;        /* of all cases */
    const struct error_case *cases; /* a step each; then one more, the end of the worker */
    size_t count;
    enum move move; /* or this, as the only case */
    size_t passed;
};

/* Runs them all, at most so many at once. Prints what failed, and a line for each job. Adds to the counts. */
void children_run(struct job *jobs, size_t count, size_t at_once, unsigned *passed, unsigned *failed);

#endif
