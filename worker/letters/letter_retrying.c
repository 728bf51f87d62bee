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
#include "worker/letters/letter_tally.h"

#define RATE_SLICE_MS 50
#define RESUME_MS     60000 /* how long a lost connection to Kafka may stay away */
#define RESUME_TRY_MS 5000
#define LOSSES_MOST   5 /* in a row, without a transaction that was committed between them */

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

    size_t most;              /* commands of one transaction */
    int64_t longest;          /* of letter_maker_find_limit */
    struct letter_tally sent; /* the notes that were committed */
    int losses;               /* of the connection, in a row */
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
        if (verdict.fate == FATE_SENT)
            letter_tally_add(&retrying->sent, letter->place, &letter->command->to);
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

/* While nothing is being sent, what fails after a signal has failed because of it. */
static enum step failed_or_stopped(void)
{
    return stop_is_requested() ? STEP_STOPPED : STEP_FAILED;
}

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

/* ---- After a lost connection ---- */

/* A line on standard error, in place of that of the progress. */
static void say(const struct retrying *retrying, const char *text, const char *reason)
{
    fprintf(stderr, "%sclient-intake dead-letters: %s%s\n", retrying->progress.shown ? "\r\033[K" : "", text, reason);
}

/* A new sender. It ends the transaction, and another retry that has begun since. */
static bool open_again(struct retrying *retrying, char *error, size_t error_size)
{
    const int64_t until = clock_now_ms() + RESUME_MS;
    letter_sender_close(retrying->sender);
    do
        retrying->sender = letter_sender_open(retrying->config, RESUME_TRY_MS, error, error_size);
    while (!retrying->sender && clock_now_ms() < until && !stop_is_requested());
    return retrying->sender &&
           letter_sender_bound(retrying->sender, retrying->longest, RESUME_TRY_MS, error, error_size);
}

/* STEP_GO_ON: no other retry has sent anything meanwhile. Then what Kafka has of the chunk is known. */
static enum step resume(struct retrying *retrying, char *error, size_t error_size)
{
    size_t count;
    const struct letter_command *commands = letter_chunk_commands(retrying->chunk, &count);
    struct letter_tally found, with_chunk = retrying->sent;
    if (++retrying->losses > LOSSES_MOST)
        return STEP_FAILED;
    say(retrying, "the connection to Kafka was lost: ", error);
    if (!open_again(retrying, error, error_size) ||
        !letter_tally_read(&found, retrying->config, retrying->log, retrying->request->wait_ms, error, error_size))
        return failed_or_stopped();
    for (size_t i = 0; i < count; i++)
        letter_tally_add(&with_chunk, commands[i].letter, &commands[i].to);
    if (letter_tally_equal(&found, &retrying->sent)) {
        letter_chunk_rewind(retrying->chunk);
    } else if (letter_tally_equal(&found, &with_chunk)) {
        rate_take(&retrying->rate, (int64_t)count);
        end_chunk(retrying);
    } else {
        snprintf(error, error_size, "another retry has sent letters while the connection to Kafka was lost");
        return STEP_FAILED;
    }
    say(retrying, "Kafka is back, and the retry goes on", "");
    return STEP_GO_ON;
}

static enum step send_chunk(struct retrying *retrying, char *error, size_t error_size)
{
    enum step step;
    size_t count;
    struct letter_command *commands = letter_chunk_commands(retrying->chunk, &count);
    if (retrying->request->apply && count > 0) {
        keep_rate(retrying);
        if (stop_is_requested())
            return STEP_STOPPED;
        switch (letter_sender_send(retrying->sender, commands, count, error, error_size)) {
        case LETTERS_SENT:
            retrying->losses = 0;
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
        case LETTERS_LOST:
            return stop_requests() > 1 ? STEP_STOPPED : resume(retrying, error, error_size);
        case LETTERS_UNANSWERED:
            step = stop_requests() > 1 ? STEP_FAILED : resume(retrying, error, error_size);
            return step == STEP_GO_ON ? STEP_GO_ON : STEP_UNCERTAIN;
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

/* A request that is refused as too large costs most of a second: what is known before is not sent. */
static bool find_limit(struct retrying *retrying, char *error, size_t error_size)
{
    const int wait_ms = retrying->request->wait_ms;
    retrying->longest = letter_maker_find_limit(retrying->maker, letter_log_handle(retrying->log), wait_ms);
    return !retrying->sender || letter_sender_bound(retrying->sender, retrying->longest, wait_ms, error, error_size);
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
    if (!retrying->log || !find_limit(retrying, error, error_size) ||
        (request->apply && !letter_log_await_open(retrying->log, error, error_size)))
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
