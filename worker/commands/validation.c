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
#include "common/ordered_queue.h"
#include "common/progress.h"
#include "worker/validate/decode.h"
#include "worker/validate/evaluate.h"

#define CHUNK_LINES    512
#define CHUNK_BYTES    (1 << 20)
#define LINE_END_BYTES 1 /* a CR before the LF */

/* An element of the queue: a batch, and its part of the input. */
struct chunk {
    struct batch batch;
    int64_t lines, bytes;
};

struct validation {
    const struct validation_job *job;
    struct ordered_queue queue;
    struct chunk *chunks; /* by place */
    uint32_t chunk_count;
    struct lines lines;
    int stop;        /* an eventfd: readable once reading must end, however long the input blocks */
    int input_error; /* errno of reading; 0 if nothing failed */
};

struct evaluating_thread {
    struct validation *validation;
    struct json_parser *parser;
    pthread_t thread;
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

static void *read_all(void *subject)
{
    struct validation *validation = subject;
    uint32_t place;
    while (ordered_queue_fill(&validation->queue, &place) && read_chunk(validation, &validation->chunks[place]))
        ordered_queue_filled(&validation->queue);
    ordered_queue_end(&validation->queue);
    return NULL;
}

/* ---- Evaluating ---- */

static void *evaluate_all(void *subject)
{
    const struct evaluating_thread *self = subject;
    struct validation *validation = self->validation;
    const struct evaluation evaluation = {
        .config = validation->job->config, .definitions = validation->job->definitions, .parser = self->parser};
    uint32_t place;
    while (ordered_queue_work(&validation->queue, &place)) {
        struct batch *batch = &validation->chunks[place].batch;
        for (uint32_t i = 0; i < batch->count; i++)
            evaluate_item(&evaluation, &batch->items[i], &batch->arena);
        ordered_queue_worked(&validation->queue, place);
    }
    return NULL;
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

/* Returns false, with errno set, if the output fails. */
static bool write_all(struct validation *validation, bool *any_rejected)
{
    struct progress progress;
    progress_open(&progress);
    bool written = true;
    uint32_t place;
    while (written && ordered_queue_empty(&validation->queue, &place)) {
        const struct chunk *chunk = &validation->chunks[place];
        written = write_replies(&chunk->batch, validation->job->output);
        *any_rejected |= any_is_rejected(&chunk->batch);
        progress_add(&progress, chunk->lines, chunk->bytes);
        ordered_queue_emptied(&validation->queue);
    }
    const int error = errno;
    progress_close(&progress);
    errno = error;
    return written;
}

/* ---- The whole ---- */

/* Returns 0, or -1 when out of memory; the caller calls validation_close in both cases. */
static int validation_open(struct validation *validation, const struct validation_job *job)
{
    /* While each thread evaluates one chunk, another one is read for it, and one is written. */
    const uint32_t chunks = 2 * job->threads + 1;
    const size_t limit = (size_t)job->config->limits.command_bytes + LINE_END_BYTES;
    *validation = (struct validation){.job = job, .stop = eventfd(0, EFD_CLOEXEC)};
    validation->chunks = calloc(chunks, sizeof(*validation->chunks));
    if (!validation->chunks || validation->stop < 0 || ordered_queue_open(&validation->queue, chunks) != 0 ||
        lines_open(&validation->lines, job->input, CHUNK_BYTES + limit + 1, limit) != 0)
        return -1;
    for (; validation->chunk_count < chunks; validation->chunk_count++)
        if (batch_open(&validation->chunks[validation->chunk_count].batch, CHUNK_LINES, CHUNK_BYTES, limit) != 0)
            return -1;
    return 0;
}

static void validation_close(struct validation *validation)
{
    while (validation->chunk_count > 0)
        batch_close(&validation->chunks[--validation->chunk_count].batch);
    free(validation->chunks);
    lines_close(&validation->lines);
    ordered_queue_close(&validation->queue);
    if (validation->stop >= 0)
        close(validation->stop);
}

/* Starts up to `count` threads, as many as possible, and returns how many. */
static uint32_t start_evaluating(struct validation *validation, struct evaluating_thread *threads, uint32_t count)
{
    const size_t capacity = (size_t)validation->job->config->limits.command_bytes;
    uint32_t started = 0;
    for (; started < count; started++) {
        struct evaluating_thread *self = &threads[started];
        *self = (struct evaluating_thread){.validation = validation, .parser = json_parser_new(capacity)};
        if (!self->parser)
            break;
        if (pthread_create(&self->thread, NULL, evaluate_all, self) != 0) {
            json_parser_free(self->parser);
            break;
        }
    }
    return started;
}

static void join_evaluating(struct evaluating_thread *threads, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        pthread_join(threads[i].thread, NULL);
        json_parser_free(threads[i].parser);
    }
}

static void stop_reading(struct validation *validation)
{
    const uint64_t one = 1;
    const ssize_t count = write(validation->stop, &one, sizeof(one));
    assert(count == sizeof(one));
    (void)count;
}

/* Starts the threads and waits for their end. *error is the errno of a failure of input or output. */
static enum validation_result answer_all(struct validation *validation, bool *any_rejected, int *error)
{
    struct evaluating_thread threads[VALIDATION_THREADS];
    pthread_t reader;
    enum validation_result result = VALIDATION_NO_MEMORY;
    /* Fewer threads than requested are enough. */
    const uint32_t evaluating = start_evaluating(validation, threads, validation->job->threads);
    if (evaluating > 0 && pthread_create(&reader, NULL, read_all, validation) == 0) {
        const bool written = write_all(validation, any_rejected);
        *error = errno;
        stop_reading(validation);
        ordered_queue_stop(&validation->queue);
        pthread_join(reader, NULL);
        result = VALIDATION_OK;
        if (!written) {
            result = VALIDATION_OUTPUT_FAILED;
        } else if (validation->input_error) {
            result = VALIDATION_INPUT_FAILED;
            *error = validation->input_error;
        }
    }
    ordered_queue_stop(&validation->queue);
    join_evaluating(threads, evaluating);
    return result;
}

enum validation_result validation_run(const struct validation_job *job, bool *any_rejected)
{
    assert(job->threads >= 1 && job->threads <= VALIDATION_THREADS);
    struct validation validation;
    enum validation_result result = VALIDATION_NO_MEMORY;
    int error = ENOMEM;
    *any_rejected = false;
    if (validation_open(&validation, job) == 0)
        result = answer_all(&validation, any_rejected, &error);
    validation_close(&validation);
    errno = error;
    return result;
}
