/* The watch on a cluster: a link to each master. The connections are those that redis_cluster makes to its nodes. */
#include <stdio.h>

#include "common/clock.h"
#include "worker/definitions/definitions_watch_internal.h"

#define MAP_EVERY_MS   5000 /* a planned failover ends no connection, and a new master makes none */
#define NOT_ALLOWED_MS 1000 /* before a node that did not take the subscription is called again */

/* The node of the link; NULL: its connection was closed. */
static struct cluster_node *find_node(const struct definitions_watch *watch, const struct watch_link *link,
                                      size_t *number)
{
    for (*number = 0; *number < redis_cluster_count(watch->cluster); (*number)++) {
        struct cluster_node *node = redis_cluster_node(watch->cluster, *number);
        if (node->connection && node->number == link->number)
            return node;
    }
    return NULL;
}

static bool has_link(const struct definitions_watch *watch, const struct cluster_node *node)
{
    for (size_t i = 0; i < watch->link_count; i++)
        if (watch->links[i].number == node->number)
            return true;
    return false;
}

void watch_hang_up_cluster(struct definitions_watch *watch, const struct watch_link *link, const char *reason)
{
    size_t number;
    if (find_node(watch, link, &number))
        redis_cluster_lose(watch->cluster, number, reason);
}

/* Adds "PLACE: reason" to why not all is watched, unless something is there already. */
static void note(const struct cluster_node *node, const char *reason, char *error)
{
    char place[REDIS_PLACE_BYTES];
    redis_place_text(&node->master.place, place);
    if (error[0] == '\0')
        snprintf(error, ERROR_TEXT_BYTES, "%.270s: %.200s", place, reason);
}

static void add_links(struct definitions_watch *watch, char *error)
{
    char reason[ERROR_TEXT_BYTES];
    for (size_t i = 0; i < redis_cluster_count(watch->cluster); i++) {
        struct cluster_node *node = redis_cluster_node(watch->cluster, i);
        if (!node->connection) {
            note(node, node->error, error);
        } else if (!has_link(watch, node) && !watch_link_add(watch, node->connection, node->number, reason)) {
            note(node, reason, error);
            redis_cluster_lose(watch->cluster, i, reason);
            node->call_at_ms = clock_now_ms() + NOT_ALLOWED_MS;
        }
    }
}

static bool renew_is_due(struct definitions_watch *watch, bool is_doubted)
{
    const int64_t now_ms = clock_now_ms(), wait_ms = is_doubted ? CLUSTER_LOOK_MS : MAP_EVERY_MS;
    if (redis_cluster_count(watch->cluster) == 0 || now_ms - watch->map_asked_ms < wait_ms)
        return false;
    watch->map_asked_ms = now_ms;
    return true;
}

void watch_tend_cluster(struct definitions_watch *watch, bool is_doubted)
{
    char reason[ERROR_TEXT_BYTES] = "", error[ERROR_TEXT_BYTES] = "";
    size_t number;
    if (renew_is_due(watch, is_doubted))
        (void)!redis_cluster_look_again(watch->cluster, reason, sizeof(reason)); /* or the map stays as it is */
    const bool has_map = redis_cluster_look(watch->cluster, reason, sizeof(reason));
    for (size_t i = watch->link_count; i-- > 0;)
        if (!find_node(watch, &watch->links[i], &number))
            watch_link_remove(watch, i); /* its master is none any more, or elsewhere */
    if (has_map)
        add_links(watch, error);
    else
        snprintf(error, sizeof(error), "%s", reason);
    if (has_map && error[0] == '\0' && redis_cluster_map(watch->cluster)->unserved > 0)
        snprintf(error, sizeof(error), "no master serves %u of %d slots", redis_cluster_map(watch->cluster)->unserved,
                 REDIS_SLOTS);
    watch_tell(watch, error[0] == '\0', error);
}
