#include "common/conveyor.h"

#include <assert.h>
#include <stdlib.h>

int conveyor_open(struct conveyor *conveyor, uint32_t places)
{
    *conveyor = (struct conveyor){.places = places, .worked = calloc(places, sizeof(*conveyor->worked))};
    if (!conveyor->worked)
        return -1;
    /* With default attributes on Linux these cannot fail. */
    pthread_mutex_init(&conveyor->mutex, NULL);
    pthread_cond_init(&conveyor->place_is_free, NULL);
    pthread_cond_init(&conveyor->place_is_filled, NULL);
    pthread_cond_init(&conveyor->place_is_worked, NULL);
    return 0;
}

void conveyor_close(struct conveyor *conveyor)
{
    if (!conveyor->worked)
        return;
    pthread_cond_destroy(&conveyor->place_is_worked);
    pthread_cond_destroy(&conveyor->place_is_filled);
    pthread_cond_destroy(&conveyor->place_is_free);
    pthread_mutex_destroy(&conveyor->mutex);
    free(conveyor->worked);
    *conveyor = (struct conveyor){0};
}

bool conveyor_fill(struct conveyor *conveyor, uint32_t *place)
{
    pthread_mutex_lock(&conveyor->mutex);
    while (!conveyor->stopped && conveyor->filled - conveyor->emptied == conveyor->places)
        pthread_cond_wait(&conveyor->place_is_free, &conveyor->mutex);
    *place = (uint32_t)(conveyor->filled % conveyor->places);
    const bool go_on = !conveyor->stopped;
    pthread_mutex_unlock(&conveyor->mutex);
    return go_on;
}

void conveyor_filled(struct conveyor *conveyor)
{
    pthread_mutex_lock(&conveyor->mutex);
    assert(!conveyor->ended && conveyor->filled - conveyor->emptied < conveyor->places);
    conveyor->filled++;
    pthread_cond_signal(&conveyor->place_is_filled);
    pthread_mutex_unlock(&conveyor->mutex);
}

void conveyor_end(struct conveyor *conveyor)
{
    pthread_mutex_lock(&conveyor->mutex);
    conveyor->ended = true;
    pthread_cond_broadcast(&conveyor->place_is_filled);
    pthread_cond_signal(&conveyor->place_is_worked);
    pthread_mutex_unlock(&conveyor->mutex);
}

bool conveyor_work(struct conveyor *conveyor, uint32_t *place)
{
    pthread_mutex_lock(&conveyor->mutex);
    while (!conveyor->stopped && !conveyor->ended && conveyor->taken == conveyor->filled)
        pthread_cond_wait(&conveyor->place_is_filled, &conveyor->mutex);
    const bool go_on = !conveyor->stopped && conveyor->taken < conveyor->filled;
    if (go_on)
        *place = (uint32_t)(conveyor->taken++ % conveyor->places);
    pthread_mutex_unlock(&conveyor->mutex);
    return go_on;
}

void conveyor_worked(struct conveyor *conveyor, uint32_t place)
{
    pthread_mutex_lock(&conveyor->mutex);
    conveyor->worked[place] = true;
    pthread_cond_signal(&conveyor->place_is_worked);
    pthread_mutex_unlock(&conveyor->mutex);
}

bool conveyor_empty(struct conveyor *conveyor, uint32_t *place)
{
    pthread_mutex_lock(&conveyor->mutex);
    *place = (uint32_t)(conveyor->emptied % conveyor->places);
    while (!conveyor->stopped && !conveyor->worked[*place] &&
           !(conveyor->ended && conveyor->emptied == conveyor->filled))
        pthread_cond_wait(&conveyor->place_is_worked, &conveyor->mutex);
    const bool go_on = !conveyor->stopped && conveyor->worked[*place];
    pthread_mutex_unlock(&conveyor->mutex);
    return go_on;
}

void conveyor_emptied(struct conveyor *conveyor)
{
    pthread_mutex_lock(&conveyor->mutex);
    conveyor->worked[conveyor->emptied % conveyor->places] = false;
    conveyor->emptied++;
    pthread_cond_signal(&conveyor->place_is_free);
    pthread_mutex_unlock(&conveyor->mutex);
}

void conveyor_stop(struct conveyor *conveyor)
{
    pthread_mutex_lock(&conveyor->mutex);
    conveyor->stopped = true;
    pthread_cond_broadcast(&conveyor->place_is_free);
    pthread_cond_broadcast(&conveyor->place_is_filled);
    pthread_cond_broadcast(&conveyor->place_is_worked);
    pthread_mutex_unlock(&conveyor->mutex);
}
