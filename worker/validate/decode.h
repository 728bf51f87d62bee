/* decode: turns bytes into a command. Parses the value, and finds the command's ids, type and workspace in headers
 * and members.
 *
 * A source that is null does not have the value, so the next source is used. A blank source has the value, and it is
 * wrong. */
#ifndef WORKER_VALIDATE_DECODE_H
#define WORKER_VALIDATE_DECODE_H

#include "worker/config/config.h"
#include "worker/model/batch.h"
#include "worker/model/identity.h"

/* New, as json_parser_new: a parser that knows the kinds of names (name_kind.h), so that decode_item and check_item
 * take less time than with any other. */
MUST_CHECK struct json_parser *decode_parser_new(size_t capacity);

/* Decodes one item: copies its value once into the arena, parses it, and sets position, time, document, command,
 * structured, members, command_id, workspace, hash, client_id, has_identity. A command that cannot be checked at all is
 * rejected here (too_large, by its value or by its key and headers, before malformed_json before unsupported_type). Ids
 * of the wrong form are left as faults, which check_item reports. If a command cannot be parsed, only its headers are
 * known: without them it has no workspace and no identity. `parser` takes limits.command_bytes. Pure, no heap. */
void decode_item(struct item *item, const struct config *config, struct json_parser *parser, struct arena *arena);

/* The part of decode_item that does not need the value, for a value that is too large to be held. */
void decode_too_large(struct item *item, const struct config *config, struct arena *arena);

#endif
