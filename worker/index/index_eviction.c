/* Whether Redis drops keys when it is full. It would drop clients, and with each of them the index is rebuilt. */
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
        index->may_evict = redis_info_evicts(info->str, policy, most);
        if (index->may_evict)
            log_fault_begin(&index->evicting, LOG_LIST(LOG_TEXT("server", server), LOG_TEXT("policy", policy),
                                                       LOG_TEXT("maxmemory", most)));
        else
            log_fault_end(&index->evicting);
    }
    freeReplyObject(info);
    return index->may_evict;
}
