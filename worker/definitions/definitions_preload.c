#include "worker/definitions/definitions_preload.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/quiet_thread.h"
#include "worker/definitions/definitions_sync.h"

#define RETRY_MS      500
#define RETRY_STEP_MS 50

struct definitions_preload {
    const struct config *config;
    pthread_t thread;
    atomic_bool done, ending;
    bool ended; /* joined; only for the thread that ends it */
};

static bool go_on(void *listener, int64_t done, int64_t total)
{
    const struct definitions_preload *fill = listener;
    (void)done, (void)total;
    return !atomic_load(&fill->ending);
}

static void wait_a_little(const struct definitions_preload *fill)
{
    for (int waited = 0; waited < RETRY_MS && !atomic_load(&fill->ending); waited += RETRY_STEP_MS)
        clock_sleep(RETRY_STEP_MS);
}

static void *fill_main(void *argument)
{
    struct definitions_preload *fill = argument;
    struct log_fault away = {"definitions cannot be read from their topic; commands wait",
                             "definitions can be read from their topic", .told = NULL};
    struct definitions_sync_result result;
    char error[512];
    while (!atomic_load(&fill->ending)) {
        if (definitions_sync(fill->config, SYNC_MISSING, NULL, go_on, fill, &result, error, sizeof(error))) {
            log_fault_end(&away);
            if (result.stored > 0)
                log_info("definitions that Redis lacked were read from their topic",
                         LOG_INTEGER("workspaces", result.stored));
            atomic_store(&fill->done, true);
            break;
        }
        if (error[0] != '\0')
            log_fault_begin(&away, LOG_LIST(LOG_TEXT("error", error)));
        wait_a_little(fill);
    }
    return NULL;
}

struct definitions_preload *definitions_preload_open(const struct config *config)
{
    struct definitions_preload *fill = calloc(1, sizeof(*fill));
    if (!fill) {
        log_error("definitions cannot be read: out of memory");
        return NULL;
    }
    fill->config = config;
    int error = quiet_thread_start(&fill->thread, fill_main, fill);
    if (error == 0)
        return fill;
    log_error("definitions cannot be read", LOG_TEXT("error", strerror(error)));
    free(fill);
    return NULL;
}

bool definitions_preload_end(struct definitions_preload *fill, const struct timespec *deadline)
{
    if (!fill || fill->ended)
        return true;
    atomic_store(&fill->ending, true);
    fill->ended = thread_join_until(fill->thread, deadline);
    return fill->ended;
}

void definitions_preload_free(struct definitions_preload *fill)
{
    free(fill);
}

bool definitions_preload_is_done(const struct definitions_preload *fill)
{
    return atomic_load(&fill->done);
}
