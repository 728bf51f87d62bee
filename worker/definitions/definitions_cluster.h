/* definitions_cluster: what definitions_redis does, on a Redis Cluster. One thread's.
 *
 * *Waiting*. A redirect is not followed, and a master that is away is waited for: what was not answered is asked again
 * by the next map, until all is answered or DEFINITIONS_PATIENCE_MS have passed. That is longer than a failover takes
 * with Redis' own settings.
 *
 * *The watch*. WATCH and MULTI do not work over several slots: EXEC ends the watch of all keys of the connection, and
 * its commands must be about one slot. In their place each slot has a stamp, DEFINITIONS_STAMP_KEY: random digits,
 * which every change by this program renews. It is read before the values. A change is a script, which does nothing
 * unless the stamp and the value are those that were read (definitions_change.lua). So
 *   - no change by this program goes unnoticed, even if a value was changed to and fro: the stamp is another one, also
 *     after the slot has lost its data;
 *   - of the changes of others those go unnoticed that end in the value that was read, which is as if they had come
 *     before the reading;
 *   - of two that change a slot at the same time one succeeds.
 * The stamp is in the slot, moves with it, and is lost with it. In a slot that moves the script waits until all of its
 * keys are in one place. Whether a call was carried out whose connection failed is found out by reading again. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_CLUSTER_H
#define WORKER_DEFINITIONS_DEFINITIONS_CLUSTER_H

#include "worker/definitions/definitions_redis.h"

#define DEFINITIONS_PATIENCE_MS 20000

struct definitions_cluster;

/* New, with a map; NULL with the reason in `error`. `config` must outlive it. */
MUST_CHECK struct definitions_cluster *definitions_cluster_open(const struct config *config, char *error,
                                                                size_t error_size);
void definitions_cluster_close(struct definitions_cluster *cluster);

/* As the functions of definitions_redis. A watch lasts until the next call of definitions_cluster_watch; its workspaces
 * are borrowed until then. */
MUST_CHECK bool definitions_cluster_get(struct definitions_cluster *cluster, const struct span *workspaces,
                                        size_t count, redisReply **answers, char *error, size_t error_size);
MUST_CHECK bool definitions_cluster_watch(struct definitions_cluster *cluster, const struct span *workspaces,
                                          size_t count, redisReply **answers, char *error, size_t error_size);
MUST_CHECK bool definitions_cluster_exist(struct definitions_cluster *cluster, const struct span *workspaces,
                                          size_t count, bool *exist, char *error, size_t error_size);
MUST_CHECK bool definitions_cluster_change(struct definitions_cluster *cluster,
                                           const struct definitions_change *changes, size_t count, bool *done,
                                           char *error, size_t error_size);
MUST_CHECK bool definitions_cluster_settle(struct definitions_cluster *cluster, bool *settled, char *error,
                                           size_t error_size);
MUST_CHECK bool definitions_cluster_is_kept(struct definitions_cluster *cluster, char *error, size_t error_size);

/* The names of all workspaces with definitions, each once, in the order of their bytes; to be freed with
 * definitions_names_free. All masters are scanned twice. So a key that is there all the time is found, even if its slot
 * moves to another master meanwhile, once. False with the reason in `error`; then there is nothing to free. */
struct definitions_names {
    struct span *items; /* owned texts */
    size_t count, capacity;
};
MUST_CHECK bool definitions_cluster_names(struct definitions_cluster *cluster, struct definitions_names *names,
                                          char *error, size_t error_size);
void definitions_names_free(struct definitions_names *names);

#endif
