#include "worker/definitions/definitions_watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/quiet_thread.h"
#include "worker/definitions/definitions_watch_internal.h"

#define BACKOFF_FIRST_MS 20
#define BACKOFF_LAST_MS  1000

uint64_t definitions_watch_stamp(const struct definitions_watch *watch, struct span workspace)
{
    return watch ? definitions_version_of(&watch->stamps, workspace) : 0;
}

/* ---- the thread ---- */

/* Waits until Redis sends something, a caller needs something, or `wait_ms` have passed. True if Redis sent
 * something. */
static bool watch_wait(struct definitions_watch *watch, int64_t wait_ms)
{
    struct pollfd files[] = {{.fd = watch->wake, .events = POLLIN},
                             {.fd = watch->connection ? watch->connection->fd : -1, .events = POLLIN}};
    if (poll(files, 2, (int)wait_ms) <= 0)
        return false;
    uint64_t times;
    if (files[0].revents && read(watch->wake, &times, sizeof(times)) < 0 && errno != EAGAIN)
        log_error("eventfd", LOG_TEXT("error", strerror(errno)));
    return files[1].revents != 0;
}

/* Whether the connection is to a server that is no longer the master. Asks only if a caller reads from another one. */
static bool watch_is_outdated(struct definitions_watch *watch, char *error)
{
    pthread_mutex_lock(&watch->lock);
    const bool doubted = watch->doubted;
    watch->doubted = false;
    pthread_mutex_unlock(&watch->lock);
    return doubted && !redis_is_still_chosen(watch->config, watch->connection, error, ERROR_TEXT_BYTES);
}

/* How long the thread may sleep if nothing happens. */
static int64_t watch_patience(const struct definitions_watch *watch)
{
    int64_t until =
        watch->pinged_ms ? watch->pinged_ms + watch->config->redis.timeout_ms : watch->heard_ms + IDLE_PING_MS;
    int64_t keep_going = until - clock_now_ms();
    return keep_going > 0 ? keep_going : 0;
}

static void watch_serve(struct definitions_watch *watch)
{
    char error[ERROR_TEXT_BYTES] = "";
    if (watch_wait(watch, watch_patience(watch)) && !watch_read(watch, error)) {
        watch_lose(watch, error);
        return;
    }
    if (watch_is_outdated(watch, error)) {
        watch_lose(watch, error);
        return;
    }
    if (watch->pinged_ms && clock_now_ms() - watch->pinged_ms >= watch->config->redis.timeout_ms)
        watch_lose(watch, "no answer in time");
    else if (!watch_ping(watch, error))
        watch_lose(watch, error);
}

static void *watch_main(void *argument)
{
    struct definitions_watch *watch = argument;
    int64_t backoff_ms = BACKOFF_FIRST_MS;
    while (!atomic_load(&watch->ending)) {
        if (!watch->connection)
            watch_connect(watch);
        if (watch->connection) {
            watch_serve(watch);
            backoff_ms = BACKOFF_FIRST_MS;
        } else {
            watch_wait(watch, backoff_ms);
            backoff_ms = backoff_ms * 2 < BACKOFF_LAST_MS ? backoff_ms * 2 : BACKOFF_LAST_MS;
        }
    }
    if (watch->connection)
        redisFree(watch->connection);
    return NULL;
}

static void watch_wake(struct definitions_watch *watch)
{
    if (write(watch->wake, &(uint64_t){1}, sizeof(uint64_t)) < 0)
        log_error("eventfd", LOG_TEXT("error", strerror(errno)));
}

/* ---- the callers ---- */

/* Whether the watch is on the caller's server; if it is on another one, the thread looks whether it should be. Under
 * the lock. */
static bool watch_serves(struct definitions_watch *watch, const char *server)
{
    if (!watch->connected || !server || strcmp(server, watch->server) == 0)
        return watch->connected;
    watch->doubted = true;
    watch_wake(watch);
    return false;
}

bool definitions_watch_catch_up(struct definitions_watch *watch, const char *server, int64_t wait_ms)
{
    if (!watch)
        return false;
    struct timespec deadline = clock_time(clock_now_ms() + wait_ms);
    pthread_mutex_lock(&watch->lock);
    uint64_t losses = watch->losses, ping = watch->sent + 1;
    bool waiting = watch_serves(watch, server);
    const bool serves = waiting;
    if (waiting && watch->wanted < ping) {
        watch->wanted = ping;
        watch_wake(watch);
    }
    while (waiting && watch->losses == losses && watch->answered < ping)
        waiting = pthread_cond_timedwait(&watch->changed, &watch->lock, &deadline) == 0;
    bool caught_up = serves && watch->connected && watch->losses == losses && watch->answered >= ping;
    pthread_mutex_unlock(&watch->lock);
    return caught_up;
}

static bool watch_start(struct definitions_watch *watch)
{
    errno = quiet_thread_start(&watch->thread, watch_main, watch);
    return errno == 0;
}

struct definitions_watch *definitions_watch_open(const struct config *config)
{
    struct definitions_watch *watch = calloc(1, sizeof(*watch));
    if (!watch) {
        log_error("definitions cannot be watched: out of memory");
        return NULL;
    }
    watch->config = config;
    watch->away = (struct log_fault){"changes of definitions are not announced; every batch reads them",
                                     "changes of definitions are announced again", .told = NULL};
    pthread_mutex_init(&watch->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    watch->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (watch->wake >= 0 && watch_start(watch))
        return watch;
    log_error("definitions cannot be watched", LOG_TEXT("error", strerror(errno)));
    if (watch->wake >= 0)
        close(watch->wake);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
    return NULL;
}

bool definitions_watch_end(struct definitions_watch *watch, const struct timespec *deadline)
{
    if (!watch || watch->ended)
        return true;
    atomic_store(&watch->ending, true);
    watch_wake(watch);
    watch->ended = thread_join_until(watch->thread, deadline);
    return watch->ended;
}

void definitions_watch_free(struct definitions_watch *watch)
{
    if (!watch)
        return;
    close(watch->wake);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}
