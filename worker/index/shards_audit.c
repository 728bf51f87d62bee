/* The audit of a cluster: what the fences of slots say that are not known, and whether the checkpoints of shards are
 * those of the group's last commits. */
#include <stdio.h>

#include "worker/index/shards_audit_internal.h"

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
            offsets_raise(&audit->gap->ahead, i, audited->checkpoints[i].next);
        is_behind |= finding.is_behind;
        audit->is_ahead |= finding.is_ahead;
        /* Where no checkpoint was ever written, the shard is restored anyway. */
        audit->is_lost |=
            finding.offset_is_gone || (finding.offset_is_set && audited->checkpoints[i].next != OFFSET_NONE);
    }
    return is_behind;
}

/* The owner of the partition compares. Claims from behind what is committed on are not committed. An earlier owner may
 * be about to do that, or we are to come to their commands. At the repeated progress, `before` was claimed before the
 * end of the log was asked for. */
static void compare_claimed(struct shards_audit *audit, int32_t partition)
{
    const struct kafka_progress *progress = audit->progress;
    struct shards_partition *ours = shards_partition(audit->shards, partition);
    const int64_t committed = progress->committed.at[partition];
    const int64_t claimed = audit->claimed[partition].claimed, before = offsets_get(&progress->claimed, partition);
    const int64_t end = offsets_get(&progress->command_ends, partition);
    int64_t settled = committed;
    for (uint32_t i = 0; i < audit->count; i++)
        if (audit->audited[i].has_checkpoints && audit->audited[i].checkpoints[partition].next > settled)
            settled = audit->audited[i].checkpoints[partition].next;
    if (!ours || ours->state == TERM_NONE || !audit->claimed[partition].was_read)
        return;
    ours->has_mark = true;
    offsets_set(&audit->shards->claimed, partition, claimed);
    if (claimed <= 0 || claimed <= settled || ours->is_cut)
        return;
    if (!progress->is_repeated) {
        offsets_set(&audit->gap->claimed, partition, claimed);
        audit->is_ahead = true;
    } else if (end != OFFSET_NONE && before > settled && end < before) {
        audit->is_lost = ours->is_cut = true;
        ours->cut_to = committed > 0 ? committed : 0;
    }
}

static void note_slots(struct shards_audit *audit, const struct audited *audited)
{
    char stamp[SLOT_STAMP_BYTES];
    const struct cluster_node *node = redis_cluster_node(audit->shards->cluster, audited->node);
    const size_t length = slot_stamp_text(node->shard, audited->beat.config_epoch, stamp);
    for (uint32_t i = 0; i < audited->slot_count; i++) {
        const struct read_slot *slot = &audited->slots[i];
        if (!slot->was_read)
            continue;
        slot_book_read(audit->shards->book, slot->slot, &slot->reading, span_of(stamp, length),
                       span_of_text(audit->shards->config->records.topic));
        if (slot_book_trust(audit->shards->book, slot->slot) == TRUST_FOREIGN)
            snprintf(audit->shards->foreign, sizeof(audit->shards->foreign), "%.*s",
                     SPAN_FORMAT(slot->reading.records));
    }
}

static void use_terms(struct shards *shards)
{
    for (int32_t i = 0; i < shards->partition_count; i++)
        if (shards->partitions[i].state == TERM_TAKEN && shards->partitions[i].has_mark)
            shards->partitions[i].state = TERM_USABLE;
}

static bool is_usable(const struct shards_audit *audit, const struct audited *audited)
{
    return audited->answered && audited->has_checkpoints && audited->beat.connection == connection_of(audit, audited);
}

/* Which shards have a checkpoint that is behind, and are not known to be complete. */
static bool *compare_all(struct shards_audit *audit)
{
    bool *behind = arena_alloc(audit->arena, audit->count * sizeof(*behind));
    for (uint32_t i = 0; i < audit->count; i++) {
        const struct audited *audited = &audit->audited[i];
        behind[i] = is_usable(audit, audited) && compare(audit, audited) &&
                    !slot_book_is_complete(audit->shards->book, connection_of(audit, audited));
        audit->is_behind |= behind[i];
    }
    for (int32_t i = 0; i < audit->progress->committed.count; i++)
        compare_claimed(audit, i);
    return behind;
}

static enum shards_finding conclude(struct shards_audit *audit)
{
    struct shards *shards = audit->shards;
    const bool *behind = compare_all(audit);
    if (audit->is_ahead && !audit->progress->is_repeated)
        return SHARDS_AHEAD;
    if (audit->is_lost)
        slot_book_distrust_all(shards->book);
    shards->foreign[0] = '\0';
    for (uint32_t i = 0; i < audit->count; i++) {
        const struct audited *audited = &audit->audited[i];
        const uint64_t connection = connection_of(audit, audited);
        if (!is_usable(audit, audited))
            continue;
        note_slots(audit, audited);
        /* `behind` is not known of shards that were complete before all of them were distrusted. */
        if (!audit->is_lost && !behind[i] && !slot_book_is_complete(shards->book, connection))
            slot_book_vouch(shards->book, connection);
    }
    shards_lower_claimed(shards, audit->arena);
    if (audit->is_behind)
        return SHARDS_BEHIND;
    use_terms(shards);
    return slot_book_count(shards->book, 0, TRUST_LOST) > 0 ? SHARDS_LOST : SHARDS_FINE;
}

enum shards_finding shards_audit(struct shards *shards, const struct kafka_progress *progress, struct arena *scratch,
                                 struct audit_gap *gap)
{
    const size_t mark = scratch->used;
    struct shards_audit audit = {.shards = shards, .progress = progress, .arena = scratch, .gap = gap};
    audit_gap_free(gap);
    for (int32_t i = 0; i < progress->committed.count; i++)
        offsets_raise(&shards->committed, i, progress->committed.at[i]);
    const enum shards_finding finding = shards_audit_ask(&audit) ? conclude(&audit) : SHARDS_FINE;
    if (finding != SHARDS_AHEAD) {
        offsets_free(&shards->record_ends);
        offsets_raise_all(&shards->record_ends, &progress->record_ends);
    }
    arena_reset(scratch, mark);
    return finding;
}

void shards_reject(struct shards *shards)
{
    for (size_t i = 0; i < redis_cluster_count(shards->cluster); i++) {
        const struct cluster_node *node = redis_cluster_node(shards->cluster, i);
        if (node->connection && slot_book_count(shards->book, node->number, TRUST_READ) > 0)
            slot_book_reject(shards->book, node->number);
    }
    use_terms(shards);
}
