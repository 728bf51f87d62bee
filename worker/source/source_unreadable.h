/* source_unreadable: commands that cannot be read. */
#ifndef WORKER_SOURCE_SOURCE_UNREADABLE_H
#define WORKER_SOURCE_SOURCE_UNREADABLE_H

#include "worker/source/source_state.h"

/* The consumer has met a batch of the log that it cannot decompress, which begins at `base`. It meets the batch again
 * until it is moved past it. */
void source_meet_unreadable(struct source *source, int32_t partition, int64_t base);

/* The first offset from `base` on that needs a reply of ours, or -1 if that is not known yet. */
int64_t source_first_unanswered(struct source *source, int32_t partition, int64_t base);

/* True if the log has no command at the offset that could be read now. */
bool source_is_beyond_end(struct source *source, int32_t partition, int64_t offset);

/* Where in a batch that cannot be read an offset is. */
enum place_finding {
    PLACE_UNKNOWN,    /* no answer, or another error */
    PLACE_UNREADABLE, /* inside the batch */
    PLACE_BEHIND      /* after it */
};
typedef enum place_finding source_look(struct source *source, int32_t partition, int64_t base, int64_t offset);

/* Searches the end of the batch for a second at most. True once it is known. */
MUST_CHECK bool source_search_end(struct source *source, int32_t partition, struct unreadable *unreadable,
                                  source_look *look);
#define PLACEHOLDERS 10000 /* at once, at most */

/* Holds placeholders for some of the next offsets of the batch. Returns the offset behind them. */
int64_t source_hold_placeholders(struct source *source, int32_t partition, const struct unreadable *unreadable);

/* Moves the consumer, whose partition is assigned to us. */
void source_seek(struct source *source, int32_t partition, int64_t offset);

#endif
