/* reply: composes the reply of a decided item, and its headers. Pure, no heap. */
#ifndef WORKER_VALIDATE_REPLY_H
#define WORKER_VALIDATE_REPLY_H

#include "worker/config/config.h"
#include "worker/model/batch.h"
#include "worker/validate/client.h"

#define REPLY_HEADERS 24 /* at most: those of the contract, and the echoes */

/* Composes the record of a valid command within the reply that it gets if the client is created, so that neither is
 * copied into the other: sets item->record and item->created. The item has an identity. */
void reply_compose_created(struct item *item, const struct client *client, struct arena *arena);

/* Writes item->reply for a decided item (outcome is not OUTCOME_UNDECIDED). Only validation_failed lists errors. */
void reply_compose(struct item *item, struct arena *arena);

/* Composes all that the sink sends of a reply: the value as reply_compose does, its headers, its key, and where the
 * command asks it to go. */
void reply_prepare(struct item *item, const struct config *config, struct arena *arena);

/* Makes value, headers and key what item->reply_form and item->reply_absence ask for. Between two calls of
 * reply_prepare a form only becomes smaller, so the value is written again once at most. */
void reply_recompose(struct item *item, const struct config *config, struct arena *arena);

/* Fills `headers` (room for REPLY_HEADERS) with the headers of the reply that was composed and returns their number.
 * ce_id is the command's position as "topic/partition/offset" and ce_time its timestamp, so that a re-run gives the
 * same bytes. If several headers have one name, the last is echoed. Values are in the item, the arena, the config or
 * the message.
 */
uint32_t reply_headers(const struct item *item, const struct config *config, struct header *headers);

/* The headers that a dead letter gets in addition to its own. dlq-lost names what could not be kept of the command.
 * Same rules as reply_headers. */
uint32_t dead_letter_headers(const struct item *item, struct arena *arena, struct header *headers);

#endif
