/* definitions_history: the latest message of each workspace in the definitions topic. The topic is authoritative:
 * Redis should hold the last message of a workspace, or nothing if that message has no value. */
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

/* The workspace of a message; at == NULL if its key is not a workspace id. */
struct span definitions_history_workspace(const rd_kafka_message_t *message);

/* Records the position of the message. False if a later one of its workspace is known, or this one. */
bool definitions_history_note(struct definitions_history *history, const rd_kafka_message_t *message);

/* True if the message is the last recorded one of its workspace. */
bool definitions_history_is_last(const struct definitions_history *history, const rd_kafka_message_t *message);

/* The recorded workspaces: a new array, to be freed; the history owns the texts. NULL when out of memory. */
MUST_CHECK struct span *definitions_history_workspaces(const struct definitions_history *history, size_t *count);

/* Removes the workspace, and frees its text. */
void definitions_history_forget(struct definitions_history *history, struct span workspace);

#endif
