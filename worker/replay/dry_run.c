#include "worker/replay/dry_run.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/pipeline.h"
#include "common/progress.h"
#include "worker/kafka/message_headers.h"
#include "worker/replay/decision.h"
#include "worker/replay/reply_reading.h"

#define CHUNK_COMMANDS 512
#define CHUNK_BYTES    ((size_t)1 << 20)

/* Address space for the work on one command: its nodes and normalized values, the recorded client beside them, and the
 * entry of both. Pages are touched only as they are used. */
#define SCRATCH_PER_BYTE 128
#define SCRATCH_LEAST    ((size_t)64 << 20)

/* A command on its way through the pipeline; its message is in the batch's item. */
struct decided {
    enum decision_result result;
    struct comparison comparison;
    char workspace[WORKSPACE_ID_CHARACTERS];
    uint32_t workspace_length; /* 0: it has none that can be used */
    size_t entry_length;       /* in the chunk's `entries`; 0: it has no entry */
};

struct chunk {
    struct batch batch;
    struct decided *decided;   /* by item */
    struct reply_block *block; /* holds the replies to all of its commands */
    char *entries;
    size_t entries_length, entries_capacity;
    int64_t done; /* offsets of all ranges, behind its last command */
    int error;    /* errno of a decision that failed; 0: none */
};

struct working_thread {
    struct json_parser *parser;
    struct arena scratch; /* of one command */
};

struct run {
    const struct config *config;
    const struct dry_run_request *request;
    struct history_reader *reader;
    struct replay_ranges ranges;
    struct spill *spill;
    struct replay_definitions *definitions;
    struct recorded_replies *replies;
    struct replay_report *report;
    struct progress progress;
    struct chunk *chunks;
    uint32_t chunk_count;
    struct working_thread *threads;
    uint32_t thread_count;
    atomic_bool stopped;

    /* Of the filling thread. */
    uint32_t range;                 /* that is read */
    bool is_begun;                  /* the reader reads it */
    int64_t done_before;            /* offsets of the ranges before it */
    rd_kafka_message_t *carried;    /* the first message of the next chunk */
    struct history_hole unreadable; /* the rest of such a hole; from == to: none */
    struct reply_block *block;      /* of the last chunk */
    int32_t block_partition;
    struct replay_holes holes;
    bool has_failed;
    char failure[512];

    int error; /* of the emptying thread: errno of a decision or of the report */
};

/* ---- Filling ---- */

/* Returns false. */
static bool fail(struct run *run, const char *reason)
{
    snprintf(run->failure, sizeof(run->failure), "%s", reason);
    run->has_failed = true;
    return false;
}

static bool add_hole(struct run *run, const struct history_hole *hole)
{
    struct history_hole *grown = realloc(run->holes.items, (run->holes.count + 1) * sizeof(*grown));
    if (!grown)
        return fail(run, "out of memory");
    run->holes.items = grown;
    grown[run->holes.count++] = *hole;
    return true;
}

/* One command: a message, or an offset of a batch that cannot be read, as the daemon answers it. */
struct arrived {
    rd_kafka_message_t *message; /* NULL: it cannot be read */
    int32_t partition;
    int64_t offset;
};

static struct arrived arrived_message(rd_kafka_message_t *message)
{
    return (struct arrived){message, message->partition, message->offset};
}

static bool begin_range(struct run *run)
{
    char reason[512];
    const struct replay_range *range = &run->ranges.items[run->range];
    run->is_begun = history_reader_begin(run->reader, range->partition, range->from, range->to, reason, sizeof(reason));
    return run->is_begun || fail(run, reason);
}

static bool take_hole(struct run *run, const struct history_hole *hole)
{
    if (hole->reason != HOLE_UNREADABLE)
        return add_hole(run, hole);
    run->unreadable = *hole;
    return true;
}

/* Reads on in the present range. False if that gave no command. */
static bool read_on(struct run *run, struct arrived *arrived)
{
    char reason[512];
    rd_kafka_message_t *message;
    struct history_hole hole;
    switch (history_reader_next(run->reader, &message, &hole, reason, sizeof(reason))) {
    case HISTORY_MESSAGE:
        *arrived = arrived_message(message);
        return true;
    case HISTORY_HOLE:
        take_hole(run, &hole);
        return false;
    case HISTORY_PAUSE:
        return false;
    case HISTORY_END:
        run->done_before += replay_range_offsets(&run->ranges.items[run->range]);
        run->range++;
        run->is_begun = false;
        return false;
    case HISTORY_FAILED:
        return fail(run, reason);
    }
    return false;
}

/* The next command of all ranges. False at the end, on a stop, or after a failure. */
static bool next_command(struct run *run, struct arrived *arrived)
{
    if (run->carried) {
        *arrived = arrived_message(run->carried);
        run->carried = NULL;
        return true;
    }
    while (!run->has_failed && !atomic_load(&run->stopped)) {
        if (run->unreadable.from < run->unreadable.to) {
            *arrived = (struct arrived){NULL, run->unreadable.partition, run->unreadable.from++};
            return true;
        }
        if (run->range == run->ranges.count)
            return false;
        if (replay_range_offsets(&run->ranges.items[run->range]) == 0)
            run->range++;
        else if (!run->is_begun && !begin_range(run))
            return false;
        else if (read_on(run, arrived))
            return true;
    }
    return false;
}

/* Puts the command back. */
static void carry(struct run *run, const struct arrived *arrived)
{
    if (arrived->message)
        run->carried = arrived->message;
    else
        run->unreadable.from--;
}

static void chunk_take(struct run *run, struct chunk *chunk, const struct arrived *arrived)
{
    struct batch *batch = &chunk->batch;
    struct item *item = &batch->items[batch->count++];
    const char *topic = run->config->commands.topic;
    if (arrived->message)
        message_item_take(item, topic, arrived->message, batch->command_bytes, &batch->arena);
    else
        *item =
            (struct item){.from = {topic, arrived->partition, arrived->offset, 0}, .header_state = MESSAGE_UNREADABLE};
    batch->bytes += item->value.length + item->outer_held;
}

/* Gives the chunk the block that holds the replies to this command. */
static bool chunk_find_block(struct run *run, struct chunk *chunk, const struct arrived *arrived)
{
    if (!run->block || run->block_partition != arrived->partition || !reply_block_holds(run->block, arrived->offset)) {
        reply_block_release(run->block);
        run->block = recorded_replies_block(run->replies, arrived->partition, arrived->offset);
        run->block_partition = arrived->partition;
    }
    if (!run->block)
        return fail(run, strerror(errno));
    chunk->block = reply_block_share(run->block);
    return true;
}

static void chunk_clear(struct chunk *chunk)
{
    for (uint32_t i = 0; i < chunk->batch.count; i++)
        if (chunk->batch.items[i].message)
            rd_kafka_message_destroy(chunk->batch.items[i].message);
    reply_block_release(chunk->block);
    chunk->block = NULL;
    batch_reset(&chunk->batch);
    chunk->entries_length = 0;
    chunk->error = 0;
}

static bool fill(void *subject, uint32_t place)
{
    struct run *run = subject;
    struct chunk *chunk = &run->chunks[place];
    struct batch *batch = &chunk->batch;
    struct arrived arrived;
    chunk_clear(chunk);
    while (batch->count < CHUNK_COMMANDS && batch->bytes < CHUNK_BYTES && next_command(run, &arrived)) {
        const bool is_first = batch->count == 0;
        if (!is_first &&
            (arrived.partition != batch->items[0].from.partition || !reply_block_holds(chunk->block, arrived.offset))) {
            carry(run, &arrived);
            break;
        }
        if (is_first && !chunk_find_block(run, chunk, &arrived)) {
            if (arrived.message)
                rd_kafka_message_destroy(arrived.message);
            break;
        }
        chunk_take(run, chunk, &arrived);
    }
    chunk->done = run->done_before;
    if (batch->count > 0 && run->is_begun)
        chunk->done += batch->items[batch->count - 1].from.offset + 1 - run->ranges.items[run->range].from;
    return batch->count > 0;
}

static void stop(void *subject)
{
    struct run *run = subject;
    atomic_store(&run->stopped, true);
}

/* ---- Working ---- */

/* False when out of memory. */
static bool chunk_add_entry(struct chunk *chunk, struct span entry)
{
    if (entry.length > chunk->entries_capacity - chunk->entries_length) {
        const size_t capacity = 2 * (chunk->entries_length + entry.length);
        char *grown = realloc(chunk->entries, capacity);
        if (!grown)
            return false;
        chunk->entries = grown;
        chunk->entries_capacity = capacity;
    }
    memcpy(chunk->entries + chunk->entries_length, entry.at, entry.length);
    chunk->entries_length += entry.length;
    return true;
}

static bool decide(const struct run *run, const struct decider *decider, struct chunk *chunk, uint32_t index,
                   struct arena *scratch)
{
    struct item *item = &chunk->batch.items[index];
    struct decided *decided = &chunk->decided[index];
    const struct recorded_reply *reply = reply_block_find(chunk->block, item->from.offset);
    arena_reset(scratch, 0);
    decided->entry_length = 0;
    decided->result = decision_make(decider, item, reply, scratch, &decided->comparison);
    if (decided->result == DECISION_FAILED)
        return false;
    if (decided->result == DECISION_PASSED)
        return true;
    decided->workspace_length = item->workspace.at ? (uint32_t)item->workspace.length : 0;
    memcpy(decided->workspace, item->workspace.at, decided->workspace_length);
    if (!run->request->diff || decided->comparison.class == CLASS_SAME)
        return true;
    const struct span entry = replay_entry_write(run->request->output, item, &decided->comparison, scratch);
    decided->entry_length = entry.length;
    return chunk_add_entry(chunk, entry);
}

static void work(void *subject, uint32_t place, uint32_t thread)
{
    struct run *run = subject;
    struct chunk *chunk = &run->chunks[place];
    struct working_thread *self = &run->threads[thread];
    const struct decider decider = {.config = run->config,
                                    .definitions = run->definitions,
                                    .spill = run->spill,
                                    .workspaces = run->request->selection.workspaces,
                                    .workspace_count = run->request->selection.workspace_count,
                                    .parser = self->parser};
    for (uint32_t i = 0; i < chunk->batch.count && chunk->error == 0; i++) {
        errno = 0;
        if (!decide(run, &decider, chunk, i, &self->scratch))
            chunk->error = errno != 0 ? errno : EIO;
        if (chunk->batch.items[i].message)
            rd_kafka_message_destroy(chunk->batch.items[i].message);
        chunk->batch.items[i].message = NULL;
    }
}

/* ---- Emptying ---- */

static bool empty(void *subject, uint32_t place)
{
    struct run *run = subject;
    const struct chunk *chunk = &run->chunks[place];
    const char *entry = chunk->entries;
    run->error = chunk->error;
    for (uint32_t i = 0; i < chunk->batch.count && run->error == 0; i++) {
        const struct decided *decided = &chunk->decided[i];
        if (decided->result == DECISION_PASSED)
            continue;
        const struct span text = decided->entry_length > 0 ? span_of(entry, decided->entry_length) : SPAN_NONE;
        if (!replay_report_add(run->report, span_of(decided->workspace, decided->workspace_length),
                               &decided->comparison, text))
            run->error = errno;
        entry += decided->entry_length;
    }
    progress_move(&run->progress, chunk->done);
    return run->error == 0;
}

/* ---- Opening and closing ---- */

static bool chunk_open(struct chunk *chunk, const struct config *config)
{
    chunk->decided = calloc(CHUNK_COMMANDS, sizeof(*chunk->decided));
    if (chunk->decided &&
        batch_open(&chunk->batch, CHUNK_COMMANDS, CHUNK_BYTES, (size_t)config->limits.command_bytes) == 0)
        return true;
    free(chunk->decided);
    return false;
}

static bool open_chunks(struct run *run)
{
    const uint32_t places = pipeline_places(run->request->threads);
    run->chunks = calloc(places, sizeof(*run->chunks));
    while (run->chunks && run->chunk_count < places && chunk_open(&run->chunks[run->chunk_count], run->config))
        run->chunk_count++;
    return run->chunk_count == places;
}

static bool open_threads(struct run *run)
{
    const size_t longest = decision_parser_bytes(run->config);
    run->threads = calloc(run->request->threads, sizeof(*run->threads));
    for (; run->threads && run->thread_count < run->request->threads; run->thread_count++) {
        struct working_thread *thread = &run->threads[run->thread_count];
        thread->parser = json_parser_new(longest);
        if (!thread->parser)
            return false;
        if (arena_open(&thread->scratch, longest * SCRATCH_PER_BYTE + SCRATCH_LEAST) != 0) {
            json_parser_free(thread->parser);
            return false;
        }
    }
    return run->threads != NULL;
}

static void run_close(struct run *run)
{
    while (run->thread_count > 0) {
        struct working_thread *thread = &run->threads[--run->thread_count];
        json_parser_free(thread->parser);
        arena_close(&thread->scratch);
    }
    free(run->threads);
    while (run->chunk_count > 0) {
        struct chunk *chunk = &run->chunks[--run->chunk_count];
        chunk_clear(chunk);
        batch_close(&chunk->batch);
        free(chunk->decided);
        free(chunk->entries);
    }
    free(run->chunks);
    if (run->carried)
        rd_kafka_message_destroy(run->carried);
    reply_block_release(run->block);
    free(run->holes.items);
    replay_report_free(run->report);
    recorded_replies_free(run->replies);
    replay_definitions_free(run->definitions);
    spill_close(run->spill);
    replay_ranges_free(&run->ranges);
    history_reader_close(run->reader);
}

/* ---- The steps of a run; false with the reason in `error` ---- */

/* What was asked for and cannot be read from the beginning. */
static bool note_missing(struct run *run)
{
    for (uint32_t i = 0; i < run->ranges.count; i++) {
        const struct replay_range *range = &run->ranges.items[i];
        const struct history_hole lost = {range->partition, range->from - range->lost, range->from, HOLE_DELETED};
        const struct history_hole open = {range->partition, range->to, range->to + range->open, HOLE_OPEN};
        if ((range->lost > 0 && !add_hole(run, &lost)) || (range->open > 0 && !add_hole(run, &open)))
            return false;
    }
    return true;
}

static bool read_definitions(struct run *run, char *error, size_t error_size)
{
    char reason[512];
    const struct dry_run_request *request = run->request;
    run->definitions = replay_definitions_open(run->config, &request->definitions, run->spill,
                                               request->memory_bytes / 4, request->wait_ms, reason, sizeof(reason));
    if (!run->definitions)
        snprintf(error, error_size, "definitions: %s", reason);
    return run->definitions != NULL;
}

static void show_replies(void *listener, int64_t done)
{
    struct run *run = listener;
    progress_move(&run->progress, done);
}

static bool read_replies(struct run *run, char *error, size_t error_size)
{
    char reason[768];
    const struct reply_reading reading = {.config = run->config,
                                          .consumer = history_reader_handle(run->reader),
                                          .threads = run->request->threads,
                                          .wait_ms = run->request->wait_ms,
                                          .progress = show_replies,
                                          .listener = run};
    run->replies = recorded_replies_new(&run->ranges, run->spill, run->request->memory_bytes / 8);
    if (!run->replies) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    progress_begin(&run->progress, "replies", 0);
    const bool ok = reply_reading_run(&reading, run->replies, reason, sizeof(reason));
    progress_close(&run->progress);
    if (!ok)
        snprintf(error, error_size, "replies: %s", reason);
    return ok;
}

static int64_t all_offsets(const struct replay_ranges *ranges)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < ranges->count; i++)
        sum += replay_range_offsets(&ranges->items[i]);
    return sum;
}

static bool decide_all(struct run *run, char *error, size_t error_size)
{
    const struct pipeline pipeline = {.subject = run,
                                      .threads = run->request->threads,
                                      .places = pipeline_places(run->request->threads),
                                      .fill = fill,
                                      .work = work,
                                      .empty = empty,
                                      .stop = stop};
    progress_begin(&run->progress, "offsets", all_offsets(&run->ranges));
    const bool is_run = open_chunks(run) && open_threads(run) && pipeline_run(&pipeline);
    progress_close(&run->progress);
    if (!is_run)
        snprintf(error, error_size, "out of memory, or no thread");
    else if (run->error != 0)
        snprintf(error, error_size, "%s", strerror(run->error));
    else if (run->has_failed)
        snprintf(error, error_size, "%s: %s", run->config->commands.topic, run->failure);
    return is_run && run->error == 0 && !run->has_failed;
}

static bool run_all(struct run *run, char *error, size_t error_size)
{
    run->spill = spill_open(error, error_size);
    if (!run->spill)
        return false;
    run->report = replay_report_new(run->request->output, run->config->commands.topic, run->spill, error, error_size);
    if (!run->report)
        return false;
    replay_report_ranges(run->report, &run->ranges);
    fflush(stdout);
    if (!note_missing(run)) {
        snprintf(error, error_size, "%s", run->failure);
        return false;
    }
    if (!read_definitions(run, error, error_size) || !read_replies(run, error, error_size) ||
        !decide_all(run, error, error_size))
        return false;
    if (replay_report_end(run->report, &run->holes))
        return true;
    snprintf(error, error_size, "the temporary file: %s", strerror(errno));
    return false;
}

enum dry_run_result dry_run(const struct config *config, const struct dry_run_request *request, bool *incomplete,
                            char *error, size_t error_size)
{
    const struct replay_selection *selection = &request->selection;
    struct run run = {.config = config, .request = request};
    enum dry_run_result result = DRY_RUN_FAILED;
    enum range_result range = RANGES_UNAVAILABLE;
    *incomplete = false;
    run.reader = history_reader_open(config, config->commands.topic, request->wait_ms, error, error_size);
    if (run.reader)
        range = replay_ranges_resolve(&run.ranges, history_reader_handle(run.reader), config, selection->from,
                                      selection->to, selection->partitions, selection->partition_count,
                                      request->wait_ms, error, error_size);
    if (range == RANGES_NO_PARTITION)
        result = DRY_RUN_NO_PARTITION;
    if (range == RANGES_RESOLVED && run_all(&run, error, error_size)) {
        result = replay_report_changed(run.report) == 0 ? DRY_RUN_SAME : DRY_RUN_DIFFERENT;
        *incomplete = run.holes.count > 0;
    }
    run_close(&run);
    return result;
}
