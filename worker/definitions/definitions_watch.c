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

/* ---- the thread ---- */

/* Waits until Redis sends something, a caller needs something, or `wait_ms` have passed. The first `count` links' files
 * tell whether Redis sent something there. */
static void watch_wait(struct definitions_watch *watch, size_t count, int64_t wait_ms)
{
    struct pollfd *files = watch->files;
    files[0] = (struct pollfd){.fd = watch->wake, .events = POLLIN};
    for (size_t i = 0; i < count; i++)
        files[i + 1] = (struct pollfd){.fd = watch->links[i].connection->fd, .events = POLLIN};
    if (poll(files, count + 1, (int)wait_ms) <= 0)
        for (size_t i = 0; i <= count; i++)
            files[i].revents = 0;
    uint64_t times;
    if (files[0].revents && read(watch->wake, &times, sizeof(times)) < 0 && errno != EAGAIN)
        log_error("eventfd", LOG_TEXT("error", strerror(errno)));
}

void watch_close(struct definitions_watch *watch, size_t at, const char *error)
{
    const struct watch_link link = watch->links[at];
    char text[ERROR_TEXT_BYTES];
    if (watch->cluster)
        snprintf(text, sizeof(text), "%.200s: %.200s", link.server, error);
    else
        snprintf(text, sizeof(text), "%s", error);
    watch_link_remove(watch, at);
    if (watch->cluster)
        watch_hang_up_cluster(watch, &link, error);
    else
        redisFree(link.connection);
    watch_tell(watch, false, text);
}

void watch_tell(struct definitions_watch *watch, bool is_whole, const char *error)
{
    pthread_mutex_lock(&watch->lock);
    watch->is_whole = is_whole;
    pthread_mutex_unlock(&watch->lock);
    if (is_whole)
        log_fault_end(&watch->away);
    else if (!atomic_load(&watch->ending))
        log_fault_begin(&watch->away, LOG_LIST(LOG_TEXT("error", error)));
}

/* Whether a caller reads from a server without a link. */
static bool watch_is_doubted(struct definitions_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    const bool doubted = watch->doubted;
    watch->doubted = false;
    pthread_mutex_unlock(&watch->lock);
    return doubted;
}

/* Sees that there is a link to the one server. */
static void watch_tend_server(struct definitions_watch *watch)
{
    char error[ERROR_TEXT_BYTES] = "";
    redisContext *connection = redis_connect(watch->config, error, sizeof(error));
    const bool ok = connection && watch_link_add(watch, connection, ++watch->links_made, error);
    if (connection && !ok)
        redisFree(connection);
    if (!ok)
        definitions_versions_grow(&watch->stamps);
    watch_tell(watch, ok, error);
}

/* How long the thread may sleep if nothing happens. */
static int64_t watch_patience(const struct definitions_watch *watch)
{
    int64_t until = clock_now_ms() + IDLE_PING_MS;
    for (size_t i = 0; i < watch->link_count; i++) {
        const struct watch_link *link = &watch->links[i];
        const int64_t limit =
            link->pinged_ms ? link->pinged_ms + watch->config->redis.timeout_ms : link->heard_ms + IDLE_PING_MS;
        until = limit < until ? limit : until;
    }
    int64_t keep_going = until - clock_now_ms();
    return keep_going > 0 ? keep_going : 0;
}

/* Whether the only link is to a server that is no longer the master. */
static bool watch_is_outdated(struct definitions_watch *watch, char *error)
{
    return watch_is_doubted(watch) && watch->link_count > 0 &&
           !redis_is_still_chosen(watch->config, watch->links[0].connection, error, ERROR_TEXT_BYTES);
}

/* Waits, and serves all links. A link that is closed gives its place to the last one, so it goes from the end. */
static void watch_serve(struct definitions_watch *watch, int64_t wait_ms)
{
    char error[ERROR_TEXT_BYTES];
    watch_wait(watch, watch->link_count, wait_ms);
    for (size_t i = watch->link_count; i-- > 0;) {
        struct watch_link *link = &watch->links[i];
        if (watch->files[i + 1].revents && !watch_read(watch, link, error))
            watch_close(watch, i, error);
        else if (!watch->cluster && watch_is_outdated(watch, error))
            watch_close(watch, i, error);
        else if (link->pinged_ms && clock_now_ms() - link->pinged_ms >= watch->config->redis.timeout_ms)
            watch_close(watch, i, "no answer in time");
    }
    watch_ping(watch);
}

static void watch_tend(struct definitions_watch *watch)
{
    if (watch->cluster)
        watch_tend_cluster(watch, watch_is_doubted(watch));
    else if (watch->link_count == 0)
        watch_tend_server(watch);
}

static void *watch_main(void *argument)
{
    struct definitions_watch *watch = argument;
    int64_t backoff_ms = BACKOFF_FIRST_MS;
    while (!atomic_load(&watch->ending)) {
        watch_tend(watch);
        int64_t wait_ms = watch_patience(watch);
        if (watch->is_whole) {
            backoff_ms = BACKOFF_FIRST_MS;
        } else {
            wait_ms = wait_ms < backoff_ms ? wait_ms : backoff_ms;
            backoff_ms = backoff_ms * 2 < BACKOFF_LAST_MS ? backoff_ms * 2 : BACKOFF_LAST_MS;
        }
        watch_serve(watch, wait_ms);
    }
    if (!watch->cluster && watch->link_count > 0)
        redisFree(watch->links[0].connection);
    return NULL;
}

/* ---- its life ---- */

/* False with errno set. */
static bool watch_has_room(struct definitions_watch *watch)
{
    errno = ENOMEM;
    watch->files = calloc(1, sizeof(*watch->files));
    if (watch->config->redis.kind == REDIS_CLUSTER)
        watch->cluster = redis_cluster_open(watch->config);
    return watch->files && (watch->cluster || watch->config->redis.kind != REDIS_CLUSTER);
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
    if (watch->wake >= 0 && watch_has_room(watch) && watch_start(watch))
        return watch;
    log_error("definitions cannot be watched", LOG_TEXT("error", strerror(errno)));
    definitions_watch_free(watch);
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
    if (watch->wake >= 0)
        close(watch->wake);
    redis_cluster_close(watch->cluster);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
    free(watch->files);
    free(watch->links);
    free(watch);
}
