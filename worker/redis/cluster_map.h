/* cluster_map: which master of a Redis Cluster serves which slots, as one node of it says (CLUSTER SLOTS). It does no
 * I/O.
 *
 * CLUSTER SLOTS serves for all versions: Redis 6 has no CLUSTER SHARDS, and it lists just what is needed. A master
 * without slots is not in it, so a fresh cluster, whose replicas are masters for some seconds, has no false masters. It
 * does not say whether a master is there; a connection tells that.
 *
 * The host of a node is the one that the cluster prefers (cluster-preferred-endpoint-type): an address, or the name
 * that cluster-announce-hostname gives it. A node without one is reached by the host at which the map was asked for. */
#ifndef WORKER_REDIS_CLUSTER_MAP_H
#define WORKER_REDIS_CLUSTER_MAP_H

#include <hiredis/hiredis.h>
#include <stdint.h>

#include "common/must_check.h"
#include "worker/redis/redis_place.h"
#include "worker/redis/redis_slot.h"

#define CLUSTER_ID_LENGTH    40  /* hexadecimal digits: the id of a node or of a shard */
#define CLUSTER_MASTERS_MOST 500 /* Redis' documents name 1,000 nodes as the most of a cluster */
#define CLUSTER_NO_MASTER    UINT16_MAX

/* A master that serves a slot or more. */
struct cluster_master {
    char id[CLUSTER_ID_LENGTH + 1];
    struct redis_place place;
    unsigned slots, lowest; /* how many it serves, and the lowest */
    unsigned replicas;      /* that the node which was asked counts as usable */
};

struct cluster_replica {
    char id[CLUSTER_ID_LENGTH + 1]; /* "": it is not told */
    struct redis_place place;       /* port 0: it is not told */
    uint16_t master;                /* its number in `masters` */
};

struct cluster_map {
    struct cluster_master *masters; /* in the order of their lowest slots */
    size_t count;
    struct cluster_replica *replicas; /* those that count as usable, each once */
    size_t replica_count;
    unsigned unserved;           /* slots that no master serves */
    uint16_t owner[REDIS_SLOTS]; /* the number of the master in `masters`, or CLUSTER_NO_MASTER */
};

/* Reads the reply to CLUSTER SLOTS; `asked` is the place at which it was asked for. NULL with the reason in `error`: it
 * is an error of Redis, or nothing that Redis would say: slots that two nodes serve, ports out of range, more than
 * CLUSTER_MASTERS_MOST masters. New, to be freed by cluster_map_free. */
MUST_CHECK struct cluster_map *cluster_map_read(const redisReply *reply, const struct redis_place *asked, char *error,
                                                size_t error_size);
void cluster_map_free(struct cluster_map *map);

/* The number of the master with this id; CLUSTER_NO_MASTER if there is none. */
uint16_t cluster_map_find(const struct cluster_map *map, const char *id);

/* "0-5460, 7000, 8192-16383": the slots that no master serves, cut to `size`. "" if there are none. */
void cluster_map_unserved_text(const struct cluster_map *map, char *text, size_t size);

#endif
