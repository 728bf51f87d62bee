/* redis_info: reads INFO, Redis' text about itself. Pure. */
#ifndef WORKER_REDIS_REDIS_INFO_H
#define WORKER_REDIS_REDIS_INFO_H

#include <stdbool.h>
#include <stddef.h>

/* The value of "name:value", or "" if there is none. `name` begins with the end of the line before it and ends with the
 * colon. */
void redis_info_value(const char *info, const char *name, char *value, size_t size);

#define REDIS_INFO_BYTES 64

/* Which keys a Redis drops when it is full. */
enum redis_eviction {
    EVICTION_NONE,     /* it has no maxmemory, or its maxmemory-policy is noeviction */
    EVICTION_EXPIRING, /* volatile-*: those with a time to live. Clients have none, unless another program gave it */
    EVICTION_ANY
};

/* The policy and the maxmemory as INFO has them, "" if it lacks them. */
enum redis_eviction redis_info_eviction(const char *info, char policy[REDIS_INFO_BYTES], char most[REDIS_INFO_BYTES]);

#endif
