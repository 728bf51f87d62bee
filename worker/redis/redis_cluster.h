/* redis_cluster: the masters of a Redis Cluster (redis.kind = cluster): which of them serves a slot, and a connection
 * to each. One thread's; other threads have their own.
 *
 *   map         which master serves which slots (cluster_map.h), as a node says that is asked (cluster_survey.h)
 *   node        a master of the map, and the connection to it (cluster_node.h)
 *   slot        served: commands for it may be sent to its node
 *               away: nobody serves it, or its node cannot be reached or refuses commands
 *               unsure: a node has redirected a command for it (redis_redirect.h): it moves, or the map is old
 *
 * Only redis_cluster_look asks for a map and connects. It is called before each batch and costs nothing while all is
 * well. A redirect is never followed: it makes its slot unsure for a pause, and has the next look ask for a new map. So
 * does a lost connection. While something is away a map is asked for every CLUSTER_TROUBLE_LOOK_MS, and however many
 * redirects come, once in CLUSTER_LOOK_MS.
 *
 * What is away stops only itself: a master that was killed, frozen or cut off makes its own slots away, until it is
 * back or the map names another master for them. In a fresh or restarted cluster nodes refuse commands for some seconds
 * (CLUSTERDOWN); that is away, too.
 *
 * This room only says where a slot is. That what stands there is complete, nobody but worker/index can tell: it
 * compares the shard, the number of the connection, and what the slot's fence says. */
#ifndef WORKER_REDIS_REDIS_CLUSTER_H
#define WORKER_REDIS_REDIS_CLUSTER_H

#include "worker/redis/cluster_node.h"
#include "worker/redis/cluster_survey.h"
#include "worker/redis/cluster_witnesses.h"
#include "worker/redis/redis_redirect.h"

#define CLUSTER_LOOK_MS         250 /* between two questions for a map, at least */
#define CLUSTER_TROUBLE_LOOK_MS 500 /* between two of them while something is away */

enum slot_state { SLOT_SERVED, SLOT_AWAY, SLOT_UNSURE };

struct redis_cluster;

/* New, without a map; NULL when out of memory. `config` must outlive it. */
MUST_CHECK struct redis_cluster *redis_cluster_open(const struct config *config);
void redis_cluster_close(struct redis_cluster *cluster);

/* Asks for a map if that is due, and calls nodes that have no connection and whose pause is over. It takes
 * CLUSTER_SURVEY_MS and a second at most, however many nodes are silent; the others are called by the next look.
 *
 * True if there is a map; any of its nodes may be away. False with the reason in `error`, if there was never one. Nodes
 * of an earlier look are not valid any more. */
MUST_CHECK bool redis_cluster_look(struct redis_cluster *cluster, char *error, size_t error_size);

/* The next look asks for a map, as soon as one may be asked for again. */
void redis_cluster_renew(struct redis_cluster *cluster);

/* Asks for a map now, whether it is due or not, and looks. True if there is a new one. It takes as long as a look. */
MUST_CHECK bool redis_cluster_look_again(struct redis_cluster *cluster, char *error, size_t error_size);

/* How many failovers and moved slots the node had heard of that gave the map (cluster_current_epoch); 0: it did not
 * say.
 */
uint64_t redis_cluster_epoch(const struct redis_cluster *cluster);

/* When the map was asked for that is used (clock_now_ms); 0: there is none. */
int64_t redis_cluster_map_ms(const struct redis_cluster *cluster);

/* Asks the replicas of these masters whether they still are replicas (cluster_witnesses_ask). A map in which one of
 * them is missing is old, so it is asked for again. True if all masters that are needed were vouched for. */
MUST_CHECK bool redis_cluster_witness(struct redis_cluster *cluster, const bool *needed, bool *vouched, char *error,
                                      size_t error_size);

/* The map of the last look; NULL: none. */
const struct cluster_map *redis_cluster_map(const struct redis_cluster *cluster);

/* What the node said whose map that is, and where that node is. */
enum cluster_state redis_cluster_state(const struct redis_cluster *cluster);
const struct redis_place *redis_cluster_answered(const struct redis_cluster *cluster);

/* The last node that answered is no node of a cluster. */
bool redis_cluster_is_none(const struct redis_cluster *cluster);

/* The nodes, in the order of the map's masters. Borrowed until the next look. */
size_t redis_cluster_count(const struct redis_cluster *cluster);
struct cluster_node *redis_cluster_node(struct redis_cluster *cluster, size_t number);

/* *number: the node that serves the slot, as far as the map knows; CLUSTER_NO_MASTER: none. */
enum slot_state redis_cluster_slot(const struct redis_cluster *cluster, unsigned slot, uint16_t *number);

/* A node answered a command for the slot with a redirect; `text` is what it said. */
void redis_cluster_redirected(struct redis_cluster *cluster, size_t number, unsigned slot, enum redis_redirect redirect,
                              const char *text);

/* The connection to the node failed, or what it owes is not wanted any more. It is closed. */
void redis_cluster_lose(struct redis_cluster *cluster, size_t number, const char *reason);

#endif
