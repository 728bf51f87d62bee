/* early_replies: replies that name their command only by its place in the command topic, and that came before the
 * producer told this place. A minimal reply has no correlation, and may overtake the report about its command. */
#ifndef WORKER_COMMANDS_EARLY_REPLIES_H
#define WORKER_COMMANDS_EARLY_REPLIES_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"

/* Nearly all minimal replies have less than 2 KiB. More of them, or longer ones, wait only if they are replies to other
 * programs. */
#define EARLY_REPLIES     1024
#define EARLY_REPLY_BYTES ((size_t)16 << 20) /* of all of them together */

struct early_reply {
    int32_t partition;
    int64_t offset;
    bool is_rejection;
    char *bytes; /* owned */
    size_t length;
};

struct early_replies {
    struct early_reply items[EARLY_REPLIES];
    size_t count;
    size_t bytes; /* of all of them */
};

/* Keeps a copy of the reply, which has EARLY_REPLY_BYTES at most. The oldest ones go if there is no room. False when
 * out of memory. */
MUST_CHECK bool early_replies_add(struct early_replies *early, const struct early_reply *reply);

/* Removes the reply at `index`. */
void early_replies_remove(struct early_replies *early, size_t index);

/* Removes all. */
void early_replies_clear(struct early_replies *early);

#endif
