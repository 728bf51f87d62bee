/* redis_sentinels: the Sentinels of redis.address, asked which server is the master (redis.kind = sentinel).
 *
 * Two masters. In a failover, planned or not, the Sentinels promote a replica while the master before it may still run,
 * accept writes and have clients, for some ten seconds. Workers on two masters would give one email twice, and no check
 * on either server can notice that. So two questions are asked, and each needs the same answer of more than half of the
 * Sentinels that the config lists (sentinel_votes.h):
 *
 *   connect   Which server is the master? Only that one is connected to, and only if its ROLE is master. It is asked
 *             again for every new connection; nobody goes back to the last address by himself.
 *   confirm   Is the server that I am connected to still the master? Asked by index_confirm, after the batch's messages
 *             and offsets were sent and before the commit, and once a second by index_connect. If not, the outcomes are
 *             void, the connection is closed, and an audit follows the next one.
 *
 * What is needed. A Sentinel that names a new master does not name the one before until another failover: it keeps the
 * configuration with the higher epoch, and writes it to its file before it acts on it. All instances list the same
 * Sentinels. A server that is the master for a second time was a replica in between, so its replication id is another;
 * the fence of index_confirm, which comes after the question, compares it.
 *
 * Why it is enough. Let a worker A confirm on the server M, and let a worker B be connected to a server N that was
 * promoted after M. More than half of the Sentinels named M to A, and more than half named N to B, so one of them, S,
 * named both, M first. So A's question to S came before B was connected. A had sent its offsets to Kafka before that
 * question. B reads the group's offsets after it was connected, and then waits for transactions with pending offsets;
 * so B's audit learns of A's commit. The checkpoint on N is older than that commit, since A has not written on N. So B
 * restores A's clients from the record topic before it claims. And if A asks after B was connected, S names N, and A's
 * batch is void.
 *
 * So it does not matter for how long the old master takes writes, nor what a single Sentinel says that lies, is late,
 * or has lost its file, nor that a restarted old master is empty and calls itself master.
 *
 * The proof is about one group. A replay that is applied has a group of its own, for whose transactions the daemon's
 * audit does not wait (docs/guarantees.md, "Applying a replay").
 *
 * Without an answer of more than half of the Sentinels nothing is confirmed: the worker waits, as if Redis were away.
 * To go on would not be safe. A worker that cannot reach the Sentinels may be the one that is cut off, while those on
 * the other side have promoted a replica, for other workers. For the same reason a batch does not count the Sentinels
 * that answered an earlier one.
 *
 * A Sentinel that does not answer in time is asked last for SENTINEL_AWAY_MS: only if the others do not suffice. That
 * is known to the whole process, so it pays the time once, not once for each thread and batch. */
#ifndef WORKER_REDIS_REDIS_SENTINELS_H
#define WORKER_REDIS_REDIS_SENTINELS_H

#include "worker/redis/sentinel_votes.h"

#define SENTINEL_WAIT_MS 500   /* for one of them, or redis.timeout if that is less */
#define SENTINEL_AWAY_MS 10000 /* how long one that does not answer is asked last */

/* One thread's connections to the Sentinels. They stay open between two questions. */
struct redis_sentinels;

/* New, not connected; NULL when out of memory. `config` must outlive it, and its kind is sentinel. */
MUST_CHECK struct redis_sentinels *redis_sentinels_open(const struct config *config);
void redis_sentinels_close(struct redis_sentinels *sentinels);

/* Which server is the master. False with the reason in `error` if that is not certain. */
MUST_CHECK bool redis_sentinels_find(struct redis_sentinels *sentinels, struct redis_place *master, char *error,
                                     size_t error_size);

/* Whether the server of this connection is still the master. False with the reason in `error`, also if it is not
 * certain. Logs when a Sentinel begins to disagree or to be silent, and when that ends. */
MUST_CHECK bool redis_sentinels_confirm(struct redis_sentinels *sentinels, const redisContext *connection, char *error,
                                        size_t error_size);

/* Asks every Sentinel, and returns the answers, which are valid until the next question. */
const struct sentinel_votes *redis_sentinels_ask_all(struct redis_sentinels *sentinels);

#endif
