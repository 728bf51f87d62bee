#include "worker/letters/letter_retrying.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/progress.h"
#include "common/rate.h"
#include "common/stop.h"
#include "worker/letters/letter_candidates.h"
#include "worker/letters/letter_chunk.h"
#include "worker/letters/letter_sender.h"

#define RATE_SLICE_MS 50

struct retrying {
    const struct config *config;
    const struct retrying_request *request;
    struct retrying_counts *counts;
    struct letter_maker *maker;
    struct letter_sender *sender; /* NULL without `apply` */
    struct letter_log *log;
    struct letter_candidates *candidates;

    struct letter_place next; /* the next candidate */
    enum letter_candidate has_next;
    int error; /* errno if that is CANDIDATE_FAILED */
    struct letter_chunk *chunk;

    size_t most; /* commands of one transaction */
    struct rate rate;

    struct progress progress;
};

/* ---- Candidates ---- */

static void advance(struct retrying *retrying)
{
    while ((retrying->has_next = letter_candidates_next(retrying->candidates, &retrying->next)) ==
           CANDIDATE_PASSED_OVER)
        retrying->counts->passed_over++;
    retrying->error = errno;
}

/* How many letters the next chunk may have. */
static int64_t chunk_most(const struct retrying *retrying)
{
    const struct retrying_request *request = retrying->request;
    int64_t most = LETTER_CHUNK_LETTERS;
    if (request->rate > 0 && request->rate / 10 < most)
        most = request->rate < 10 ? 1 : request->rate / 10;
    if (request->selection.limit > 0 && request->selection.limit - retrying->counts->sent < most)
        most = request->selection.limit - retrying->counts->sent;
    return most;
}

static void collect(struct retrying *retrying)
{
    const int64_t most = chunk_most(retrying);
    while ((int64_t)letter_chunk_count(retrying->chunk) < most && retrying->has_next == CANDIDATE_LETTER &&
           letter_chunk_add(retrying->chunk, retrying->next))
        advance(retrying);
}

/* ---- Sending a chunk ---- */

static void show(struct retrying *retrying)
{
    const struct retrying_counts *counts = retrying->counts;
    const int64_t passed = retrying->request->selection.limit > 0 ? 0 : counts->passed_over;
    progress_move(&retrying->progress, counts->sent + counts->refused + passed);
}

/* Tells what became of the letters that were read, and removes them. */
static void end_chunk(struct retrying *retrying)
{
    const struct retrying_request *request = retrying->request;
    size_t count;
    const struct chunk_letter *letters = letter_chunk_letters(retrying->chunk, &count);
    for (size_t i = 0; i < count; i++) {
        const struct chunk_letter *letter = &letters[i];
        const struct letter_verdict verdict = {
            .place = letter->place,
            .fate = letter->reason   ? FATE_REFUSED
                    : request->apply ? FATE_SENT
                                     : FATE_WOULD_SEND,
            .reason = letter->reason,
            .command = letter->reason ? NULL : letter->command,
        };
        if (verdict.fate == FATE_REFUSED)
            retrying->counts->refused++;
        else
            retrying->counts->sent++;
        request->tell(request->listener, &verdict);
    }
    letter_chunk_drop(retrying->chunk);
    show(retrying);
}

static void keep_rate(struct retrying *retrying)
{
    while (!stop_is_requested() && rate_left(&retrying->rate, clock_now_ms()) <= 0) {
        clock_sleep(RATE_SLICE_MS);
        show(retrying);
    }
}

enum step { STEP_GO_ON, STEP_STOPPED, STEP_FAILED, STEP_UNCERTAIN };

/* Fewer letters are tried, down to one that fails alone and is refused. */
static void find_too_large(struct retrying *retrying)
{
    size_t count;
    letter_chunk_commands(retrying->chunk, &count);
    if (count > 1) {
        retrying->most = count / 2;
        letter_chunk_rewind(retrying->chunk);
        return;
    }
    letter_chunk_refuse(retrying->chunk,
                        "the topic, or kafka.producer.message.max.bytes, takes no command of its size");
    end_chunk(retrying);
}

static enum step send_chunk(struct retrying *retrying, char *error, size_t error_size)
{
    size_t count;
    struct letter_command *commands = letter_chunk_commands(retrying->chunk, &count);
    if (retrying->request->apply && count > 0) {
        keep_rate(retrying);
        if (stop_is_requested())
            return STEP_STOPPED;
        switch (letter_sender_send(retrying->sender, commands, count, error, error_size)) {
        case LETTERS_SENT:
            rate_take(&retrying->rate, (int64_t)count);
            break;
        case LETTERS_TOO_LARGE:
            find_too_large(retrying);
            return STEP_GO_ON;
        case LETTERS_REPEAT:
            letter_chunk_rewind(retrying->chunk);
            return STEP_GO_ON;
        case LETTERS_FAILED: /* nothing of the chunk was sent; a second signal gives its transaction up */
            return stop_requests() > 1 ? STEP_STOPPED : STEP_FAILED;
        case LETTERS_UNCERTAIN:
            return STEP_UNCERTAIN;
        }
    }
    end_chunk(retrying);
    retrying->most = retrying->most < LETTER_CHUNK_LETTERS / 2 ? 2 * retrying->most : LETTER_CHUNK_LETTERS;
    return STEP_GO_ON;
}

/* ---- The whole ---- */

static bool is_at_limit(const struct retrying *retrying)
{
    const int64_t limit = retrying->request->selection.limit;
    return limit > 0 && retrying->counts->sent >= limit;
}

/* While nothing is being sent, what fails after a signal has failed because of it. */
static enum step failed_or_stopped(void)
{
    return stop_is_requested() ? STEP_STOPPED : STEP_FAILED;
}

/* The producer is ready before the notes are read. So no other retry can add to them any more. */
static enum step retrying_open(struct retrying *retrying, char *error, size_t error_size)
{
    const struct retrying_request *request = retrying->request;
    const struct config *config = retrying->config;
    if (request->apply && !(retrying->sender = letter_sender_open(config, request->wait_ms, error, error_size)))
        return failed_or_stopped();
    failpoint(FAILPOINT_RETRY_READY);
    retrying->log = letter_log_open(config, request->wait_ms, error, error_size);
    if (!retrying->log || (request->apply && !letter_log_await_open(retrying->log, error, error_size)))
        return failed_or_stopped();
    snprintf(error, error_size, "out of memory");
    retrying->candidates = request->named ? letter_candidates_named(request->named, request->named_count)
                                          : letter_candidates_select(retrying->log, &request->selection, request->again,
                                                                     &retrying->progress, error, error_size);
    if (!retrying->candidates)
        return failed_or_stopped();
    failpoint(FAILPOINT_RETRY_READ);
    const int64_t count = letter_candidates_count(retrying->candidates), limit = request->selection.limit;
    progress_begin(&retrying->progress, "letters", limit > 0 && limit < count ? limit : count, true);
    advance(retrying);
    return STEP_GO_ON;
}

static void retrying_close(struct retrying *retrying)
{
    progress_clear(&retrying->progress);
    if (retrying->log)
        retrying->counts->has_holes = letter_log_has_holes(retrying->log);
    letter_chunk_clear(retrying->chunk);
    letter_candidates_free(retrying->candidates);
    letter_log_close(retrying->log);
    letter_sender_close(retrying->sender);
}

/* STEP_GO_ON: everything is done. */
static enum step send_all(struct retrying *retrying, char *error, size_t error_size)
{
    enum step step = retrying_open(retrying, error, error_size);
    while (step == STEP_GO_ON && !is_at_limit(retrying)) {
        if (stop_is_requested())
            return STEP_STOPPED;
        if (letter_chunk_count(retrying->chunk) == 0)
            collect(retrying);
        if (letter_chunk_count(retrying->chunk) == 0)
            break;
        if (!letter_chunk_read(retrying->chunk, retrying->log, retrying->most, error, error_size))
            return failed_or_stopped();
        step = send_chunk(retrying, error, error_size);
    }
    if (step == STEP_GO_ON && retrying->has_next == CANDIDATE_FAILED) {
        snprintf(error, error_size, "the temporary file: %s", strerror(retrying->error));
        return STEP_FAILED;
    }
    return step;
}

enum retrying_result letter_retrying_run(const struct config *config, const struct retrying_request *request,
                                         struct retrying_counts *counts, char *error, size_t error_size)
{
    struct retrying *retrying = calloc(1, sizeof(*retrying));
    enum step step = STEP_FAILED;
    *counts = (struct retrying_counts){0};
    snprintf(error, error_size, "out of memory");
    if (!retrying)
        return RETRYING_FAILED;
    retrying->config = config;
    retrying->request = request;
    retrying->counts = counts;
    retrying->most = LETTER_CHUNK_LETTERS;
    retrying->rate = RATE_OF(request->rate);
    retrying->maker = letter_maker_new(config);
    retrying->chunk = retrying->maker ? letter_chunk_new(retrying->maker, request->mended) : NULL;
    if (retrying->chunk) {
        step = send_all(retrying, error, error_size);
        retrying_close(retrying);
    }
    letter_chunk_free(retrying->chunk);
    letter_maker_free(retrying->maker);
    free(retrying);
    return step == STEP_GO_ON     ? RETRYING_DONE
           : step == STEP_STOPPED ? RETRYING_STOPPED
           : step == STEP_FAILED  ? RETRYING_FAILED
                                  : RETRYING_UNCERTAIN;
}
