/* What the callers of the watch do: any thread, many at once. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/definitions/definitions_watch_internal.h"

uint64_t definitions_watch_stamp(const struct definitions_watch *watch, struct span workspace)
{
    return watch ? definitions_version_of(&watch->stamps, workspace) : 0;
}

void watch_wake(struct definitions_watch *watch)
{
    if (write(watch->wake, &(uint64_t){1}, sizeof(uint64_t)) < 0)
        log_error("eventfd", LOG_TEXT("error", strerror(errno)));
}

/* The link to the server; NULL: there is none. Under the lock. */
static const struct watch_link *find_server(const struct definitions_watch *watch, const char *server)
{
    for (size_t i = 0; i < watch->link_count; i++)
        if (strcmp(watch->links[i].server, server) == 0)
            return &watch->links[i];
    return NULL;
}

static const struct watch_link *find_link(const struct definitions_watch *watch, uint64_t number)
{
    for (size_t i = 0; i < watch->link_count; i++)
        if (watch->links[i].number == number)
            return &watch->links[i];
    return NULL;
}

/* Finds the links to the servers. If one has none, the thread looks whether there should be one. False if none of them
 * has one. Under the lock. */
static bool watch_serves(struct definitions_watch *watch, struct definitions_server *servers, size_t count)
{
    bool any = false, all = true;
    for (size_t i = 0; i < count; i++) {
        const struct watch_link *link = find_server(watch, servers[i].server);
        servers[i].caught_up = false;
        servers[i].link = link ? link->number : 0;
        any = any || link;
        all = all && link;
    }
    if (!all && watch->link_count > 0) {
        watch->doubted = true;
        watch_wake(watch);
    }
    return any;
}

/* Asks for a ping. Returns its number. Under the lock. */
static uint64_t watch_want(struct definitions_watch *watch)
{
    const uint64_t ping = watch->sent + 1;
    if (watch->wanted < ping) {
        watch->wanted = ping;
        watch_wake(watch);
    }
    return ping;
}

/* Whether an answer is still awaited. Under the lock. */
static bool watch_note(const struct definitions_watch *watch, struct definitions_server *servers, size_t count,
                       uint64_t ping)
{
    bool waiting = false;
    for (size_t i = 0; i < count; i++) {
        const struct watch_link *link = servers[i].link ? find_link(watch, servers[i].link) : NULL;
        servers[i].caught_up = link && link->answered >= ping;
        waiting = waiting || (link && link->answered < ping);
    }
    return waiting;
}

void definitions_watch_catch_up_with(struct definitions_watch *watch, struct definitions_server *servers, size_t count,
                                     int64_t wait_ms)
{
    for (size_t i = 0; i < count; i++)
        servers[i].caught_up = false;
    if (!watch)
        return;
    struct timespec deadline = clock_time(clock_now_ms() + wait_ms);
    pthread_mutex_lock(&watch->lock);
    if (watch_serves(watch, servers, count)) {
        const uint64_t ping = watch_want(watch);
        bool in_time = true;
        while (watch_note(watch, servers, count, ping) && in_time)
            in_time = pthread_cond_timedwait(&watch->changed, &watch->lock, &deadline) == 0;
    }
    pthread_mutex_unlock(&watch->lock);
}

/* All that there are. A link that is lost meanwhile makes the watch less than whole. */
static bool catch_up_with_all(struct definitions_watch *watch, int64_t wait_ms)
{
    struct timespec deadline = clock_time(clock_now_ms() + wait_ms);
    pthread_mutex_lock(&watch->lock);
    const uint64_t losses = watch->losses;
    bool waiting = watch->is_whole, caught_up = false;
    const uint64_t ping = waiting ? watch_want(watch) : 0;
    while (waiting) {
        caught_up = watch->losses == losses;
        for (size_t i = 0; i < watch->link_count; i++)
            caught_up = caught_up && watch->links[i].answered >= ping;
        waiting = !caught_up && watch->losses == losses &&
                  pthread_cond_timedwait(&watch->changed, &watch->lock, &deadline) == 0;
    }
    pthread_mutex_unlock(&watch->lock);
    return caught_up;
}

bool definitions_watch_catch_up(struct definitions_watch *watch, const char *server, int64_t wait_ms)
{
    struct definitions_server one = {.server = server};
    if (!watch)
        return false;
    if (!server)
        return catch_up_with_all(watch, wait_ms);
    definitions_watch_catch_up_with(watch, &one, 1, wait_ms);
    return one.caught_up;
}
