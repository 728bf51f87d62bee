#include "worker/replay/reply_reading.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/pipeline.h"
#include "worker/replay/decision.h"
#include "worker/replay/history_client.h"
#include "worker/replay/history_reader.h"
#include "worker/replay/raw_reply.h"
#include "worker/replay/reply_partitions.h"

#define CHUNK_REPLIES 512
#define CHUNK_BYTES   ((size_t)1 << 20)
/* Arena bytes per byte of a reply: the copy that is parsed, nodes of 24 bytes for every two bytes, and the
 * pairs of its errors. */
#define SCRATCH_PER_BYTE 32
#define SCRATCH_LEAST    4096
/* Of those the chunk keeps the pairs, whose characters may be escaped. */
#define KEPT_PER_BYTE  8
#define KEPT_PER_REPLY 256

struct chunk {
    struct arena arena; /* contents that are not in their message */
    struct raw_reply *replies;
    uint32_t count;
    size_t bytes;
    int64_t done; /* offsets of all topics, behind its last message */
};

struct run {
    const struct reply_reading *reading;
    struct recorded_replies *replies;
    struct chunk *chunks;
    uint32_t chunk_count;
    struct reply_scratch threads[PIPELINE_THREADS];
    uint32_t thread_count;
    size_t longest; /* of a reply that can be one of ours */
    struct reply_partitions partitions;

    /* Of the filling thread. */
    struct history_reader *reader; /* NULL: to be opened */
    uint16_t topic;                /* that it reads */
    size_t partition;              /* that it reads: its number among `partitions` */
    bool is_begun;                 /* the reader reads it */
    int64_t before;                /* offsets of the partitions before it */
    bool is_ended;                 /* keep_going has ended the reading */
    bool has_failed;
    char failure[768];

    atomic_bool stopped;
    /* Of the emptying thread. */
    int spill_error; /* errno; 0: none */
};

/* ---- Filling ---- */

static const struct reply_partition *partition_of(const struct run *run)
{
    return &run->partitions.items[run->partition];
}

static void chunk_clear(struct chunk *chunk)
{
    for (uint32_t i = 0; i < chunk->count; i++)
        rd_kafka_message_destroy(chunk->replies[i].message);
    arena_reset(&chunk->arena, 0);
    chunk->count = 0;
    chunk->bytes = 0;
}

static void chunk_take(const struct run *run, struct chunk *chunk, rd_kafka_message_t *message)
{
    if (!message->payload || message->len > run->longest) {
        if (chunk->count > 0) /* the others keep the response of the broker that it came in */
            chunk->bytes += message->len;
        rd_kafka_message_destroy(message);
        return;
    }
    struct raw_reply *reply = &chunk->replies[chunk->count++];
    reply->message = message;
    reply->topic = partition_of(run)->topic;
    reply->is_kept = false;
    chunk->bytes += message->len;
}

/* Returns false. */
static bool fail(struct run *run, const char *reason)
{
    snprintf(run->failure, sizeof(run->failure), "%s: %s", run->partitions.topics[partition_of(run)->topic], reason);
    run->has_failed = true;
    return false;
}

static bool turn_to(struct run *run, uint16_t topic, char *error, size_t error_size)
{
    const struct reply_reading *reading = run->reading;
    const char *name = run->partitions.topics[topic];
    const bool is_open = run->reader != NULL, is_turned = is_open && run->topic == topic;
    run->topic = topic;
    if (!is_open)
        run->reader =
            history_reader_open_ahead(reading->config, name, reading->ahead, reading->wait_ms, error, error_size);
    return is_turned || (is_open ? history_reader_turn(run->reader, name, error, error_size) : run->reader != NULL);
}

/* False after the failure was noted. */
static bool begin_partition(struct run *run)
{
    char reason[512];
    const struct reply_partition *next = partition_of(run);
    run->is_begun = turn_to(run, next->topic, reason, sizeof(reason)) &&
                    history_reader_begin(run->reader, next->partition, next->from, next->to, reason, sizeof(reason));
    return run->is_begun || fail(run, reason);
}

static void end_partition(struct run *run)
{
    const struct reply_partition *ended = partition_of(run);
    run->before += ended->to - ended->from;
    run->partition++;
    run->is_begun = false;
}

/* A reply that cannot be read any more is missing: its command is unknown. */
static void read_message(struct run *run, struct chunk *chunk)
{
    char reason[512];
    rd_kafka_message_t *message;
    struct history_hole hole;
    switch (history_reader_next(run->reader, &message, &hole, reason, sizeof(reason))) {
    case HISTORY_MESSAGE:
        chunk_take(run, chunk, message);
        break;
    case HISTORY_HOLE:
    case HISTORY_PAUSE:
        break;
    case HISTORY_END:
        end_partition(run);
        break;
    case HISTORY_FAILED:
        fail(run, reason);
    }
}

static bool keeps_going(struct run *run)
{
    const struct reply_reading *reading = run->reading;
    run->is_ended = reading->keep_going && !reading->keep_going(reading->listener);
    return !run->is_ended;
}

static bool fill(void *subject, uint32_t place)
{
    struct run *run = subject;
    struct chunk *chunk = &run->chunks[place];
    chunk_clear(chunk);
    while (chunk->count < CHUNK_REPLIES && chunk->bytes < CHUNK_BYTES && run->partition < run->partitions.count &&
           !run->has_failed && !atomic_load(&run->stopped) && keeps_going(run))
        if (run->is_begun || begin_partition(run))
            read_message(run, chunk);
    chunk->done = run->before;
    if (run->is_begun)
        chunk->done += history_reader_position(run->reader) - partition_of(run)->from;
    return chunk->count > 0;
}

static void stop(void *subject)
{
    struct run *run = subject;
    atomic_store(&run->stopped, true);
}

/* ---- Working ---- */

static void work(void *subject, uint32_t place, uint32_t thread)
{
    struct run *run = subject;
    struct chunk *chunk = &run->chunks[place];
    for (uint32_t i = 0; i < chunk->count; i++)
        raw_reply_read(&chunk->replies[i], run->reading, run->replies, &run->threads[thread], &chunk->arena);
}

/* ---- Emptying ---- */

static bool empty(void *subject, uint32_t place)
{
    struct run *run = subject;
    struct chunk *chunk = &run->chunks[place];
    for (uint32_t i = 0; i < chunk->count; i++) {
        const struct raw_reply *reply = &chunk->replies[i];
        if (reply->is_kept &&
            !recorded_replies_add(run->replies, reply->command_partition, &reply->entry, reply->content)) {
            run->spill_error = errno;
            return false;
        }
    }
    chunk_clear(chunk);
    if (run->reading->progress)
        run->reading->progress(run->reading->listener, chunk->done, run->partitions.total);
    return true;
}

/* ---- The whole ---- */

static bool run_open(struct run *run)
{
    const uint32_t threads = run->reading->threads, places = pipeline_places(threads);
    const size_t capacity = (CHUNK_BYTES + run->longest) * KEPT_PER_BYTE + CHUNK_REPLIES * KEPT_PER_REPLY;
    run->chunks = calloc(places, sizeof(*run->chunks));
    for (; run->chunks && run->chunk_count < places; run->chunk_count++) {
        struct chunk *chunk = &run->chunks[run->chunk_count];
        chunk->replies = calloc(CHUNK_REPLIES, sizeof(*chunk->replies));
        if (!chunk->replies)
            return false;
        if (arena_open(&chunk->arena, capacity) != 0) {
            free(chunk->replies);
            return false;
        }
    }
    for (; run->chunks && run->thread_count < threads; run->thread_count++) {
        struct reply_scratch *thread = &run->threads[run->thread_count];
        thread->parser = json_parser_new(run->longest);
        if (!thread->parser)
            return false;
        if (arena_open(&thread->arena, run->longest * SCRATCH_PER_BYTE + SCRATCH_LEAST) != 0) {
            json_parser_free(thread->parser);
            return false;
        }
    }
    return run->chunks != NULL;
}

static void run_close(struct run *run)
{
    while (run->chunk_count > 0) {
        struct chunk *chunk = &run->chunks[--run->chunk_count];
        chunk_clear(chunk);
        free(chunk->replies);
        arena_close(&chunk->arena);
    }
    free(run->chunks);
    while (run->thread_count > 0) {
        struct reply_scratch *thread = &run->threads[--run->thread_count];
        json_parser_free(thread->parser);
        arena_close(&thread->arena);
    }
    reply_partitions_free(&run->partitions);
    history_reader_close(run->reader);
}

static bool run_all(struct run *run, char *error, size_t error_size)
{
    const uint32_t threads = run->reading->threads;
    const struct pipeline pipeline = {.subject = run,
                                      .threads = threads,
                                      .places = pipeline_places(threads),
                                      .fill = fill,
                                      .work = work,
                                      .empty = empty,
                                      .stop = stop};
    if (!pipeline_run(&pipeline)) {
        snprintf(error, error_size, "out of memory, or no thread");
        return false;
    }
    if (run->has_failed || run->is_ended) {
        snprintf(error, error_size, "%s", run->failure);
        return false;
    }
    if (run->spill_error == 0 && !recorded_replies_seal(run->replies))
        run->spill_error = errno;
    if (run->spill_error != 0)
        snprintf(error, error_size, "the temporary file: %s", strerror(run->spill_error));
    return run->spill_error == 0;
}

bool reply_reading_run(const struct reply_reading *reading, struct recorded_replies *replies, char *error,
                       size_t error_size)
{
    struct run run = {.reading = reading, .replies = replies};
    run.longest = decision_parser_bytes(reading->config); /* it is compared there */
    bool ok = reply_partitions_find(&run.partitions, reading->config, reading->consumer, reading->since_ms,
                                    reading->wait_ms, error, error_size);
    if (ok && !run_open(&run)) {
        snprintf(error, error_size, "out of memory");
        ok = false;
    }
    ok = ok && run_all(&run, error, error_size);
    run_close(&run);
    return ok;
}
