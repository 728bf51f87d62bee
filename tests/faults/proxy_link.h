/* proxy_link: a client's connection and the one to the server that belongs to it. */
#ifndef TESTS_FAULTS_PROXY_LINK_H
#define TESTS_FAULTS_PROXY_LINK_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/faults/proxy_kafka.h"
#include "tests/faults/proxy_queue.h"
#include "tests/faults/proxy_rules.h"

/* One direction. */
struct lane {
    struct queue queue;
    struct frames frames;
    int64_t write_ms; /* not before */
    bool ended;       /* nothing more is read */
    bool closed;      /* nothing more is written */
    bool blocked;     /* the receiver's socket is full */
};

struct link {
    int ends[DIRECTIONS]; /* TO_SERVER: the server's socket, TO_CLIENT: the client's */
    struct lane lanes[DIRECTIONS];
    struct requests *requests; /* NULL: not Kafka */
    bool connected;
    bool broken;
    long cut_left; /* bytes to the client, then a reset; -1: no limit */
};

/* Both sockets are taken, that to the server may still be connecting. */
void link_open(struct link *link, int client, int server, bool is_kafka);

/* Sets up both of `polls`; a descriptor of -1: nothing is waited for. */
void link_prepare(const struct link *link, const struct rules *rules, struct pollfd *polls);

/* When link_turn has something to do without an event; INT64_MAX: not known. */
int64_t link_wakes_ms(const struct link *link, const struct rules *rules);

/* Forwards what can be forwarded. False if the link has ended and was closed. */
bool link_turn(struct link *link, struct rules *rules, const struct pollfd *polls, int64_t now_ms);

/* Ends it with a reset to both sides. */
void link_reset(struct link *link);

#endif
