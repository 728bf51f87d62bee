/* decode: bytes to a command. Parses the value, finds the command's ids, type and workspace in headers and members. */
#ifndef WORKER_DECODE_H
#define WORKER_DECODE_H

#include "worker/batch.h"
#include "worker/config.h"

/* Decodes one item: copies its value once into the arena, parses it, sets command, command_id, workspace, hash,
 * client_id, has_identity. A command that cannot be judged at all is rejected here (too_large, malformed_json,
 * unsupported_type); ids of a wrong form become violations. `parser` takes limits.command_bytes. Pure, no heap. */
void decode_item(struct item *item, const struct config *config, struct json_parser *parser, struct arena *arena);

/* The text forms of XXH3-128 and of the client's UUIDv5 (RFC 4122, §4.3; name "<workspace>/<command id>"). */
void hash_text(struct span bytes, char text[HASH_LENGTH]);
void client_id_text(struct span workspace, struct span command_id, char text[CLIENT_ID_LENGTH]);

/* The namespace of client ids; stated in the README. */
#define CLIENT_ID_NAMESPACE "5b0ed2f4-6f0c-4d0a-9a3e-6d0f5f6b7c21"

#endif
