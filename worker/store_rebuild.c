/* The rebuild: the topics are the truth, Redis their index. */
#include <stdlib.h>
#include <time.h>

#include "worker/crash_point.h"
#include "worker/definitions_sync.h"
#include "worker/rebuild_lock.h"
#include "worker/store_audit.h"
#include "worker/store_parts.h"
#include "worker/store_restore.h"
#include "worker/topic_reader.h"

#define KAFKA_WAIT_MS 3000
#define SAY_EVERY_MS  5000
#define WAIT_MS       100

struct rebuild {
    struct store *store;
    const struct audit_gap *gap; /* NULL: everything */
    struct arena *scratch;
    rebuild_patience *patience;
    void *listener;
    char *why;
    size_t why_size;
    struct rebuild_lock lock;
    struct topic_reader *reader;
    struct restore restore;
    int64_t began_ms, said_ms;
    struct offsets committed;   /* by the group, of the command topic */
    struct offsets record_ends; /* up to which the record topic was read */
    struct offsets definitions; /* up to which the definitions topic was read */
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool fail(struct rebuild *rebuild, const char *why)
{
    snprintf(rebuild->why, rebuild->why_size, "%s", why);
    return false;
}

/* False with "" in `why` if patience is at its end. */
static bool is_patient(struct rebuild *rebuild)
{
    return rebuild->patience(rebuild->listener) || fail(rebuild, "");
}

static bool go_on(struct rebuild *rebuild)
{
    return is_patient(rebuild) &&
           (rebuild_lock_renew(&rebuild->lock) || fail(rebuild, "no connection to Redis, or another loss of data"));
}

/* ---- clients ---- */

static void say_how_far(struct rebuild *rebuild)
{
    if (now_ms() - rebuild->said_ms < SAY_EVERY_MS)
        return;
    rebuild->said_ms = now_ms();
    log_info("Redis is being rebuilt", LOG_INTEGER("offsets", topic_reader_done(rebuild->reader)),
             LOG_INTEGER("of", topic_reader_total(rebuild->reader)), LOG_INTEGER("clients", rebuild->restore.clients));
}

static bool write_clients(struct rebuild *rebuild)
{
    if (!restore_write(&rebuild->restore))
        return fail(rebuild, "no connection to Redis");
    crash_point(CRASH_REBUILD_HALF);
    return go_on(rebuild);
}

static bool read_clients(struct rebuild *rebuild)
{
    for (;;) {
        rd_kafka_message_t *message;
        enum topic_reading reading = topic_reader_next(rebuild->reader, &message, rebuild->why, rebuild->why_size);
        if (reading == TOPIC_FAILED)
            return false;
        bool writes = reading != TOPIC_MESSAGE || restore_add(&rebuild->restore, message);
        if (writes && !write_clients(rebuild))
            return false;
        say_how_far(rebuild);
        if (reading == TOPIC_END)
            return true;
    }
}

/* Claims that were made before the epoch went can still be committed by a transaction that had come to its commit
 * before: their offsets are waited for, and after them the records that they wrote. */
static bool await_commits(struct rebuild *rebuild)
{
    rd_kafka_t *consumer = topic_reader_handle(rebuild->reader);
    while (!offsets_of_group(&rebuild->committed, consumer, rebuild->store->config->commands.topic, KAFKA_WAIT_MS,
                             rebuild->why, rebuild->why_size))
        if (!go_on(rebuild))
            return false;
    return go_on(rebuild);
}

static bool restore_clients(struct rebuild *rebuild)
{
    const struct config *config = rebuild->store->config;
    const struct audit_gap *gap = rebuild->gap;
    if (gap && !gap->records_behind)
        return true;
    rebuild->reader = topic_reader_open(config, config->records.topic, KAFKA_WAIT_MS, rebuild->why, rebuild->why_size);
    bool fine = rebuild->reader && go_on(rebuild) && (gap || await_commits(rebuild)) &&
                topic_reader_await_open(rebuild->reader, gap ? &gap->records : NULL, rebuild->why, rebuild->why_size) &&
                go_on(rebuild) && read_clients(rebuild);
    if (fine)
        topic_reader_ends(rebuild->reader, &rebuild->record_ends);
    return fine;
}

/* ---- definitions ---- */

static bool sync_go_on(void *listener, int64_t done, int64_t total)
{
    (void)done, (void)total;
    return go_on(listener);
}

/* After a flush Redis gets what it lacks; where it is behind, what came since: what others have put there themselves is
 * theirs. */
static bool restore_definitions(struct rebuild *rebuild)
{
    struct definitions_sync_result result;
    const struct audit_gap *gap = rebuild->gap;
    if (gap && !gap->definitions_behind)
        return true;
    if (gap)
        offsets_raise_all(&rebuild->definitions, &gap->definitions);
    bool since = gap && gap->definitions.count > 0; /* else it is not known what was read: of an older version */
    return definitions_sync(rebuild->store->config, since ? SYNC_SINCE : SYNC_MISSING, &rebuild->definitions,
                            sync_go_on, rebuild, &result, rebuild->why, rebuild->why_size);
}

/* ---- the marks at its end ---- */

static void write_set(struct redis_pipeline *pipeline, struct span key, struct span value)
{
    pipeline_command(pipeline, 3);
    pipeline_parts(pipeline, SPAN("SET"));
    pipeline_parts(pipeline, key);
    pipeline_parts(pipeline, value);
}

/* Checkpoints of all partitions, and a new epoch, at once, if the lock is still ours. */
static bool end_whole(struct rebuild *rebuild)
{
    struct store *store = rebuild->store;
    struct arena *scratch = rebuild->scratch;
    const struct offsets *committed = &rebuild->committed;
    char epoch[EPOCH_LENGTH];
    if (!redis_epoch_random(epoch) || !rebuild_lock_watch(&rebuild->lock))
        return fail(rebuild, "another loss of data at its end");
    struct span *places = arena_alloc(scratch, (size_t)committed->count * sizeof(*places));
    for (int32_t i = 0; i < committed->count; i++)
        places[i] = store_place(store, i, scratch);
    struct span ends = offsets_text(&rebuild->record_ends, scratch),
                read = offsets_text(&rebuild->definitions, scratch);
    size_t count = 3;
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, store->connection, scratch);
    write_word(&pipeline, SPAN("MULTI"));
    for (int32_t i = 0; i < committed->count; i++) {
        if (committed->at[i] == OFFSET_NONE)
            continue;
        offsets_raise(&store->committed, i, committed->at[i]);
        write_checkpoint(&pipeline, places[i],
                         &(struct checkpoint){committed->at[i], offsets_get(&store->committed, i)}, ends);
        count++;
    }
    write_set(&pipeline, SPAN(DEFINITIONS_READ_KEY), read);
    write_set(&pipeline, SPAN(EPOCH_KEY), span_of(epoch, sizeof(epoch)));
    write_unlock(&pipeline);
    write_word(&pipeline, SPAN("EXEC"));
    bool sent = pipeline_send(&pipeline) || store_fail(store, "sending failed");
    redisReply *executed = sent ? store_executed(store, &pipeline, count) : NULL;
    freeReplyObject(executed);
    rebuild->lock.held = false;
    return executed || fail(rebuild, "another loss of data at its end");
}

/* Raises one checkpoint to what was committed when the reading began, unless it is there by now: a worker that is alive
 * goes on meanwhile. */
static bool raise_checkpoint(struct rebuild *rebuild, int32_t partition, struct span ends)
{
    struct store *store = rebuild->store;
    struct span place = store_place(store, partition, rebuild->scratch), value = SPAN_NONE;
    struct offsets its_ends = {0};
    struct checkpoint checkpoint = {OFFSET_NONE, OFFSET_NONE};
    redisReply *reply = store_ask(store, "GET client-intake:checkpoint:%b", place.at, place.length);
    if (!reply)
        return false;
    if (store_reply_span(reply, &value) && value.at && !checkpoint_parse(value, &checkpoint, &its_ends))
        checkpoint = (struct checkpoint){OFFSET_NONE, OFFSET_NONE};
    freeReplyObject(reply);
    offsets_free(&its_ends);
    if (checkpoint.next >= rebuild->committed.at[partition])
        return true;
    checkpoint = (struct checkpoint){rebuild->committed.at[partition], offsets_get(&store->committed, partition)};
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, store->connection, rebuild->scratch);
    write_word(&pipeline, SPAN("MULTI"));
    write_checkpoint(&pipeline, place, &checkpoint, ends);
    write_word(&pipeline, SPAN("EXEC"));
    return store_carry_out(store, &pipeline);
}

/* WATCH without an EXEC would hold for the next one, too. */
static bool end_part(struct rebuild *rebuild)
{
    struct store *store = rebuild->store;
    struct span ends = offsets_text(&rebuild->record_ends, rebuild->scratch);
    for (int32_t i = 0; i < rebuild->committed.count && rebuild->gap->records_behind; i++) {
        struct span place = store_place(store, i, rebuild->scratch);
        if (rebuild->committed.at[i] <= 0)
            continue;
        freeReplyObject(store_ask(store, "UNWATCH"));
        freeReplyObject(store_ask(store, "WATCH client-intake:checkpoint:%b", place.at, place.length));
        if (!raise_checkpoint(rebuild, i, ends))
            return fail(rebuild, "no connection to Redis");
    }
    if (!rebuild->gap->definitions_behind)
        return true;
    struct span read = offsets_text(&rebuild->definitions, rebuild->scratch);
    struct redis_pipeline pipeline;
    if (!store->connection)
        return fail(rebuild, "no connection to Redis");
    pipeline_open(&pipeline, store->connection, rebuild->scratch);
    write_set(&pipeline, SPAN(DEFINITIONS_READ_KEY), read);
    return store_carry_out(store, &pipeline) || fail(rebuild, "no connection to Redis");
}

/* ---- all of it ---- */

static bool run(struct rebuild *rebuild)
{
    size_t mark = rebuild->scratch->used;
    bool fine = restore_clients(rebuild) && restore_definitions(rebuild);
    crash_point(CRASH_REBUILD_BEFORE_END);
    fine = fine && (rebuild->gap ? end_part(rebuild) : end_whole(rebuild));
    arena_reset(rebuild->scratch, mark);
    crash_point(CRASH_REBUILD_AFTER_END);
    return fine;
}

/* Waits while another rebuilds. *ours: nobody did, and the lock is ours; otherwise another has come to his end. */
static bool await_turn(struct rebuild *rebuild, bool *ours)
{
    for (bool waited = false;; waited = true) {
        enum lock_result result = rebuild_lock_take(&rebuild->lock);
        *ours = result == LOCK_TAKEN && !waited;
        if (result != LOCK_BUSY)
            return result == LOCK_TAKEN || fail(rebuild, "no connection to Redis");
        nanosleep(&(struct timespec){0, WAIT_MS * 1000000L}, NULL);
        if (!is_patient(rebuild))
            return false;
    }
}

/* From now on nobody may claim anything. *needed is false if another rebuilt it since the audit: there is an epoch that
 * the audit did not find. */
static bool begin_whole(struct rebuild *rebuild, bool *needed)
{
    redisReply *epoch = store_ask(rebuild->store, "GET " EPOCH_KEY);
    if (!epoch)
        return fail(rebuild, "no connection to Redis");
    *needed = redis_epoch_compare(&rebuild->store->epoch, epoch) != EPOCH_OTHER;
    freeReplyObject(epoch);
    if (!*needed)
        return true;
    redisReply *gone = store_ask(rebuild->store, "DEL " EPOCH_KEY);
    freeReplyObject(gone);
    crash_point(CRASH_REBUILD_BEGUN);
    return gone || fail(rebuild, "no connection to Redis");
}

static void say_end(const struct rebuild *rebuild)
{
    int64_t spent_ms = now_ms() - rebuild->began_ms;
    const struct restore *restore = &rebuild->restore;
    log_info(rebuild->gap ? "Redis has caught up" : "Redis is rebuilt", LOG_INTEGER("clients", restore->clients),
             LOG_INTEGER("removed", restore->removed), LOG_INTEGER("passed_over", restore->passed_over),
             LOG_INTEGER("ms", spent_ms),
             LOG_INTEGER("clients_per_second", (int64_t)restore->clients * 1000 / (spent_ms > 0 ? spent_ms : 1)));
}

static bool rebuild_in_turn(struct rebuild *rebuild)
{
    bool needed;
    bool fine = await_turn(rebuild, &needed);
    if (fine && needed && !rebuild->gap)
        fine = begin_whole(rebuild, &needed);
    if (!fine || !needed)
        return fine;
    log_info(rebuild->gap ? "Redis catches up with the topics" : "the rebuild of Redis begins");
    fine = run(rebuild);
    if (fine)
        say_end(rebuild);
    return fine;
}

enum rebuild_result store_rebuild(struct store *store, const struct offsets *committed, const struct audit_gap *gap,
                                  struct arena *scratch, rebuild_patience *patience, void *listener, char *why,
                                  size_t why_size)
{
    struct rebuild *rebuild = calloc(1, sizeof(*rebuild));
    if (!rebuild) {
        snprintf(why, why_size, "out of memory");
        return REBUILD_FAILED;
    }
    *rebuild = (struct rebuild){.store = store,
                                .gap = gap,
                                .scratch = scratch,
                                .lock = {.store = store},
                                .restore = {.store = store, .scratch = scratch},
                                .patience = patience,
                                .listener = listener,
                                .why = why,
                                .why_size = why_size,
                                .began_ms = now_ms(),
                                .said_ms = now_ms()};
    snprintf(why, why_size, "%s", "");
    offsets_raise_all(&rebuild->committed, committed);
    bool fine = rebuild_in_turn(rebuild);
    rebuild_lock_give_back(&rebuild->lock);
    restore_clear(&rebuild->restore);
    topic_reader_close(rebuild->reader);
    offsets_free(&rebuild->committed);
    offsets_free(&rebuild->record_ends);
    offsets_free(&rebuild->definitions);
    free(rebuild);
    return fine ? REBUILD_DONE : why[0] ? REBUILD_FAILED : REBUILD_ENDED;
}
