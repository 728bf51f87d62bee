/* batch_search: finds the end of a batch of the log that cannot be read as it is, by looking at offsets behind its
 * beginning. */
#ifndef WORKER_REPLAY_BATCH_SEARCH_H
#define WORKER_REPLAY_BATCH_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/must_check.h"

/* Where an offset is. */
enum batch_place { PLACE_UNKNOWN, PLACE_INSIDE, PLACE_BEHIND };

/* Looks at an offset. It is the search's first one until that was inside as often as it must be. */
typedef enum batch_place batch_look(void *context, int64_t offset);

struct batch_search {
    int64_t from;                 /* the first offset that is of interest */
    int64_t limit;                /* the search ends here, even if the batch does not */
    int64_t inside;               /* the last offset that is known to be inside; from - 1: none */
    int64_t behind;               /* the first offset that is known to be behind, or `limit`; -1: none yet */
    int confirmations, confirmed; /* how often `from` must be inside before the end is searched, and how often it was */
};

void batch_search_begin(struct batch_search *search, int64_t from, int64_t limit, int confirmations);

/* Takes one step of the search: it looks at one offset. */
enum batch_finding {
    BATCH_UNKNOWN, /* no answer; call again */
    BATCH_STEP,    /* the search made progress; call again */
    BATCH_ENDS,    /* the batch has the offsets from `from` to `behind` */
    BATCH_NOT      /* `from` is not in such a batch */
};
MUST_CHECK enum batch_finding batch_search_step(struct batch_search *search, batch_look *look, void *context);

#endif
