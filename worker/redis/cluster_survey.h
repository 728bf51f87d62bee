/* cluster_survey: asks nodes of a cluster for its map, one after the other, until one has an answer that can be used.
 *
 * Any node may be asked, a master or a replica: those that redis.address lists, and the masters of the last map. The
 * one that answered is asked first the next time, and its connection stays open. It is no connection for commands, so a
 * question never meets their answers, and has a time limit of its own.
 *
 * A node that says cluster_state:fail is cut off from most masters, or was just started, or knows of slots that nobody
 * serves. Its map may be old, so others are asked; it counts if none of them knows better.
 *
 * A map from before a failover would lead back to a master whose writes are lost. The cluster counts its failovers and
 * moved slots (cluster_current_epoch), and a node that has heard of fewer than the map that is known is not believed:
 * it was frozen, or cut off. Only if nobody says better for CLUSTER_FORGET_MS, the cluster was made again, and counts
 * from the beginning. */
#ifndef WORKER_REDIS_CLUSTER_SURVEY_H
#define WORKER_REDIS_CLUSTER_SURVEY_H

#include "worker/config/config.h"
#include "worker/redis/cluster_map.h"

#define CLUSTER_WAIT_MS     500  /* for each answer of a node, or redis.timeout if that is less */
#define CLUSTER_SURVEY_MS   1000 /* after this time no further node is asked */
#define CLUSTER_NODES_ASKED 5    /* of one survey, at most */
#define CLUSTER_FORGET_MS   3000
#define CLUSTER_REPLY_BYTES (16 << 20) /* of an answer, at most */

enum cluster_state { CLUSTER_OK, CLUSTER_FAIL };

struct cluster_survey {
    const struct config *config;
    redisContext *connection;    /* to a node whose answer was used; NULL: none */
    struct redis_place place;    /* of that node, or of the one that is asked */
    uint64_t epoch;              /* of the map that was used last; 0: none, or it was not told */
    int64_t older_since_ms;      /* since when nodes tell of lower epochs only (clock_now_ms); 0: they do not */
    size_t next;                 /* the place among all nodes of the next one to ask */
    enum cluster_state state;    /* what the node said whose map was used */
    struct redis_place answered; /* where that node is */
    bool is_no_cluster;          /* the last node that answered has no cluster */
};

void cluster_survey_open(struct cluster_survey *survey, const struct config *config);
void cluster_survey_close(struct cluster_survey *survey);

/* The map; `known` is the one before, or NULL. New, to be freed by cluster_map_free. NULL with the reasons of the nodes
 * that were asked in `error`. It takes CLUSTER_SURVEY_MS and the time of one node at most. */
MUST_CHECK struct cluster_map *cluster_survey_ask(struct cluster_survey *survey, const struct cluster_map *known,
                                                  char *error, size_t error_size);

/* Reads cluster_current_epoch from the reply to CLUSTER INFO. False if it is not there. */
MUST_CHECK bool cluster_epoch_of(const redisReply *info, uint64_t *epoch);

/* How long to wait for each answer of a node that may be away. */
int64_t cluster_wait_ms(const struct config *config);

/* The next answer of a node; NULL with the reason in `error`. The time of a node is over at `until_ms` (clock_now_ms),
 * even if it goes on sending byte by byte, and so is its room. */
MUST_CHECK redisReply *cluster_take_reply(redisContext *connection, int64_t until_ms, char *error, size_t error_size);

#endif
