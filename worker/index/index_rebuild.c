/* The rebuild: reads the topics and writes what Redis lacks. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "worker/definitions/definitions_sync.h"
#include "worker/index/index_rebuild_internal.h"

#define SAY_EVERY_MS   5000
#define RENEW_EVERY_MS 500
#define WAIT_MS        100
#define COMMITS_MS     120000 /* longer than a transaction may take to end, by Kafka's default */

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

static bool go_on(void *listener)
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

/* ---- clients ---- */

void index_set_rebuild_progress(struct index *index, index_rebuild_progress *progress, void *listener)
{
    index->rebuild_progress = progress;
    index->rebuild_listener = listener;
}

static void say_how_far(struct rebuild *rebuild)
{
    const struct index *index = rebuild->index;
    if (index->rebuild_progress) {
        const int64_t total = topic_reader_total(rebuild->reader);
        index->rebuild_progress(index->rebuild_listener, topic_reader_done(rebuild->reader) + rebuild->passes * total,
                                total);
    }
    if (clock_now_ms() - rebuild->said_ms < SAY_EVERY_MS)
        return;
    rebuild->said_ms = clock_now_ms();
    log_info("Redis is being rebuilt", LOG_INTEGER("offsets", topic_reader_done(rebuild->reader)),
             LOG_INTEGER("of", topic_reader_total(rebuild->reader)), LOG_INTEGER("clients", rebuild->restore.clients));
}

static bool write_clients(struct rebuild *rebuild)
{
    bool ok = restore_write(&rebuild->restore);
    failpoint(FAILPOINT_REBUILD_HALF);
    return ok || rebuild_fail(rebuild, rebuild->restore.contradicted
                                           ? "the end of the record topic does not tell who has an email"
                                           : "no connection to Redis, or another loss of data");
}

/* Handles a message of a reading, which it then owns, or NULL at the end. */
typedef bool visitor(struct rebuild *rebuild, rd_kafka_message_t *message);

static bool visit_note(struct rebuild *rebuild, rd_kafka_message_t *message)
{
    bool ok = !message || restore_note(&rebuild->restore, message);
    if (message)
        rd_kafka_message_destroy(message);
    return ok || rebuild_fail(rebuild, "out of memory");
}

static bool visit_write(struct rebuild *rebuild, rd_kafka_message_t *message)
{
    bool full = !message || restore_add(&rebuild->restore, message);
    return !full || write_clients(rebuild);
}

static bool read_all(struct rebuild *rebuild, visitor *visit)
{
    for (;;) {
        rd_kafka_message_t *message;
        enum topic_reading reading = topic_reader_next(rebuild->reader, &message, rebuild->error, rebuild->error_size);
        if (reading == TOPIC_FAILED)
            return false;
        if (reading != TOPIC_PAUSE && !visit(rebuild, message))
            return false;
        if (!go_on(rebuild))
            return false;
        say_how_far(rebuild);
        if (reading == TOPIC_END)
            return true;
    }
}

static bool read_twice(struct rebuild *rebuild)
{
    restore_begin(&rebuild->restore);
    rebuild->passes = 0;
    if (!read_all(rebuild, visit_note) || !topic_reader_rewind(rebuild->reader, rebuild->error, rebuild->error_size))
        return false;
    rebuild->passes = 1;
    return read_all(rebuild, visit_write);
}

/* Reads the range, then what has come while Redis was written, until nothing had to be written. An operator who removes
 * a client writes the tombstone before deleting the keys. We may have written the client again between the two; then
 * this reading meets the tombstone. */
static bool restore_range(struct rebuild *rebuild)
{
    bool grown = true;
    for (uint64_t writes = 1; grown && writes > 0;) {
        uint64_t before = rebuild->restore.writes;
        if (!read_twice(rebuild))
            return false;
        writes = rebuild->restore.writes - before;
        if (writes > 0 && !topic_reader_extend(rebuild->reader, &grown, rebuild->error, rebuild->error_size))
            return false;
    }
    topic_reader_ends(rebuild->reader, &rebuild->record_ends);
    return true;
}

/* A claim that was made before the epoch was deleted can still be committed by a transaction that had reached its
 * commit. So wait for the offsets of such transactions, and then for the records that they wrote. A commit that does
 * not end, or Kafka that is away, fails the rebuild, so that a command ends by itself. */
static bool await_commits(struct rebuild *rebuild)
{
    rd_kafka_t *consumer = topic_reader_handle(rebuild->reader);
    const int64_t since_ms = clock_now_ms();
    while (!offsets_of_group_listening(&rebuild->committed, &rebuild->nonces, consumer,
                                       rebuild->index->config->commands.topic, REBUILD_KAFKA_WAIT_MS, go_on, rebuild,
                                       rebuild->error, rebuild->error_size))
        if (!rebuild->lock.held || !go_on(rebuild) || clock_now_ms() - since_ms >= COMMITS_MS)
            return false;
    return go_on(rebuild);
}

/* Done only if Redis had an index before: walking through millions of keys that were just written costs much. A record
 * topic that does not exist proves nothing about clients. */
static bool purge(struct rebuild *rebuild, bool had_index)
{
    if (!had_index)
        return true;
    bool only_foreign = rebuild->record_ends.count == 0;
    if (restore_purge(&rebuild->restore, only_foreign, go_on, rebuild))
        return true;
    bool was_ended = rebuild->lock.held && rebuild->index->connection;
    return !was_ended && rebuild_fail(rebuild, "no connection to Redis, or another loss of data");
}

static bool restore_clients(struct rebuild *rebuild)
{
    const struct config *config = rebuild->index->config;
    const struct audit_gap *gap = rebuild->gap;
    bool had_index = false;
    struct offsets from = {0};
    if (gap && !gap->records_behind)
        return true;
    if (!restore_open(&rebuild->restore))
        return rebuild_fail(rebuild, "out of memory");
    if (!gap && !restore_finds_index(&rebuild->restore, &had_index))
        return rebuild_fail(rebuild, "no connection to Redis");
    rebuild->reader = topic_reader_open_listening(config, config->records.topic, REBUILD_KAFKA_WAIT_MS, go_on, rebuild,
                                                  rebuild->error, rebuild->error_size);
    bool ok = rebuild->reader && (gap ? rebuild_find_start(rebuild, &from) : await_commits(rebuild)) &&
              topic_reader_await_open(rebuild->reader, gap ? &from : NULL, rebuild->error, rebuild->error_size) &&
              (!gap || rebuild_is_of_this_log(rebuild)) && restore_range(rebuild) && purge(rebuild, had_index);
    offsets_free(&from);
    return ok;
}

/* ---- definitions ---- */

static bool sync_go_on(void *listener, int64_t done, int64_t total)
{
    (void)done, (void)total;
    return go_on(listener);
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
    bool ok = restore_clients(rebuild) && restore_definitions(rebuild);
    failpoint(FAILPOINT_REBUILD_BEFORE_END);
    ok = ok && (rebuild->gap ? rebuild_end_part(rebuild) : rebuild_end_whole(rebuild));
    arena_reset(rebuild->scratch, mark);
    failpoint(FAILPOINT_REBUILD_AFTER_END);
    return ok;
}

/* Waits while another worker rebuilds. *ours: the lock was free and is ours. Otherwise another rebuild has ended. */
static bool await_turn(struct rebuild *rebuild, bool *ours)
{
    for (bool waited = false;; waited = true) {
        enum lock_result result = rebuild_lock_take(&rebuild->lock);
        *ours = result == LOCK_TAKEN && !waited;
        if (result != LOCK_BUSY)
            return result == LOCK_TAKEN || rebuild_fail(rebuild, "no connection to Redis");
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
            log_warning("the end of the record topic does not tell who has an email; all of it is read");
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
                                .said_ms = clock_now_ms()};
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
