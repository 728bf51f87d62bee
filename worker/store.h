/* store: the Redis index of clients and the definitions beside it. One connection per thread.
 *
 * Each stage is one pipeline: all commands of a batch are written, then all answers are read. When anything goes wrong
 * with the connection, what Redis did is unknown; the stage is run again as a whole, and gives the same outcome,
 * because a claim carries its source: whoever finds his own claim takes what is stored. */
#ifndef WORKER_STORE_H
#define WORKER_STORE_H

#include "worker/batch.h"
#include "worker/config.h"
#include "worker/definitions_cache.h"

struct store;

/* New, not yet connected, or NULL when out of memory. */
struct store *store_open(const struct config *config);
void store_close(struct store *store);

/* Connects if there is no connection; asks one that is there, once a second, whether it still is. True if Redis can be
 * asked. Says once that Redis is away, and once that it is back. */
bool store_connect(struct store *store);

/* Looks up item->definitions for every item that is still undecided. False: run it again after store_connect. */
bool store_definitions(struct store *store, struct definitions_cache *cache, struct batch *batch);

/* Claims id and email of every valid item, in order, and looks up the ids of the others whose verdict an earlier client
 * could change. Afterwards no item is OUTCOME_UNDECIDED. False: run it again after store_connect. */
bool store_claim(struct store *store, struct batch *batch);

/* Connections lost and answers that asked for a retry, since it was opened. */
uint64_t store_retries(const struct store *store);

#endif
