/* letter_tally: which notes there are, in a few bytes: how many, and a sum over them. Two tallies are equal if they are
 * of the same notes in any order. A retry compares what it has committed with what the topic has. */
#ifndef WORKER_LETTERS_LETTER_TALLY_H
#define WORKER_LETTERS_LETTER_TALLY_H

#include <stdint.h>

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/letters/letter_log.h"

struct letter_tally {
    int64_t count;
    uint64_t sum;
};

/* Adds the note that the letter at `of` became the command at `to`. */
void letter_tally_add(struct letter_tally *tally, struct letter_place of, const struct letter_position *to);

bool letter_tally_equal(const struct letter_tally *one, const struct letter_tally *other);

/* Sets *tally to the notes that were committed since the end of `log` was found. Waits for open transactions. False
 * with the reason in `error`. */
MUST_CHECK bool letter_tally_read(struct letter_tally *tally, const struct config *config, const struct letter_log *log,
                                  int wait_ms, char *error, size_t error_size);

#endif
