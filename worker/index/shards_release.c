/* Release on a cluster: removes the claims of commands whose clients do not fit into their topic. index_release.c tells
 * what this is about, and does it on one server. Here only the slot of such a command is restored where that is needed.
 */
#include "worker/index/index_internal.h"
#include "worker/index/shards_internal.h"
#include "worker/validate/record.h"

static bool does_not_fit(const struct item *item)
{
    return item_is_ours(item) && item->record_form == FORM_NONE && item->has_identity;
}

/* Reads the client under the item's id. False if that is not possible. */
static bool get_client(struct shards *shards, struct batch *batch, const struct item *item, uint16_t node,
                       struct span *value)
{
    const unsigned slot = redis_slot_of(item->workspace);
    struct cluster_pipelines pipelines;
    enum script_end end;
    struct script_failure failure;
    *value = SPAN_NONE;
    if (!cluster_pipelines_open(&pipelines, shards->cluster, &batch->arena))
        return shards_fail(shards, "out of memory");
    index_write_get_client(cluster_pipelines_to(&pipelines, node), item);
    cluster_pipelines_send(&pipelines);
    redisReply *reply = shards_answer(shards, &pipelines, node, slot, &end, &failure);
    bool ok = reply || shards_refused(shards, slot, end, &failure);
    if (ok && (!index_reply_span(reply, value) || redis_is_wrong_type(reply) ||
               (value->at && !stored_client_is_sound(*value)))) {
        slot_book_distrust(shards->book, slot);
        ok = shards_fail(shards, "the key of a client holds something else");
    }
    if (ok && value->at)
        *value = arena_copy(&batch->arena, *value);
    freeReplyObject(reply);
    cluster_pipelines_close(&pipelines);
    return ok;
}

static bool may_be_committed(const struct shards *shards, const struct item *item)
{
    return !item->claimed && item->from.offset < offsets_get(&shards->committed, item->from.partition);
}

/* Always false: the batch is claimed again when its slot is restored, which leaves only what the record topic has. */
static bool settle(struct shards *shards, struct batch *batch, unsigned slot)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        item->settled = item->settled || (does_not_fit(item) && redis_slot_of(item->workspace) == slot);
    }
    slot_book_distrust(shards->book, slot);
    return shards_fail(shards, "a client that does not fit may have been committed");
}

static bool remove_claim(struct shards *shards, struct batch *batch, const struct item *item, uint16_t node,
                         struct span value, const struct stored_client *stored)
{
    const unsigned slot = redis_slot_of(item->workspace);
    const struct shards_partition *partition = shards_partition(shards, item->from.partition);
    struct arena *arena = &batch->arena;
    struct fence fence = shards_fence(shards, slot, arena);
    const struct fence_part part = {item->from.partition, shards_place(shards, item->from.partition, arena),
                                    span_of_text(partition->term.text),
                                    offsets_get(&shards->committed, item->from.partition)};
    const struct span id = span_of(item->client_id, CLIENT_ID_LENGTH), email = record_email(stored->record, arena),
                      key = SHARDS_TEXT(arena, CLIENT_KEY(item->workspace, id)),
                      email_key = email.at ? SHARDS_TEXT(arena, EMAIL_KEY(item->workspace, email)) : key,
                      line = span_of(value.at, (size_t)(stored->record.at - value.at));
    struct cluster_pipelines pipelines;
    enum script_end end;
    struct script_failure failure;
    fence.parts = &part;
    fence.part_count = 1;
    if (!cluster_pipelines_open(&pipelines, shards->cluster, arena))
        return shards_fail(shards, "out of memory");
    struct redis_pipeline *pipeline = cluster_pipelines_to(&pipelines, node);
    index_script_begin(pipeline, SCRIPT_RELEASE, SCRIPT_BY_NAME, 3, fence_arguments(1) + 1);
    pipeline_parts(pipeline, fence.key);
    pipeline_parts(pipeline, key);
    pipeline_parts(pipeline, email_key);
    fence_write(pipeline, &fence, FENCE_RAISE, NULL, 1);
    pipeline_parts(pipeline, line);
    cluster_pipelines_send(&pipelines);
    redisReply *reply = shards_answer(shards, &pipelines, node, slot, &end, &failure);
    if (reply)
        end = index_script_look(arena, reply, &failure);
    freeReplyObject(reply);
    cluster_pipelines_close(&pipelines);
    return end == SCRIPT_DONE || shards_refused(shards, slot, end, &failure);
}

static bool release(struct shards *shards, struct batch *batch, struct item *item)
{
    const unsigned slot = redis_slot_of(item->workspace);
    struct span value;
    struct stored_client stored;
    uint16_t node;
    if (!shards_may_decide(shards, item))
        return shards_fail(shards, "a slot or a partition is not ready");
    (void)redis_cluster_slot(shards->cluster, slot, &node);
    if (!get_client(shards, batch, item, node, &value))
        return false;
    if (!value.at || !stored_client_parse(value, &stored) || !claim_is_own(item, &stored))
        return true;
    if (!may_be_committed(shards, item))
        return remove_claim(shards, batch, item, node, value, &stored);
    if (!item->settled)
        return settle(shards, batch, slot);
    item->record_form = FORM_FULL;
    item_confirm(item, MESSAGE_RECORD);
    return true;
}

bool shards_release(struct shards *shards, struct batch *batch)
{
    bool ok = true;
    for (uint32_t i = 0; i < batch->count && ok; i++) {
        const size_t mark = batch->arena.used;
        ok = !does_not_fit(&batch->items[i]) || release(shards, batch, &batch->items[i]);
        arena_reset(&batch->arena, mark);
    }
    return ok;
}
