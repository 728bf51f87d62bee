/* redis_info: reads INFO, Redis' text about itself. Pure. */
#ifndef WORKER_REDIS_REDIS_INFO_H
#define WORKER_REDIS_REDIS_INFO_H

#include <stdbool.h>
#include <stddef.h>

/* The value of "name:value", or "" if there is none. `name` begins with the end of the line before it and ends with the
 * colon. */
void redis_info_value(const char *info, const char *name, char *value, size_t size);

#define REDIS_INFO_BYTES 64

/* True if this Redis drops keys when it is full: it has a maxmemory, and its maxmemory-policy is not noeviction. Both
 * as INFO has them, "" if it lacks them. */
bool redis_info_evicts(const char *info, char policy[REDIS_INFO_BYTES], char most[REDIS_INFO_BYTES]);

#endif
