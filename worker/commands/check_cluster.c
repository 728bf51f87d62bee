#include "worker/commands/check_cluster.h"

#include <stdio.h>
#include <string.h>

#include "worker/commands/check_info.h"
#include "worker/redis/redis_cluster.h"
#include "worker/redis/redis_fence_keys.h"
#include "worker/redis/redis_info.h"

#define VERSION_BYTES 64

static void check_slots(struct check_report *report, const struct redis_cluster *cluster, const char *address)
{
    const struct cluster_map *map = redis_cluster_map(cluster);
    char text[256];
    cluster_map_unserved_text(map, text, sizeof(text));
    if (map->unserved > 0)
        check_tell(report, "redis", CHECK_UNAVAILABLE, "slots_unserved", address, "no master serves %u of %d slots: %s",
                   map->unserved, REDIS_SLOTS, text);
    else if (redis_cluster_state(cluster) == CLUSTER_FAIL)
        check_tell(report, "redis", CHECK_UNAVAILABLE, "cluster_fail", address,
                   "cluster_state is fail: most masters cannot be reached by the nodes that answer, or the cluster was "
                   "just started");
}

/* What the master says of itself: new, to be freed. NULL, or an error, if it does not say it. */
static redisReply *ask_info(const struct cluster_node *node)
{
    return node->connection ? redisCommand(node->connection, "INFO") : NULL;
}

static bool is_told(const redisReply *info)
{
    return info && info->type == REDIS_REPLY_STRING;
}

/* Rights that a single server does not ask for, each by a command that changes nothing. Each node has users of its own.
 */
static const struct {
    int count;
    const char *words[4];
    const char *needed;
} asked_rights[] = {
    {3, {"EVAL", "return 1", "0"}, "run, definitions put and definitions sync need the right +eval"},
    {3, {"EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"}, "run needs the right +evalsha"},
    {3, {"SCRIPT", "LOAD", "return 1"}, "run needs the right +script|load"},
    {1, {"TIME"}, "run needs the right +time"},
    {2, {"GET", CHECKED_KEY}, "run needs the right +get"},
    {3, {"HGET", CHECKED_KEY, "none"}, "run needs the right +hget"},
    {3, {"HMGET", CHECKED_KEY, "none"}, "run needs the right +hmget"},
    {3, {"HDEL", CHECKED_KEY, "none"}, "run needs the right +hdel"},
};

/* A master without the key's slot redirects those who have the right. */
static void check_cluster_rights(struct check_report *report, redisContext *connection, const char *place)
{
    for (size_t i = 0; i < sizeof(asked_rights) / sizeof(asked_rights[0]); i++) {
        if (!connection || connection->err != 0)
            return;
        const char *words[4];
        memcpy(words, asked_rights[i].words, sizeof(words));
        redisReply *reply = redisCommandArgv(connection, asked_rights[i].count, words, NULL);
        if (reply && reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOPERM", strlen("NOPERM")) == 0)
            check_tell(report, "right", CHECK_WARNING, "right_missing", place, "%s", asked_rights[i].needed);
        freeReplyObject(reply);
    }
}

static void check_master(struct check_report *report, const struct cluster_node *node)
{
    char place[REDIS_PLACE_BYTES];
    redis_place_text(&node->master.place, place);
    redisReply *info = ask_info(node);
    if (!node->connection) {
        check_tell(report, "redis", CHECK_UNAVAILABLE, "unreachable", place, "%s; it is a master with %u slots",
                   node->error, node->master.slots);
    } else if (is_told(info)) {
        check_info_replicas(report, info->str, place);
        check_info_eviction(report, info->str, place);
    } else {
        check_tell(report, "redis", CHECK_UNKNOWN, "settings_unknown", place, "INFO: %s; it needs the right +info",
                   info ? info->str : node->connection->errstr);
    }
    freeReplyObject(info);
    check_cluster_rights(report, node->connection, place);
}

/* The version of the first master that tells it; "" if none does. */
static void find_version(struct redis_cluster *cluster, char version[VERSION_BYTES])
{
    version[0] = '\0';
    for (size_t i = 0; !version[0] && i < redis_cluster_count(cluster); i++) {
        redisReply *info = ask_info(redis_cluster_node(cluster, i));
        if (is_told(info))
            redis_info_value(info->str, "\nredis_version:", version, VERSION_BYTES);
        freeReplyObject(info);
    }
}

static void tell_reached(struct check_report *report, struct redis_cluster *cluster, const char *address)
{
    const struct cluster_map *map = redis_cluster_map(cluster);
    char version[VERSION_BYTES];
    unsigned replicas = 0;
    for (size_t i = 0; i < map->count; i++)
        replicas += map->masters[i].replicas;
    find_version(cluster, version);
    check_tell(report, "redis", CHECK_OK, "reached", address, "%s%s%scluster, %zu master%s, %u replica%s",
               version[0] ? "version " : "", version, version[0] ? ", " : "", map->count, map->count == 1 ? "" : "s",
               replicas, replicas == 1 ? "" : "s");
}

/* A look calls only some of the masters if others are silent. */
static bool reach(struct redis_cluster *cluster, char *error, size_t error_size)
{
    bool has_map = redis_cluster_look(cluster, error, error_size);
    for (size_t looks = 0; has_map && looks < redis_cluster_count(cluster); looks++) {
        bool all = true;
        for (size_t i = 0; i < redis_cluster_count(cluster); i++)
            all = all && (redis_cluster_node(cluster, i)->connection || redis_cluster_node(cluster, i)->call_at_ms > 0);
        has_map = all || redis_cluster_look(cluster, error, error_size);
    }
    return has_map;
}

static void check_reached_cluster(struct check_report *report, struct redis_cluster *cluster)
{
    char address[REDIS_PLACE_BYTES];
    redis_place_text(redis_cluster_answered(cluster), address);
    tell_reached(report, cluster, address);
    check_slots(report, cluster, address);
    for (size_t i = 0; i < redis_cluster_count(cluster); i++)
        check_master(report, redis_cluster_node(cluster, i));
}

void check_cluster(struct check_report *report, const struct config *config)
{
    const char *address = config->redis.address.items[0];
    char error[1024];
    struct redis_cluster *cluster = redis_cluster_open(config);
    if (!cluster)
        check_tell(report, "redis", CHECK_UNAVAILABLE, "unreachable", address, "out of memory");
    else if (reach(cluster, error, sizeof(error)))
        check_reached_cluster(report, cluster);
    else if (redis_cluster_is_none(cluster))
        check_tell(report, "redis", CHECK_FAULT, "cluster_disabled", address,
                   "it is no node of a cluster (cluster_enabled:0): redis.kind must be single or sentinel");
    else
        check_tell(report, "redis", CHECK_UNAVAILABLE, "unreachable", address, "%s", error);
    redis_cluster_close(cluster);
}
