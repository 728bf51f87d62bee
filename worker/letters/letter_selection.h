/* letter_selection: the letters that a user means. */
#ifndef WORKER_LETTERS_LETTER_SELECTION_H
#define WORKER_LETTERS_LETTER_SELECTION_H

#include "worker/letters/letter.h"

struct letter_selection {
    const char *code;           /* NULL: any */
    int64_t since_ms, until_ms; /* half-open, by the letter's own timestamp; INT64_MIN and INT64_MAX: no bounds */
    const int32_t *partitions;  /* of the dead-letter topic; NULL: all */
    size_t partition_count;
    int64_t limit; /* how many letters at most; 0: no limit. For the caller to count */
};

/* Everything. */
#define LETTER_SELECTION_ALL ((struct letter_selection){.since_ms = INT64_MIN, .until_ms = INT64_MAX})

/* True if the selection takes letters of this partition. */
bool letter_selection_has(const struct letter_selection *selection, int32_t partition);

/* True if it is a letter of the selection; false for notes. */
bool letter_is_selected(const struct letter_selection *selection, const struct letter *letter);

#endif
