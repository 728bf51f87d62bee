/* error_child: the process of a job. */
#ifndef TESTS_ERROR_CHILD_H
#define TESTS_ERROR_CHILD_H

#include "tests/faults/error_children.h"

/* Runs the job from this step on, tells of each step on `fd` ("begins N", "passed N", "failed N WHY"; "useless N WHY"
 * if the worker did not even start to answer), and exits. Standard error must be a file that can be read. */
void child_run(const struct job *job, size_t step, int fd) __attribute__((noreturn));

#endif
