#include "worker/redis/redis_cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define CALLS_MS 500 /* after this time of a look no further node is called */

struct redis_cluster {
    const struct config *config;
    struct cluster_survey survey;
    struct cluster_map *map;    /* NULL: none yet */
    struct cluster_node *nodes; /* one for each master of the map */
    size_t next;                /* the node to be called first; so that none is always behind silent ones */
    bool is_old;                /* a new map is due */
    int64_t asked_ms;           /* when a map was asked for (clock_now_ms); 0: never */
    int64_t map_ms;             /* when the map was asked for that is used */
    uint64_t map_epoch;         /* what its node said */
    struct cluster_witnesses witnesses;
    int64_t unsure_until_ms[REDIS_SLOTS];
};

struct redis_cluster *redis_cluster_open(const struct config *config)
{
    struct redis_cluster *cluster = calloc(1, sizeof(*cluster));
    if (!cluster)
        return NULL;
    cluster->config = config;
    cluster_survey_open(&cluster->survey, config);
    return cluster;
}

static void free_nodes(struct cluster_node *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (nodes[i].connection)
            redisFree(nodes[i].connection);
    free(nodes);
}

void redis_cluster_close(struct redis_cluster *cluster)
{
    if (!cluster)
        return;
    free_nodes(cluster->nodes, redis_cluster_count(cluster));
    cluster_map_free(cluster->map);
    cluster_witnesses_close(&cluster->witnesses);
    cluster_survey_close(&cluster->survey);
    free(cluster);
}

/* ---- a new map ---- */

/* A master that is where it was keeps its connection and its pauses. */
static void keep_node(struct redis_cluster *cluster, struct cluster_node *node)
{
    const uint16_t number = cluster->map ? cluster_map_find(cluster->map, node->master.id) : CLUSTER_NO_MASTER;
    if (number == CLUSTER_NO_MASTER || !redis_place_is(&cluster->nodes[number].master.place, &node->master.place))
        return;
    const struct cluster_master master = node->master;
    *node = cluster->nodes[number];
    node->master = master;
    cluster->nodes[number].connection = NULL;
}

static const char *owner_of(const struct cluster_map *map, unsigned slot)
{
    return map && map->owner[slot] != CLUSTER_NO_MASTER ? map->masters[map->owner[slot]].id : "";
}

/* A slot for which the map names another master than before is that master's. */
static void settle_slots(struct redis_cluster *cluster, const struct cluster_map *map)
{
    for (unsigned slot = 0; slot < REDIS_SLOTS; slot++)
        if (cluster->unsure_until_ms[slot] != 0 && strcmp(owner_of(cluster->map, slot), owner_of(map, slot)) != 0)
            cluster->unsure_until_ms[slot] = 0;
}

/* The map is the cluster's from now on. False when out of memory: it is freed, and the one before stays. */
static bool adopt(struct redis_cluster *cluster, struct cluster_map *map)
{
    struct cluster_node *nodes = calloc(map->count > 0 ? map->count : 1, sizeof(*nodes));
    if (!nodes || !cluster_witnesses_follow(&cluster->witnesses, map)) {
        free(nodes);
        cluster_map_free(map);
        return false;
    }
    for (size_t i = 0; i < map->count; i++) {
        nodes[i].master = map->masters[i];
        snprintf(nodes[i].error, sizeof(nodes[i].error), "not yet connected");
        keep_node(cluster, &nodes[i]);
    }
    settle_slots(cluster, map);
    free_nodes(cluster->nodes, redis_cluster_count(cluster));
    cluster_map_free(cluster->map);
    cluster->map = map;
    cluster->nodes = nodes;
    return true;
}

static bool is_in_trouble(const struct redis_cluster *cluster)
{
    bool is = cluster->map->unserved > 0 || cluster->survey.state == CLUSTER_FAIL;
    for (size_t i = 0; i < cluster->map->count; i++)
        is = is || !cluster_node_is_there(&cluster->nodes[i]);
    return is;
}

static bool map_is_due(const struct redis_cluster *cluster)
{
    const int64_t since_ms = clock_now_ms() - cluster->asked_ms;
    if (cluster->asked_ms == 0)
        return true;
    if (!cluster->map || cluster->is_old)
        return since_ms >= CLUSTER_LOOK_MS;
    return since_ms >= CLUSTER_TROUBLE_LOOK_MS && is_in_trouble(cluster);
}

static void ask_for_map(struct redis_cluster *cluster, char *error, size_t error_size)
{
    const int64_t began_ms = clock_now_ms();
    struct cluster_map *map = cluster_survey_ask(&cluster->survey, cluster->map, error, error_size);
    const bool is_adopted = map && adopt(cluster, map);
    cluster->asked_ms = clock_now_ms();
    if (is_adopted) {
        cluster->is_old = false;
        cluster->map_ms = began_ms;
        cluster->map_epoch = cluster->survey.epoch;
    } else if (map) {
        snprintf(error, error_size, "out of memory");
    }
}

/* ---- connections ---- */

static void call_nodes(struct redis_cluster *cluster)
{
    const int64_t until_ms = clock_now_ms() + CALLS_MS;
    const size_t count = redis_cluster_count(cluster);
    for (size_t i = 0; i < count && clock_now_ms() < until_ms; i++) {
        struct cluster_node *node = &cluster->nodes[cluster->next++ % count];
        if (node->connection || clock_now_ms() < node->call_at_ms)
            continue;
        if (!cluster_node_call(node, cluster->config))
            continue; /* node->error tells why; it is called again */
    }
}

bool redis_cluster_look(struct redis_cluster *cluster, char *error, size_t error_size)
{
    snprintf(error, error_size, "no node of the cluster has answered yet");
    if (map_is_due(cluster))
        ask_for_map(cluster, error, error_size);
    call_nodes(cluster);
    return cluster->map != NULL;
}

bool redis_cluster_look_again(struct redis_cluster *cluster, char *error, size_t error_size)
{
    cluster->is_old = true;
    ask_for_map(cluster, error, error_size);
    call_nodes(cluster);
    return !cluster->is_old;
}

void redis_cluster_lose(struct redis_cluster *cluster, size_t number, const char *reason)
{
    cluster_node_hang_up(&cluster->nodes[number], reason);
    cluster->is_old = true;
}

/* ---- redirects ---- */

static void doubt_slot(struct redis_cluster *cluster, unsigned slot)
{
    cluster->unsure_until_ms[slot] = clock_now_ms() + CLUSTER_PAUSE_MS;
}

void redis_cluster_redirected(struct redis_cluster *cluster, size_t number, unsigned slot, enum redis_redirect redirect,
                              const char *text)
{
    switch (redirect) {
    case REDIRECT_NONE:
        return;
    case REDIRECT_MOVED:
    case REDIRECT_SLOT_DOWN:
        doubt_slot(cluster, slot);
        cluster->is_old = true;
        break;
    case REDIRECT_ASK:
    case REDIRECT_TRYAGAIN:
        doubt_slot(cluster, slot); /* the map says the same until the slot has moved */
        break;
    case REDIRECT_DOWN:
    case REDIRECT_LOADING:
        cluster_node_rest(&cluster->nodes[number], text);
        break;
    case REDIRECT_READONLY:
    case REDIRECT_MASTER_DOWN:
        cluster_node_rest(&cluster->nodes[number], text);
        cluster->is_old = true;
        break;
    }
}

/* ---- questions ---- */

enum slot_state redis_cluster_slot(const struct redis_cluster *cluster, unsigned slot, uint16_t *number)
{
    *number = cluster->map ? cluster->map->owner[slot] : CLUSTER_NO_MASTER;
    if (*number == CLUSTER_NO_MASTER || !cluster_node_is_there(&cluster->nodes[*number]))
        return SLOT_AWAY;
    return cluster->unsure_until_ms[slot] > clock_now_ms() ? SLOT_UNSURE : SLOT_SERVED;
}

void redis_cluster_renew(struct redis_cluster *cluster)
{
    cluster->is_old = true;
}

const struct cluster_map *redis_cluster_map(const struct redis_cluster *cluster)
{
    return cluster->map;
}

enum cluster_state redis_cluster_state(const struct redis_cluster *cluster)
{
    return cluster->survey.state;
}

uint64_t redis_cluster_epoch(const struct redis_cluster *cluster)
{
    return cluster->map_epoch;
}

int64_t redis_cluster_map_ms(const struct redis_cluster *cluster)
{
    return cluster->map_ms;
}

const struct redis_place *redis_cluster_answered(const struct redis_cluster *cluster)
{
    return &cluster->survey.answered;
}

bool redis_cluster_is_none(const struct redis_cluster *cluster)
{
    return cluster->survey.is_no_cluster;
}

size_t redis_cluster_count(const struct redis_cluster *cluster)
{
    return cluster->map ? cluster->map->count : 0;
}

struct cluster_node *redis_cluster_node(struct redis_cluster *cluster, size_t number)
{
    return &cluster->nodes[number];
}

bool redis_cluster_witness(struct redis_cluster *cluster, const bool *needed, bool *vouched, char *error,
                           size_t error_size)
{
    const size_t count = redis_cluster_count(cluster);
    bool all = true;
    cluster_witnesses_ask(&cluster->witnesses, cluster->config, count, needed, vouched, error, error_size);
    for (size_t i = 0; i < count; i++)
        all &= !needed[i] || vouched[i];
    cluster->is_old |= !all;
    return all;
}
