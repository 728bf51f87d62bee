/* redis_place: where a server is, as a Sentinel or a node of a cluster names it. It does no I/O. */
#ifndef WORKER_REDIS_REDIS_PLACE_H
#define WORKER_REDIS_REDIS_PLACE_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/must_check.h"

#define REDIS_HOST_BYTES 256 /* with the NUL */
#define REDIS_PORT_MOST  65535

struct redis_place {
    char host[REDIS_HOST_BYTES]; /* a name or an address, IPv6 without brackets */
    int port;
};

/* Room for the text of a place. */
#define REDIS_PLACE_BYTES (REDIS_HOST_BYTES + 16)

/* "HOST:PORT" or "[IPv6]:PORT". */
void redis_place_text(const struct redis_place *place, char text[REDIS_PLACE_BYTES]);
bool redis_place_is(const struct redis_place *one, const struct redis_place *other);

/* Copies a host. False if it is empty, too long, or has a byte that is no printable ASCII. */
MUST_CHECK bool redis_place_take_host(struct redis_place *place, const char *text, size_t length);

/* "HOST:PORT" or "[IPv6]:PORT", as in redis.address. False for anything else, and when out of memory. */
MUST_CHECK bool redis_place_of(const char *address, struct redis_place *place);

#endif
