/* The audit of a cluster: what the fences of slots say that are not known, and whether the checkpoints of shards are
 * those of the group's last commits. */
#include <string.h>

#include "worker/index/index_internal.h"
#include "worker/index/shards_internal.h"

/* The fields of a fence that are read. */
enum { FIELD_EPOCH, FIELD_SHARD, FIELD_RECORDS, FIELD_RESTORER, FIELDS };

struct read_slot {
    unsigned slot;
    struct slot_reading reading;
    bool was_read;
};

/* One master, while it is audited. */
struct audited {
    uint16_t node;
    bool answered;
    struct read_slot *slots;
    uint32_t slot_count;
    struct span *keys;              /* of its checkpoints, by partition */
    struct checkpoint *checkpoints; /* what stood there */
    bool has_checkpoints;           /* all of them were answered */
    struct cluster_beat beat;
};

struct shards_audit {
    struct shards *shards;
    const struct kafka_progress *progress;
    struct arena *arena;
    struct audited *audited;
    uint32_t count;
    struct span *claimed_keys; /* by partition */
    bool is_behind, is_ahead, is_lost;
    struct offsets *ahead;
};

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

static void begin(struct shards_audit *audit)
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
        for (int32_t j = 0; j < partitions; j++)
            audited->keys[j] =
                shards_checkpoint_key(audit->shards, i, shards_place(audit->shards, j, audit->arena), audit->arena);
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
    for (int32_t i = 0; i < audit->progress->committed.count; i++)
        pipeline_read_parts(pipeline, CHECKPOINT_HEAD_BYTES, audited->keys[i]);
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

static void take_checkpoints(const struct shards_audit *audit, struct cluster_pipelines *pipelines,
                             struct audited *audited)
{
    const unsigned slot = redis_cluster_node(audit->shards->cluster, audited->node)->master.lowest;
    audited->has_checkpoints = true;
    for (int32_t i = 0; i < audit->progress->committed.count; i++) {
        enum script_end end;
        struct script_failure failure;
        struct span text = SPAN_NONE;
        redisReply *reply = shards_answer(audit->shards, pipelines, audited->node, slot, &end, &failure);
        audited->has_checkpoints &= reply != NULL && index_reply_span(reply, &text);
        audited->checkpoints[i] = checkpoint_head(text);
        freeReplyObject(reply);
    }
}

static bool ask(struct shards_audit *audit)
{
    struct cluster_pipelines pipelines;
    if (!cluster_pipelines_open(&pipelines, audit->shards->cluster, audit->arena))
        return shards_fail(audit->shards, "out of memory");
    for (uint32_t i = 0; i < audit->count; i++)
        write_questions(audit, &audit->audited[i], cluster_pipelines_to(&pipelines, audit->audited[i].node));
    cluster_pulse_write(&pipelines); /* behind the fences (slot_book.h) */
    cluster_pipelines_send(&pipelines);
    for (uint32_t i = 0; i < audit->count; i++) {
        struct audited *audited = &audit->audited[i];
        for (uint32_t j = 0; j < audited->slot_count; j++)
            take_slot(audit, &pipelines, audited, &audited->slots[j]);
        take_checkpoints(audit, &pipelines, audited);
        audited->answered = cluster_pulse_take(&pipelines, audited->node, &audited->beat);
    }
    cluster_pipelines_close(&pipelines);
    return true;
}

/* ---- what follows ---- */

static uint64_t connection_of(const struct shards_audit *audit, const struct audited *audited)
{
    return redis_cluster_node(audit->shards->cluster, audited->node)->number;
}

/* Whether any checkpoint of the shard is behind. Notes what follows for all of the cluster. */
static bool compare(struct shards_audit *audit, const struct audited *audited)
{
    const struct kafka_progress *progress = audit->progress;
    bool is_behind = false;
    for (int32_t i = 0; i < progress->committed.count; i++) {
        const struct group_progress group = {progress->committed.at[i], offsets_get(&progress->nonces, i),
                                             progress->is_repeated, offsets_get(&progress->checkpoints, i)};
        const struct checkpoint_finding finding = checkpoint_compare(&audited->checkpoints[i], &group);
        offsets_raise(&audit->shards->committed, i, audited->checkpoints[i].highest);
        if (finding.is_ahead)
            offsets_raise(audit->ahead, i, audited->checkpoints[i].next);
        is_behind |= finding.is_behind;
        audit->is_ahead |= finding.is_ahead;
        /* Where no checkpoint was ever written, the shard is restored anyway. */
        audit->is_lost |=
            finding.offset_is_gone || (finding.offset_is_set && audited->checkpoints[i].next != OFFSET_NONE);
    }
    return is_behind;
}

static void note_slots(struct shards_audit *audit, const struct audited *audited)
{
    char stamp[SLOT_STAMP_BYTES];
    const struct cluster_node *node = redis_cluster_node(audit->shards->cluster, audited->node);
    const size_t length = slot_stamp_text(node->shard, audited->beat.config_epoch, stamp);
    for (uint32_t i = 0; i < audited->slot_count; i++)
        if (audited->slots[i].was_read)
            slot_book_read(audit->shards->book, audited->slots[i].slot, &audited->slots[i].reading,
                           span_of(stamp, length), span_of_text(audit->shards->config->records.topic));
}

static void use_terms(struct shards *shards)
{
    for (int32_t i = 0; i < shards->partition_count; i++)
        if (shards->partitions[i].state == TERM_TAKEN)
            shards->partitions[i].state = TERM_USABLE;
}

static bool is_usable(const struct shards_audit *audit, const struct audited *audited)
{
    return audited->answered && audited->has_checkpoints && audited->beat.connection == connection_of(audit, audited);
}

static enum shards_finding conclude(struct shards_audit *audit, bool insists)
{
    struct shards *shards = audit->shards;
    bool *behind = arena_alloc(audit->arena, audit->count * sizeof(*behind));
    for (uint32_t i = 0; i < audit->count; i++) {
        const struct audited *audited = &audit->audited[i];
        behind[i] = is_usable(audit, audited) && compare(audit, audited) &&
                    !slot_book_is_complete(shards->book, connection_of(audit, audited));
        audit->is_behind |= behind[i];
    }
    if (audit->is_ahead && !audit->progress->is_repeated)
        return SHARDS_AHEAD;
    if (audit->is_lost)
        slot_book_distrust_all(shards->book);
    else if (audit->is_behind && !insists)
        return SHARDS_BEHIND;
    for (uint32_t i = 0; i < audit->count; i++) {
        const struct audited *audited = &audit->audited[i];
        const uint64_t connection = connection_of(audit, audited);
        if (!is_usable(audit, audited))
            continue;
        note_slots(audit, audited);
        if (behind[i])
            slot_book_reject(shards->book, connection);
        else if (!slot_book_is_complete(shards->book, connection))
            slot_book_vouch(shards->book, connection);
    }
    use_terms(shards);
    return slot_book_count(shards->book, 0, TRUST_LOST) > 0 ? SHARDS_LOST : SHARDS_FINE;
}

enum shards_finding shards_audit(struct shards *shards, const struct kafka_progress *progress, bool insists,
                                 struct offsets *ahead, struct arena *scratch)
{
    const size_t mark = scratch->used;
    struct shards_audit audit = {.shards = shards, .progress = progress, .arena = scratch, .ahead = ahead};
    *ahead = (struct offsets){0};
    for (int32_t i = 0; i < progress->committed.count; i++)
        offsets_raise(&shards->committed, i, progress->committed.at[i]);
    begin(&audit);
    const enum shards_finding finding = ask(&audit) ? conclude(&audit, insists) : SHARDS_FINE;
    if (finding == SHARDS_FINE || finding == SHARDS_LOST) {
        offsets_free(&shards->record_ends);
        offsets_raise_all(&shards->record_ends, &progress->record_ends);
    }
    arena_reset(scratch, mark);
    return finding;
}
