#include "worker/index/index.h"

#include <stdlib.h>

#include "common/clock.h"
#include "worker/index/index_internal.h"
#include "worker/redis/redis_connection.h"

#define CHECK_EVERY_MS      1000
#define KEEP_GOING_EVERY_MS 200
/* A refused command is tried again sooner than this. If no command was refused for this time, Redis refuses none any
 * more, or there is nothing to do. */
#define FORGIVEN_MS 10000

struct index *index_open(const struct config *config)
{
    struct index *index = calloc(1, sizeof(*index));
    if (!index)
        return NULL;
    index->config = config;
    index->known.last = -1;
    index->away = (struct log_fault){"Redis is away; commands wait", "Redis is back", .told = NULL};
    index->unverified = (struct log_fault){"the index in Redis is unverified; commands wait",
                                           "the index in Redis is verified", .told = NULL};
    index->foreign = (struct log_fault){"Redis belongs to another record topic; commands wait",
                                        "Redis belongs to no other record topic any more", .told = NULL};
    index->undecided = (struct log_fault){"commands cannot be decided in Redis; they wait",
                                          "commands can be decided in Redis again", .told = NULL};
    index->evicting = (struct log_fault){"Redis may drop keys when it is full; its maxmemory-policy must be noeviction",
                                         "Redis drops no keys when it is full any more", .told = NULL};
    if (config->redis.kind == REDIS_SENTINEL)
        index->sentinels = redis_sentinels_open(config);
    if (redis_epoch_random(index->owner) && (index->sentinels || config->redis.kind != REDIS_SENTINEL) &&
        (config->redis.kind != REDIS_CLUSTER || index_cluster_open(index)))
        return index;
    redis_sentinels_close(index->sentinels);
    free(index);
    return NULL;
}

void index_close(struct index *index)
{
    if (!index)
        return;
    if (index->connection)
        redisFree(index->connection);
    redis_sentinels_close(index->sentinels);
    index_cluster_close(index);
    offsets_free(&index->record_ends);
    offsets_free(&index->committed);
    offsets_free(&index->claimed);
    offsets_free(&index->settled);
    offsets_free(&index->left);
    own_claims_free(&index->own);
    index_forget_checkpoints(index);
    free(index);
}

void index_set_keep_going(struct index *index, index_keep_going *keep_going, void *listener)
{
    index->keep_going = keep_going;
    index->listener = listener;
}

void index_set_complaint(struct index *index, struct complaint *complaint)
{
    index->away.told = complaint;
    index->foreign.told = complaint;
}

enum record_topic_finding index_note_record_topic(struct index *index, const redisReply *reply)
{
    enum record_topic_finding finding =
        redis_record_topic_compare(reply, index->config->records.topic, index->foreign_text);
    if (finding == RECORD_TOPIC_OTHER)
        log_fault_begin(&index->foreign, LOG_LIST(LOG_TEXT("reason", index->foreign_text)));
    else
        log_fault_end(&index->foreign);
    return finding;
}

const char *index_foreign(const struct index *index)
{
    return index->foreign_text[0] ? index->foreign_text : NULL;
}

bool index_may_go_on(struct index *index)
{
    int64_t now_ms = clock_now_ms();
    if (!index->keep_going || now_ms - index->kept_going_ms < KEEP_GOING_EVERY_MS)
        return true;
    index->kept_going_ms = now_ms;
    return index->keep_going(index->listener);
}

/* A command that Redis refuses on a working connection (no right, no memory, read-only) may be refused on the next one,
 * too. So a new connection does not end that fault. */
bool index_fail(struct index *index, const char *error)
{
    index->retries++;
    if (index->connection)
        index->refused = index->connection->err == 0;
    index->failed_ms = clock_now_ms();
    log_fault_begin(&index->away, LOG_LIST(LOG_TEXT("error", error)));
    if (index->connection)
        redisFree(index->connection);
    index->connection = NULL;
    index->verified = false;
    return false;
}

bool index_invalidate(struct index *index, const char *error)
{
    log_fault_begin(&index->unverified, LOG_LIST(LOG_TEXT("reason", error)));
    index->verified = false;
    return false;
}

bool index_damaged(struct index *index, const char *what, struct span workspace)
{
    log_fault_begin(&index->unverified, LOG_LIST(LOG_TEXT("reason", what), LOG_SPAN("workspace", workspace)));
    index->damaged = index->epoch;
    if (index->connection)
        redisFree(index->connection);
    index->connection = NULL;
    index->verified = false;
    return false;
}

bool index_is_verified(const struct index *index)
{
    return index->shards ? index_cluster_is_verified(index) : index->verified;
}

void index_mark_stale(struct index *index)
{
    index->verified = false;
}

void index_distrust(struct index *index)
{
    index->distrust = DISTRUST_NEXT;
    if (index->shards)
        shards_distrust(index->shards);
    index->verified = false;
}

bool index_is_on_master(struct index *index)
{
    char error[ERROR_TEXT_BYTES];
    if (!index->sentinels || redis_sentinels_confirm(index->sentinels, index->connection, error, sizeof(error)))
        return true;
    redisFree(index->connection);
    index->connection = NULL; /* this server has refused nothing (index_is_refused) */
    return index_fail(index, error);
}

/* Checks that the connection answers and that the epoch is the same. */
static bool index_look(struct index *index)
{
    char error[ERROR_TEXT_BYTES];
    redisReply *reply = redisCommand(index->connection, EPOCH_READ);
    bool ready = reply && (reply->type != REDIS_REPLY_ERROR || redis_is_wrong_type(reply));
    if (!ready)
        snprintf(error, sizeof(error), "%s", reply ? reply->str : index->connection->errstr);
    else if (index->verified && redis_epoch_compare(&index->epoch, reply) != EPOCH_SAME)
        index_invalidate(index, "the epoch is missing or different");
    freeReplyObject(reply);
    return ready || index_fail(index, error);
}

bool index_connect(struct index *index)
{
    char error[ERROR_TEXT_BYTES] = "";
    int64_t now_ms = clock_now_ms();
    if (index->shards)
        return index_cluster_connect(index);
    if (index->connection && now_ms - index->checked_ms < CHECK_EVERY_MS)
        return true;
    if (!index->connection) {
        index->connection = redis_connect(index->config, error, sizeof(error));
        index->asked_eviction_ms = 0;
    }
    if (!index->connection)
        return index_fail(index, error);
    if (!index_look(index) || !index_is_on_master(index))
        return false;
    index->checked_ms = now_ms;
    if (!index->refused || now_ms - index->failed_ms >= FORGIVEN_MS)
        index_accepted(index);
    return true;
}

bool index_is_refused(const struct index *index)
{
    return index->refused;
}

void index_accepted(struct index *index)
{
    index->refused = false;
    log_fault_end(&index->away);
}

uint64_t index_retries(const struct index *index)
{
    return index->retries;
}
