/* Removes what Redis has and the topic does not have: walks the index with SCAN, page by page. */
#include <stdlib.h>

#include "worker/index/index_restore_internal.h"
#include "worker/validate/record.h"

/* A key of the index. `at.id` of the key of an email is the client that it leads to. */
struct found_key {
    struct index_key at;
    bool doomed;
};

static struct found_key *found_keys_new(const redisReply *keys, struct arena *arena, size_t *count)
{
    struct found_key *found = arena_alloc(arena, (keys->elements + 1) * sizeof(*found));
    *count = 0;
    for (size_t i = 0; i < keys->elements; i++)
        if (keys->element[i]->type == REDIS_REPLY_STRING &&
            index_key_parse(span_of(keys->element[i]->str, keys->element[i]->len), &found[*count].at))
            (*count)++;
    return found;
}

/* One page of keys: new, or NULL after index_fail. *cursor is 0 after the last one. */
static redisReply *scan(struct restore *restore, uint64_t *cursor)
{
    redisReply *page =
        index_ask(restore->index, "SCAN %llu MATCH " INDEX_KEYS_PATTERN " COUNT 1000", (unsigned long long)*cursor);
    if (!page)
        return NULL;
    if (page->type == REDIS_REPLY_ARRAY && page->elements == 2 && page->element[0]->type == REDIS_REPLY_STRING &&
        page->element[1]->type == REDIS_REPLY_ARRAY) {
        *cursor = strtoull(page->element[0]->str, NULL, 10);
        return page;
    }
    freeReplyObject(page);
    index_fail(restore->index, "an unexpected type of answer");
    return NULL;
}

bool restore_finds_index(struct restore *restore, bool *found)
{
    uint64_t cursor = 0;
    *found = false;
    do {
        size_t mark = restore->scratch->used, count = 0;
        redisReply *page = scan(restore, &cursor);
        if (!page)
            return false;
        found_keys_new(page->element[1], restore->scratch, &count);
        *found = count > 0;
        freeReplyObject(page);
        arena_reset(restore->scratch, mark);
    } while (cursor != 0 && !*found);
    return true;
}

static bool is_in_topic(const struct restore *restore, struct span workspace, struct span id)
{
    size_t mark = restore->scratch->used;
    struct span key = arena_format(restore->scratch, "%.*s/%.*s", SPAN_FORMAT(workspace), SPAN_FORMAT(id));
    enum record_fate fate = record_places_fate(restore->places, key);
    arena_reset(restore->scratch, mark);
    return fate == FATE_PENDING || fate == FATE_WRITTEN;
}

/* Reads which clients the emails lead to. */
static bool find_owners(struct restore *restore, struct found_key *keys, size_t count)
{
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, restore->index->connection, restore->scratch);
    for (size_t i = 0; i < count; i++)
        if (keys[i].at.email.at)
            pipeline_read_parts(&pipeline, CLIENT_ID_LENGTH, keys[i].at.key);
    if (!pipeline_send(&pipeline))
        return index_fail(restore->index, "sending failed");
    for (size_t i = 0; i < count; i++)
        if (keys[i].at.email.at && !index_read(restore->index, &pipeline, restore->scratch, &keys[i].at.id))
            return false;
    return true;
}

/* Checks that those clients have these emails. */
static bool compare_emails(struct restore *restore, struct found_key *keys, size_t count)
{
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, restore->index->connection, restore->scratch);
    for (size_t i = 0; i < count; i++) {
        if (!keys[i].at.email.at || keys[i].doomed)
            continue;
        pipeline_read_parts(&pipeline, CLIENT_HEAD_BYTES, CLIENT_KEY(keys[i].at.workspace, keys[i].at.id));
    }
    if (!pipeline_send(&pipeline))
        return index_fail(restore->index, "sending failed");
    for (size_t i = 0; i < count; i++) {
        struct span value;
        if (!keys[i].at.email.at || keys[i].doomed)
            continue;
        size_t mark = restore->scratch->used;
        if (!index_read(restore->index, &pipeline, restore->scratch, &value))
            return false;
        keys[i].doomed = !value.at || !span_equal(record_email(value, restore->scratch), keys[i].at.email);
        arena_reset(restore->scratch, mark);
    }
    return true;
}

static bool delete_doomed(struct restore *restore, const struct found_key *keys, size_t count)
{
    size_t doomed = 0;
    for (size_t i = 0; i < count; i++)
        doomed += keys[i].doomed;
    if (doomed == 0)
        return true;
    struct redis_pipeline pipeline;
    if (!rebuild_lock_watch(restore->lock, restore->scratch))
        return false;
    pipeline_open(&pipeline, restore->index->connection, restore->scratch);
    index_write_word(&pipeline, SPAN("MULTI"));
    for (size_t i = 0; i < count; i++) {
        if (!keys[i].doomed)
            continue;
        pipeline_command(&pipeline, 2);
        pipeline_parts(&pipeline, SPAN("DEL"));
        pipeline_parts(&pipeline, keys[i].at.key);
        restore->removed += keys[i].at.email.at == NULL;
    }
    redisReply *executed = restore_execute(restore, &pipeline, doomed);
    restore->lock->held = executed != NULL;
    freeReplyObject(executed);
    return restore->lock->held;
}

/* Marks the keys for removal that hold something else than a client or the id of one. */
static bool find_foreign(struct restore *restore, struct found_key *keys, size_t count)
{
    struct redis_pipeline pipeline;
    struct span value;
    pipeline_open(&pipeline, restore->index->connection, restore->scratch);
    for (size_t i = 0; i < count; i++)
        pipeline_read_parts(&pipeline, keys[i].at.email.at ? CLIENT_ID_LENGTH : STORED_LINE_BYTES, keys[i].at.key);
    if (!pipeline_send(&pipeline))
        return index_fail(restore->index, "sending failed");
    for (size_t i = 0; i < count; i++) {
        if (!index_read(restore->index, &pipeline, restore->scratch, &value))
            return false;
        keys[i].doomed = keys[i].at.email.at ? value.length != CLIENT_ID_LENGTH : !stored_client_is_sound(value);
    }
    return true;
}

static bool purge_page(struct restore *restore, const redisReply *page, bool only_foreign)
{
    size_t count;
    struct found_key *keys = found_keys_new(page, restore->scratch, &count);
    if (only_foreign)
        return find_foreign(restore, keys, count) && delete_doomed(restore, keys, count);
    if (!find_owners(restore, keys, count))
        return false;
    for (size_t i = 0; i < count; i++)
        keys[i].doomed = !keys[i].at.id.at || !is_in_topic(restore, keys[i].at.workspace, keys[i].at.id);
    return compare_emails(restore, keys, count) && delete_doomed(restore, keys, count);
}

bool restore_purge(struct restore *restore, bool only_foreign, bool go_on(void *listener), void *listener)
{
    uint64_t cursor = 0;
    do {
        size_t mark = restore->scratch->used;
        redisReply *page = scan(restore, &cursor);
        bool ok = page && purge_page(restore, page->element[1], only_foreign);
        freeReplyObject(page);
        arena_reset(restore->scratch, mark);
        if (!ok || !go_on(listener))
            return false;
    } while (cursor != 0);
    return true;
}
