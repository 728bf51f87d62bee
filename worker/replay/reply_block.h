/* reply_block: the replies to neighbouring commands, read back from the spill. recorded_replies.h has what others may
 * do with a block; only recorded_replies.c and reply_block.c include this. */
#ifndef WORKER_REPLAY_REPLY_BLOCK_H
#define WORKER_REPLAY_REPLY_BLOCK_H

#include "common/arena.h"
#include "common/json.h"
#include "worker/replay/recorded_replies.h"

#define EXTENT_ENTRIES 128
#define NOWHERE        (-1)

/* Entries of one block that are written together. */
struct reply_extent {
    int64_t previous; /* the place of the block's extent before this one; NOWHERE: there is none */
    uint64_t count;
    struct recorded_reply entries[EXTENT_ENTRIES];
};

/* For checks of presumed replies while a block is read. Opened by the first one, and again for longer ones. */
struct reply_checking {
    struct json_parser *parser;
    struct arena arena;
    size_t longest; /* that it takes; 0: it is not open */
};
void reply_checking_close(struct reply_checking *checking);

/* The block whose first offset is `first`, with the extents from the one at `last` back: new, with one reference; or
 * NULL with errno set. */
MUST_CHECK struct reply_block *reply_block_read(struct spill *spill, struct reply_checking *checking, int64_t first,
                                                int64_t last);

#endif
