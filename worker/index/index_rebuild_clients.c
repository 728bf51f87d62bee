/* The clients of a rebuild: reads the record topic and writes what Redis lacks. */
#include "common/clock.h"
#include "common/failpoint.h"
#include "worker/index/index_rebuild_internal.h"

#define SAY_EVERY_MS 5000
#define COMMITS_MS   120000 /* longer than a transaction may take to end, by Kafka's default */

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
        if (!rebuild_go_on(rebuild))
            return false;
        say_how_far(rebuild);
        rebuild_waits_look(&rebuild->waits, rebuild->reader);
        if (reading == TOPIC_END)
            return true;
    }
}

static bool read_twice(struct rebuild *rebuild)
{
    restore_begin(&rebuild->restore);
    rebuild->passes = 0;
    if (!read_all(rebuild, visit_note))
        return false;
    if (!rebuild->has_looked && !rebuild_find_withdrawn(rebuild))
        return false;
    rebuild->has_looked = true;
    if (!topic_reader_rewind(rebuild->reader, rebuild->error, rebuild->error_size))
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
                                       rebuild->index->config->commands.topic, REBUILD_KAFKA_WAIT_MS, rebuild_go_on,
                                       rebuild, rebuild->error, rebuild->error_size))
        if (!rebuild->lock.held || !rebuild_go_on(rebuild) || clock_now_ms() - since_ms >= COMMITS_MS)
            return false;
    return rebuild_go_on(rebuild);
}

/* Done only if Redis had an index before: walking through millions of keys that were just written costs much. A record
 * topic that does not exist proves nothing about clients. */
static bool purge(struct rebuild *rebuild, bool had_index)
{
    if (!had_index)
        return true;
    bool only_foreign = rebuild->record_ends.count == 0;
    if (restore_purge(&rebuild->restore, only_foreign, rebuild_go_on, rebuild))
        return true;
    bool was_ended = rebuild->lock.held && rebuild->index->connection;
    return !was_ended && rebuild_fail(rebuild, "no connection to Redis, or another loss of data");
}

bool rebuild_clients(struct rebuild *rebuild)
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
    rebuild->reader = topic_reader_open_listening(config, config->records.topic, REBUILD_KAFKA_WAIT_MS, rebuild_go_on,
                                                  rebuild, rebuild->error, rebuild->error_size);
    bool ok = rebuild->reader && (gap ? rebuild_find_start(rebuild, &from) : await_commits(rebuild)) &&
              topic_reader_await_open(rebuild->reader, gap ? &from : NULL, rebuild->error, rebuild->error_size) &&
              (!gap || rebuild_is_of_this_log(rebuild)) && restore_range(rebuild) && purge(rebuild, had_index);
    offsets_free(&from);
    return ok;
}
