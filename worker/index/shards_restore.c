#include "worker/index/shards_restore.h"

#include <stdlib.h>
#include <string.h>

#include "worker/index/shards_restore_internal.h"

struct shards_restore *shards_restore_new(struct shards *shards, struct arena *scratch)
{
    struct shards_restore *restore = calloc(1, sizeof(*restore));
    if (!restore)
        return NULL;
    restore->shards = shards;
    restore->scratch = scratch;
    if (!redis_epoch_random(restore->token) || !redis_epoch_random(restore->epoch)) {
        free(restore);
        return NULL;
    }
    memcpy(restore->token, shards->name, EPOCH_LENGTH / 2);
    return restore;
}

void shards_restore_free(struct shards_restore *restore)
{
    free(restore);
}

struct slot_restore shards_restore_slot(const struct shards_restore *restore, unsigned slot)
{
    struct shards *shards = restore->shards;
    return (struct slot_restore){.key = shards_fence_key(slot, restore->scratch),
                                 .token = span_of(restore->token, EPOCH_LENGTH),
                                 .topic = span_of_text(shards->config->records.topic),
                                 .before = slot_book_epoch(shards->book, slot)};
}

static const struct shards_restore_master *master_of(const struct shards_restore *restore, uint64_t connection)
{
    for (size_t i = 0; i < restore->master_count; i++)
        if (restore->masters[i].connection == connection)
            return &restore->masters[i];
    return NULL;
}

bool shards_restore_node(struct shards_restore *restore, unsigned slot, uint16_t *node)
{
    struct shards *shards = restore->shards;
    if (redis_cluster_slot(shards->cluster, slot, node) == SLOT_SERVED &&
        slot_book_connection(shards->book, slot) == redis_cluster_node(shards->cluster, *node)->number &&
        master_of(restore, slot_book_connection(shards->book, slot)))
        return true;
    shards_restore_leave(restore, slot);
    return false;
}

void shards_restore_leave(struct shards_restore *restore, unsigned slot)
{
    restore->has[slot] = false;
    slot_book_doubt(restore->shards->book, slot);
}

bool shards_restore_has(const struct shards_restore *restore, unsigned slot)
{
    return restore->has[slot];
}

/* ---- a step for all slots ---- */

/* Writes the step of a slot to its node's pipeline; and reads the answer, of which the result is false if the slot
 * leaves. */
typedef void step_writer(struct redis_pipeline *pipeline, const struct shards_restore *restore,
                         const struct slot_restore *slot, struct span stamp);
typedef bool step_reader(struct shards_restore *restore, unsigned number, const redisReply *answer);

/* Slots of one node, in one pipeline; a pass has so many of each node at most. */
#define STEP_SLOTS 1024

static int by_node(const void *one, const void *other)
{
    const struct shards_group *a = one, *b = other;
    return a->node != b->node ? (a->node < b->node ? -1 : 1) : (a->slot > b->slot) - (a->slot < b->slot);
}

static void pass(struct shards_restore *restore, struct shards_group *slots, size_t count, step_writer *write,
                 step_reader *read)
{
    struct cluster_pipelines pipelines;
    struct slot_restore *steps = arena_alloc(restore->scratch, count * sizeof(*steps));
    qsort(slots, count, sizeof(*slots), by_node);
    for (size_t i = 0; i < count; i++)
        steps[i] = shards_restore_slot(restore, slots[i].slot);
    if (!cluster_pipelines_open(&pipelines, restore->shards->cluster, restore->scratch))
        return;
    for (size_t i = 0; i < count; i++) {
        const struct shards_restore_master *master =
            master_of(restore, slot_book_connection(restore->shards->book, slots[i].slot));
        write(cluster_pipelines_to(&pipelines, slots[i].node), restore, &steps[i], span_of_text(master->stamp));
    }
    cluster_pipelines_send(&pipelines);
    for (size_t i = 0; i < count; i++) {
        enum script_end end;
        struct script_failure failure;
        redisReply *answer = shards_answer(restore->shards, &pipelines, slots[i].node, slots[i].slot, &end, &failure);
        if (!answer || !read(restore, slots[i].slot, answer))
            shards_restore_leave(restore, slots[i].slot);
        freeReplyObject(answer);
    }
    cluster_pipelines_close(&pipelines);
}

/* All slots that were taken. */
static void step(struct shards_restore *restore, step_writer *write, step_reader *read)
{
    for (unsigned slot = 0; slot < REDIS_SLOTS;) {
        const size_t mark = restore->scratch->used;
        struct shards_group *slots = arena_alloc(restore->scratch, STEP_SLOTS * sizeof(*slots));
        size_t count = 0;
        for (; slot < REDIS_SLOTS && count < STEP_SLOTS; slot++) {
            uint16_t node;
            if (restore->has[slot] && shards_restore_node(restore, slot, &node))
                slots[count++] = (struct shards_group){.node = node, .slot = slot};
        }
        if (count > 0)
            pass(restore, slots, count, write, read);
        arena_reset(restore->scratch, mark);
    }
}

/* ---- the steps ---- */

static void write_begin(struct redis_pipeline *pipeline, const struct shards_restore *restore,
                        const struct slot_restore *slot, struct span stamp)
{
    (void)restore, (void)stamp;
    slot_restore_send_begin(pipeline, slot, SCRIPT_BY_NAME);
}

static bool read_begin(struct shards_restore *restore, unsigned slot, const redisReply *answer)
{
    enum slot_begun begun;
    struct script_failure failure;
    (void)slot;
    return slot_restore_take_begun(restore->scratch, answer, &begun, &failure) == SCRIPT_DONE && begun == SLOT_BEGUN;
}

static void write_renewal(struct redis_pipeline *pipeline, const struct shards_restore *restore,
                          const struct slot_restore *slot, struct span stamp)
{
    (void)restore, (void)stamp;
    slot_restore_send_write(pipeline, slot, NULL, 0, NULL, 0, SCRIPT_BY_NAME);
}

static bool read_renewal(struct shards_restore *restore, unsigned slot, const redisReply *answer)
{
    bool none[1];
    struct script_failure failure;
    (void)slot;
    return slot_restore_take_written(restore->scratch, answer, none, 0, &failure) == SCRIPT_DONE;
}

static void write_end(struct redis_pipeline *pipeline, const struct shards_restore *restore,
                      const struct slot_restore *slot, struct span stamp)
{
    slot_restore_send_end(pipeline, slot, span_of(restore->epoch, EPOCH_LENGTH), stamp, SCRIPT_BY_NAME);
}

static bool read_end(struct shards_restore *restore, unsigned slot, const redisReply *answer)
{
    struct script_failure failure;
    struct slot_book *book = restore->shards->book;
    const struct shards_restore_master *master = master_of(restore, slot_book_connection(book, slot));
    if (slot_restore_take_ended(restore->scratch, answer, &failure) != SCRIPT_DONE || !master)
        return false;
    slot_book_restored(book, slot, span_of(restore->epoch, EPOCH_LENGTH), span_of_text(master->stamp));
    return true;
}

/* ---- the whole ---- */

/* The masters that have answered a beat; slots of others cannot be taken. */
static void note_masters(struct shards_restore *restore)
{
    const struct shards *shards = restore->shards;
    for (size_t i = 0; i < redis_cluster_count(shards->cluster); i++) {
        const struct cluster_node *node = redis_cluster_node(shards->cluster, i);
        if (shards->beats[i].connection == 0 || shards->beats[i].connection != node->number || !node->connection)
            continue;
        struct shards_restore_master *master = &restore->masters[restore->master_count++];
        master->connection = node->number;
        (void)slot_stamp_text(node->shard, shards->beats[i].config_epoch, master->stamp);
    }
}

static unsigned count_of(const struct shards_restore *restore)
{
    unsigned count = 0;
    for (unsigned slot = 0; slot < REDIS_SLOTS; slot++)
        count += restore->has[slot];
    return count;
}

unsigned shards_restore_begin(struct shards_restore *restore)
{
    note_masters(restore);
    for (unsigned slot = 0; slot < REDIS_SLOTS; slot++) {
        const enum slot_trust trust = slot_book_trust(restore->shards->book, slot);
        restore->has[slot] =
            (trust == TRUST_LOST || trust == TRUST_BUSY) && slot_book_connection(restore->shards->book, slot) != 0;
    }
    step(restore, write_begin, read_begin);
    return count_of(restore);
}

void shards_restore_renew(struct shards_restore *restore)
{
    step(restore, write_renewal, read_renewal);
}

unsigned shards_restore_end(struct shards_restore *restore, const struct shards_progress *progress)
{
    bool was_complete[CLUSTER_MASTERS_MOST] = {false}, is_complete[CLUSTER_MASTERS_MOST] = {false};
    for (size_t i = 0; i < restore->master_count; i++)
        was_complete[i] = slot_book_is_complete(restore->shards->book, restore->masters[i].connection);
    step(restore, write_end, read_end);
    for (size_t i = 0; i < restore->master_count; i++)
        is_complete[i] =
            !was_complete[i] && slot_book_is_complete(restore->shards->book, restore->masters[i].connection);
    shards_restore_settle(restore, progress, is_complete);
    return count_of(restore);
}
