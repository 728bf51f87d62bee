/* nearest: the name that a misspelt one was probably meant to be. */
#ifndef WORKER_NEAREST_H
#define WORKER_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *name;  /* what was written */
    const char *found; /* the nearest candidate so far, borrowed; NULL: none is near enough */
    size_t distance;   /* candidates must be nearer than this */
};

/* A search for what is at most a third of its letters (and at least two) away from `name`. */
struct nearest nearest_to(const char *name);
void nearest_offer(struct nearest *search, const char *candidate);

#endif
