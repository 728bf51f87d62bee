/* Whether Redis drops keys when it is full. A client or an email that is dropped looks like one that never was, and no
 * audit asks for it: its email may be given twice. */
#include "common/clock.h"
#include "worker/index/index_internal.h"
#include "worker/redis/redis_info.h"

#define ASK_EVERY_MS 60000 /* the setting may be changed while Redis runs */

bool index_may_evict(struct index *index)
{
    const int64_t now_ms = clock_now_ms();
    if (!index->connection || (index->asked_eviction_ms != 0 && now_ms - index->asked_eviction_ms < ASK_EVERY_MS))
        return index->may_evict;
    index->asked_eviction_ms = now_ms;
    redisReply *info = redisCommand(index->connection, "INFO memory");
    if (info && info->type == REDIS_REPLY_STRING) {
        char server[REDIS_ADDRESS_BYTES], policy[REDIS_INFO_BYTES], most[REDIS_INFO_BYTES];
        redis_address(index->connection, server);
        const enum redis_eviction eviction = redis_info_eviction(info->str, policy, most);
        index->may_evict = eviction != EVICTION_NONE;
        if (index->may_evict)
            log_fault_begin(&index->evicting,
                            LOG_LIST(LOG_TEXT("server", server), LOG_TEXT("policy", policy),
                                     LOG_TEXT("maxmemory", most),
                                     LOG_TEXT("drops", eviction == EVICTION_ANY ? "clients" : "keys that expire")));
        else
            log_fault_end(&index->evicting);
    }
    freeReplyObject(info);
    return index->may_evict;
}
