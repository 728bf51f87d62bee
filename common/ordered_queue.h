/* ordered_queue: a ring of places between one thread that fills them, several that work on what they hold, and one that
 * empties them in the order in which they were filled. It knows nothing of what is in a place: whoever was given one
 * owns what belongs to it until it is passed on. */
#ifndef COMMON_ORDERED_QUEUE_H
#define COMMON_ORDERED_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct ordered_queue {
    pthread_mutex_t mutex;
    pthread_cond_t place_is_free, place_is_filled, place_is_worked;
    uint32_t places;
    bool *worked;                    /* by place */
    uint64_t filled, taken, emptied; /* how many, ever; the n-th one stands in place n % places */
    bool ended;                      /* no more will be filled */
    bool stopped;                    /* nobody is to go on */
};

/* Returns 0, or -1 when out of memory. */
int ordered_queue_open(struct ordered_queue *queue, uint32_t places);
void ordered_queue_close(struct ordered_queue *queue);

/* The filler: waits for a free place. False once the ordered_queue is stopped. */
bool ordered_queue_fill(struct ordered_queue *queue, uint32_t *place);
/* The place that ordered_queue_fill gave holds something. */
void ordered_queue_filled(struct ordered_queue *queue);
/* Nothing will follow. */
void ordered_queue_end(struct ordered_queue *queue);

/* A worker: waits for a filled place. False when there will be none, or once the ordered_queue is stopped. */
bool ordered_queue_work(struct ordered_queue *queue, uint32_t *place);
void ordered_queue_worked(struct ordered_queue *queue, uint32_t place);

/* The emptier: waits until the next place in order was worked on. False when there will be none. */
bool ordered_queue_empty(struct ordered_queue *queue, uint32_t *place);
/* The place that ordered_queue_empty gave is free again. */
void ordered_queue_emptied(struct ordered_queue *queue);

/* Makes everybody who waits, or will, give up. */
void ordered_queue_stop(struct ordered_queue *queue);

#endif
