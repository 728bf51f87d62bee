/* Removes what slots that are restored have and the topic does not have: walks each master with SCAN, page by page. */
#include <stdlib.h>

#include "worker/index/index_internal.h"
#include "worker/index/shards_clients.h"
#include "worker/index/shards_restore_internal.h"
#include "worker/validate/record.h"

/* A key of the index in a slot that is restored. `at.id` of the key of an email is the client that it leads to. */
struct found_key {
    struct index_key at;
    unsigned slot;
    bool doomed;
};

static void leave_all(struct shards_clients *clients, uint64_t connection)
{
    for (unsigned slot = 0; slot < REDIS_SLOTS; slot++)
        if (shards_restore_has(clients->restore, slot) &&
            slot_book_connection(clients->restore->shards->book, slot) == connection)
            shards_restore_leave(clients->restore, slot);
}

/* One page of keys: new, or NULL if the master did not answer. *cursor is "0" after the last one. */
static redisReply *scan(struct shards_clients *clients, uint16_t node, struct span *cursor)
{
    struct shards *shards = clients->restore->shards;
    const unsigned lowest = redis_cluster_node(shards->cluster, node)->master.lowest;
    struct cluster_pipelines pipelines;
    enum script_end end;
    struct script_failure failure;
    if (!cluster_pipelines_open(&pipelines, shards->cluster, clients->scratch))
        return NULL;
    struct redis_pipeline *pipeline = cluster_pipelines_to(&pipelines, node);
    pipeline_command(pipeline, 6);
    pipeline_parts(pipeline, SPAN("SCAN"));
    pipeline_parts(pipeline, *cursor);
    pipeline_parts(pipeline, SPAN("MATCH"));
    pipeline_parts(pipeline, SPAN(INDEX_KEYS_PATTERN));
    pipeline_parts(pipeline, SPAN("COUNT"));
    pipeline_parts(pipeline, SPAN("1000"));
    cluster_pipelines_send(&pipelines);
    redisReply *page = shards_answer(shards, &pipelines, node, lowest, &end, &failure);
    cluster_pipelines_close(&pipelines);
    if (page && page->type == REDIS_REPLY_ARRAY && page->elements == 2 &&
        page->element[0]->type == REDIS_REPLY_STRING && page->element[1]->type == REDIS_REPLY_ARRAY) {
        *cursor = span_of(page->element[0]->str, page->element[0]->len);
        return page;
    }
    freeReplyObject(page);
    return NULL;
}

static struct found_key *find_keys(const struct shards_clients *clients, const redisReply *keys, uint64_t connection,
                                   size_t *count)
{
    struct found_key *found = arena_alloc(clients->scratch, (keys->elements + 1) * sizeof(*found));
    *count = 0;
    for (size_t i = 0; i < keys->elements; i++) {
        struct found_key *key = &found[*count];
        *key = (struct found_key){.doomed = false};
        if (keys->element[i]->type != REDIS_REPLY_STRING ||
            !index_key_parse(span_of(keys->element[i]->str, keys->element[i]->len), &key->at))
            continue;
        key->slot = redis_slot_of(key->at.key);
        *count += shards_restore_has(clients->restore, key->slot) &&
                  slot_book_connection(clients->restore->shards->book, key->slot) == connection;
    }
    return found;
}

/* The next answer to a read, in the arena. False if the slot has left. */
static bool take_value(struct shards_clients *clients, struct cluster_pipelines *pipelines, uint16_t node,
                       unsigned slot, struct span *value)
{
    enum script_end end;
    struct script_failure failure;
    redisReply *reply = shards_answer(clients->restore->shards, pipelines, node, slot, &end, &failure);
    const bool ok = reply && index_reply_span(reply, value);
    if (ok && value->at)
        *value = arena_copy(clients->scratch, *value);
    freeReplyObject(reply);
    if (!ok)
        shards_restore_leave(clients->restore, slot);
    return ok;
}

/* Reads which clients the emails lead to. */
static void find_owners(struct shards_clients *clients, uint16_t node, struct found_key *keys, size_t count)
{
    struct cluster_pipelines pipelines;
    if (!cluster_pipelines_open(&pipelines, clients->restore->shards->cluster, clients->scratch))
        return;
    for (size_t i = 0; i < count; i++)
        if (keys[i].at.email.at)
            pipeline_read_parts(cluster_pipelines_to(&pipelines, node), CLIENT_ID_LENGTH, keys[i].at.key);
    cluster_pipelines_send(&pipelines);
    for (size_t i = 0; i < count; i++)
        if (keys[i].at.email.at && !take_value(clients, &pipelines, node, keys[i].slot, &keys[i].at.id))
            keys[i].at.id = SPAN_NONE;
    cluster_pipelines_close(&pipelines);
}

static bool is_in_topic(const struct shards_clients *clients, const struct found_key *key)
{
    const struct span name = SHARDS_TEXT(clients->scratch, key->at.workspace, SPAN("/"), key->at.id);
    const enum record_fate fate = record_places_fate(clients->places, name);
    return fate == FATE_PENDING || fate == FATE_WRITTEN;
}

/* Checks that the clients to which emails lead have these emails. */
static void compare_emails(struct shards_clients *clients, uint16_t node, struct found_key *keys, size_t count)
{
    struct cluster_pipelines pipelines;
    if (!cluster_pipelines_open(&pipelines, clients->restore->shards->cluster, clients->scratch))
        return;
    for (size_t i = 0; i < count; i++)
        if (keys[i].at.email.at && !keys[i].doomed)
            pipeline_read_parts(cluster_pipelines_to(&pipelines, node), CLIENT_HEAD_BYTES,
                                CLIENT_KEY(keys[i].at.workspace, keys[i].at.id));
    cluster_pipelines_send(&pipelines);
    for (size_t i = 0; i < count; i++) {
        const size_t mark = clients->scratch->used;
        struct span value;
        if (!keys[i].at.email.at || keys[i].doomed)
            continue;
        const bool ok = take_value(clients, &pipelines, node, keys[i].slot, &value);
        const struct span email = ok && value.at ? record_email(value, clients->scratch) : SPAN_NONE;
        keys[i].doomed = !email.at || !span_equal(email, keys[i].at.email);
        arena_reset(clients->scratch, mark);
    }
    cluster_pipelines_close(&pipelines);
}

static int by_slot(const void *one, const void *other)
{
    const struct found_key *a = one, *b = other;
    return (a->slot > b->slot) - (a->slot < b->slot);
}

static void delete_doomed(struct shards_clients *clients, struct found_key *keys, size_t count)
{
    struct slot_change *changes = arena_alloc(clients->scratch, count * sizeof(*changes));
    qsort(keys, count, sizeof(*keys), by_slot);
    for (size_t from = 0, to; from < count; from = to) {
        uint32_t doomed = 0, doomed_clients = 0;
        for (to = from; to < count && keys[to].slot == keys[from].slot; to++) {
            if (!keys[to].doomed)
                continue;
            changes[doomed++] = (struct slot_change){keys[to].at.key, SPAN_NONE};
            doomed_clients += keys[to].at.email.at == NULL;
        }
        if (doomed > 0 && shards_restore_has(clients->restore, keys[from].slot) &&
            shards_clients_change(clients, keys[from].slot, changes, doomed))
            clients->removed += doomed_clients;
    }
}

static void purge_page(struct shards_clients *clients, uint16_t node, const redisReply *page, uint64_t connection)
{
    size_t count;
    struct found_key *keys = find_keys(clients, page, connection, &count);
    find_owners(clients, node, keys, count);
    for (size_t i = 0; i < count; i++)
        keys[i].doomed = !keys[i].at.id.at || !is_in_topic(clients, &keys[i]);
    compare_emails(clients, node, keys, count);
    delete_doomed(clients, keys, count);
}

/* The node of a connection; CLUSTER_NO_MASTER if it is gone. */
static uint16_t node_of(const struct shards_clients *clients, uint64_t connection)
{
    const struct redis_cluster *cluster = clients->restore->shards->cluster;
    for (size_t i = 0; i < redis_cluster_count(cluster); i++) {
        const struct cluster_node *node = redis_cluster_node(clients->restore->shards->cluster, i);
        if (node->number == connection && cluster_node_is_there(node))
            return (uint16_t)i;
    }
    return CLUSTER_NO_MASTER;
}

static bool purge_master(struct shards_clients *clients, uint64_t connection, bool go_on(void *listener),
                         void *listener)
{
    char text[32] = "0";
    do {
        const size_t mark = clients->scratch->used;
        struct span cursor = span_of_text(text);
        const uint16_t node = node_of(clients, connection);
        redisReply *page = node != CLUSTER_NO_MASTER ? scan(clients, node, &cursor) : NULL;
        if (page) {
            snprintf(text, sizeof(text), "%.*s", SPAN_FORMAT(cursor));
            purge_page(clients, node, page->element[1], connection);
        } else {
            leave_all(clients, connection);
        }
        freeReplyObject(page);
        arena_reset(clients->scratch, mark);
        if (!page)
            return true;
        if (!go_on(listener))
            return false;
    } while (strcmp(text, "0") != 0);
    return true;
}

static bool has_slots(const struct shards_clients *clients, uint64_t connection)
{
    for (unsigned slot = 0; slot < REDIS_SLOTS; slot++)
        if (shards_restore_has(clients->restore, slot) &&
            slot_book_connection(clients->restore->shards->book, slot) == connection)
            return true;
    return false;
}

bool shards_clients_purge(struct shards_clients *clients, bool go_on(void *listener), void *listener)
{
    for (size_t i = 0; i < clients->restore->master_count; i++) {
        const uint64_t connection = clients->restore->masters[i].connection;
        if (has_slots(clients, connection) && !purge_master(clients, connection, go_on, listener))
            return false;
    }
    return true;
}
