#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/quiet_thread.h"
#include "common/stop.h"
#include "worker/daemon/worker.h"
#include "worker/daemon/worker_feed.h"

/* The longest wait, so that no deadline overflows: 31 years. */
#define DEADLINE_LAST_MS INT64_C(1000000000000)

struct workers {
    unsigned count;
    struct metrics **metrics; /* by thread */
    struct worker_shared shared;
    struct workers_thread {
        pthread_t thread;
        struct worker *worker;
        bool started, joined;
    } threads[];
};

static void *thread_main(void *argument)
{
    struct workers_thread *self = argument;
    worker_run(self->worker);
    worker_close(self->worker);
    self->worker = NULL;
    return NULL;
}

static bool thread_start(struct workers_thread *self, const struct worker_shared *shared, unsigned number,
                         struct metrics *metrics, const struct worker_feed *feed)
{
    self->worker = worker_open(shared, number, metrics, feed);
    if (!self->worker)
        return false;
    int error = pthread_create(&self->thread, NULL, thread_main, self);
    if (error == 0) {
        self->started = true;
        return true;
    }
    log_error("a worker cannot start", LOG_TEXT("error", strerror(error)));
    worker_close(self->worker);
    return false;
}

static struct workers *workers_new(unsigned count)
{
    struct workers *workers = calloc(1, sizeof(*workers) + count * sizeof(workers->threads[0]));
    struct metrics **metrics = calloc(count, sizeof(struct metrics *));
    bool ok = workers && metrics;
    for (unsigned i = 0; i < count && ok; i++)
        ok = (metrics[i] = metrics_new()) != NULL;
    if (workers)
        *workers = (struct workers){.count = count, .metrics = metrics};
    if (ok)
        return workers;
    log_error("the workers cannot start: out of memory");
    if (workers)
        workers_free(workers);
    else
        free(metrics);
    return NULL;
}

struct workers *workers_start(const struct config *config)
{
    return workers_start_with(config, &group_feed);
}

struct workers *workers_start_with(const struct config *config, const struct worker_feed *feed)
{
    unsigned count = (unsigned)config->worker.threads;
    struct workers *workers = workers_new(count);
    if (!workers)
        return NULL;
    /* Signals go to the main thread. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct worker_shared *shared = &workers->shared;
    shared->config = config;
    bool ok = tracing_open(config, &shared->tracing);
    shared->watch = definitions_watch_open(config);
    shared->preload = definitions_preload_open(config);
    shared->topics = reply_topics_open(config);
    atomic_store(&shared->validation, config);
    ok = ok && shared->watch && shared->preload && shared->topics;
    for (unsigned i = 0; i < count && ok; i++)
        ok = thread_start(&workers->threads[i], shared, i, workers->metrics[i], feed);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ok)
        return workers;
    stop_request();
    if (!workers_join(workers, config->shutdown.timeout_ms)) {
        log_error("a thread did not end in time; exiting");
        _exit(EX_UNAVAILABLE);
    }
    return NULL;
}

void workers_validate_by(struct workers *workers, const struct config *config)
{
    atomic_store(&workers->shared.validation, config);
}

static struct timespec deadline_in(int64_t wait_ms)
{
    return clock_time(clock_now_ms() + (wait_ms < DEADLINE_LAST_MS ? wait_ms : DEADLINE_LAST_MS));
}

bool workers_wait(struct workers *workers, int64_t wait_ms)
{
    struct timespec deadline = deadline_in(wait_ms);
    for (unsigned i = 0; i < workers->count; i++) {
        struct workers_thread *thread = &workers->threads[i];
        if (!thread->started || thread->joined)
            continue;
        if (!thread_join_until(thread->thread, &deadline))
            return false;
        thread->joined = true;
    }
    return true;
}

bool workers_end_traces(struct workers *workers, int64_t limit_ms, int64_t wait_ms)
{
    struct timespec deadline = deadline_in(wait_ms);
    tracing_finish(workers->shared.tracing, limit_ms);
    return tracing_end(workers->shared.tracing, &deadline);
}

bool workers_end_helpers(struct workers *workers, int64_t wait_ms)
{
    struct timespec deadline = deadline_in(wait_ms);
    tracing_finish(workers->shared.tracing, 0);
    bool tracing_ended = tracing_end(workers->shared.tracing, &deadline);
    bool preload_ended = definitions_preload_end(workers->shared.preload, &deadline);
    bool watch_ended = definitions_watch_end(workers->shared.watch, &deadline);
    return reply_topics_end(workers->shared.topics, &deadline) && watch_ended && preload_ended && tracing_ended;
}

void workers_free(struct workers *workers)
{
    definitions_preload_free(workers->shared.preload);
    definitions_watch_free(workers->shared.watch);
    reply_topics_free(workers->shared.topics);
    tracing_free(workers->shared.tracing);
    for (unsigned i = 0; workers->metrics && i < workers->count; i++)
        metrics_free(workers->metrics[i]);
    free(workers->metrics);
    free(workers);
}

bool workers_join(struct workers *workers, int64_t wait_ms)
{
    if (!workers_wait(workers, wait_ms) || !workers_end_helpers(workers, wait_ms))
        return false;
    workers_free(workers);
    return true;
}

struct metrics *const *workers_metrics(const struct workers *workers, size_t *count)
{
    *count = workers->count;
    return workers->metrics;
}
