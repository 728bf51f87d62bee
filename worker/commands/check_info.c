#include "worker/commands/check_info.h"

#include <string.h>

#include "worker/redis/redis_info.h"

void check_info_eviction(struct check_report *report, const char *info, const char *address)
{
    char policy[REDIS_INFO_BYTES], most[REDIS_INFO_BYTES];
    const enum redis_eviction eviction = redis_info_eviction(info, policy, most);
    if (eviction != EVICTION_NONE)
        check_tell(report, "redis", CHECK_WARNING, "evicting", address,
                   "maxmemory-policy is %s with a maxmemory of %s bytes, so it drops %s when it is full: it must be "
                   "noeviction",
                   policy, most,
                   eviction == EVICTION_ANY ? "clients" : "keys with a time to live, which clients do not have,");
}

/* INFO has the number of good replicas only if min-replicas-to-write and min-replicas-max-lag are set. */
void check_info_replicas(struct check_report *report, const char *info, const char *address)
{
    char replicas[24], good[24];
    redis_info_value(info, "\nconnected_slaves:", replicas, sizeof(replicas));
    redis_info_value(info, "\nmin_slaves_good_slaves:", good, sizeof(good));
    if (strcmp(replicas, "0") == 0)
        check_tell(report, "redis", CHECK_WARNING, "no_replica", address,
                   "the master has no replica, so a failover has none to promote");
    if (!good[0])
        check_tell(report, "redis", CHECK_WARNING, "min_replicas", address,
                   "min-replicas-to-write is 0: a master that is cut off from its replicas takes writes that a "
                   "failover loses; each loss has a part of the record topic read again");
}
