/* pipeline: three steps over a ring of places. One thread fills places, several threads work on them, and the caller's
 * thread empties them in the order in which they were filled. The result does not depend on the number of threads, and
 * memory does not grow with the input. */
#ifndef COMMON_PIPELINE_H
#define COMMON_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/must_check.h"

#define PIPELINE_THREADS 256 /* working threads, at most */

struct pipeline {
    void *subject;    /* passed to each step */
    uint32_t threads; /* that work; 1 to PIPELINE_THREADS. Fewer are used if the system refuses some of them */
    uint32_t places;
    /* In a thread of its own. Fills the place; false if there is nothing more to fill it with. */
    bool (*fill)(void *subject, uint32_t place);
    /* In working thread number `thread`. */
    void (*work)(void *subject, uint32_t place, uint32_t thread);
    /* In the caller's thread. False ends the pipeline. */
    bool (*empty)(void *subject, uint32_t place);
    /* In the caller's thread, before it waits for the others: `fill` must return soon. May be NULL. */
    void (*stop)(void *subject);
};

/* The places that keep `threads` threads busy: while each works on one place, the next one is filled for it, and one is
 * emptied. */
uint32_t pipeline_places(uint32_t threads);

/* Runs until everything that `fill` gave was emptied, or until `empty` returned false. False if there was no memory or
 * no thread; then nothing was done. */
MUST_CHECK bool pipeline_run(const struct pipeline *pipeline);

/* The number of processors, at most PIPELINE_THREADS. */
uint32_t pipeline_processors(void);

#endif
