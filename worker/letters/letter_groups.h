/* letter_groups: counts letters by code and cause. The table is bounded: letters of the first LETTER_GROUPS causes are
 * counted exactly, and those of all further ones together. */
#ifndef WORKER_LETTERS_LETTER_GROUPS_H
#define WORKER_LETTERS_LETTER_GROUPS_H

#include "common/must_check.h"
#include "worker/letters/letter.h"
#include "worker/letters/letter_cause.h"

#define LETTER_GROUPS     10000
#define LETTER_CODE_BYTES 64 /* of a code, at most; a longer one is cut */

struct letter_group {
    struct span code, cause; /* code.at == NULL: the letters name none; cause.at == NULL: the causes beyond the table */
    int64_t count;
    int64_t first_ms, last_ms;   /* the earliest and the latest timestamp */
    struct letter_place example; /* the first letter that was added */
};

struct letter_groups;

/* New, or NULL when out of memory. */
MUST_CHECK struct letter_groups *letter_groups_new(void);
void letter_groups_free(struct letter_groups *groups); /* NULL is allowed */

/* False when out of memory. */
MUST_CHECK bool letter_groups_add(struct letter_groups *groups, const struct letter *letter);

/* The groups with the most letters first, and the one beyond the table last. The array is the groups' own. Nothing may
 * be added any more. */
const struct letter_group *letter_groups_sorted(struct letter_groups *groups, size_t *count);

#endif
