/* raw_reply: a message of a reply topic on its way through the pipeline of reply_reading, and what is read of it. */
#ifndef WORKER_REPLAY_RAW_REPLY_H
#define WORKER_REPLAY_RAW_REPLY_H

#include "common/arena.h"
#include "common/json.h"
#include "worker/replay/reply_reading.h"

struct raw_reply {
    rd_kafka_message_t *message; /* until the chunk is cleared */
    uint16_t topic;
    struct recorded_reply entry;
    struct span content; /* in the message or in the chunk's arena */
    int32_t command_partition;
    bool is_kept;
};

/* Of a thread, for one reply at a time. */
struct reply_scratch {
    struct json_parser *parser;
    struct arena arena;
};

/* Reads the message: sets is_kept, and if it is a reply to a command that `replies` covers, what comes behind `topic`.
 * Its content is in the message or in `arena`. */
void raw_reply_read(struct raw_reply *reply, const struct reply_reading *reading,
                    const struct recorded_replies *replies, struct reply_scratch *scratch, struct arena *arena);

#endif
