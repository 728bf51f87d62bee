#include "common/ordered_queue.h"

#include <assert.h>
#include <stdlib.h>

int ordered_queue_open(struct ordered_queue *ordered_queue, uint32_t places)
{
    *ordered_queue = (struct ordered_queue){.places = places, .worked = calloc(places, sizeof(*ordered_queue->worked))};
    if (!ordered_queue->worked)
        return -1;
    /* With default attributes on Linux these cannot fail. */
    pthread_mutex_init(&ordered_queue->mutex, NULL);
    pthread_cond_init(&ordered_queue->place_is_free, NULL);
    pthread_cond_init(&ordered_queue->place_is_filled, NULL);
    pthread_cond_init(&ordered_queue->place_is_worked, NULL);
    return 0;
}

void ordered_queue_close(struct ordered_queue *ordered_queue)
{
    if (!ordered_queue->worked)
        return;
    pthread_cond_destroy(&ordered_queue->place_is_worked);
    pthread_cond_destroy(&ordered_queue->place_is_filled);
    pthread_cond_destroy(&ordered_queue->place_is_free);
    pthread_mutex_destroy(&ordered_queue->mutex);
    free(ordered_queue->worked);
    *ordered_queue = (struct ordered_queue){0};
}

bool ordered_queue_fill(struct ordered_queue *ordered_queue, uint32_t *place)
{
    pthread_mutex_lock(&ordered_queue->mutex);
    while (!ordered_queue->stopped && ordered_queue->filled - ordered_queue->emptied == ordered_queue->places)
        pthread_cond_wait(&ordered_queue->place_is_free, &ordered_queue->mutex);
    *place = (uint32_t)(ordered_queue->filled % ordered_queue->places);
    const bool go_on = !ordered_queue->stopped;
    pthread_mutex_unlock(&ordered_queue->mutex);
    return go_on;
}

void ordered_queue_filled(struct ordered_queue *ordered_queue)
{
    pthread_mutex_lock(&ordered_queue->mutex);
    assert(!ordered_queue->ended && ordered_queue->filled - ordered_queue->emptied < ordered_queue->places);
    ordered_queue->filled++;
    pthread_cond_signal(&ordered_queue->place_is_filled);
    pthread_mutex_unlock(&ordered_queue->mutex);
}

void ordered_queue_end(struct ordered_queue *ordered_queue)
{
    pthread_mutex_lock(&ordered_queue->mutex);
    ordered_queue->ended = true;
    pthread_cond_broadcast(&ordered_queue->place_is_filled);
    pthread_cond_signal(&ordered_queue->place_is_worked);
    pthread_mutex_unlock(&ordered_queue->mutex);
}

bool ordered_queue_work(struct ordered_queue *ordered_queue, uint32_t *place)
{
    pthread_mutex_lock(&ordered_queue->mutex);
    while (!ordered_queue->stopped && !ordered_queue->ended && ordered_queue->taken == ordered_queue->filled)
        pthread_cond_wait(&ordered_queue->place_is_filled, &ordered_queue->mutex);
    const bool go_on = !ordered_queue->stopped && ordered_queue->taken < ordered_queue->filled;
    if (go_on)
        *place = (uint32_t)(ordered_queue->taken++ % ordered_queue->places);
    pthread_mutex_unlock(&ordered_queue->mutex);
    return go_on;
}

void ordered_queue_worked(struct ordered_queue *ordered_queue, uint32_t place)
{
    pthread_mutex_lock(&ordered_queue->mutex);
    ordered_queue->worked[place] = true;
    pthread_cond_signal(&ordered_queue->place_is_worked);
    pthread_mutex_unlock(&ordered_queue->mutex);
}

bool ordered_queue_empty(struct ordered_queue *ordered_queue, uint32_t *place)
{
    pthread_mutex_lock(&ordered_queue->mutex);
    *place = (uint32_t)(ordered_queue->emptied % ordered_queue->places);
    while (!ordered_queue->stopped && !ordered_queue->worked[*place] &&
           !(ordered_queue->ended && ordered_queue->emptied == ordered_queue->filled))
        pthread_cond_wait(&ordered_queue->place_is_worked, &ordered_queue->mutex);
    const bool go_on = !ordered_queue->stopped && ordered_queue->worked[*place];
    pthread_mutex_unlock(&ordered_queue->mutex);
    return go_on;
}

void ordered_queue_emptied(struct ordered_queue *ordered_queue)
{
    pthread_mutex_lock(&ordered_queue->mutex);
    ordered_queue->worked[ordered_queue->emptied % ordered_queue->places] = false;
    ordered_queue->emptied++;
    pthread_cond_signal(&ordered_queue->place_is_free);
    pthread_mutex_unlock(&ordered_queue->mutex);
}

void ordered_queue_stop(struct ordered_queue *ordered_queue)
{
    pthread_mutex_lock(&ordered_queue->mutex);
    ordered_queue->stopped = true;
    pthread_cond_broadcast(&ordered_queue->place_is_free);
    pthread_cond_broadcast(&ordered_queue->place_is_filled);
    pthread_cond_broadcast(&ordered_queue->place_is_worked);
    pthread_mutex_unlock(&ordered_queue->mutex);
}
