#include "worker/replay/dry_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/pipeline.h"
#include "worker/replay/dry_run_internal.h"
#include "worker/replay/reply_reading.h"
#include "worker/source/source_message.h"
#include "worker/validate/decode.h"

/* Address space for the work on one command: its nodes and normalized values, the recorded client beside them, and the
 * entry of both. Pages are touched only as they are used. */
#define SCRATCH_PER_BYTE 128
#define SCRATCH_LEAST    ((size_t)64 << 20)

#define MEMORY_PER_THREAD ((size_t)16 << 20)

uint32_t replay_threads(uint32_t wanted, size_t memory_bytes)
{
    const size_t most = memory_bytes / MEMORY_PER_THREAD;
    return wanted <= most ? wanted : most > 0 ? (uint32_t)most : 1;
}

/* ---- Opening and closing ---- */

static bool chunk_open(struct dry_run_chunk *chunk, const struct config *config)
{
    chunk->decided = calloc(CHUNK_COMMANDS, sizeof(*chunk->decided));
    chunk->messages = calloc(CHUNK_COMMANDS, sizeof(rd_kafka_message_t *));
    if (chunk->decided && chunk->messages &&
        batch_open(&chunk->batch, CHUNK_COMMANDS, CHUNK_BYTES, (size_t)config->limits.command_bytes) == 0)
        return true;
    free(chunk->decided);
    free(chunk->messages);
    return false;
}

static bool open_chunks(struct dry_run *run)
{
    const uint32_t places = pipeline_places(run->request->threads);
    run->chunks = calloc(places, sizeof(*run->chunks));
    while (run->chunks && run->chunk_count < places && chunk_open(&run->chunks[run->chunk_count], run->config))
        run->chunk_count++;
    return run->chunk_count == places;
}

static bool open_threads(struct dry_run *run)
{
    const size_t longest = decision_parser_bytes(run->config);
    run->threads = calloc(run->request->threads, sizeof(*run->threads));
    for (; run->threads && run->thread_count < run->request->threads; run->thread_count++) {
        struct dry_run_thread *thread = &run->threads[run->thread_count];
        thread->parser = decode_parser_new(longest);
        if (!thread->parser)
            return false;
        if (arena_open(&thread->scratch, longest * SCRATCH_PER_BYTE + SCRATCH_LEAST) != 0) {
            json_parser_free(thread->parser);
            return false;
        }
    }
    return run->threads != NULL;
}

static void run_close(struct dry_run *run)
{
    while (run->thread_count > 0) {
        struct dry_run_thread *thread = &run->threads[--run->thread_count];
        json_parser_free(thread->parser);
        arena_close(&thread->scratch);
    }
    free(run->threads);
    while (run->chunk_count > 0) {
        struct dry_run_chunk *chunk = &run->chunks[--run->chunk_count];
        dry_run_clear(chunk);
        batch_close(&chunk->batch);
        free(chunk->decided);
        free(chunk->messages);
        free(chunk->entries);
    }
    free(run->chunks);
    if (run->carried)
        source_message_destroy(run->carried);
    reply_block_release(run->block);
    free(run->holes.items);
    named_workspaces_close(&run->named);
    replay_report_free(run->report);
    recorded_replies_free(run->replies);
    replay_definitions_free(run->definitions);
    spill_close(run->spill);
    replay_ranges_free(&run->ranges);
    history_reader_close(run->reader);
}

/* ---- The steps of the pipeline ---- */

static bool fill(void *subject, uint32_t place)
{
    struct dry_run *run = subject;
    return dry_run_fill(run, &run->chunks[place]);
}

static void work(void *subject, uint32_t place, uint32_t thread)
{
    const struct dry_run *run = subject;
    dry_run_work(run, &run->chunks[place], &run->threads[thread]);
}

static bool empty(void *subject, uint32_t place)
{
    struct dry_run *run = subject;
    return dry_run_report(run, &run->chunks[place]);
}

static void stop(void *subject)
{
    struct dry_run *run = subject;
    atomic_store(&run->stopped, true);
}

/* ---- The steps of a run; false with the reason in `error` ---- */

/* What was asked for and cannot be read from the beginning. */
static bool note_missing(struct dry_run *run)
{
    for (uint32_t i = 0; i < run->ranges.count; i++) {
        const struct replay_range *range = &run->ranges.items[i];
        const struct history_hole lost = {range->partition, range->from - range->lost, range->from, HOLE_DELETED};
        const struct history_hole open = {range->partition, range->to, range->to + range->open, HOLE_OPEN};
        if ((range->lost > 0 && !dry_run_add_hole(run, &lost)) || (range->open > 0 && !dry_run_add_hole(run, &open)))
            return false;
    }
    return true;
}

static bool read_definitions(struct dry_run *run, char *error, size_t error_size)
{
    char reason[512];
    const struct dry_run_request *request = run->request;
    run->definitions = replay_definitions_open(run->config, &request->definitions, run->spill,
                                               (request->memory_bytes - REPLAY_MEMORY_FIXED) / 2, request->wait_ms,
                                               reason, sizeof(reason));
    if (!run->definitions)
        snprintf(error, error_size, "definitions: %s", reason);
    return run->definitions != NULL;
}

static void show_replies(void *listener, int64_t done, int64_t total)
{
    struct dry_run *run = listener;
    run->progress.total = total;
    progress_move(&run->progress, done);
}

static bool read_replies(struct dry_run *run, char *error, size_t error_size)
{
    char reason[768];
    const struct reply_reading reading = {.config = run->config,
                                          .consumer = history_reader_handle(run->reader),
                                          .presumes = true,
                                          .threads = run->request->threads,
                                          .wait_ms = run->request->wait_ms,
                                          .progress = show_replies,
                                          .listener = run};
    run->replies =
        recorded_replies_new(&run->ranges, run->spill, (run->request->memory_bytes - REPLAY_MEMORY_FIXED) / 4);
    if (!run->replies) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    progress_begin(&run->progress, "offsets of replies", 0, false);
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

static bool decide_all(struct dry_run *run, char *error, size_t error_size)
{
    const struct pipeline pipeline = {.subject = run,
                                      .threads = run->request->threads,
                                      .places = pipeline_places(run->request->threads),
                                      .fill = fill,
                                      .work = work,
                                      .empty = empty,
                                      .stop = stop};
    progress_begin(&run->progress, "offsets of commands", all_offsets(&run->ranges),
                   run->request->diff && run->request->output == REPLAY_JSON);
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

static bool run_all(struct dry_run *run, char *error, size_t error_size)
{
    run->spill = spill_open(error, error_size);
    if (!run->spill)
        return false;
    run->report = replay_report_new(run->request->output, run->config->commands.topic, run->spill, error, error_size);
    if (!run->report)
        return false;
    if (!named_workspaces_open(&run->named, &run->request->selection, &run->request->definitions)) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    replay_report_ranges(run->report, &run->ranges);
    fflush(stdout);
    if (!note_missing(run)) {
        snprintf(error, error_size, "%s", run->failure);
        return false;
    }
    if (!read_definitions(run, error, error_size) || !read_replies(run, error, error_size) ||
        !decide_all(run, error, error_size))
        return false;
    named_workspaces_warn(&run->named);
    if (replay_report_end(run->report, &run->holes))
        return true;
    snprintf(error, error_size, "the temporary file: %s", strerror(errno));
    return false;
}

enum dry_run_result dry_run(const struct config *config, const struct dry_run_request *request, bool *incomplete,
                            char *error, size_t error_size)
{
    const struct replay_selection *selection = &request->selection;
    struct dry_run run = {.config = config, .request = request};
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
