#include <time.h>

#include "worker/command.h"
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
        if (workers_join(workers, LOOK_EVERY_MS))
            return true;
    return false;
}

int command_run(int argc, char **argv, const struct config *config)
{
    if (argc > 1)
        return command_usage("run", "unexpected argument \"%s\"", argv[1]);
    stop_on_signals();
    log_info("starting", LOG_TEXT("version", CLIENT_INTAKE_VERSION), LOG_TEXT("topic", config->commands.topic),
             LOG_INTEGER("threads", config->worker.threads));
    struct workers *workers = workers_start(config);
    if (!workers)
        return COMMAND_UNAVAILABLE;
    wait_for_stop();
    log_info("stopping");
    if (drain(workers, config->shutdown.timeout_ms)) {
        log_info("stopped");
        return COMMAND_FINE;
    }
    log_warning("stopped before the work in hand was finished; it will be done again");
    return COMMAND_FORCED;
}
