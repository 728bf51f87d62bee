/* recorded_replies: the replies that the reply topics hold, by the command that they answer.
 *
 * All reply topics are read once, before the first command is decided (reply_reading.h). For each reply to a command in
 * the replayed ranges there is an entry of a fixed size. Entries, and the part of each reply that a comparison may
 * need, are in a spill file. Entries of neighbouring commands are read back together, as a block of REPLY_BLOCK
 * offsets. So memory stays bounded, however far a command and its reply are apart.
 *
 * A presumed reply is checked as soon as another one to the same command is found. So a block has one entry for each
 * command, whatever others have written. */
#ifndef WORKER_REPLAY_RECORDED_REPLIES_H
#define WORKER_REPLAY_RECORDED_REPLIES_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/spill.h"
#include "worker/config/config.h"
#include "worker/replay/outcome.h"
#include "worker/replay/replay_range.h"

#define REPLY_BLOCK 32768 /* offsets */

/* One reply. */
struct recorded_reply {
    int64_t command; /* the offset of the command that it answers */
    int64_t timestamp_ms;
    int64_t offset; /* its own place, in reply topic number `topic` */
    int32_t partition;
    uint16_t topic;         /* the topics are in the order of their names */
    uint8_t kind;           /* enum recorded_kind */
    uint8_t error;          /* enum error; ERROR_NONE unless rejected */
    bool is_whole;          /* false: a minimal reply, without its list of errors */
    bool is_refused_client; /* too_large because the client did not fit into its topic, which history does not repeat */
    bool names_version;
    bool is_presumed;             /* only its beginning was read (presumed_reply.h) */
    char version[HASH_LENGTH];    /* of the definitions, if names_version */
    struct outcome_digest digest; /* of the bytes below */
    int64_t at;                   /* in the spill: reply_content's `content` */
    uint32_t length;
};

struct recorded_replies;

/* The replies to one block of commands. */
struct reply_block;

/* New, empty: takes the replies to commands in `ranges`. NULL when out of memory. `spill` must outlive it.
 * `pending_bytes` bounds the entries that wait in memory for their place in the spill. */
MUST_CHECK struct recorded_replies *recorded_replies_new(const struct replay_ranges *ranges, struct spill *spill,
                                                         size_t pending_bytes);
void recorded_replies_free(struct recorded_replies *replies);

/* True if the command at this place is in one of the ranges. */
bool recorded_replies_covers(const struct recorded_replies *replies, int32_t partition, int64_t offset);

/* Adds the reply to a command that is covered. `content` is copied to the spill, and entry->at and entry->length are
 * set here. One thread adds; all additions precede the first look-up. False with errno set; then nothing is added. */
MUST_CHECK bool recorded_replies_add(struct recorded_replies *replies, int32_t command_partition,
                                     const struct recorded_reply *entry, struct span content);

/* Writes the entries that still wait in memory. False with errno set. */
MUST_CHECK bool recorded_replies_seal(struct recorded_replies *replies);

/* The block of the command at `offset`, which is covered: new, with one reference; or NULL with errno set. */
MUST_CHECK struct reply_block *recorded_replies_block(struct recorded_replies *replies, int32_t partition,
                                                      int64_t offset);
struct reply_block *reply_block_share(struct reply_block *block);
void reply_block_release(struct reply_block *block); /* NULL is allowed */

/* True if the block is that of the command at `offset` of its partition. */
bool reply_block_holds(const struct reply_block *block, int64_t offset);

/* The earliest reply to the command at `offset`: by timestamp, then topic, partition and offset. NULL if there is none.
 */
const struct recorded_reply *reply_block_find(const struct reply_block *block, int64_t offset);

#endif
