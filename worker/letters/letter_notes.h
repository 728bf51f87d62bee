/* letter_notes: which letters were retried, when, where their commands went, and what came of them. A note is a message
 * of the dead-letter topic, behind its letter. Notes are sorted through a spill file, so memory does not grow
 * with their number. */
#ifndef WORKER_LETTERS_LETTER_NOTES_H
#define WORKER_LETTERS_LETTER_NOTES_H

#include "common/must_check.h"
#include "common/spill.h"
#include "worker/letters/letter.h"
#include "worker/model/error.h"

/* One retry of a letter. */
struct letter_retry {
    int64_t at_ms;             /* the note's timestamp */
    struct letter_position to; /* where the command went; its topic is "" if the note does not say it well */
    enum letter_outcome {
        LETTER_UNANSWERED, /* there is no reply, or it was not looked for */
        LETTER_CREATED,
        LETTER_DUPLICATE,
        LETTER_REJECTED
    } outcome;
    enum error error; /* of a rejected command */
};

struct letter_notes;

/* New, empty; or NULL when out of memory. `spill` must outlive it. */
MUST_CHECK struct letter_notes *letter_notes_new(struct spill *spill);
void letter_notes_free(struct letter_notes *notes); /* NULL is allowed */

/* Adds a note. One that is not valid is passed over. False with errno set. */
MUST_CHECK bool letter_notes_add(struct letter_notes *notes, const struct letter *note);

/* Begins at the first letter that was retried. False with errno set. */
MUST_CHECK bool letter_notes_begin(struct letter_notes *notes);

/* The next retry of the letter at `place`, in the order of the notes; letters must be asked for in their order. */
enum notes_reading {
    NOTES_RETRY,
    NOTES_END,   /* there is no further one */
    NOTES_FAILED /* errno is set */
};
MUST_CHECK enum notes_reading letter_notes_next(struct letter_notes *notes, struct letter_place place,
                                                struct letter_retry *retry);

#endif
