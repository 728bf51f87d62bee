/* redis_redirect: what a node of a cluster says instead of executing a command. It does no I/O.
 *
 * A redirect is never followed: a node may be wrong about another one, and what decides a batch must come from the
 * server that the map names. It tells that the map is old, or that a slot or a node has to wait.
 *
 * In a MULTI the redirect is the answer to a queued command, and EXEC says EXECABORT; a script has no such trap. */
#ifndef WORKER_REDIS_REDIS_REDIRECT_H
#define WORKER_REDIS_REDIS_REDIRECT_H

#include <hiredis/hiredis.h>

enum redis_redirect {
    REDIRECT_NONE,        /* an answer, or another error */
    REDIRECT_MOVED,       /* another node serves the slot */
    REDIRECT_ASK,         /* the slot moves, and the keys are not here, or not any more */
    REDIRECT_TRYAGAIN,    /* the slot moves, and some of the keys are here */
    REDIRECT_SLOT_DOWN,   /* CLUSTERDOWN: nobody serves the slot */
    REDIRECT_DOWN,        /* CLUSTERDOWN: the node is cut off from most masters, was just started, or lacks slots */
    REDIRECT_READONLY,    /* the node is a replica by now */
    REDIRECT_LOADING,     /* it reads its file */
    REDIRECT_MASTER_DOWN, /* MASTERDOWN: it is a replica that has lost its master */
};

enum redis_redirect redis_redirect_of(const redisReply *reply);

/* "MOVED", ... */
const char *redis_redirect_name(enum redis_redirect redirect);

#endif
