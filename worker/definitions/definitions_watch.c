#include "worker/definitions/definitions_watch.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/quiet_thread.h"
#include "worker/definitions/definitions_versions.h"
#include "worker/redis/redis_connection.h"
#include "worker/redis/redis_keys.h"

#define CHANNEL          "__redis__:invalidate"
#define IDLE_PING_MS     2000 /* how long the loss of an idle connection may go unnoticed */
#define BACKOFF_FIRST_MS 20
#define BACKOFF_LAST_MS  1000
#define ERROR_TEXT_BYTES 256

struct definitions_watch {
    const struct config *config;
    pthread_t thread;
    int wake; /* eventfd: a caller waits for a ping, or the end is requested */
    atomic_bool ending;
    bool ended; /* joined; only for the thread that ends it */
    struct definitions_versions stamps;

    /* Pings are numbered. A caller waits for a ping that is sent after its call: the next one. */
    pthread_mutex_t lock; /* for the members below */
    pthread_cond_t changed;
    bool connected;
    char server[REDIS_ADDRESS_BYTES]; /* of the connection */
    bool doubted;                     /* a caller reads from another server */
    uint64_t losses;                  /* of connections */
    uint64_t wanted;                  /* highest ping that a caller waits for */
    uint64_t sent;                    /* last ping sent */
    uint64_t answered;                /* last ping answered */

    /* The thread's own. */
    redisContext *connection; /* NULL: none */
    int64_t heard_ms;         /* when Redis last sent something */
    int64_t pinged_ms;        /* when the oldest ping without a reply was sent; 0: there is none */
    uint64_t pinged;          /* its number */
    struct log_fault away;
};

uint64_t definitions_watch_stamp(const struct definitions_watch *watch, struct span workspace)
{
    return watch ? definitions_version_of(&watch->stamps, workspace) : 0;
}

/* ---- the connection ---- */

static void watch_lose(struct definitions_watch *watch, const char *error)
{
    if (watch->connection)
        redisFree(watch->connection);
    watch->connection = NULL;
    watch->pinged_ms = 0;
    definitions_versions_grow(&watch->stamps);
    pthread_mutex_lock(&watch->lock);
    watch->connected = false;
    watch->losses++;
    if (watch->sent < watch->wanted)
        watch->sent = watch->wanted;
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    if (!atomic_load(&watch->ending))
        log_fault_begin(&watch->away, LOG_LIST(LOG_TEXT("error", error)));
}

static bool watch_ask(redisContext *connection, char *error, const char *format, long long argument, long long *answer)
{
    redisReply *reply = redisCommand(connection, format, argument);
    bool ok = reply && reply->type != REDIS_REPLY_ERROR;
    if (!ok)
        snprintf(error, ERROR_TEXT_BYTES, "%s", reply ? reply->str : connection->errstr);
    else if (answer)
        *answer = reply->integer;
    freeReplyObject(reply);
    return ok;
}

/* Redis announces no change before it has confirmed the subscription, so the watch counts as connected only then. */
static void watch_connect(struct definitions_watch *watch)
{
    char error[ERROR_TEXT_BYTES] = "";
    long long id = 0;
    redisContext *connection = redis_connect(watch->config, error, sizeof(error));
    if (connection && watch_ask(connection, error, "CLIENT ID", 0, &id) &&
        watch_ask(connection, error, "CLIENT TRACKING ON REDIRECT %lld BCAST PREFIX " DEFINITIONS_KEY_BEFORE, id,
                  NULL) &&
        watch_ask(connection, error, "SUBSCRIBE " CHANNEL, 0, NULL)) {
        watch->connection = connection;
        watch->heard_ms = clock_now_ms();
        definitions_versions_grow(&watch->stamps);
        pthread_mutex_lock(&watch->lock);
        watch->connected = true;
        watch->doubted = false;
        redis_address(connection, watch->server);
        pthread_mutex_unlock(&watch->lock);
        log_fault_end(&watch->away);
        return;
    }
    if (connection)
        redisFree(connection);
    watch_lose(watch, error);
}

static bool watch_send_ping(struct definitions_watch *watch, uint64_t number, char *error)
{
    int done = 0;
    bool ok = redisAppendCommand(watch->connection, "PING %llu", (unsigned long long)number) == REDIS_OK;
    while (ok && !done)
        ok = redisBufferWrite(watch->connection, &done) == REDIS_OK;
    if (!ok) {
        snprintf(error, ERROR_TEXT_BYTES, "%s", watch->connection->errstr);
        return false;
    }
    if (watch->pinged_ms == 0) {
        watch->pinged_ms = clock_now_ms();
        watch->pinged = number;
    }
    return true;
}

/* Sends a ping if a caller waits for one, or if the connection has been silent for long. A caller that comes after
 * the number was taken waits for the next ping, even though this one may not be written yet. */
static bool watch_ping(struct definitions_watch *watch, char *error)
{
    bool silent = watch->pinged_ms == 0 && clock_now_ms() - watch->heard_ms >= IDLE_PING_MS;
    uint64_t number = 0;
    pthread_mutex_lock(&watch->lock);
    if (silent || watch->wanted > watch->sent)
        number = ++watch->sent;
    pthread_mutex_unlock(&watch->lock);
    return number == 0 || watch_send_ping(watch, number, error);
}

static void watch_take_pong(struct definitions_watch *watch, uint64_t number)
{
    watch->pinged_ms = 0;
    watch->pinged = number + 1;
    pthread_mutex_lock(&watch->lock);
    watch->answered = number;
    /* A later ping is in progress. Redis is alive, so that ping's time limit restarts. */
    if (watch->answered < watch->sent)
        watch->pinged_ms = clock_now_ms();
    pthread_cond_broadcast(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
}

static bool is_text(const redisReply *reply, const char *text)
{
    return (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) && strcmp(reply->str, text) == 0;
}

/* A key that is not custom-fields:{WORKSPACE} belongs to no workspace. */
static void watch_take_key(struct definitions_watch *watch, struct span key)
{
    struct span workspace = definitions_key_workspace(key);
    if (workspace.at)
        definitions_version_grow(&watch->stamps, workspace);
}

/* A Redis that cannot write to its disk replies to a ping with this error, in order, and announces changes as
 * before. */
static bool is_misconf(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "MISCONF", 7) == 0;
}

/* ["pong", number], or ["message", channel, keys], with nil for keys when a database was flushed. */
static bool watch_take(struct definitions_watch *watch, const redisReply *reply)
{
    if (watch->pinged_ms && is_misconf(reply)) {
        watch_take_pong(watch, watch->pinged);
        return true;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2)
        return false;
    if (reply->elements == 2 && is_text(reply->element[0], "pong") && reply->element[1]->type == REDIS_REPLY_STRING) {
        watch_take_pong(watch, strtoull(reply->element[1]->str, NULL, 10));
        return true;
    }
    if (reply->elements != 3 || !is_text(reply->element[0], "message") || !is_text(reply->element[1], CHANNEL))
        return false;
    const redisReply *keys = reply->element[2];
    if (keys->type != REDIS_REPLY_ARRAY) {
        definitions_versions_grow(&watch->stamps);
        return true;
    }
    for (size_t i = 0; i < keys->elements; i++)
        if (keys->element[i]->type == REDIS_REPLY_STRING)
            watch_take_key(watch, span_of(keys->element[i]->str, (size_t)keys->element[i]->len));
    return true;
}

/* Reads what has arrived. False with the reason in `error` if the connection cannot be used any more. */
static bool watch_read(struct definitions_watch *watch, char *error)
{
    void *reply = NULL;
    bool ok = redisBufferRead(watch->connection) == REDIS_OK;
    while (ok && (ok = redisGetReplyFromReader(watch->connection, &reply) == REDIS_OK) && reply) {
        ok = watch_take(watch, reply);
        if (!ok)
            snprintf(error, ERROR_TEXT_BYTES, "an unexpected message");
        freeReplyObject(reply);
    }
    if (!ok && error[0] == '\0')
        snprintf(error, ERROR_TEXT_BYTES, "%s", watch->connection->errstr);
    watch->heard_ms = clock_now_ms();
    return ok;
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
