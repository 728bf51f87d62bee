/* dead_letters_row: one row of `dead-letters list`, on standard output. */
#ifndef WORKER_COMMANDS_DEAD_LETTERS_ROW_H
#define WORKER_COMMANDS_DEAD_LETTERS_ROW_H

#include "common/must_check.h"
#include "worker/letters/letter_groups.h"
#include "worker/letters/letter_notes.h"

/* The letter, and its retries in `notes`, which are read in the order of letters. `json`: as a JSON line. False with
 * errno set. */
MUST_CHECK bool dead_letters_print_row(const struct letter *letter, struct letter_notes *notes, bool json);

void dead_letters_print_group(const struct letter_group *group, bool json);

#endif
