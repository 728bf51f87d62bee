/* nearest_word: suggests the names that a misspelt one probably meant. */
#ifndef COMMON_NEAREST_WORD_H
#define COMMON_NEAREST_WORD_H

#include <stdint.h>

#include "common/span.h"

struct suggestion {
    const char *name;  /* what was written */
    const char *found; /* the nearest candidate so far, borrowed; NULL: none is near enough */
    size_t distance;   /* candidates must be nearer than this */
};

/* A search for a candidate that is at most a third of its letters (and at least two) away from `name`. */
struct suggestion suggest_for(const char *name);
void suggest_offer(struct suggestion *search, const char *candidate);

#define CHOICES_LISTED     10  /* names in a message, at most */
#define CHOICES_LIST_BYTES 320 /* their bytes, at most; one is listed in any case */
#define CHOICES_SIZE                                                                                                   \
    (CHOICES_LIST_BYTES * 8 + 128) /* of choices_write: with every byte a <U+0000>, " or N others" and a final NUL */

/* Work limit for all comparisons of one command, in bytes compared: a fraction of a millisecond. Beyond it, names
 * are ranked in the order in which they are offered. */
#define CHOICES_WORK  ((size_t)1 << 16)
#define CHOICES_BYTES 128 /* compared bytes of a name, at most */

/* The valid names, the nearest first.
 *
 * Case and the characters between words do not count: phone_number equals phoneNumber. Of two names at the same
 * distance, or both too far, the one offered first comes first. */
struct choices {
    struct span written;        /* the misspelt name */
    char folded[CHOICES_BYTES]; /* the same without case and without the characters between words */
    size_t folded_length;
    size_t *work;   /* used so far for this command */
    uint32_t count; /* of names that were offered */
    uint32_t kept;
    struct choice {
        struct span name; /* borrowed */
        uint32_t distance;
    } nearest[CHOICES_LISTED];
};

/* `work` is shared by all choices of one command. */
void choices_open(struct choices *choices, struct span written, size_t *work);

/* Offers a name, which also has the name `alias` (at == NULL: none). */
void choices_offer(struct choices *choices, struct span name, struct span alias);

/* True if no further name can be among the nearest, because the work limit is reached. Then choices_leave counts the
 * rest, which need not be offered. */
bool choices_are_settled(const struct choices *choices);
void choices_leave(struct choices *choices, uint32_t count);

/* How many of the nearest are as near as the first and near enough to be what was meant; 0 to 3. */
uint32_t choices_meant(const struct choices *choices);

/* "phoneNumber, phone or 7 others": the nearest, at most `limit` of them, with `last` (", " or " or ") before the
 * last one if none is left out; others are counted only if `counts_others`. */
void choices_write(const struct choices *choices, uint32_t limit, const char *last, bool counts_others,
                   char text[CHOICES_SIZE]);

#endif
