#include <time.h>

#include "worker/command.h"
#include "worker/http.h"
#include "worker/stop.h"
#include "worker/worker.h"

#define LOOK_EVERY_MS 100

static void wait_for_stop(void)
{
    while (!stop_is_requested())
        nanosleep(&(struct timespec){0, LOOK_EVERY_MS * 1000000L}, NULL);
}

/* Drains: the batches in hand are finished. True if that worked out in time and nobody asked twice. */
static bool drain(struct workers *workers, int64_t limit_ms)
{
    for (int64_t waited = 0; waited < limit_ms && stop_requests() < 2; waited += LOOK_EVERY_MS)
        if (workers_wait(workers, LOOK_EVERY_MS))
            return true;
    return false;
}

/* Runs the workers, and tells about them, until the end is asked for. */
static int run(struct http *http, struct workers *workers, const struct config *config)
{
    size_t count;
    struct metrics *const *metrics = workers_metrics(workers, &count);
    bool served = http_serve(http, metrics, count);
    if (!served)
        stop_request();
    wait_for_stop();
    log_info("stopping");
    bool drained = drain(workers, config->shutdown.timeout_ms);
    http_close(http);
    if (!drained) {
        log_warning("stopped before the work in hand was finished; it will be done again");
        return COMMAND_FORCED;
    }
    workers_free(workers);
    log_info("stopped");
    return served ? COMMAND_FINE : COMMAND_UNAVAILABLE;
}

int command_run(int argc, char **argv, const struct config *config)
{
    if (argc > 1)
        return command_usage("run", "unexpected argument \"%s\"", argv[1]);
    stop_on_signals();
    log_info("starting", LOG_TEXT("version", CLIENT_INTAKE_VERSION), LOG_TEXT("topic", config->commands.topic),
             LOG_INTEGER("threads", config->worker.threads));
    struct http *http = http_open(config);
    if (!http)
        return COMMAND_UNAVAILABLE;
    struct workers *workers = workers_start(config);
    if (workers)
        return run(http, workers, config);
    http_close(http);
    return COMMAND_UNAVAILABLE;
}
