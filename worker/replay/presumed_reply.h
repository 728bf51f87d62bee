/* presumed_reply: a reply to a created client that begins as reply_compose writes it. To read only that beginning takes
 * a tenth of the time that reply_content_read takes. The rest is presumed to be the client and the end of the reply.
 *
 * If the present decision writes the same client, byte for byte, the presumption is right, since that is JSON, too.
 * Otherwise it is checked before anything follows from the reply. So the result is always that of reply_content_read.
 */
#ifndef WORKER_REPLAY_PRESUMED_REPLY_H
#define WORKER_REPLAY_PRESUMED_REPLY_H

#include "common/must_check.h"
#include "worker/replay/outcome.h"
#include "worker/replay/recorded_replies.h"

/* Reads the beginning of a reply to a command of `topic` that names a workspace and a version of HASH_LENGTH. False if
 * the value does not begin so; reply_content_read tells what it is. */
MUST_CHECK bool presumed_reply_read(struct span value, struct span topic, struct reply_content *content);

enum presumed_finding {
    PRESUMED_RIGHT, /* it is a reply; *reply is complete, and no longer presumed */
    PRESUMED_WRONG, /* it is no reply of this program */
    PRESUMED_FAILED /* its content cannot be read */
};

/* Checks a reply that is presumed, with the content in the spill. The parser takes presumed_reply_bytes. */
MUST_CHECK enum presumed_finding presumed_reply_check(struct recorded_reply *reply, struct spill *spill,
                                                      struct json_parser *parser, struct arena *arena);
size_t presumed_reply_bytes(const struct recorded_reply *reply);

#endif
