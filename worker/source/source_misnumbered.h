/* source_misnumbered: commands whose offsets are not their places in the log. */
#ifndef WORKER_SOURCE_SOURCE_MISNUMBERED_H
#define WORKER_SOURCE_SOURCE_MISNUMBERED_H

#include "worker/source/source_state.h"

/* True if the message was dropped: its offset, or that of an earlier one, is not its place. */
MUST_CHECK bool source_drop_misnumbered(struct source *source, const rd_kafka_message_t *message);

/* The last command of the partition in the batch is not in its place. It leaves the batch, and all behind the last one
 * that is. */
void source_cut_batch(struct source *source, int32_t partition);

/* The command at `to` has a wrong offset, and those from `from` on were jumped over. What was taken from there on
 * leaves the batch and the held messages. `other` is where the log has something else than that command's batch. */
void source_leave_misnumbered(struct source *source, int32_t partition, int64_t from, int64_t to, int64_t other);

/* Call before a fill: passes such commands. Each offset of their batch of the log gets a placeholder. Of many
 * partitions only some have their turn. */
void source_pass_misnumbered(struct source *source);

#endif
