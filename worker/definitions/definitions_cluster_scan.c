/* The names of all workspaces with definitions, from all masters of a cluster. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/definitions/definitions_cluster_internal.h"
#include "worker/model/batch.h"
#include "worker/redis/redis_keys.h"

#define SCAN_COUNT "1000"
#define ROUNDS     2

enum scan_end {
    SCAN_WHOLE,
    SCAN_BROKEN, /* a master was away, or is another one by now: the round does not count */
    SCAN_FAILED
};

/* ---- names ---- */

void definitions_names_free(struct definitions_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free((char *)names->items[i].at);
    free(names->items);
    *names = (struct definitions_names){NULL};
}

static bool names_add(struct definitions_names *names, struct span workspace)
{
    if (names->count == names->capacity) {
        const size_t capacity = names->capacity ? 2 * names->capacity : 1024;
        struct span *items = realloc(names->items, capacity * sizeof(*items));
        if (!items)
            return false;
        names->items = items;
        names->capacity = capacity;
    }
    char *text = malloc(workspace.length);
    if (!text)
        return false;
    memcpy(text, workspace.at, workspace.length);
    names->items[names->count++] = span_of(text, workspace.length);
    return true;
}

static int by_bytes(const void *one, const void *other)
{
    const struct span *a = one, *b = other;
    const int order = memcmp(a->at, b->at, a->length < b->length ? a->length : b->length);
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

static void names_settle(struct definitions_names *names)
{
    size_t kept = 0;
    if (names->count > 0)
        qsort(names->items, names->count, sizeof(*names->items), by_bytes);
    for (size_t i = 0; i < names->count; i++) {
        if (kept > 0 && span_equal(names->items[kept - 1], names->items[i]))
            free((char *)names->items[i].at);
        else
            names->items[kept++] = names->items[i];
    }
    names->count = kept;
}

/* ---- one master ---- */

static bool take_page(struct definitions_names *names, const redisReply *keys)
{
    bool ok = true;
    for (size_t i = 0; i < keys->elements && ok; i++) {
        const redisReply *key = keys->element[i];
        const struct span workspace = definitions_key_workspace(span_of(key->str, (size_t)key->len));
        if (workspace.at && workspace.length <= WORKSPACE_ID_CHARACTERS)
            ok = names_add(names, workspace);
    }
    return ok;
}

static bool is_page(const redisReply *page)
{
    return page->type == REDIS_REPLY_ARRAY && page->elements == 2 && page->element[0]->type == REDIS_REPLY_STRING &&
           page->element[1]->type == REDIS_REPLY_ARRAY;
}

static enum scan_end scan_master(struct redis_cluster *cluster, size_t number, struct definitions_names *names,
                                 char *error, size_t error_size)
{
    char cursor[32] = "0";
    const struct cluster_node *node = redis_cluster_node(cluster, number);
    if (!cluster_node_is_there(node)) {
        snprintf(error, error_size, "%s", node->error);
        return SCAN_BROKEN;
    }
    do {
        redisReply *page =
            redisCommand(node->connection, "SCAN %s MATCH " DEFINITIONS_KEYS_PATTERN " COUNT " SCAN_COUNT, cursor);
        enum scan_end end = SCAN_FAILED;
        if (!page) {
            snprintf(error, error_size, "%s", node->connection->errstr);
            redis_cluster_lose(cluster, number, error);
            return SCAN_BROKEN;
        }
        if (!is_page(page))
            snprintf(error, error_size, "SCAN: %s", page->type == REDIS_REPLY_ERROR ? page->str : "no page of keys");
        else if (!take_page(names, page->element[1]))
            snprintf(error, error_size, "out of memory");
        else
            end = SCAN_WHOLE;
        if (redis_redirect_of(page) != REDIRECT_NONE) {
            cluster_node_rest(redis_cluster_node(cluster, number), error);
            end = SCAN_BROKEN;
        }
        if (end == SCAN_WHOLE)
            snprintf(cursor, sizeof(cursor), "%s", page->element[0]->str);
        freeReplyObject(page);
        if (end != SCAN_WHOLE)
            return end;
    } while (strcmp(cursor, "0") != 0);
    return SCAN_WHOLE;
}

/* ---- all of them ---- */

/* A new map, in which all slots are served: the names in the others would be missing. */
static bool look_again(struct redis_cluster *cluster, char *error, size_t error_size)
{
    if (!redis_cluster_look_again(cluster, error, error_size))
        return false;
    const unsigned unserved = redis_cluster_map(cluster)->unserved;
    if (unserved > 0)
        snprintf(error, error_size, "no master serves %u of %d slots", unserved, REDIS_SLOTS);
    return unserved == 0;
}

static enum scan_end scan_round(struct redis_cluster *cluster, struct definitions_names *names, char *error,
                                size_t error_size)
{
    enum scan_end end = look_again(cluster, error, error_size) ? SCAN_WHOLE : SCAN_BROKEN;
    for (size_t i = 0; end == SCAN_WHOLE && i < redis_cluster_count(cluster); i++)
        end = scan_master(cluster, i, names, error, error_size);
    return end;
}

/* A key that moves once is found: if the first round came too late to find it where it was, it has moved before the
 * second one began. */
static bool scan_rounds(struct redis_cluster *cluster, struct definitions_names *names, char *error, size_t error_size)
{
    int64_t until_ms = clock_now_ms() + DEFINITIONS_PATIENCE_MS;
    for (unsigned rounds = 0; rounds < ROUNDS;) {
        const enum scan_end end = scan_round(cluster, names, error, error_size);
        if (end == SCAN_FAILED || (end == SCAN_BROKEN && clock_now_ms() >= until_ms))
            return false;
        if (end == SCAN_BROKEN) {
            clock_sleep(CLUSTER_PAUSE_MS);
            continue;
        }
        until_ms = clock_now_ms() + DEFINITIONS_PATIENCE_MS;
        rounds++;
    }
    return true;
}

bool definitions_cluster_names(struct definitions_cluster *cluster, struct definitions_names *names, char *error,
                               size_t error_size)
{
    *names = (struct definitions_names){NULL};
    const bool ok = scan_rounds(cluster->cluster, names, error, error_size);
    if (ok)
        names_settle(names);
    else
        definitions_names_free(names);
    return ok;
}
