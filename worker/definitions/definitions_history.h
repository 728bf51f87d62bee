/* definitions_history: what the definitions topic says of each workspace. The topic is the truth: its last message of a
 * workspace is what Redis should hold, a message without a value that it should hold nothing. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_HISTORY_H
#define WORKER_DEFINITIONS_DEFINITIONS_HISTORY_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"

struct definitions_history;

/* New, or NULL when out of memory. */
MUST_CHECK struct definitions_history *definitions_history_new(void);
void definitions_history_free(struct definitions_history *history);

/* The workspace that a message is about; at == NULL if its key is not a workspace's id. */
struct span definitions_history_workspace(const rd_kafka_message_t *message);

/* Takes note of where the message stands. False if a later one of its workspace is known, or this very one. */
bool definitions_history_note(struct definitions_history *history, const rd_kafka_message_t *message);

/* True if the message is the last of its workspace that was noted. */
bool definitions_history_is_last(const struct definitions_history *history, const rd_kafka_message_t *message);

/* The workspaces that were noted: a new array, to be freed; its texts are the history's. NULL when out of memory. */
MUST_CHECK struct span *definitions_history_workspaces(const struct definitions_history *history, size_t *count);

/* As if the workspace had never been noted. Ends its text. */
void definitions_history_forget(struct definitions_history *history, struct span workspace);

#endif
