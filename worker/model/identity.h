/* identity: the hash of a command and the id of its client, as text. */
#ifndef WORKER_MODEL_IDENTITY_H
#define WORKER_MODEL_IDENTITY_H

#include "worker/model/batch.h"

/* The namespace of client ids; stated in docs/rules.md. */
#define CLIENT_ID_NAMESPACE "5b0ed2f4-6f0c-4d0a-9a3e-6d0f5f6b7c21"

/* XXH3-128 of `bytes` in hexadecimal, the more significant half first (XXH128_canonicalFromHash). */
void hash_text(struct span bytes, char text[HASH_LENGTH]);

/* The UUIDv5 (RFC 4122, §4.3) of the name "<workspace>/<command id>". A workspace id holds no slash, so no two pairs
 * share a name. At most WORKSPACE_ID_CHARACTERS and COMMAND_ID_BYTES bytes. */
void client_id_text(struct span workspace, struct span command_id, char text[CLIENT_ID_LENGTH]);

#endif
