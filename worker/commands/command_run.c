#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/stop.h"
#include "worker/commands/command.h"
#include "worker/daemon/reload.h"
#include "worker/daemon/worker.h"
#include "worker/http/http.h"
#include "worker/kafka/kafka_tls_errors.h"

#define LOOK_EVERY_MS 100
#define HELPERS_MS    500 /* how long threads without work may take to end */

/* Waits for the request to stop, and reloads the config on request. */
static void wait_for_stop(struct workers *workers, struct reload *reload)
{
    while (!stop_is_requested()) {
        const struct config *fresh = reload_is_requested() ? reload_read(reload) : NULL;
        if (fresh)
            workers_validate_by(workers, fresh);
        clock_sleep(LOOK_EVERY_MS);
    }
}

/* Drains: the batches in hand are finished. True if that succeeded before `end_ms` and without a second request. */
static bool drain(struct workers *workers, int64_t end_ms)
{
    while (clock_now_ms() < end_ms && stop_requests() < 2)
        if (workers_wait(workers, LOOK_EVERY_MS))
            return true;
    return false;
}

/* Sends the traces that are left, until `end_ms` or a second request. They are no work that must be done. False if a
 * second request ended it. */
static bool send_traces(struct workers *workers, const struct config *config, int64_t end_ms)
{
    int64_t limit_ms = end_ms - HELPERS_MS - clock_now_ms();
    if (limit_ms > config->tracing.timeout_ms)
        limit_ms = config->tracing.timeout_ms;
    for (; limit_ms > 0; limit_ms -= LOOK_EVERY_MS) {
        if (workers_end_traces(workers, limit_ms, LOOK_EVERY_MS))
            return true;
        if (stop_requests() >= 2)
            return false;
    }
    return true;
}

/* Ends the process while threads still run. They use the config and objects that the libraries' destructors would
 * free, so nothing is freed and no destructor runs. */
static _Noreturn void leave(int code)
{
    fflush(NULL);
    _exit(code);
}

/* Runs the workers and the HTTP server until the request to stop. */
static int run(struct http *http, struct workers *workers, struct reload *reload, const struct config *config)
{
    size_t count;
    struct metrics *const *metrics = workers_metrics(workers, &count);
    bool served = http_serve(http, metrics, count);
    if (!served)
        stop_request();
    wait_for_stop(workers, reload);
    log_info("stopping");
    const int64_t end_ms = clock_now_ms() + config->shutdown.timeout_ms;
    if (!drain(workers, end_ms)) {
        log_warning("stopped before the work in hand was finished; it will be repeated");
        leave(COMMAND_FORCED);
    }
    int code = served ? COMMAND_OK : COMMAND_UNAVAILABLE;
    if (!send_traces(workers, config, end_ms))
        code = COMMAND_FORCED;
    http_close(http); /* it says until now that the process is not ready */
    bool ended = workers_end_helpers(workers, HELPERS_MS);
    log_info("stopped");
    if (!ended)
        leave(code);
    workers_free(workers);
    reload_close(reload);
    return code;
}

int command_run(int argc, char **argv, const struct config *config)
{
    if (argc > 1)
        return command_usage("run", "unexpected argument \"%s\"", argv[1]);
    stop_on_signals();
    log_info("starting", LOG_TEXT("version", CLIENT_INTAKE_VERSION), LOG_TEXT("topic", config->commands.topic),
             LOG_INTEGER("threads", config->worker.threads));
    const char *hint = kafka_scram_hint(config);
    if (hint)
        log_warning("logging in to Kafka may fail", LOG_TEXT("text", hint));
    struct http *http = http_open(config);
    if (!http)
        return COMMAND_UNAVAILABLE;
    struct reload *reload = reload_open(config);
    struct workers *workers = reload ? workers_start(config) : NULL;
    if (workers)
        return run(http, workers, reload, config);
    reload_close(reload);
    http_close(http);
    return COMMAND_UNAVAILABLE;
}
