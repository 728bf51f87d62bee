/* conveyor: a ring of places between one thread that fills them, several that work on what they hold, and one that
 * empties them in the order in which they were filled. It knows nothing of what is in a place: whoever was given one
 * owns what belongs to it until it is passed on. */
#ifndef COMMON_CONVEYOR_H
#define COMMON_CONVEYOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct conveyor {
    pthread_mutex_t mutex;
    pthread_cond_t place_is_free, place_is_filled, place_is_worked;
    uint32_t places;
    bool *worked;                    /* by place */
    uint64_t filled, taken, emptied; /* how many, ever; the n-th one stands in place n % places */
    bool ended;                      /* no more will be filled */
    bool stopped;                    /* nobody is to go on */
};

/* Returns 0, or -1 when out of memory. */
int conveyor_open(struct conveyor *conveyor, uint32_t places);
void conveyor_close(struct conveyor *conveyor);

/* The filler: waits for a free place. False once the conveyor is stopped. */
bool conveyor_fill(struct conveyor *conveyor, uint32_t *place);
/* The place that conveyor_fill gave holds something. */
void conveyor_filled(struct conveyor *conveyor);
/* Nothing will follow. */
void conveyor_end(struct conveyor *conveyor);

/* A worker: waits for a filled place. False when there will be none, or once the conveyor is stopped. */
bool conveyor_work(struct conveyor *conveyor, uint32_t *place);
void conveyor_worked(struct conveyor *conveyor, uint32_t place);

/* The emptier: waits until the next place in order was worked on. False when there will be none. */
bool conveyor_empty(struct conveyor *conveyor, uint32_t *place);
/* The place that conveyor_empty gave is free again. */
void conveyor_emptied(struct conveyor *conveyor);

/* Makes everybody who waits, or will, give up. */
void conveyor_stop(struct conveyor *conveyor);

#endif
