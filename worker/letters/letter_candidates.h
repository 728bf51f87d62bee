/* letter_candidates: the letters that a retry takes, by their places and in their order: those that the user names, or
 * those of a selection that were not retried yet. Memory does not grow with their number. */
#ifndef WORKER_LETTERS_LETTER_CANDIDATES_H
#define WORKER_LETTERS_LETTER_CANDIDATES_H

#include "common/must_check.h"
#include "common/progress.h"
#include "worker/letters/letter_log.h"

struct letter_candidates;

/* The places in `named`, which are sorted and differ. NULL when out of memory. */
MUST_CHECK struct letter_candidates *letter_candidates_named(const struct letter_place *named, size_t count);

/* The selection's letters in `log`, which is read. Those that were retried, and those that carry dlq-retries, are
 * passed over unless `again`. `progress` shows the reading. NULL with the reason in `error`; "" if a signal ended it.
 */
MUST_CHECK struct letter_candidates *letter_candidates_select(struct letter_log *log,
                                                              const struct letter_selection *selection, bool again,
                                                              struct progress *progress, char *error,
                                                              size_t error_size);
void letter_candidates_free(struct letter_candidates *candidates); /* NULL is allowed */

/* How many letters letter_candidates_next will find, with those that it passes over. */
int64_t letter_candidates_count(const struct letter_candidates *candidates);

enum letter_candidate { CANDIDATE_LETTER, CANDIDATE_PASSED_OVER, CANDIDATE_END, CANDIDATE_FAILED /* errno is set */ };
MUST_CHECK enum letter_candidate letter_candidates_next(struct letter_candidates *candidates,
                                                        struct letter_place *place);

#endif
