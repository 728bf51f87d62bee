#include "worker/index/shards_rebuild.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "worker/definitions/definitions_sync.h"
#include "worker/index/rebuild_waits.h"
#include "worker/index/shards_clients.h"
#include "worker/kafka/topic_reader.h"

#define SAY_EVERY_MS  5000
#define KEEP_EVERY_MS 500
#define KAFKA_WAIT_MS 3000
#define COMMITS_MS    120000 /* longer than a transaction may take to end, by Kafka's default */

struct rebuild {
    struct shards *shards;
    const struct config *config;
    struct arena *scratch;
    index_keep_going *keep_going;
    void *listener;
    char *error;
    size_t error_size;
    struct shards_restore *restore;
    struct shards_clients clients;
    struct topic_reader *reader;
    struct rebuild_waits waits; /* what the reading of the record topic waits for */
    struct offsets committed, nonces, record_ends;
    int64_t began_ms, began_wall_ms;
    int64_t kept_going_ms, renewed_ms, said_ms;
};

static bool fail(struct rebuild *rebuild, const char *error)
{
    snprintf(rebuild->error, rebuild->error_size, "%s", error);
    return false;
}

/* False with "" in `error` if keep_going returned false. */
static bool go_on(void *listener)
{
    struct rebuild *rebuild = listener;
    const int64_t now_ms = clock_now_ms();
    if (now_ms - rebuild->kept_going_ms < KEEP_EVERY_MS)
        return true;
    rebuild->kept_going_ms = now_ms;
    if (!rebuild->keep_going(rebuild->listener))
        return fail(rebuild, "");
    if (now_ms - rebuild->renewed_ms >= SLOT_RESTORE_LIFE_MS / 4) {
        rebuild->renewed_ms = now_ms;
        shards_restore_renew(rebuild->restore);
    }
    return true;
}

static void say_how_far(struct rebuild *rebuild)
{
    if (clock_now_ms() - rebuild->said_ms < SAY_EVERY_MS)
        return;
    rebuild->said_ms = clock_now_ms();
    log_info("slots of Redis are being restored", LOG_INTEGER("offsets", topic_reader_done(rebuild->reader)),
             LOG_INTEGER("of", topic_reader_total(rebuild->reader)),
             LOG_INTEGER("clients", (int64_t)rebuild->clients.written));
}

/* ---- the record topic ---- */

/* Handles a message of a reading, or NULL at the end. It owns the message then. */
typedef bool visitor(struct rebuild *rebuild, rd_kafka_message_t *message);

static bool visit_note(struct rebuild *rebuild, rd_kafka_message_t *message)
{
    const bool ok = !message || shards_clients_note(&rebuild->clients, message);
    if (message)
        rd_kafka_message_destroy(message);
    return ok || fail(rebuild, "out of memory");
}

static bool visit_write(struct rebuild *rebuild, rd_kafka_message_t *message)
{
    if (!message || shards_clients_add(&rebuild->clients, message)) {
        shards_clients_write(&rebuild->clients);
        failpoint(FAILPOINT_REBUILD_HALF);
    }
    return true;
}

static bool read_all(struct rebuild *rebuild, visitor *visit)
{
    for (;;) {
        rd_kafka_message_t *message;
        const enum topic_reading reading =
            topic_reader_next(rebuild->reader, &message, rebuild->error, rebuild->error_size);
        if (reading == TOPIC_FAILED || (reading != TOPIC_PAUSE && !visit(rebuild, message)) || !go_on(rebuild))
            return false;
        say_how_far(rebuild);
        rebuild_waits_look(&rebuild->waits, rebuild->reader);
        if (reading == TOPIC_END)
            return true;
    }
}

/* Reads the range, then what has come while Redis was written, until nothing had to be written: a client may have been
 * removed meanwhile. */
static bool restore_range(struct rebuild *rebuild)
{
    bool grown = true;
    for (uint64_t writes = 1; grown && writes > 0;) {
        const uint64_t before = rebuild->clients.writes;
        if (!read_all(rebuild, visit_note) ||
            !topic_reader_rewind(rebuild->reader, rebuild->error, rebuild->error_size) ||
            !read_all(rebuild, visit_write))
            return false;
        writes = rebuild->clients.writes - before;
        if (writes > 0 && !topic_reader_extend(rebuild->reader, &grown, rebuild->error, rebuild->error_size))
            return false;
    }
    topic_reader_ends(rebuild->reader, &rebuild->record_ends);
    return true;
}

/* A claim that was made before the epochs were taken away can still be committed by a transaction that had reached its
 * commit. So wait for the offsets of such transactions, and then for the records that they wrote. */
static bool await_commits(struct rebuild *rebuild)
{
    const int64_t since_ms = clock_now_ms();
    while (!offsets_of_group_listening(&rebuild->committed, &rebuild->nonces, topic_reader_handle(rebuild->reader),
                                       rebuild->config->commands.topic, KAFKA_WAIT_MS, go_on, rebuild, rebuild->error,
                                       rebuild->error_size))
        if (!go_on(rebuild) || clock_now_ms() - since_ms >= COMMITS_MS)
            return false;
    return go_on(rebuild);
}

/* ---- definitions ---- */

static bool sync_go_on(void *listener, int64_t done, int64_t total)
{
    (void)done, (void)total;
    return go_on(listener);
}

static bool is_restored(void *listener, struct span workspace)
{
    const struct rebuild *rebuild = listener;
    return shards_restore_has(rebuild->restore, redis_slot_of(workspace));
}

/* Those that these slots lack, or have in an earlier version, before anything is decided by them. */
static bool restore_definitions(struct rebuild *rebuild)
{
    struct definitions_sync_result result;
    return definitions_sync_some(rebuild->config, is_restored, sync_go_on, rebuild, &result, rebuild->error,
                                 rebuild->error_size);
}

/* ---- the whole ---- */

static bool restore_slots(struct rebuild *rebuild)
{
    if (!shards_clients_open(&rebuild->clients, rebuild->restore, rebuild->config, rebuild->committed.count,
                             rebuild->scratch))
        return fail(rebuild, "out of memory");
    rebuild->reader = topic_reader_open_listening(rebuild->config, rebuild->config->records.topic, KAFKA_WAIT_MS, go_on,
                                                  rebuild, rebuild->error, rebuild->error_size);
    return rebuild->reader && await_commits(rebuild) &&
           topic_reader_await_open(rebuild->reader, NULL, rebuild->error, rebuild->error_size) &&
           restore_range(rebuild) && shards_clients_purge(&rebuild->clients, go_on, rebuild) &&
           restore_definitions(rebuild);
}

static void say_end(const struct rebuild *rebuild, unsigned slots)
{
    const int64_t spent_ms = clock_now_ms() - rebuild->began_ms;
    const struct shards_clients *clients = &rebuild->clients;
    log_info("slots of Redis are restored", LOG_INTEGER("slots", slots),
             LOG_INTEGER("clients", (int64_t)clients->written), LOG_INTEGER("removed", (int64_t)clients->removed),
             LOG_INTEGER("passed_over", (int64_t)clients->passed_over),
             LOG_INTEGER("shared_emails", (int64_t)clients->shared_emails), LOG_INTEGER("ms", spent_ms));
}

static enum rebuild_result end(struct rebuild *rebuild, bool ok)
{
    if (!ok)
        return rebuild->error[0] ? REBUILD_FAILED : REBUILD_ENDED;
    const struct shards_progress progress = {&rebuild->committed, &rebuild->nonces, &rebuild->record_ends,
                                             &rebuild->clients.highest, rebuild->began_wall_ms};
    failpoint(FAILPOINT_REBUILD_BEFORE_END);
    const unsigned slots = shards_restore_end(rebuild->restore, &progress);
    failpoint(FAILPOINT_REBUILD_AFTER_END);
    say_end(rebuild, slots);
    if (slots > 0)
        return REBUILD_DONE;
    (void)fail(rebuild, "all slots have left the restoration");
    return REBUILD_FAILED;
}

static enum rebuild_result run(struct rebuild *rebuild)
{
    const unsigned slots = shards_restore_begin(rebuild->restore);
    if (slots == 0)
        return REBUILD_BY_OTHER;
    log_info("slots of Redis are restored from the record topic", LOG_INTEGER("slots", slots));
    failpoint(FAILPOINT_REBUILD_BEGUN);
    return end(rebuild, restore_slots(rebuild));
}

enum rebuild_result shards_rebuild(struct shards *shards, const struct offsets *committed, struct arena *scratch,
                                   index_keep_going *keep_going, void *listener, char *error, size_t error_size)
{
    const size_t mark = scratch->used;
    const int64_t now_ms = clock_now_ms();
    struct rebuild *rebuild = calloc(1, sizeof(*rebuild));
    enum rebuild_result result = REBUILD_FAILED;
    snprintf(error, error_size, "out of memory");
    if (!rebuild)
        return result;
    *rebuild = (struct rebuild){.shards = shards,
                                .config = shards_config(shards),
                                .scratch = scratch,
                                .keep_going = keep_going,
                                .listener = listener,
                                .error = error,
                                .error_size = error_size,
                                .restore = shards_restore_new(shards, scratch),
                                .waits = rebuild_waits_begin(shards_config(shards)->records.topic),
                                .began_ms = now_ms,
                                .began_wall_ms = clock_wall_ms(),
                                .renewed_ms = now_ms,
                                .said_ms = now_ms};
    for (int32_t i = 0; i < committed->count; i++)
        offsets_set(&rebuild->committed, i, committed->at[i]); /* partitions without an offset included */
    if (rebuild->restore) {
        error[0] = '\0';
        result = run(rebuild);
    }
    shards_clients_close(&rebuild->clients);
    topic_reader_close(rebuild->reader);
    rebuild_waits_end(&rebuild->waits);
    shards_restore_free(rebuild->restore);
    offsets_free(&rebuild->committed);
    offsets_free(&rebuild->nonces);
    offsets_free(&rebuild->record_ends);
    free(rebuild);
    arena_reset(scratch, mark);
    return result;
}
