/* fake_redis: a server for tests that speaks just enough of Redis' protocol to pass for a Sentinel, for a master, or
 * for a node of a cluster: it answers by the first word of a command, with what the test has chosen. It can be silent,
 * refuse, or lie. */
#ifndef TESTS_FAKE_REDIS_H
#define TESTS_FAKE_REDIS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#define FAKE_CONNECTIONS 64

struct fake_redis {
    char address[64]; /* HOST:PORT */
    int port;
    const char *password; /* NULL: none; set it before the start */
    /* All answers are in the protocol, with their line ends. */
    _Atomic(const char *) sentinel; /* to SENTINEL */
    _Atomic(const char *) role;     /* to ROLE */
    _Atomic(const char *) slots;    /* to CLUSTER SLOTS */
    _Atomic(const char *) state;    /* to CLUSTER INFO */
    _Atomic(const char *) id;       /* to CLUSTER MYID */
    _Atomic(const char *) shard;    /* to CLUSTER MYSHARDID */
    _Atomic(const char *) get;      /* to GET */
    _Atomic(const char *) eval;     /* to EVAL */
    _Atomic(const char *) later;    /* to CLUSTER INFO, once it has answered EVAL; NULL: as before */
    atomic_bool slow;               /* it sends ten bytes a second */
    atomic_bool silent;             /* it answers nothing */
    atomic_int accepted, asked;     /* connections; commands SENTINEL and CLUSTER SLOTS */
    atomic_int evaluated;           /* commands EVAL */
    int listener;
    pthread_t thread;
    atomic_bool ends;
    int wake[2];
};

/* Listens on `host` (127.0.0.1 or ::1), on `port` or, with 0, on a free one. False if that is not possible. */
bool fake_redis_start(struct fake_redis *fake, const char *host, int port);

/* Closes its connections, too. */
void fake_redis_stop(struct fake_redis *fake);

/* The answer of a Sentinel that names the server. To be freed. */
char *fake_names(const char *host, int port);

#endif
