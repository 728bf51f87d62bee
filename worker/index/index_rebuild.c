/* The rebuild: waits for its turn, begins, and ends. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "worker/definitions/definitions_sync.h"
#include "worker/index/index_rebuild_internal.h"

#define RENEW_EVERY_MS 500
#define WAIT_MS        100
#define SAY_MS         1000
#define SILENT_MS      5000

bool rebuild_fail(struct rebuild *rebuild, const char *error)
{
    snprintf(rebuild->error, rebuild->error_size, "%s", error);
    return false;
}

/* False with "" in `error` if keep_going returned false. */
static bool keeps_going(struct rebuild *rebuild)
{
    return rebuild->keep_going(rebuild->listener) || rebuild_fail(rebuild, "");
}

bool rebuild_go_on(void *listener)
{
    struct rebuild *rebuild = listener;
    if (clock_now_ms() - rebuild->renewed_ms < RENEW_EVERY_MS)
        return true;
    if (!keeps_going(rebuild))
        return false;
    rebuild->renewed_ms = clock_now_ms();
    return rebuild_lock_renew(&rebuild->lock, rebuild->scratch) ||
           rebuild_fail(rebuild, "no connection to Redis, or another loss of data");
}

void index_set_rebuild_progress(struct index *index, index_rebuild_progress *progress, void *listener)
{
    index->rebuild_progress = progress;
    index->rebuild_listener = listener;
}

/* ---- definitions ---- */

static bool sync_go_on(void *listener, int64_t done, int64_t total)
{
    (void)done, (void)total;
    return rebuild_go_on(listener);
}

/* A whole rebuild stores the definitions that Redis lacks, a part rebuild what came to the topic since. Definitions
 * that were set in Redis without the topic are kept. */
static bool restore_definitions(struct rebuild *rebuild)
{
    struct definitions_sync_result result;
    const struct audit_gap *gap = rebuild->gap;
    if (gap && !gap->definitions_behind)
        return true;
    if (gap)
        offsets_raise_all(&rebuild->definitions, &gap->definitions);
    bool since = gap && gap->definitions.count > 0; /* else the offsets that were read are not known */
    return definitions_sync(rebuild->index->config, since ? SYNC_SINCE : SYNC_MISSING, &rebuild->definitions,
                            sync_go_on, rebuild, &result, rebuild->error, rebuild->error_size);
}

/* ---- the whole rebuild ---- */

static bool run(struct rebuild *rebuild)
{
    size_t mark = rebuild->scratch->used;
    bool ok = rebuild_clients(rebuild) && restore_definitions(rebuild);
    failpoint(FAILPOINT_REBUILD_BEFORE_END);
    ok = ok && (rebuild->gap ? rebuild_end_part(rebuild) : rebuild_end_whole(rebuild));
    arena_reset(rebuild->scratch, mark);
    failpoint(FAILPOINT_REBUILD_AFTER_END);
    return ok;
}

/* The worker that rebuilds renews its lock twice a second. */
static void say_that_it_waits(const struct rebuild *rebuild, bool *said, bool *warned)
{
    const int64_t left_ms = rebuild->lock.left_ms;
    if (!*said && clock_now_ms() - rebuild->began_ms >= SAY_MS)
        log_info("another worker rebuilds Redis; this one waits", LOG_TEXT("lock", REBUILD_LOCK_KEY),
                 LOG_INTEGER("left_ms", left_ms));
    *said = *said || clock_now_ms() - rebuild->began_ms >= SAY_MS;
    if (!*warned && left_ms >= 0 && left_ms < REBUILD_LOCK_LIFE_MS - SILENT_MS)
        log_warning("the worker that rebuilds Redis is silent; another one begins when its lock ends",
                    LOG_TEXT("lock", REBUILD_LOCK_KEY), LOG_INTEGER("left_ms", left_ms));
    *warned = left_ms >= 0 && left_ms < REBUILD_LOCK_LIFE_MS - SILENT_MS;
}

/* Waits while another worker rebuilds. *ours: the lock was free and is ours. Otherwise another rebuild has ended. */
static bool await_turn(struct rebuild *rebuild, bool *ours)
{
    bool said = false, warned = false;
    for (bool waited = false;; waited = true) {
        enum lock_result result = rebuild_lock_take(&rebuild->lock);
        *ours = result == LOCK_TAKEN && !waited;
        if (result != LOCK_BUSY)
            return result == LOCK_TAKEN || rebuild_fail(rebuild, "no connection to Redis");
        say_that_it_waits(rebuild, &said, &warned);
        clock_sleep(WAIT_MS);
        if (!keeps_going(rebuild))
            return false;
    }
}

/* Whether a whole rebuild may begin: no other worker has rebuilt since the audit (there is no epoch that the audit did
 * not find), and Redis belongs to no other record topic. Watches the name of that topic, in addition to the lock.
 * False after index_fail. */
static bool may_begin_whole(struct rebuild *rebuild, bool *may)
{
    struct index *index = rebuild->index;
    redisReply *watching = index_ask(index, "WATCH " RECORD_TOPIC_KEY);
    redisReply *topic = watching ? index_ask(index, RECORD_TOPIC_READ) : NULL;
    redisReply *epoch = topic ? index_ask(index, EPOCH_READ) : NULL;
    bool ok = epoch != NULL;
    if (ok)
        *may = index_note_record_topic(index, topic) != RECORD_TOPIC_OTHER &&
               redis_epoch_compare(&index->epoch, epoch) != EPOCH_OTHER;
    freeReplyObject(watching);
    freeReplyObject(topic);
    freeReplyObject(epoch);
    return ok;
}

/* Deletes the epoch, so that no worker can claim, and makes Redis belong to our record topic. *needed is false if the
 * next audit decides. */
static bool begin_whole(struct rebuild *rebuild, bool *needed)
{
    struct index *index = rebuild->index;
    if (!rebuild_lock_watch(&rebuild->lock, rebuild->scratch) || !may_begin_whole(rebuild, needed))
        return rebuild_fail(rebuild, "no connection to Redis, or another loss of data");
    if (!*needed)
        return true;
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, rebuild->scratch);
    index_write_word(&pipeline, SPAN("MULTI"));
    pipeline_command(&pipeline, 3);
    pipeline_parts(&pipeline, SPAN("DEL"));
    pipeline_parts(&pipeline, SPAN(EPOCH_KEY));
    pipeline_parts(&pipeline, SPAN(SHARED_EMAILS_KEY));
    index_write_set(&pipeline, SPAN(RECORD_TOPIC_KEY), span_of_text(index->config->records.topic));
    index_write_word(&pipeline, SPAN("EXEC"));
    bool sent = pipeline_send(&pipeline) || index_fail(index, "sending failed");
    redisReply *gone = sent ? index_executed(index, &pipeline, 2) : NULL;
    freeReplyObject(gone);
    failpoint(FAILPOINT_REBUILD_BEGUN);
    return gone || rebuild_fail(rebuild, "no connection to Redis, or another loss of data");
}

/* Finds out whether clients without their email exist: only a whole rebuild can give them one that becomes free. */
static bool begin_part(struct rebuild *rebuild)
{
    redisReply *shared = index_ask(rebuild->index, "EXISTS " SHARED_EMAILS_KEY);
    rebuild->restore.shared = shared && shared->type == REDIS_REPLY_INTEGER && shared->integer == 1;
    freeReplyObject(shared);
    return shared || rebuild_fail(rebuild, "no connection to Redis");
}

static void say_end(const struct rebuild *rebuild)
{
    int64_t spent_ms = clock_now_ms() - rebuild->began_ms;
    const struct restore *restore = &rebuild->restore;
    log_info(rebuild->gap ? "Redis has caught up" : "Redis is rebuilt", LOG_INTEGER("clients", restore->clients),
             LOG_INTEGER("removed", restore->removed), LOG_INTEGER("passed_over", restore->passed_over),
             LOG_INTEGER("shared_emails", restore->shared_emails), LOG_INTEGER("ms", spent_ms),
             LOG_INTEGER("clients_per_second", (int64_t)restore->clients * 1000 / (spent_ms > 0 ? spent_ms : 1)));
}

static void clear(struct rebuild *rebuild)
{
    restore_close(&rebuild->restore);
    topic_reader_close(rebuild->reader);
    rebuild_waits_end(&rebuild->waits);
    offsets_free(&rebuild->record_ends);
    offsets_free(&rebuild->definitions);
    rebuild->reader = NULL;
}

/* One try: a part, or everything. *needed: as begin_whole. */
static bool try(struct rebuild *rebuild, bool *needed)
{
    rebuild->restore = (struct restore){.index = rebuild->index,
                                        .lock = &rebuild->lock,
                                        .scratch = rebuild->scratch,
                                        .whole = !rebuild->gap,
                                        .committed = &rebuild->committed};
    rebuild->is_other_log = false;
    if (!(rebuild->gap ? begin_part(rebuild) : begin_whole(rebuild, needed)))
        return false;
    if (!*needed)
        return true;
    log_info(rebuild->gap ? "Redis catches up with the topics" : "the rebuild of Redis begins");
    return run(rebuild);
}

static bool rebuild_in_turn(struct rebuild *rebuild, bool *needed)
{
    bool ok = await_turn(rebuild, needed);
    if (!ok || !*needed)
        return ok;
    ok = try(rebuild, needed);
    while (!ok && (rebuild->restore.contradicted || rebuild->is_other_log) && keeps_going(rebuild)) {
        if (!rebuild->is_other_log)
            log_warning("the end of the record topic is not enough; all of it is read",
                        LOG_TEXT("reason", rebuild->error));
        clear(rebuild);
        rebuild->gap = NULL;
        ok = try(rebuild, needed);
    }
    if (ok && *needed)
        say_end(rebuild);
    if (ok && *needed && rebuild->index->replay && (!rebuild->gap || rebuild->gap->records_behind))
        index_replay_renew(rebuild->index, &rebuild->record_ends, rebuild->began_wall_ms, rebuild->scratch);
    return ok;
}

enum rebuild_result index_rebuild(struct index *index, const struct offsets *committed, const struct audit_gap *gap,
                                  struct arena *scratch, index_keep_going *keep_going, void *listener, char *error,
                                  size_t error_size)
{
    if (index->shards)
        return index_cluster_rebuild(index, committed, gap, scratch, keep_going, listener, error, error_size);
    struct rebuild *rebuild = calloc(1, sizeof(*rebuild));
    if (!rebuild) {
        snprintf(error, error_size, "out of memory");
        return REBUILD_FAILED;
    }
    *rebuild = (struct rebuild){.index = index,
                                .gap = gap,
                                .scratch = scratch,
                                .lock = {.index = index},
                                .keep_going = keep_going,
                                .listener = listener,
                                .error = error,
                                .error_size = error_size,
                                .began_ms = clock_now_ms(),
                                .began_wall_ms = clock_wall_ms(),
                                .said_ms = clock_now_ms(),
                                .waits = rebuild_waits_begin(index->config->records.topic)};
    snprintf(error, error_size, "%s", "");
    for (int32_t i = 0; i < committed->count; i++)
        offsets_set(&rebuild->committed, i, committed->at[i]); /* partitions without an offset included */
    bool needed = true;
    bool ok = rebuild_in_turn(rebuild, &needed);
    rebuild_lock_give_back(&rebuild->lock, scratch);
    clear(rebuild);
    offsets_free(&rebuild->committed);
    offsets_free(&rebuild->nonces);
    free(rebuild);
    if (ok)
        return needed ? REBUILD_DONE : REBUILD_BY_OTHER;
    return error[0] ? REBUILD_FAILED : REBUILD_ENDED;
}
