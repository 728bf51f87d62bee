/* definitions_watch_internal: what the files of the watch share. No other file includes it. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_WATCH_INTERNAL_H
#define WORKER_DEFINITIONS_DEFINITIONS_WATCH_INTERNAL_H

#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/log.h"
#include "worker/definitions/definitions_versions.h"
#include "worker/definitions/definitions_watch.h"
#include "worker/redis/redis_cluster.h"
#include "worker/redis/redis_connection.h"

#define IDLE_PING_MS     2000 /* how long the loss of an idle connection may go unnoticed */
#define ERROR_TEXT_BYTES 512  /* of the texts `error` below */

/* A connection that announces what changes on one server. There is one on a single server or behind Sentinels, and one
 * for each master of a cluster. */
struct watch_link {
    redisContext *connection; /* on a cluster it belongs to the node */
    uint64_t number;          /* each link has a higher one than those before it */
    char server[REDIS_ADDRESS_BYTES];
    uint64_t sent;     /* last ping sent */
    uint64_t answered; /* last ping answered; under the lock */

    int64_t heard_ms;  /* when Redis last sent something */
    int64_t pinged_ms; /* when the oldest ping without a reply was sent; 0: there is none */
    uint64_t pinged;   /* its number */
};

struct definitions_watch {
    const struct config *config;
    pthread_t thread;
    int wake; /* eventfd: a caller waits for a ping, or the end is requested */
    atomic_bool ending;
    bool ended; /* joined; only for the thread that ends it */
    struct definitions_versions stamps;

    /* Pings are numbered, and each goes to all links. A caller waits for a ping that is sent after its call: the next
     * one. */
    pthread_mutex_t lock; /* for the members below; only the thread changes the links, so it reads them without */
    pthread_cond_t changed;
    struct watch_link *links;
    size_t link_count;
    bool is_whole;   /* there is a link to the server, or to each master, and every slot has one */
    bool doubted;    /* a caller reads from a server without a link */
    uint64_t losses; /* of links */
    uint64_t wanted; /* highest ping that a caller waits for */
    uint64_t sent;   /* last ping sent */

    /* The thread's own. */
    uint64_t links_made;
    struct pollfd *files;          /* the wake, and one for each link */
    struct redis_cluster *cluster; /* NULL: of one server, or one behind Sentinels */
    int64_t map_asked_ms;          /* when a map of the cluster was asked for though nothing was wrong */
    struct log_fault away;
};

/* ---- definitions_watch_links.c: for the thread alone ---- */

/* Has Redis announce changes on the connection, and adds a link. Every version grows. False with the reason in `error`;
 * the connection stays the caller's. */
MUST_CHECK bool watch_link_add(struct definitions_watch *watch, redisContext *connection, uint64_t number, char *error);

/* Removes a link, whose connection is closed by the caller. Every version grows, and no caller waits for it. */
void watch_link_remove(struct definitions_watch *watch, size_t at);

/* Sends a ping to all links if a caller waits for one, or if a link has been silent for long. A link that fails is
 * closed by watch_close. */
void watch_ping(struct definitions_watch *watch);

/* Reads what has arrived. False with the reason in `error` if the connection cannot be used any more. */
MUST_CHECK bool watch_read(struct definitions_watch *watch, struct watch_link *link, char *error);

/* ---- definitions_watch.c ---- */

/* Closes a link. `error` is for the log. */
void watch_close(struct definitions_watch *watch, size_t at, const char *error);

/* Tells whether all is watched from now on; if not, why. */
void watch_tell(struct definitions_watch *watch, bool is_whole, const char *error);

/* ---- definitions_watch_callers.c ---- */

/* Wakes the thread. */
void watch_wake(struct definitions_watch *watch);

/* ---- definitions_watch_cluster.c: for the thread alone ---- */

/* Looks at the cluster, and adds and removes links so that there is one to each master that is there. `is_doubted`: a
 * caller reads from another server. */
void watch_tend_cluster(struct definitions_watch *watch, bool is_doubted);

/* Closes the connection of the link, which stays. */
void watch_hang_up_cluster(struct definitions_watch *watch, const struct watch_link *link, const char *reason);

#endif
