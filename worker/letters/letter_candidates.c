#include "worker/letters/letter_candidates.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sorted_spill.h"
#include "worker/letters/letter_notes.h"

#define MEMORY_ENTRIES 8192

/* A letter of the selection. */
struct entry {
    struct letter_place place;
    int64_t was_retried; /* it carries dlq-retries */
};

struct letter_candidates {
    const struct letter_place *named; /* NULL: a selection */
    size_t named_count, taken;
    const struct letter_selection *selection;
    bool again;
    struct spill *spill;
    struct sorted_spill *entries;
    struct letter_notes *notes;
    struct progress *progress; /* of the reading */
    int error;                 /* errno of what could not be added; 0: none */
};

static int by_place(const void *a, const void *b)
{
    const struct entry *one = a, *other = b;
    return letter_place_order(&one->place, &other->place);
}

struct letter_candidates *letter_candidates_named(const struct letter_place *named, size_t count)
{
    struct letter_candidates *candidates = calloc(1, sizeof(*candidates));
    if (!candidates)
        return NULL;
    candidates->named = named;
    candidates->named_count = count;
    return candidates;
}

void letter_candidates_free(struct letter_candidates *candidates)
{
    if (!candidates)
        return;
    sorted_spill_free(candidates->entries);
    letter_notes_free(candidates->notes);
    spill_close(candidates->spill);
    free(candidates);
}

static bool add(struct letter_candidates *candidates, const struct letter *letter)
{
    if (letter->kind == LETTER_NOTE)
        return letter_notes_add(candidates->notes, letter);
    if (!letter_is_selected(candidates->selection, letter))
        return true;
    struct entry entry;
    memset(&entry, 0, sizeof(entry)); /* its padding is written, too */
    entry.place = letter->place;
    entry.was_retried = letter->retries != 0;
    return sorted_spill_add(candidates->entries, &entry);
}

static bool take(void *listener, struct letter *letter, rd_kafka_message_t *message)
{
    struct letter_candidates *candidates = listener;
    (void)message;
    if (add(candidates, letter))
        return true;
    candidates->error = errno;
    return false;
}

static void show(void *listener, int64_t done, int64_t total)
{
    const struct letter_candidates *candidates = listener;
    candidates->progress->total = total;
    progress_move(candidates->progress, done);
}

static bool read_log(struct letter_candidates *candidates, struct letter_log *log, char *error, size_t error_size)
{
    progress_begin(candidates->progress, "offsets of dead letters", 0, false);
    bool ok = letter_log_read_all(log, candidates->selection, take, show, candidates, error, error_size);
    progress_clear(candidates->progress);
    if (ok && (!sorted_spill_begin(candidates->entries) || !letter_notes_begin(candidates->notes)))
        candidates->error = errno;
    if (candidates->error != 0)
        snprintf(error, error_size, "the temporary file: %s", strerror(candidates->error));
    return ok && candidates->error == 0;
}

struct letter_candidates *letter_candidates_select(struct letter_log *log, const struct letter_selection *selection,
                                                   bool again, struct progress *progress, char *error,
                                                   size_t error_size)
{
    struct letter_candidates *candidates = calloc(1, sizeof(*candidates));
    snprintf(error, error_size, "out of memory");
    if (!candidates)
        return NULL;
    candidates->selection = selection;
    candidates->again = again;
    candidates->progress = progress;
    candidates->spill = spill_open(error, error_size);
    if (candidates->spill) {
        candidates->entries = sorted_spill_new(candidates->spill, sizeof(struct entry), MEMORY_ENTRIES, by_place);
        candidates->notes = letter_notes_new(candidates->spill);
    }
    if (candidates->entries && candidates->notes && letter_log_has_partitions(log, selection, error, error_size) &&
        read_log(candidates, log, error, error_size))
        return candidates;
    letter_candidates_free(candidates);
    return NULL;
}

static enum letter_candidate next_selected(struct letter_candidates *candidates, struct letter_place *place)
{
    struct entry entry;
    struct letter_retry retry;
    switch (sorted_spill_next(candidates->entries, &entry)) {
    case SORTED_END:
        return CANDIDATE_END;
    case SORTED_FAILED:
        return CANDIDATE_FAILED;
    case SORTED_ENTRY:
        break;
    }
    *place = entry.place;
    switch (letter_notes_next(candidates->notes, entry.place, &retry)) {
    case NOTES_FAILED:
        return CANDIDATE_FAILED;
    case NOTES_RETRY:
        return candidates->again ? CANDIDATE_LETTER : CANDIDATE_PASSED_OVER;
    case NOTES_END:
        break;
    }
    return entry.was_retried && !candidates->again ? CANDIDATE_PASSED_OVER : CANDIDATE_LETTER;
}

int64_t letter_candidates_count(const struct letter_candidates *candidates)
{
    return candidates->named ? (int64_t)candidates->named_count : sorted_spill_count(candidates->entries);
}

enum letter_candidate letter_candidates_next(struct letter_candidates *candidates, struct letter_place *place)
{
    if (!candidates->named)
        return next_selected(candidates, place);
    if (candidates->taken == candidates->named_count)
        return CANDIDATE_END;
    *place = candidates->named[candidates->taken++];
    return CANDIDATE_LETTER;
}
