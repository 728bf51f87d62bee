/* reply: from a decided item to the bytes of its reply, and of its headers. Pure, no heap. */
#ifndef WORKER_REPLY_H
#define WORKER_REPLY_H

#include "worker/batch.h"
#include "worker/config.h"

#define REPLY_HEADERS 24 /* at most: those of the contract, and the echoes */

/* Writes item->reply for a decided item (outcome is not OUTCOME_UNDECIDED). */
void reply_compose(struct item *item, struct arena *arena);

/* Fills `headers` (room for REPLY_HEADERS) with the reply's headers and returns their count. Values live in the arena,
 * the config or the message. */
uint32_t reply_headers(const struct item *item, const struct config *config, struct arena *arena,
                       struct header *headers);

/* The reply topic: that of a header, if replies.allowed lists it, else the configured one; and the partition that
 * kafka_replyPartition names, or -1. */
const char *reply_topic(const struct item *item, const struct config *config, int32_t *partition);

/* The headers that a dead letter gets besides its own. Same terms as reply_headers. */
uint32_t dead_letter_headers(const struct item *item, struct arena *arena, struct header *headers);

/* True for the errors whose commands go to the dead letters. */
bool error_is_dead_letter(enum error error);

/* RFC 3339 in UTC with milliseconds, 24 bytes: "2026-11-23T06:38:00.123Z". Years 0 to 9999. */
#define TIME_LENGTH 24
void time_text(int64_t since_1970_ms, char text[TIME_LENGTH]);

#endif
