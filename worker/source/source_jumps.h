/* source_jumps: offsets behind which commands may be missing (source_jump_list.c), and their verification
 * (source_jumps.c). */
#ifndef WORKER_SOURCE_SOURCE_JUMPS_H
#define WORKER_SOURCE_SOURCE_JUMPS_H

#include "worker/source/source_state.h"

/* The message is taken, and none of the offsets from `from` on before it was. `from` is -1 for the first message since
 * the assignment. */
void source_note_jump(struct source *source, const rd_kafka_message_t *message, int64_t from);

/* The message came behind one with a higher offset. It may be one that was jumped over: its offset is looked at. */
void source_note_late(struct source *source, const rd_kafka_message_t *message);

/* Forgets the jumps of the partition to this offset and to later ones. */
void source_forget_jumps(struct source *source, int32_t partition, int64_t from);

/* True if the command is behind a jump that is not settled: it must not be answered yet. */
MUST_CHECK bool source_is_unsettled(struct source *source, int32_t partition, int64_t offset);

void source_close_jumps(struct source *source);

/* ---- verification (source_jumps.c) ---- */

/* True while answers are likely to come soon. */
MUST_CHECK bool source_awaits_jumps(const struct source *source);

/* Takes the answers that are there, and asks what is to be asked next; waits for nothing. What is behind a wrong jump
 * leaves the batch. */
void source_follow_jumps(struct source *source);

/* Call before a fill, when all jumps are those of held commands: as source_follow_jumps, but waits for a moment while
 * answers come. Otherwise a partition with many jumps would have few commands in each batch. */
void source_follow_held_jumps(struct source *source);

#endif
