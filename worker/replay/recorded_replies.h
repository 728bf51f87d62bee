/* recorded_replies: the replies that the reply topics hold, by the command that they answer.
 *
 * All reply topics are read once, before the first command is decided. For each reply within the replayed ranges there is
 * an entry of a fixed size; entries and the parts of replies that a comparison may need are in a spill file. Entries of
 * neighbouring commands are read back together, as a block of REPLY_BLOCK offsets. So memory stays bounded, however far a
 * command and its reply are apart. */
#ifndef WORKER_REPLAY_RECORDED_REPLIES_H
#define WORKER_REPLAY_RECORDED_REPLIES_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/spill.h"
#include "worker/config/config.h"
#include "worker/model/error.h"
#include "worker/replay/replay_range.h"

#define REPLY_BLOCK  32768 /* offsets */
#define DIGEST_BYTES 16

enum recorded_kind {
    RECORDED_CREATED,
    RECORDED_DUPLICATE, /* created, with the header `duplicate` */
    RECORDED_REJECTED
};

/* One reply. */
struct recorded_reply {
    int64_t command; /* the offset of the command that it answers */
    int64_t timestamp_ms;
    int64_t offset; /* its own place, in reply topic number `topic` */
    int32_t partition;
    uint16_t topic; /* the topics are in the order of their names */
    uint8_t kind;   /* enum recorded_kind */
    uint8_t error;  /* enum error; ERROR_NONE unless rejected */
    bool is_whole;  /* false: a minimal reply, without its list of errors */
    bool names_version;
    char version[HASH_LENGTH];           /* of the definitions, if names_version */
    unsigned char digest[DIGEST_BYTES]; /* of the bytes below */
    int64_t at;                          /* in the spill: the client as JSON, or one line PATH CODE for each error */
    uint32_t length;
};

struct recorded_replies;

/* The replies to one block of commands. */
struct reply_block;

/* Reads replies.topic and all existing topics of replies.allowed, to their ends at this moment, and keeps the replies to
 * commands in `ranges`. New, or NULL with the reason in `error`. `spill` must outlive the result. `progress` may be NULL;
 * it is called a few times a second. */
typedef void replies_progress(void *listener, int64_t done, int64_t total);
MUST_CHECK struct recorded_replies *recorded_replies_read(const struct config *config,
                                                          const struct replay_ranges *ranges, struct spill *spill,
                                                          uint32_t threads, int wait_ms, replies_progress *progress,
                                                          void *listener, char *error, size_t error_size);
void recorded_replies_free(struct recorded_replies *replies);

/* The block of the command at `offset`: new, with one reference; or NULL with errno set. */
MUST_CHECK struct reply_block *recorded_replies_block(struct recorded_replies *replies, int32_t partition,
                                                      int64_t offset);
struct reply_block *reply_block_share(struct reply_block *block);
void reply_block_release(struct reply_block *block);

/* The earliest reply to the command at `offset`: by timestamp, then topic, partition and offset. NULL if there is none. */
const struct recorded_reply *reply_block_find(const struct reply_block *block, int64_t offset);

#endif
