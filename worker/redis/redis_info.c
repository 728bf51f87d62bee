#include "worker/redis/redis_info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void redis_info_value(const char *info, const char *name, char *value, size_t size)
{
    const char *line = strstr(info, name);
    const char *begin = line ? line + strlen(name) : "";
    snprintf(value, size, "%.*s", (int)strcspn(begin, "\r\n"), begin);
}

enum redis_eviction redis_info_eviction(const char *info, char policy[REDIS_INFO_BYTES], char most[REDIS_INFO_BYTES])
{
    static const char expiring[] = "volatile-";
    redis_info_value(info, "\nmaxmemory_policy:", policy, REDIS_INFO_BYTES);
    redis_info_value(info, "\nmaxmemory:", most, REDIS_INFO_BYTES);
    if (!policy[0] || strcmp(policy, "noeviction") == 0 || atoll(most) <= 0)
        return EVICTION_NONE;
    return strncmp(policy, expiring, sizeof(expiring) - 1) == 0 ? EVICTION_EXPIRING : EVICTION_ANY;
}
