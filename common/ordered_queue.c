#include "common/ordered_queue.h"

#include <assert.h>
#include <stdlib.h>

int ordered_queue_open(struct ordered_queue *queue, uint32_t places)
{
    *queue = (struct ordered_queue){.places = places, .worked = calloc(places, sizeof(*queue->worked))};
    if (!queue->worked)
        return -1;
    /* With default attributes on Linux these cannot fail. */
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->place_is_free, NULL);
    pthread_cond_init(&queue->place_is_filled, NULL);
    pthread_cond_init(&queue->place_is_worked, NULL);
    return 0;
}

void ordered_queue_close(struct ordered_queue *queue)
{
    if (!queue->worked)
        return;
    pthread_cond_destroy(&queue->place_is_worked);
    pthread_cond_destroy(&queue->place_is_filled);
    pthread_cond_destroy(&queue->place_is_free);
    pthread_mutex_destroy(&queue->mutex);
    free(queue->worked);
    *queue = (struct ordered_queue){0};
}

bool ordered_queue_fill(struct ordered_queue *queue, uint32_t *place)
{
    pthread_mutex_lock(&queue->mutex);
    while (!queue->stopped && queue->filled - queue->emptied == queue->places)
        pthread_cond_wait(&queue->place_is_free, &queue->mutex);
    *place = (uint32_t)(queue->filled % queue->places);
    const bool go_on = !queue->stopped;
    pthread_mutex_unlock(&queue->mutex);
    return go_on;
}

void ordered_queue_filled(struct ordered_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    assert(!queue->ended && queue->filled - queue->emptied < queue->places);
    queue->filled++;
    pthread_cond_signal(&queue->place_is_filled);
    pthread_mutex_unlock(&queue->mutex);
}

void ordered_queue_end(struct ordered_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->ended = true;
    pthread_cond_broadcast(&queue->place_is_filled);
    pthread_cond_signal(&queue->place_is_worked);
    pthread_mutex_unlock(&queue->mutex);
}

bool ordered_queue_work(struct ordered_queue *queue, uint32_t *place)
{
    pthread_mutex_lock(&queue->mutex);
    while (!queue->stopped && !queue->ended && queue->taken == queue->filled)
        pthread_cond_wait(&queue->place_is_filled, &queue->mutex);
    const bool go_on = !queue->stopped && queue->taken < queue->filled;
    if (go_on)
        *place = (uint32_t)(queue->taken++ % queue->places);
    pthread_mutex_unlock(&queue->mutex);
    return go_on;
}

void ordered_queue_worked(struct ordered_queue *queue, uint32_t place)
{
    pthread_mutex_lock(&queue->mutex);
    queue->worked[place] = true;
    pthread_cond_signal(&queue->place_is_worked);
    pthread_mutex_unlock(&queue->mutex);
}

bool ordered_queue_empty(struct ordered_queue *queue, uint32_t *place)
{
    pthread_mutex_lock(&queue->mutex);
    *place = (uint32_t)(queue->emptied % queue->places);
    while (!queue->stopped && !queue->worked[*place] && !(queue->ended && queue->emptied == queue->filled))
        pthread_cond_wait(&queue->place_is_worked, &queue->mutex);
    const bool go_on = !queue->stopped && queue->worked[*place];
    pthread_mutex_unlock(&queue->mutex);
    return go_on;
}

void ordered_queue_emptied(struct ordered_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->worked[queue->emptied % queue->places] = false;
    queue->emptied++;
    pthread_cond_signal(&queue->place_is_free);
    pthread_mutex_unlock(&queue->mutex);
}

void ordered_queue_stop(struct ordered_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    queue->stopped = true;
    pthread_cond_broadcast(&queue->place_is_free);
    pthread_cond_broadcast(&queue->place_is_filled);
    pthread_cond_broadcast(&queue->place_is_worked);
    pthread_mutex_unlock(&queue->mutex);
}
