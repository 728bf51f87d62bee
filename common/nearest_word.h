/* nearest_word: the names that a misspelt one was probably meant to be. */
#ifndef COMMON_NEAREST_WORD_H
#define COMMON_NEAREST_WORD_H

#include <stdint.h>

#include "common/span.h"

struct suggestion {
    const char *name;  /* what was written */
    const char *found; /* the nearest candidate so far, borrowed; NULL: none is near enough */
    size_t distance;   /* candidates must be nearer than this */
};

/* A search for what is at most a third of its letters (and at least two) away from `name`. */
struct suggestion suggest_for(const char *name);
void suggest_offer(struct suggestion *search, const char *candidate);

#define CHOICES_LISTED     10  /* that a message lists, at most */
#define CHOICES_LIST_BYTES 320 /* of their names, at most; one is listed in any case */
#define CHOICES_SIZE                                                                                                   \
    (CHOICES_LIST_BYTES * 8 + 128) /* of choices_write: with every byte a <U+0000>, " or N others" and a final NUL */

/* How much work all comparisons for one command may be, in bytes compared; a fraction of a millisecond. Behind it names
 * are taken in the order in which they are offered. */
#define CHOICES_WORK  ((size_t)1 << 16)
#define CHOICES_BYTES 128 /* of a name that are compared, at most */

/* What would have been right, the nearest first.
 *
 * Case and the characters between words do not count: phone_number is phoneNumber. Of two that are equally near, or
 * both far, the one that was offered first comes first. */
struct choices {
    struct span written;        /* what was */
    char folded[CHOICES_BYTES]; /* the same without case and without what stands between words */
    size_t folded_length;
    size_t *work;   /* done so far for this command */
    uint32_t count; /* of names that were offered */
    uint32_t kept;
    struct choice {
        struct span name; /* borrowed */
        uint32_t distance;
    } nearest[CHOICES_LISTED];
};

/* `work` counts on, over all choices of one command. */
void choices_open(struct choices *choices, struct span written, size_t *work);

/* Offers a name, which is also known as `alias` (at == NULL: it is not). */
void choices_offer(struct choices *choices, struct span name, struct span alias);

/* True if no further name can come among the nearest: the work is done. Then choices_leave tells how many more there
 * are, and they need not be offered. */
bool choices_are_settled(const struct choices *choices);
void choices_leave(struct choices *choices, uint32_t count);

/* How many of the nearest are as near as the first and near enough to be what was meant; 0 to 3. */
uint32_t choices_meant(const struct choices *choices);

/* "phoneNumber, phone or 7 others": the nearest, at most `limit` of them, with `last` (", " or " or ") before the last
 * one if none is left out; others are counted only if `counts_others`. */
void choices_write(const struct choices *choices, uint32_t limit, const char *last, bool counts_others,
                   char text[CHOICES_SIZE]);

#endif
