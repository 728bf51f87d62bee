/* ordered_queue: a ring of places between one filling thread, several working threads, and one emptying thread,
 * which empties the places in the order in which they were filled. It knows nothing of their content: the thread
 * that was given a place owns its content until it passes the place on. */
#ifndef COMMON_ORDERED_QUEUE_H
#define COMMON_ORDERED_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/must_check.h"

struct ordered_queue {
    pthread_mutex_t mutex;
    pthread_cond_t place_is_free, place_is_filled, place_is_worked;
    uint32_t places;
    bool *worked;                    /* by place */
    uint64_t filled, taken, emptied; /* total counts; the n-th fill uses place n % places */
    bool ended;                      /* no more will be filled */
    bool stopped;                    /* every thread gives up */
};

/* Returns 0, or -1 when out of memory. */
MUST_CHECK int ordered_queue_open(struct ordered_queue *queue, uint32_t places);
void ordered_queue_close(struct ordered_queue *queue);

/* For the filling thread: waits for a free place. False once the queue is stopped. */
bool ordered_queue_fill(struct ordered_queue *queue, uint32_t *place);
/* The place that ordered_queue_fill returned is filled. */
void ordered_queue_filled(struct ordered_queue *queue);
/* Nothing will follow. */
void ordered_queue_end(struct ordered_queue *queue);

/* For a working thread: waits for a filled place. False when there will be none, or once the queue is stopped. */
bool ordered_queue_work(struct ordered_queue *queue, uint32_t *place);
void ordered_queue_worked(struct ordered_queue *queue, uint32_t place);

/* For the emptying thread: waits until the next place in order was worked on. False when there will be none. */
bool ordered_queue_empty(struct ordered_queue *queue, uint32_t *place);
/* The place that ordered_queue_empty returned is free again. */
void ordered_queue_emptied(struct ordered_queue *queue);

/* Makes every present and future wait return false. */
void ordered_queue_stop(struct ordered_queue *queue);

#endif
