/* record: a client as it is stored and replied, contract §4. */
#ifndef WORKER_RECORD_H
#define WORKER_RECORD_H

#include "worker/client.h"

/* The JSON text of the client that the item's command creates. The item has an identity. */
struct span record_compose(const struct item *item, const struct client *client, struct arena *arena);

#endif
