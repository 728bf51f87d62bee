#include "worker/redis/cluster_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The elements of a range: its first slot, its last, the master, and then the replicas. Those of a node: host, port, id
 * and, from Redis 7 on, names and values about it. */
enum { RANGE_FIRST, RANGE_LAST, RANGE_MASTER };
enum { NODE_HOST, NODE_PORT, NODE_ID, NODE_MORE };

struct reading {
    struct cluster_map *map;
    const struct redis_place *asked;
    char *error;
    size_t error_size;
};

#define fail(reading, ...) (snprintf((reading)->error, (reading)->error_size, "CLUSTER SLOTS: " __VA_ARGS__), false)

/* ---- a node ---- */

static bool is_text(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS;
}

static bool is_array(const redisReply *reply, size_t least)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements >= least;
}

/* The value of a name in the list of names and values behind a node's id. NULL: none. */
static const redisReply *node_value(const redisReply *node, const char *name)
{
    const redisReply *list = node->elements > NODE_MORE ? node->element[NODE_MORE] : NULL;
    for (size_t i = 0; list && is_array(list, i + 2); i += 2)
        if (is_text(list->element[i]) && strcmp(list->element[i]->str, name) == 0)
            return is_text(list->element[i + 1]) ? list->element[i + 1] : NULL;
    return NULL;
}

/* A node that does not know its address, or that prefers none (unknown-endpoint), says nothing or "". One that prefers
 * a name and has none says "?". */
static bool read_host(const struct reading *reading, const redisReply *node, struct redis_place *place)
{
    const redisReply *host = node->element[NODE_HOST];
    if (is_text(host) && strcmp(host->str, "?") == 0)
        host = node_value(node, "ip");
    if (!host)
        return fail(reading, "a node has no host (cluster-announce-hostname)");
    if (host->type == REDIS_REPLY_NIL || (is_text(host) && host->len == 0)) {
        memcpy(place->host, reading->asked->host, sizeof(place->host));
        return place->host[0] != '\0' || fail(reading, "a node has no host (cluster-announce-ip)");
    }
    return (is_text(host) && redis_place_take_host(place, host->str, host->len)) ||
           fail(reading, "the host of a node is neither a name nor an address");
}

static bool read_node(const struct reading *reading, const redisReply *node, struct cluster_master *master)
{
    *master = (struct cluster_master){.slots = 0};
    if (!is_array(node, NODE_ID + 1) || node->element[NODE_PORT]->type != REDIS_REPLY_INTEGER)
        return fail(reading, "a node is not a list of a host, a port and an id");
    const redisReply *id = node->element[NODE_ID];
    const long long port = node->element[NODE_PORT]->integer;
    if (!is_text(id) || id->len != CLUSTER_ID_LENGTH || strspn(id->str, "0123456789abcdef") != CLUSTER_ID_LENGTH)
        return fail(reading, "the id of a node is not of 40 hexadecimal digits");
    memcpy(master->id, id->str, CLUSTER_ID_LENGTH);
    if (port < 1 || port > REDIS_PORT_MOST)
        return fail(reading, "the port of a node is %lld", port);
    master->place.port = (int)port;
    return read_host(reading, node, &master->place);
}

/* ---- a range of slots ---- */

/* *number: the master's, which is added if it is new. */
static bool add_master(const struct reading *reading, const struct cluster_master *master, uint16_t *number)
{
    struct cluster_map *const map = reading->map;
    *number = cluster_map_find(map, master->id);
    if (*number != CLUSTER_NO_MASTER)
        return redis_place_is(&map->masters[*number].place, &master->place) ||
               fail(reading, "a node is at two addresses");
    if (map->count == CLUSTER_MASTERS_MOST)
        return fail(reading, "more than %d masters", CLUSTER_MASTERS_MOST);
    *number = (uint16_t)map->count++;
    map->masters[*number] = *master;
    return true;
}

/* Of the first range of the master: the others have the same. What a replica is called is no reason to do without the
 * map. False when out of memory. */
static bool add_replicas(const struct reading *reading, const redisReply *range, uint16_t master)
{
    struct cluster_map *const map = reading->map;
    const size_t count = range->elements - RANGE_MASTER - 1;
    map->masters[master].replicas = (unsigned)count;
    if (count == 0)
        return true;
    struct cluster_replica *grown = realloc(map->replicas, (map->replica_count + count) * sizeof(*grown));
    if (!grown)
        return fail(reading, "out of memory");
    map->replicas = grown;
    for (size_t i = 0; i < count; i++) {
        struct cluster_master node;
        struct cluster_replica *replica = &map->replicas[map->replica_count++];
        *replica = (struct cluster_replica){.master = master};
        if (!read_node(reading, range->element[RANGE_MASTER + 1 + i], &node))
            continue;
        memcpy(replica->id, node.id, sizeof(replica->id));
        replica->place = node.place;
    }
    return true;
}

static bool read_range(const struct reading *reading, const redisReply *range)
{
    struct cluster_map *const map = reading->map;
    struct cluster_master master;
    uint16_t number;
    if (!is_array(range, RANGE_MASTER + 1) || range->element[RANGE_FIRST]->type != REDIS_REPLY_INTEGER ||
        range->element[RANGE_LAST]->type != REDIS_REPLY_INTEGER)
        return fail(reading, "a range is not a list of two slots and a node");
    const long long first = range->element[RANGE_FIRST]->integer, last = range->element[RANGE_LAST]->integer;
    if (first < 0 || first > last || last >= REDIS_SLOTS)
        return fail(reading, "%lld to %lld is no range of slots", first, last);
    if (!read_node(reading, range->element[RANGE_MASTER], &master) || !add_master(reading, &master, &number))
        return false;
    for (long long slot = first; slot <= last; slot++) {
        if (map->owner[slot] != CLUSTER_NO_MASTER)
            return fail(reading, "slot %lld comes twice", slot);
        map->owner[slot] = number;
    }
    return map->masters[number].replicas > 0 || add_replicas(reading, range, number);
}

/* ---- the whole ---- */

/* Ranges come in any order. */
static int by_lowest(const void *one, const void *other)
{
    const struct cluster_master *a = one, *b = other;
    return (a->lowest > b->lowest) - (a->lowest < b->lowest);
}

static void count_slots(struct cluster_map *map)
{
    for (unsigned slot = REDIS_SLOTS; slot-- > 0;) {
        if (map->owner[slot] == CLUSTER_NO_MASTER) {
            map->unserved++;
        } else {
            map->masters[map->owner[slot]].slots++;
            map->masters[map->owner[slot]].lowest = slot;
        }
    }
}

/* The owner of a master's lowest slot is still its number before. */
static void sort_masters(struct cluster_map *map)
{
    uint16_t place_of[CLUSTER_MASTERS_MOST] = {0};
    qsort(map->masters, map->count, sizeof(*map->masters), by_lowest);
    for (size_t i = 0; i < map->count; i++)
        place_of[map->owner[map->masters[i].lowest]] = (uint16_t)i;
    for (unsigned slot = 0; slot < REDIS_SLOTS; slot++)
        if (map->owner[slot] != CLUSTER_NO_MASTER)
            map->owner[slot] = place_of[map->owner[slot]];
    for (size_t i = 0; i < map->replica_count; i++)
        map->replicas[i].master = place_of[map->replicas[i].master];
}

static struct cluster_map *map_new(size_t ranges)
{
    const size_t most = ranges < CLUSTER_MASTERS_MOST ? ranges : CLUSTER_MASTERS_MOST;
    struct cluster_map *map = calloc(1, sizeof(*map));
    if (!map)
        return NULL;
    map->masters = calloc(most > 0 ? most : 1, sizeof(*map->masters));
    for (unsigned slot = 0; slot < REDIS_SLOTS; slot++)
        map->owner[slot] = CLUSTER_NO_MASTER;
    if (map->masters)
        return map;
    cluster_map_free(map);
    return NULL;
}

static bool read_ranges(struct reading *reading, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR)
        return fail(reading, "%s", reply->str);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements > REDIS_SLOTS)
        return fail(reading, "the answer is no list of ranges");
    reading->map = map_new(reply->elements);
    if (!reading->map)
        return fail(reading, "out of memory");
    for (size_t i = 0; i < reply->elements; i++)
        if (!read_range(reading, reply->element[i]))
            return false;
    count_slots(reading->map);
    sort_masters(reading->map);
    return true;
}

struct cluster_map *cluster_map_read(const redisReply *reply, const struct redis_place *asked, char *error,
                                     size_t error_size)
{
    struct reading reading = {.asked = asked, .error = error, .error_size = error_size};
    if (read_ranges(&reading, reply))
        return reading.map;
    cluster_map_free(reading.map);
    return NULL;
}

void cluster_map_free(struct cluster_map *map)
{
    if (map) {
        free(map->masters);
        free(map->replicas);
    }
    free(map);
}

uint16_t cluster_map_find(const struct cluster_map *map, const char *id)
{
    for (size_t i = map->count; i-- > 0;) /* ranges of one master often come one behind the other */
        if (memcmp(map->masters[i].id, id, CLUSTER_ID_LENGTH) == 0)
            return (uint16_t)i;
    return CLUSTER_NO_MASTER;
}

void cluster_map_unserved_text(const struct cluster_map *map, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (unsigned slot = 0, end; slot < REDIS_SLOTS && length < size; slot = end + 1) {
        for (end = slot; end < REDIS_SLOTS && map->owner[end] == CLUSTER_NO_MASTER; end++)
            ;
        if (end == slot)
            continue;
        const char *between = length > 0 ? ", " : "";
        const int written = end == slot + 1 ? snprintf(text + length, size - length, "%s%u", between, slot)
                                            : snprintf(text + length, size - length, "%s%u-%u", between, slot, end - 1);
        length += written > 0 ? (size_t)written : 0;
    }
}
