/* The index on a cluster, behind index.h and index_audit.h: shards.h does the work. What differs from one server is
 * that it is verified in parts: commands whose slots are not sound are held back (index_may_decide), and the others go
 * on. */
#include <string.h>

#include "common/clock.h"
#include "worker/index/index_audit.h"
#include "worker/index/index_internal.h"
#include "worker/index/shards_rebuild.h"

#define CLUSTER_ARENA_BYTES ((size_t)64 << 20) /* of address space, for looks */
#define AGAIN_MS            100                /* between two audits that find something to do */
#define WAIT_AGAIN_MS       1000               /* and while there is only something to wait for */
/* Nothing is decided by this worker while it restores slots. So it pauses between two rebuilds: so many times as long
 * as the last one took before slots are tried again that could not be restored, since they move; and as long as it took
 * before others that are lost meanwhile, as slots are that come one by one while an operator moves many. */
#define REBUILD_AGAIN_TIMES 5
#define REBUILD_AGAIN_MS    2000  /* at least */
#define REBUILD_AGAIN_MOST  20000 /* at most */
#define TAKE_OVER_MS        3000  /* between two tries to take slots whose restoration was left */
#define RETRIED_MS          3000  /* after this time people are told */

bool index_cluster_open(struct index *index)
{
    if (arena_open(&index->scratch, CLUSTER_ARENA_BYTES) != 0)
        return false;
    index->shards = shards_open(index->config);
    if (!index->shards)
        arena_close(&index->scratch);
    return index->shards != NULL;
}

void index_cluster_close(struct index *index)
{
    if (!index->shards)
        return;
    shards_close(index->shards);
    arena_close(&index->scratch);
    index->shards = NULL;
}

bool index_cluster_connect(struct index *index)
{
    char error[ERROR_TEXT_BYTES];
    const char *why;
    const bool has_map = shards_look(index->shards, &index->scratch, error, sizeof(error));
    arena_reset(&index->scratch, 0);
    if (!has_map)
        return index_fail(index, error);
    if (shards_there(index->shards, &why) == 0)
        return index_fail(index, why ? why : "no master of the cluster serves a slot");
    if (why)
        log_fault_begin(&index->away, LOG_LIST(LOG_TEXT("error", why)));
    else
        index_accepted(index);
    return true;
}

/* Lost slots wait for the next rebuild, and the others go on meanwhile. */
static bool leaves_lost(const struct index *index)
{
    const struct slot_book *book = shards_book(index->shards);
    const bool are_left_over = slot_book_count(book, 0, TRUST_LOST) <= index->left_over;
    return clock_now_ms() < (are_left_over ? index->restore_at_ms : index->restore_new_at_ms) &&
           slot_book_count(book, 0, TRUST_SOUND) > 0;
}

bool index_cluster_is_verified(const struct index *index)
{
    bool waits;
    if (!index->verified)
        return false;
    const bool settled = shards_is_settled(index->shards, &waits);
    return settled || clock_now_ms() - index->audited_ms < (waits || leaves_lost(index) ? WAIT_AGAIN_MS : AGAIN_MS);
}

/* Redis belongs to another record topic if any slot does: they are restored together. */
static void note_foreign(struct index *index)
{
    const char *topic = shards_foreign(index->shards);
    char text[RECORD_TOPIC_LENGTH + 1];
    snprintf(text, sizeof(text), "%s", topic ? topic : index->config->records.topic);
    const redisReply reply = {.type = REDIS_REPLY_STRING, .str = text, .len = strlen(text)};
    (void)index_note_record_topic(index, &reply);
}

/* Slots that another worker restores: it may have died, or its token has moved along. Only a try tells. */
static bool takes_over(struct index *index)
{
    const int64_t now_ms = clock_now_ms();
    if (now_ms < index->take_over_at_ms || slot_book_count(shards_book(index->shards), 0, TRUST_BUSY) == 0)
        return false;
    index->take_over_at_ms = now_ms + TAKE_OVER_MS;
    return true;
}

enum audit_result index_cluster_audit(struct index *index, const struct kafka_progress *progress, struct arena *scratch,
                                      struct audit_gap *gap)
{
    const enum shards_finding finding = shards_audit(index->shards, progress, scratch, gap);
    index->audited_ms = clock_now_ms();
    note_foreign(index);
    switch (finding) {
    case SHARDS_FINE:
        if (takes_over(index))
            return AUDIT_LOST;
        return shards_foreign(index->shards) && slot_book_count(shards_book(index->shards), 0, TRUST_SOUND) == 0
                   ? AUDIT_FOREIGN
                   : AUDIT_FINE;
    case SHARDS_BEHIND:
        gap->records_behind = true;
        return AUDIT_BEHIND;
    case SHARDS_LOST:
        return leaves_lost(index) ? AUDIT_FINE : AUDIT_LOST;
    case SHARDS_AHEAD:
        return AUDIT_AHEAD;
    }
    return AUDIT_FAILED;
}

bool index_prepare(struct index *index, const int32_t *partitions, int32_t count, struct arena *scratch)
{
    int32_t taken;
    if (!index->shards)
        return true;
    shards_take(index->shards, partitions, count, &taken, scratch);
    return taken > 0 || count == 0;
}

bool index_cluster_take(struct index *index)
{
    index->verified = true;
    index->audits++;
    log_fault_end(&index->unverified);
    return true;
}

enum rebuild_result index_cluster_rebuild(struct index *index, const struct offsets *committed,
                                          const struct audit_gap *gap, struct arena *scratch,
                                          index_keep_going *keep_going, void *listener, char *error, size_t error_size)
{
    const int64_t began_ms = clock_now_ms();
    if (gap)
        shards_reject(index->shards);
    const enum rebuild_result result =
        shards_rebuild(index->shards, committed, scratch, keep_going, listener, error, error_size);
    /* Those that have left it are not known until the next audit. */
    index->left_over = slot_book_count(shards_book(index->shards), 0, TRUST_LOST) +
                       slot_book_count(shards_book(index->shards), 0, TRUST_UNKNOWN);
    const int64_t now_ms = clock_now_ms(), took_ms = now_ms - began_ms, pause_ms = REBUILD_AGAIN_TIMES * took_ms;
    index->restore_at_ms = now_ms + (pause_ms < REBUILD_AGAIN_MS     ? REBUILD_AGAIN_MS
                                     : pause_ms > REBUILD_AGAIN_MOST ? REBUILD_AGAIN_MOST
                                                                     : pause_ms);
    index->restore_new_at_ms = now_ms + (took_ms < REBUILD_AGAIN_MOST ? took_ms : REBUILD_AGAIN_MOST);
    return result;
}

bool index_may_decide(const struct index *index, const struct item *item)
{
    return !index->shards || shards_may_decide(index->shards, item);
}

bool index_is_in_parts(const struct index *index)
{
    return index->shards != NULL;
}

/* A batch is decided again: that is said once it has gone on for a while. Always false. */
static bool retry(struct index *index)
{
    const int64_t now_ms = clock_now_ms();
    index->retries++;
    if (index->retried_since_ms == 0)
        index->retried_since_ms = now_ms;
    if (now_ms - index->retried_since_ms >= RETRIED_MS)
        log_fault_begin(&index->undecided, LOG_LIST(LOG_TEXT("reason", shards_error(index->shards))));
    return false;
}

bool index_cluster_definitions(struct index *index, struct definitions_cache *cache, struct batch *batch,
                               uint32_t *known)
{
    return index->verified && (shards_definitions(index->shards, cache, batch, known) || retry(index));
}

bool index_cluster_claim(struct index *index, struct batch *batch)
{
    return index->verified && (shards_claim(index->shards, batch) || retry(index));
}

bool index_cluster_confirm(struct index *index, struct batch *batch)
{
    if (!index->verified || !shards_confirm(index->shards, batch))
        return index->verified && retry(index);
    index->retried_since_ms = 0;
    log_fault_end(&index->undecided);
    return true;
}
