/* What an audit asks the masters of a cluster, and what they answer. */
#include "worker/index/index_internal.h"
#include "worker/index/shards_audit_internal.h"

/* The fields of a fence that are read. */
enum { FIELD_EPOCH, FIELD_SHARD, FIELD_RECORDS, FIELD_RESTORER, FIELDS };

static bool is_to_be_read(const struct shards *shards, unsigned slot)
{
    const enum slot_trust trust = slot_book_trust(shards->book, slot);
    return trust == TRUST_UNKNOWN || trust == TRUST_BUSY || trust == TRUST_FOREIGN;
}

/* ---- questions ---- */

static void find_slots(const struct shards_audit *audit, struct audited *audited)
{
    const struct cluster_map *map = redis_cluster_map(audit->shards->cluster);
    const struct cluster_node *node = redis_cluster_node(audit->shards->cluster, audited->node);
    uint32_t count = 0;
    audited->slots = arena_alloc(audit->arena, node->master.slots * sizeof(*audited->slots));
    for (unsigned slot = 0; slot < REDIS_SLOTS; slot++)
        if (map->owner[slot] == audited->node && slot_book_connection(audit->shards->book, slot) == node->number &&
            is_to_be_read(audit->shards, slot))
            audited->slots[count++] = (struct read_slot){.slot = slot};
    audited->slot_count = count;
}

static void find_masters(struct shards_audit *audit)
{
    const size_t nodes = redis_cluster_count(audit->shards->cluster);
    const int32_t partitions = audit->progress->committed.count;
    audit->audited = arena_alloc(audit->arena, nodes * sizeof(*audit->audited));
    for (size_t i = 0; i < nodes; i++) {
        if (!cluster_node_is_there(redis_cluster_node(audit->shards->cluster, i)))
            continue;
        struct audited *audited = &audit->audited[audit->count++];
        *audited = (struct audited){.node = (uint16_t)i};
        find_slots(audit, audited);
        audited->keys = arena_alloc(audit->arena, (size_t)partitions * sizeof(*audited->keys));
        audited->checkpoints = arena_alloc(audit->arena, (size_t)partitions * sizeof(*audited->checkpoints));
        audited->announced = arena_alloc(audit->arena, (size_t)partitions * sizeof(*audited->announced));
        for (int32_t j = 0; j < partitions; j++) {
            const struct span place = shards_place(audit->shards, j, audit->arena);
            audited->keys[j] = shards_checkpoint_key(audit->shards, i, place, audit->arena);
            audited->announced[j] = shards_announced_key(audit->shards, i, place, audit->arena);
        }
    }
}

/* Where the marks are of how far partitions are claimed. */
static void find_marks(struct shards_audit *audit)
{
    const int32_t partitions = audit->progress->committed.count;
    audit->claimed = arena_alloc(audit->arena, (size_t)partitions * sizeof(*audit->claimed));
    for (int32_t i = 0; i < partitions; i++) {
        struct claimed_mark *mark = &audit->claimed[i];
        *mark = (struct claimed_mark){.place = shards_place(audit->shards, i, audit->arena), .claimed = OFFSET_NONE};
        mark->slot = shards_term_slot(mark->place);
        if (redis_cluster_slot(audit->shards->cluster, mark->slot, &mark->node) != SLOT_SERVED)
            mark->node = CLUSTER_NO_MASTER;
    }
}

static void write_questions(const struct shards_audit *audit, const struct audited *audited,
                            struct redis_pipeline *pipeline)
{
    for (uint32_t i = 0; i < audited->slot_count; i++) {
        pipeline_command(pipeline, 2 + FIELDS);
        pipeline_parts(pipeline, SPAN("HMGET"));
        pipeline_parts(pipeline, FENCE_KEY(redis_slot_tag(audited->slots[i].slot)));
        pipeline_parts(pipeline, SPAN("epoch"));
        pipeline_parts(pipeline, SPAN("shard"));
        pipeline_parts(pipeline, SPAN("records"));
        pipeline_parts(pipeline, SPAN("restorer"));
    }
    for (int32_t i = 0; i < audit->progress->committed.count; i++) {
        pipeline_read_parts(pipeline, CHECKPOINT_HEAD_BYTES, audited->keys[i]);
        pipeline_read_parts(pipeline, CHECKPOINT_HEAD_BYTES, audited->announced[i]);
    }
}

/* ---- answers ---- */

/* A field's text, in the arena; at == NULL if it is missing, or longer than any that is ours. */
static struct span field_of(const struct shards_audit *audit, const redisReply *fence, size_t field)
{
    const struct span text = index_script_text_at(fence, field);
    return text.at && text.length <= RECORD_TOPIC_LENGTH ? arena_copy(audit->arena, text) : SPAN_NONE;
}

static void take_slot(const struct shards_audit *audit, struct cluster_pipelines *pipelines,
                      const struct audited *audited, struct read_slot *slot)
{
    enum script_end end;
    struct script_failure failure;
    redisReply *reply = shards_answer(audit->shards, pipelines, audited->node, slot->slot, &end, &failure);
    if (!reply)
        return;
    slot->was_read = redis_is_wrong_type(reply) || (reply->type == REDIS_REPLY_ARRAY && reply->elements == FIELDS);
    if (slot->was_read && reply->type == REDIS_REPLY_ARRAY)
        slot->reading = (struct slot_reading){field_of(audit, reply, FIELD_EPOCH), field_of(audit, reply, FIELD_SHARD),
                                              field_of(audit, reply, FIELD_RECORDS),
                                              index_script_text_at(reply, FIELD_RESTORER).at != NULL};
    freeReplyObject(reply);
}

/* False if there was no answer. */
static bool take_checkpoint(const struct shards_audit *audit, struct cluster_pipelines *pipelines,
                            const struct audited *audited, struct checkpoint *checkpoint)
{
    const unsigned slot = redis_cluster_node(audit->shards->cluster, audited->node)->master.lowest;
    enum script_end end;
    struct script_failure failure;
    struct span text = SPAN_NONE;
    redisReply *reply = shards_answer(audit->shards, pipelines, audited->node, slot, &end, &failure);
    const bool answered = reply && index_reply_span(reply, &text);
    *checkpoint = checkpoint_head(text);
    freeReplyObject(reply);
    return answered;
}

/* Whether the commit that was announced is the group's last one, and its checkpoint is still to come. */
static bool has_come_to_pass(const struct shards_audit *audit, int32_t partition, const struct checkpoint *announced,
                             const struct checkpoint *checkpoint)
{
    return announced->nonce > 0 && announced->nonce == offsets_get(&audit->progress->nonces, partition) &&
           announced->next == audit->progress->committed.at[partition] && announced->next >= checkpoint->next;
}

static void take_checkpoints(const struct shards_audit *audit, struct cluster_pipelines *pipelines,
                             struct audited *audited)
{
    audited->has_checkpoints = true;
    for (int32_t i = 0; i < audit->progress->committed.count; i++) {
        struct checkpoint announced, *checkpoint = &audited->checkpoints[i];
        audited->has_checkpoints &= take_checkpoint(audit, pipelines, audited, checkpoint);
        audited->has_checkpoints &= take_checkpoint(audit, pipelines, audited, &announced);
        if (!has_come_to_pass(audit, i, &announced, checkpoint))
            continue;
        if (announced.highest < checkpoint->highest)
            announced.highest = checkpoint->highest;
        *checkpoint = announced;
    }
}

static void take_mark(const struct shards_audit *audit, struct cluster_pipelines *pipelines, struct claimed_mark *mark)
{
    enum script_end end;
    struct script_failure failure;
    redisReply *reply = mark->node != CLUSTER_NO_MASTER
                            ? shards_answer(audit->shards, pipelines, mark->node, mark->slot, &end, &failure)
                            : NULL;
    mark->was_read = reply != NULL;
    if (reply)
        mark->claimed = index_read_claimed(reply);
    freeReplyObject(reply);
}

bool shards_audit_ask(struct shards_audit *audit)
{
    struct cluster_pipelines pipelines;
    find_masters(audit);
    find_marks(audit);
    if (!cluster_pipelines_open(&pipelines, audit->shards->cluster, audit->arena))
        return shards_fail(audit->shards, "out of memory");
    for (uint32_t i = 0; i < audit->count; i++)
        write_questions(audit, &audit->audited[i], cluster_pipelines_to(&pipelines, audit->audited[i].node));
    for (int32_t i = 0; i < audit->progress->committed.count; i++)
        if (audit->claimed[i].node != CLUSTER_NO_MASTER)
            pipeline_read_parts(cluster_pipelines_to(&pipelines, audit->claimed[i].node), CLAIMED_BYTES,
                                SLOT_CLAIMED_KEY(audit->claimed[i].place));
    cluster_pulse_write(&pipelines); /* behind the fences (slot_book.h) */
    cluster_pipelines_send(&pipelines);
    for (uint32_t i = 0; i < audit->count; i++) {
        struct audited *audited = &audit->audited[i];
        for (uint32_t j = 0; j < audited->slot_count; j++)
            take_slot(audit, &pipelines, audited, &audited->slots[j]);
        take_checkpoints(audit, &pipelines, audited);
    }
    for (int32_t i = 0; i < audit->progress->committed.count; i++)
        take_mark(audit, &pipelines, &audit->claimed[i]);
    for (uint32_t i = 0; i < audit->count; i++)
        audit->audited[i].answered = cluster_pulse_take(&pipelines, audit->audited[i].node, &audit->audited[i].beat);
    cluster_pipelines_close(&pipelines);
    return true;
}
