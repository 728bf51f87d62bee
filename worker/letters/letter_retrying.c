#include "worker/letters/letter_retrying.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/progress.h"
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
    struct letter_chunk *chunk;

    /* These outlive a new attempt. */
    struct letter_place done;   /* everything up to here was told */
    struct letter_place passed; /* everything up to here that was passed over was counted */
    struct letter_place single; /* up to here each letter has a transaction of its own */
    int64_t begin_ms;

    struct progress progress;
};

static const struct letter_place nowhere = {-1, -1};

static bool is_behind(struct letter_place place, struct letter_place other)
{
    return letter_place_order(&place, &other) > 0;
}

/* ---- Candidates ---- */

/* Moves on to the next candidate that is not done. */
static void advance(struct retrying *retrying)
{
    do {
        retrying->has_next = letter_candidates_next(retrying->candidates, &retrying->next);
        if (retrying->has_next == CANDIDATE_PASSED_OVER && is_behind(retrying->next, retrying->passed)) {
            retrying->counts->passed_over++;
            retrying->passed = retrying->next;
        }
    } while (retrying->has_next == CANDIDATE_PASSED_OVER ||
             (retrying->has_next == CANDIDATE_LETTER && !is_behind(retrying->next, retrying->done)));
}

/* How many letters the next chunk may have. */
static int64_t chunk_most(const struct retrying *retrying)
{
    const struct retrying_request *request = retrying->request;
    int64_t most = LETTER_CHUNK_LETTERS;
    if (request->apply && !is_behind(retrying->next, retrying->single))
        return 1;
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

static void tell_chunk(struct retrying *retrying)
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
        retrying->done = letter->place;
    }
    show(retrying);
}

static void keep_rate(struct retrying *retrying)
{
    const int64_t rate = retrying->request->rate;
    if (rate == 0 || !retrying->request->apply)
        return;
    while (!stop_is_requested() && retrying->counts->sent * 1000 > rate * (clock_now_ms() - retrying->begin_ms)) {
        clock_sleep(RATE_SLICE_MS);
        show(retrying);
    }
}

enum step {
    STEP_GO_ON,
    STEP_RESTART, /* with another producer */
    STEP_STOPPED,
    STEP_FAILED,
    STEP_UNCERTAIN
};

/* A topic's limit fails the whole request. So the letters are tried one by one, and the one that fails alone is
 * refused. */
static enum step find_too_large(struct retrying *retrying)
{
    size_t letter_count, command_count;
    const struct chunk_letter *letters = letter_chunk_letters(retrying->chunk, &letter_count);
    letter_chunk_commands(retrying->chunk, &command_count);
    if (command_count > 1) {
        retrying->single = letters[letter_count - 1].place;
        return STEP_RESTART;
    }
    letter_chunk_refuse(retrying->chunk,
                        "the topic, or kafka.producer.message.max.bytes, takes no command of its size");
    tell_chunk(retrying);
    return STEP_RESTART;
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
            break;
        case LETTERS_TOO_LARGE:
            return find_too_large(retrying);
        case LETTERS_FAILED:
            return STEP_FAILED;
        case LETTERS_UNCERTAIN:
            return STEP_UNCERTAIN;
        }
    }
    tell_chunk(retrying);
    return STEP_GO_ON;
}

/* ---- The whole ---- */

static bool is_at_limit(const struct retrying *retrying)
{
    const int64_t limit = retrying->request->selection.limit;
    return limit > 0 && retrying->counts->sent >= limit;
}

/* The producer is ready before the notes are read. So no other retry can add to them any more. */
static enum step open_attempt(struct retrying *retrying, char *error, size_t error_size)
{
    const struct retrying_request *request = retrying->request;
    const struct config *config = retrying->config;
    if (request->apply && !(retrying->sender = letter_sender_open(config, request->wait_ms, error, error_size)))
        return STEP_FAILED;
    failpoint(FAILPOINT_RETRY_READY);
    retrying->log = letter_log_open(config, request->wait_ms, error, error_size);
    if (!retrying->log || (request->apply && !letter_log_await_open(retrying->log, error, error_size)))
        return STEP_FAILED;
    snprintf(error, error_size, "out of memory");
    retrying->candidates = request->named ? letter_candidates_named(request->named, request->named_count)
                                          : letter_candidates_select(retrying->log, &request->selection, request->again,
                                                                     &retrying->progress, error, error_size);
    if (!retrying->candidates)
        return stop_is_requested() ? STEP_STOPPED : STEP_FAILED;
    failpoint(FAILPOINT_RETRY_READ);
    const int64_t count = letter_candidates_count(retrying->candidates), limit = request->selection.limit;
    progress_begin(&retrying->progress, "letters", limit > 0 && limit < count ? limit : count, true);
    advance(retrying);
    return STEP_GO_ON;
}

static void close_attempt(struct retrying *retrying)
{
    progress_clear(&retrying->progress);
    if (retrying->log)
        retrying->counts->has_holes = retrying->counts->has_holes || letter_log_has_holes(retrying->log);
    letter_chunk_clear(retrying->chunk);
    letter_candidates_free(retrying->candidates);
    letter_log_close(retrying->log);
    letter_sender_close(retrying->sender);
    retrying->candidates = NULL;
    retrying->log = NULL;
    retrying->sender = NULL;
}

/* STEP_GO_ON: everything is done. */
static enum step attempt(struct retrying *retrying, char *error, size_t error_size)
{
    enum step step = open_attempt(retrying, error, error_size);
    while (step == STEP_GO_ON && !is_at_limit(retrying)) {
        if (stop_is_requested())
            return STEP_STOPPED;
        if (letter_chunk_count(retrying->chunk) == 0)
            collect(retrying);
        if (letter_chunk_count(retrying->chunk) == 0)
            break;
        if (!letter_chunk_read(retrying->chunk, retrying->log, error, error_size))
            return stop_is_requested() ? STEP_STOPPED : STEP_FAILED;
        step = send_chunk(retrying, error, error_size);
        if (step == STEP_GO_ON)
            letter_chunk_drop(retrying->chunk);
    }
    if (step == STEP_GO_ON && retrying->has_next == CANDIDATE_FAILED) {
        snprintf(error, error_size, "the temporary file: %s", strerror(errno));
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
    retrying->done = retrying->passed = retrying->single = nowhere;
    retrying->begin_ms = clock_now_ms();
    retrying->maker = letter_maker_new(config);
    retrying->chunk = retrying->maker ? letter_chunk_new(retrying->maker, request->mended) : NULL;
    if (retrying->chunk) {
        do {
            step = attempt(retrying, error, error_size);
            close_attempt(retrying);
        } while (step == STEP_RESTART);
    }
    letter_chunk_free(retrying->chunk);
    letter_maker_free(retrying->maker);
    free(retrying);
    return step == STEP_GO_ON     ? RETRYING_DONE
           : step == STEP_STOPPED ? RETRYING_STOPPED
           : step == STEP_FAILED  ? RETRYING_FAILED
                                  : RETRYING_UNCERTAIN;
}
