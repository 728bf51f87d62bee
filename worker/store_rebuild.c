/* The rebuild: the record topic is the truth, Redis its index. */
#include <stdlib.h>
#include <time.h>

#include "worker/crash_point.h"
#include "worker/definitions_sync.h"
#include "worker/store_audit.h"
#include "worker/store_parts.h"
#include "worker/store_restore.h"
#include "worker/topic_reader.h"

#define LOCK_KEY      "client-intake:rebuild"
#define LOCK_MS       "15000" /* a holder says more often that he is alive; a dead one is waited for so long */
#define KAFKA_WAIT_MS 3000
#define SAY_EVERY_MS  5000
#define WAIT_MS       100

struct rebuild {
    struct store *store;
    struct arena *scratch;
    rebuild_patience *patience;
    void *listener;
    char *why;
    size_t why_size;
    bool whole;  /* not only what came after some offsets */
    bool locked; /* only with `whole`: the lock was ours at the last look */
    struct topic_reader *reader;
    struct restore restore;
    int64_t began_ms, said_ms;
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
static bool go_on(struct rebuild *rebuild)
{
    return rebuild->patience(rebuild->listener) || fail(rebuild, "");
}

/* ---- Redis ---- */

/* One command on the connection. New, or NULL after store_fail. */
static redisReply *ask(struct rebuild *rebuild, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    redisContext *connection = rebuild->store->connection;
    redisReply *reply = connection ? redisvCommand(connection, format, arguments) : NULL;
    va_end(arguments);
    if (reply && reply->type != REDIS_REPLY_ERROR)
        return reply;
    fail(rebuild, reply ? reply->str : connection ? connection->errstr : "no connection to Redis");
    if (connection)
        store_fail(rebuild->store, rebuild->why);
    freeReplyObject(reply);
    return NULL;
}

static bool says(const redisReply *reply, const char *text, size_t length)
{
    return (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) && reply->len == length &&
           memcmp(reply->str, text, length) == 0;
}

/* One worker rebuilds, the others wait. *taken: it is we. */
static bool lock_take(struct rebuild *rebuild, bool *taken)
{
    struct store *store = rebuild->store;
    redisReply *reply = ask(rebuild, "SET " LOCK_KEY " %b NX PX " LOCK_MS, store->owner, sizeof(store->owner));
    bool fine = reply != NULL;
    *taken = fine && reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    return fine;
}

/* Whether Redis has not been flushed again, and nobody took us for dead. */
static bool lock_check(struct rebuild *rebuild)
{
    struct store *store = rebuild->store;
    redisReply *holder = ask(rebuild, "GET " LOCK_KEY);
    if (!holder)
        return false;
    rebuild->locked = says(holder, store->owner, sizeof(store->owner));
    freeReplyObject(holder);
    return rebuild->locked || fail(rebuild, "another loss of data, or another worker took over");
}

/* Says that we are alive. */
static bool lock_renew(struct rebuild *rebuild)
{
    if (!rebuild->locked)
        return true;
    redisReply *renewed = lock_check(rebuild) ? ask(rebuild, "PEXPIRE " LOCK_KEY " " LOCK_MS) : NULL;
    freeReplyObject(renewed);
    return renewed != NULL;
}

static void lock_give_back(struct rebuild *rebuild)
{
    if (rebuild->locked && rebuild->store->connection && lock_renew(rebuild))
        freeReplyObject(ask(rebuild, "DEL " LOCK_KEY));
    rebuild->locked = false;
}

/* ---- the record topic ---- */

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
    return lock_renew(rebuild);
}

static bool restore_clients(struct rebuild *rebuild)
{
    for (;;) {
        rd_kafka_message_t *message;
        enum topic_reading reading = topic_reader_next(rebuild->reader, &message, rebuild->why, rebuild->why_size);
        if (reading == TOPIC_FAILED)
            return false;
        bool writes = reading != TOPIC_MESSAGE || restore_add(&rebuild->restore, message);
        if (writes && (!write_clients(rebuild) || !go_on(rebuild)))
            return false;
        say_how_far(rebuild);
        if (reading == TOPIC_END)
            return true;
    }
}

/* ---- definitions ---- */

static bool sync_go_on(void *listener, int64_t done, int64_t total)
{
    struct rebuild *rebuild = listener;
    (void)done, (void)total;
    return rebuild->patience(rebuild->listener) && lock_renew(rebuild);
}

static bool restore_definitions(struct rebuild *rebuild)
{
    struct definitions_sync_result result;
    return definitions_sync(rebuild->store->config, SYNC_MISSING, sync_go_on, rebuild, &result, rebuild->why,
                            rebuild->why_size);
}

/* ---- the marks at its end ---- */

/* Checkpoints of all partitions, and a new epoch, at once, if the lock is still ours. */
static bool end_whole(struct rebuild *rebuild, const struct offsets *committed, const struct offsets *record_ends)
{
    struct store *store = rebuild->store;
    char epoch[EPOCH_LENGTH];
    redisReply *watching = ask(rebuild, "WATCH " LOCK_KEY);
    freeReplyObject(watching);
    if (!watching || !lock_check(rebuild) || !redis_epoch_random(epoch))
        return false;
    size_t mark = rebuild->scratch->used, count = 0;
    struct span *places = arena_alloc(rebuild->scratch, (size_t)committed->count * sizeof(*places));
    struct span *texts = arena_alloc(rebuild->scratch, (size_t)committed->count * sizeof(*texts));
    for (int32_t i = 0; i < committed->count; i++) {
        if (committed->at[i] == OFFSET_NONE)
            continue;
        places[count] = store_place(store, i, rebuild->scratch);
        texts[count++] = checkpoint_text(committed->at[i], record_ends, rebuild->scratch);
    }
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, store->connection, rebuild->scratch);
    write_word(&pipeline, SPAN("MULTI"));
    for (size_t i = 0; i < count; i++)
        write_checkpoint(&pipeline, places[i], texts[i]);
    pipeline_command(&pipeline, 3);
    pipeline_parts(&pipeline, SPAN("SET"));
    pipeline_parts(&pipeline, SPAN(EPOCH_KEY));
    pipeline_parts(&pipeline, span_of(epoch, sizeof(epoch)));
    pipeline_command(&pipeline, 2);
    pipeline_parts(&pipeline, SPAN("DEL"));
    pipeline_parts(&pipeline, SPAN(LOCK_KEY));
    write_word(&pipeline, SPAN("EXEC"));
    bool sent = pipeline_send(&pipeline) || store_fail(store, "sending failed");
    redisReply *executed = sent ? store_executed(store, &pipeline, count + 2) : NULL;
    arena_reset(rebuild->scratch, mark);
    freeReplyObject(executed);
    rebuild->locked = false;
    return executed || fail(rebuild, "another loss of data at its end");
}

/* The partitions' checkpoints are raised to what was committed when the reading began; a worker that is alive has gone
 * on meanwhile, and its own checkpoint stands. */
static bool end_part(struct rebuild *rebuild, const struct offsets *committed, const struct offsets *record_ends)
{
    struct store *store = rebuild->store;
    for (int32_t i = 0; i < committed->count; i++) {
        int64_t next = OFFSET_NONE;
        struct offsets ends = {0};
        struct span value = SPAN_NONE;
        size_t mark = rebuild->scratch->used;
        struct span place = store_place(store, i, rebuild->scratch);
        if (committed->at[i] <= 0)
            continue;
        freeReplyObject(ask(rebuild, "WATCH client-intake:checkpoint:%b", place.at, place.length));
        redisReply *reply = ask(rebuild, "GET client-intake:checkpoint:%b", place.at, place.length);
        if (!reply)
            return false;
        if (store_reply_span(reply, &value) && value.at && checkpoint_parse(value, &next, &ends))
            offsets_free(&ends);
        freeReplyObject(reply);
        if (next < committed->at[i]) {
            struct span text = checkpoint_text(committed->at[i], record_ends, rebuild->scratch);
            struct redis_pipeline pipeline;
            pipeline_open(&pipeline, store->connection, rebuild->scratch);
            write_word(&pipeline, SPAN("MULTI"));
            write_checkpoint(&pipeline, place, text);
            write_word(&pipeline, SPAN("EXEC"));
            if (!store_carry_out(store, &pipeline))
                return fail(rebuild, "no connection to Redis");
        }
        arena_reset(rebuild->scratch, mark);
    }
    return true;
}

/* ---- all of it ---- */

/* Claims that were made before the epoch went can still be committed by a transaction that had come to its commit
 * before: their offsets are waited for, and after them the records that they wrote. */
static bool read_truth(struct rebuild *rebuild, const struct offsets *from, struct offsets *committed)
{
    const struct config *config = rebuild->store->config;
    rebuild->reader = topic_reader_open(config, config->records.topic, KAFKA_WAIT_MS, rebuild->why, rebuild->why_size);
    if (!rebuild->reader || !go_on(rebuild))
        return false;
    while (rebuild->whole && !offsets_of_group(committed, topic_reader_handle(rebuild->reader), config->commands.topic,
                                               KAFKA_WAIT_MS, rebuild->why, rebuild->why_size))
        if (!go_on(rebuild) || !lock_renew(rebuild))
            return false;
    return topic_reader_await_open(rebuild->reader, from, rebuild->why, rebuild->why_size) && restore_clients(rebuild);
}

static bool run(struct rebuild *rebuild, const struct offsets *committed, const struct offsets *from)
{
    struct offsets fresh = {0}, record_ends = {0};
    offsets_raise_all(&fresh, committed);
    bool fine = read_truth(rebuild, from, &fresh) && (!rebuild->whole || restore_definitions(rebuild));
    crash_point(CRASH_REBUILD_BEFORE_END);
    if (fine) {
        topic_reader_ends(rebuild->reader, &record_ends);
        fine = rebuild->whole ? end_whole(rebuild, &fresh, &record_ends) : end_part(rebuild, &fresh, &record_ends);
    }
    crash_point(CRASH_REBUILD_AFTER_END);
    offsets_free(&fresh);
    offsets_free(&record_ends);
    return fine;
}

/* Waits while another rebuilds. *ours: nobody does any more, and the lock is ours; otherwise another has ended it. */
static bool await_turn(struct rebuild *rebuild, bool *ours)
{
    for (*ours = false;;) {
        if (!lock_take(rebuild, ours))
            return false;
        if (*ours)
            return true;
        nanosleep(&(struct timespec){0, WAIT_MS * 1000000L}, NULL);
        if (!go_on(rebuild))
            return false;
        redisReply *epoch = ask(rebuild, "EXISTS " EPOCH_KEY);
        bool fine = epoch != NULL, ended = fine && epoch->integer == 1;
        freeReplyObject(epoch);
        if (!fine || ended)
            return fine;
    }
}

/* From now on nobody may claim anything. *needed is false if another rebuilt it since the audit: there is an epoch that
 * the audit did not find. */
static bool begin_whole(struct rebuild *rebuild, bool *needed)
{
    redisReply *epoch = ask(rebuild, "GET " EPOCH_KEY);
    if (!epoch)
        return false;
    *needed = redis_epoch_compare(&rebuild->store->epoch, epoch) != EPOCH_OTHER;
    freeReplyObject(epoch);
    if (!*needed)
        return true;
    redisReply *gone = ask(rebuild, "DEL " EPOCH_KEY);
    freeReplyObject(gone);
    crash_point(CRASH_REBUILD_BEGUN);
    return gone != NULL;
}

static void say_end(const struct rebuild *rebuild)
{
    int64_t spent_ms = now_ms() - rebuild->began_ms;
    log_info(
        rebuild->whole ? "Redis is rebuilt" : "Redis has caught up", LOG_INTEGER("clients", rebuild->restore.clients),
        LOG_INTEGER("removed", rebuild->restore.removed), LOG_INTEGER("passed_over", rebuild->restore.passed_over),
        LOG_INTEGER("ms", spent_ms),
        LOG_INTEGER("clients_per_second", (int64_t)rebuild->restore.clients * 1000 / (spent_ms > 0 ? spent_ms : 1)));
}

enum rebuild_result store_rebuild(struct store *store, const struct offsets *committed, const struct offsets *from,
                                  struct arena *scratch, rebuild_patience *patience, void *listener, char *why,
                                  size_t why_size)
{
    struct rebuild *rebuild = calloc(1, sizeof(*rebuild));
    if (!rebuild) {
        snprintf(why, why_size, "out of memory");
        return REBUILD_FAILED;
    }
    *rebuild = (struct rebuild){.store = store,
                                .scratch = scratch,
                                .restore = {.store = store, .scratch = scratch},
                                .patience = patience,
                                .listener = listener,
                                .why = why,
                                .why_size = why_size,
                                .whole = from == NULL,
                                .began_ms = now_ms(),
                                .said_ms = now_ms()};
    snprintf(why, why_size, "%s", "");
    bool needed = true, fine = !rebuild->whole || await_turn(rebuild, &needed);
    rebuild->locked = rebuild->whole && fine && needed;
    if (rebuild->locked)
        fine = begin_whole(rebuild, &needed);
    if (fine && needed) {
        log_info(rebuild->whole ? "the rebuild of Redis begins" : "Redis catches up with the record topic");
        fine = run(rebuild, committed, from);
        if (fine)
            say_end(rebuild);
    }
    lock_give_back(rebuild);
    restore_clear(&rebuild->restore);
    topic_reader_close(rebuild->reader);
    free(rebuild);
    return fine ? REBUILD_DONE : why[0] ? REBUILD_FAILED : REBUILD_ENDED;
}
