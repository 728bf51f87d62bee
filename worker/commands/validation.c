#include "worker/commands/validation.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/lines.h"
#include "common/pipeline.h"
#include "common/progress.h"
#include "worker/validate/decode.h"
#include "worker/validate/evaluate.h"

#define CHUNK_LINES    512
#define CHUNK_BYTES    (1 << 20)
#define LINE_END_BYTES 1 /* a CR before the LF */

/* What is at a place of the pipeline: a batch, and its part of the input. */
struct chunk {
    struct batch batch;
    int64_t lines, bytes;
};

struct validation {
    const struct validation_job *job;
    struct chunk *chunks; /* by place */
    uint32_t chunk_count;
    struct json_parser *parsers[PIPELINE_THREADS]; /* by working thread */
    uint32_t parser_count;
    struct lines lines;
    struct progress progress;
    int stop; /* an eventfd: readable once reading must end, however long the input blocks */
    bool any_rejected;
    int input_error, output_error; /* errno of reading and of writing; 0 if nothing failed */
};

/* ---- Reading ---- */

static bool is_blank(struct span line)
{
    for (size_t i = 0; i < line.length; i++)
        if (line.at[i] != ' ' && line.at[i] != '\t' && line.at[i] != '\r')
            return false;
    return true;
}

/* Moves lines from the buffer to the chunk, until the buffer is empty or the chunk full. */
static void take_lines(struct validation *validation, struct chunk *chunk)
{
    const struct validation_job *job = validation->job;
    struct batch *batch = &chunk->batch;
    struct line line;
    while (batch->count < batch->capacity && batch->bytes < CHUNK_BYTES && lines_next(&validation->lines, &line)) {
        chunk->lines++;
        chunk->bytes += (int64_t)line.text.length + 1;
        if (!line.too_long && is_blank(line.text))
            continue;
        if (line.text.length > 0 && line.text.at[line.text.length - 1] == '\r')
            line.text.length--;
        struct item *item = &batch->items[batch->count++];
        *item = (struct item){.from = {.topic = job->source, .offset = line.number, .timestamp_ms = job->time_ms},
                              .value = arena_copy(&batch->arena, line.text)};
        batch->bytes += line.text.length;
        if (line.too_long)
            decode_too_large(item, job->config, &batch->arena);
    }
}

/* Waits for input and reads it. Returns false on a request to stop, or with input_error set. */
static bool read_on(struct validation *validation)
{
    struct pollfd ready[] = {{.fd = validation->job->input, .events = POLLIN},
                             {.fd = validation->stop, .events = POLLIN}};
    while (poll(ready, 2, -1) < 0) {
        if (errno == EINTR)
            continue;
        validation->input_error = errno;
        return false;
    }
    if (ready[1].revents != 0)
        return false;
    if (lines_fill(&validation->lines) == 0)
        return true;
    validation->input_error = errno;
    return false;
}

/* Fills a chunk with at least one command. Returns false at the end. */
static bool read_chunk(struct validation *validation, struct chunk *chunk)
{
    batch_reset(&chunk->batch);
    chunk->lines = chunk->bytes = 0;
    for (;;) {
        take_lines(validation, chunk);
        if (chunk->batch.count > 0)
            return true;
        if (lines_are_done(&validation->lines) || !read_on(validation))
            return false;
    }
}

static bool fill(void *subject, uint32_t place)
{
    struct validation *validation = subject;
    return read_chunk(validation, &validation->chunks[place]);
}

static void stop(void *subject)
{
    const struct validation *validation = subject;
    const uint64_t one = 1;
    const ssize_t count = write(validation->stop, &one, sizeof(one));
    assert(count == sizeof(one));
    (void)count;
}

/* ---- Evaluating ---- */

static void work(void *subject, uint32_t place, uint32_t thread)
{
    struct validation *validation = subject;
    const struct evaluation evaluation = {.config = validation->job->config,
                                          .definitions = validation->job->definitions,
                                          .parser = validation->parsers[thread]};
    struct batch *batch = &validation->chunks[place].batch;
    for (uint32_t i = 0; i < batch->count; i++)
        evaluate_item(&evaluation, &batch->items[i], &batch->arena);
}

/* ---- Writing ---- */

/* Returns false with errno set. */
static bool write_parts(int output, struct iovec *parts, size_t count)
{
    while (count > 0) {
        ssize_t written = writev(output, parts, (int)count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        for (; count > 0 && (size_t)written >= parts->iov_len; parts++, count--)
            written -= (ssize_t)parts->iov_len;
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + written;
            parts->iov_len -= (size_t)written;
        }
    }
    return true;
}

static bool write_replies(const struct batch *batch, int output)
{
    static char line_feed[] = "\n";
    struct iovec parts[2 * CHUNK_LINES]; /* Linux takes 1,024 at once */
    size_t count = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct span reply = batch->items[i].reply;
        parts[count++] = (struct iovec){(char *)(uintptr_t)reply.at, reply.length};
        parts[count++] = (struct iovec){line_feed, 1};
    }
    return write_parts(output, parts, count);
}

static bool any_is_rejected(const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->items[i].outcome == OUTCOME_REJECTED)
            return true;
    return false;
}

static bool empty(void *subject, uint32_t place)
{
    struct validation *validation = subject;
    const struct chunk *chunk = &validation->chunks[place];
    if (!write_replies(&chunk->batch, validation->job->output))
        validation->output_error = errno;
    validation->any_rejected |= any_is_rejected(&chunk->batch);
    progress_add(&validation->progress, chunk->lines, chunk->bytes);
    return validation->output_error == 0;
}

/* ---- The whole ---- */

/* False when out of memory; the caller calls validation_close in both cases. */
static bool validation_open(struct validation *validation, const struct validation_job *job)
{
    const uint32_t chunks = pipeline_places(job->threads);
    const size_t longest = (size_t)job->config->limits.command_bytes, limit = longest + LINE_END_BYTES;
    *validation = (struct validation){.job = job, .stop = eventfd(0, EFD_CLOEXEC)};
    validation->chunks = calloc(chunks, sizeof(*validation->chunks));
    if (!validation->chunks || validation->stop < 0 ||
        lines_open(&validation->lines, job->input, CHUNK_BYTES + limit + 1, limit) != 0)
        return false;
    for (; validation->chunk_count < chunks; validation->chunk_count++)
        if (batch_open(&validation->chunks[validation->chunk_count].batch, CHUNK_LINES, CHUNK_BYTES, limit) != 0)
            return false;
    for (; validation->parser_count < job->threads; validation->parser_count++)
        if (!(validation->parsers[validation->parser_count] = decode_parser_new(longest)))
            break;
    return validation->parser_count > 0; /* fewer threads than requested are enough */
}

static void validation_close(struct validation *validation)
{
    while (validation->parser_count > 0)
        json_parser_free(validation->parsers[--validation->parser_count]);
    while (validation->chunk_count > 0)
        batch_close(&validation->chunks[--validation->chunk_count].batch);
    free(validation->chunks);
    lines_close(&validation->lines);
    if (validation->stop >= 0)
        close(validation->stop);
}

static bool answer_all(struct validation *validation)
{
    const struct pipeline pipeline = {.subject = validation,
                                      .threads = validation->parser_count,
                                      .places = validation->chunk_count,
                                      .fill = fill,
                                      .work = work,
                                      .empty = empty,
                                      .stop = stop};
    progress_open(&validation->progress);
    const bool is_run = pipeline_run(&pipeline);
    progress_close(&validation->progress);
    return is_run;
}

enum validation_result validation_run(const struct validation_job *job, bool *any_rejected)
{
    assert(job->threads >= 1 && job->threads <= PIPELINE_THREADS);
    struct validation validation;
    enum validation_result result = VALIDATION_OK;
    int error = 0;
    if (!validation_open(&validation, job) || !answer_all(&validation)) {
        result = VALIDATION_NO_MEMORY;
        error = ENOMEM;
    } else if (validation.output_error != 0) {
        result = VALIDATION_OUTPUT_FAILED;
        error = validation.output_error;
    } else if (validation.input_error != 0) {
        result = VALIDATION_INPUT_FAILED;
        error = validation.input_error;
    }
    *any_rejected = validation.any_rejected;
    validation_close(&validation);
    errno = error;
    return result;
}
