#include "common/pipeline.h"

#include <assert.h>
#include <unistd.h>

#include "common/ordered_queue.h"

struct running {
    const struct pipeline *pipeline;
    struct ordered_queue queue;
};

struct worker_thread {
    struct running *running;
    uint32_t number;
    pthread_t thread;
};

uint32_t pipeline_places(uint32_t threads)
{
    return 2 * threads + 1;
}

uint32_t pipeline_processors(void)
{
    const long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > PIPELINE_THREADS ? PIPELINE_THREADS : (uint32_t)count;
}

static void *fill_all(void *subject)
{
    struct running *running = subject;
    uint32_t place;
    while (ordered_queue_fill(&running->queue, &place) && running->pipeline->fill(running->pipeline->subject, place))
        ordered_queue_filled(&running->queue);
    ordered_queue_end(&running->queue);
    return NULL;
}

static void *work_all(void *subject)
{
    const struct worker_thread *self = subject;
    struct running *running = self->running;
    uint32_t place;
    while (ordered_queue_work(&running->queue, &place)) {
        running->pipeline->work(running->pipeline->subject, place, self->number);
        ordered_queue_worked(&running->queue, place);
    }
    return NULL;
}

static void empty_all(struct running *running)
{
    uint32_t place;
    while (ordered_queue_empty(&running->queue, &place) && running->pipeline->empty(running->pipeline->subject, place))
        ordered_queue_emptied(&running->queue);
}

/* Returns how many were started. */
static uint32_t start_working(struct running *running, struct worker_thread *threads)
{
    uint32_t started = 0;
    for (; started < running->pipeline->threads; started++) {
        threads[started] = (struct worker_thread){.running = running, .number = started};
        if (pthread_create(&threads[started].thread, NULL, work_all, &threads[started]) != 0)
            break;
    }
    return started;
}

bool pipeline_run(const struct pipeline *pipeline)
{
    assert(pipeline->threads >= 1 && pipeline->threads <= PIPELINE_THREADS);
    struct running running = {.pipeline = pipeline};
    struct worker_thread threads[PIPELINE_THREADS];
    pthread_t filling;
    if (ordered_queue_open(&running.queue, pipeline->places) != 0)
        return false;
    const uint32_t started = start_working(&running, threads);
    const bool is_run = started > 0 && pthread_create(&filling, NULL, fill_all, &running) == 0;
    if (is_run) {
        empty_all(&running);
        if (pipeline->stop)
            pipeline->stop(pipeline->subject);
    }
    ordered_queue_stop(&running.queue);
    if (is_run)
        pthread_join(filling, NULL);
    for (uint32_t i = 0; i < started; i++)
        pthread_join(threads[i].thread, NULL);
    ordered_queue_close(&running.queue);
    return is_run;
}
