/* record: a client as JSON, as it stands in records and replies (docs/asyncapi.yaml). */
#ifndef WORKER_VALIDATE_RECORD_H
#define WORKER_VALIDATE_RECORD_H

#include "worker/validate/client.h"

/* The JSON text of the client that the item's command creates. The item has an identity. */
struct span record_compose(const struct item *item, const struct client *client, struct arena *arena);

/* The email of such a text, in lower case, in the arena; at == NULL if there is none. Text before the JSON, such as
 * a stored client's first line, is ignored. */
struct span record_email(struct span record, struct arena *arena);

#endif
