/* definitions_watch_internal: what the files of the watch share. No other file includes it. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_WATCH_INTERNAL_H
#define WORKER_DEFINITIONS_DEFINITIONS_WATCH_INTERNAL_H

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/log.h"
#include "worker/definitions/definitions_versions.h"
#include "worker/definitions/definitions_watch.h"
#include "worker/redis/redis_connection.h"

#define IDLE_PING_MS     2000 /* how long the loss of an idle connection may go unnoticed */
#define ERROR_TEXT_BYTES 256  /* of the texts `error` below */

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

/* ---- definitions_watch_connection.c: for the thread alone ---- */

/* Connects and subscribes, or does what watch_lose does. */
void watch_connect(struct definitions_watch *watch);

/* Closes the connection, if there is one. Every version grows, and no caller waits any more. `error` is for the log. */
void watch_lose(struct definitions_watch *watch, const char *error);

/* Sends a ping if a caller waits for one, or if the connection has been silent for long. False with the reason in
 * `error`. */
MUST_CHECK bool watch_ping(struct definitions_watch *watch, char *error);

/* Reads what has arrived. False with the reason in `error` if the connection cannot be used any more. */
MUST_CHECK bool watch_read(struct definitions_watch *watch, char *error);

#endif
