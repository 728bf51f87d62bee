/* What is to be done for a cluster, and what is known of it. */
#include <stdio.h>

#include "worker/index/shards_internal.h"

void shards_distrust(struct shards *shards)
{
    slot_book_distrust_all(shards->book);
}

static bool lacks_term(const struct shards *shards, int32_t partition)
{
    char place[320];
    uint16_t node;
    const struct shards_partition *state = &shards->partitions[partition];
    if (!state->is_ours || state->state == TERM_USABLE)
        return false;
    const int length = snprintf(place, sizeof(place), "%s/%d", shards->config->commands.topic, (int)partition);
    return redis_cluster_slot(shards->cluster, shards_term_slot(span_of(place, (size_t)length)), &node) == SLOT_SERVED;
}

bool shards_is_settled(const struct shards *shards, bool *waits)
{
    bool is = true;
    *waits = false;
    for (unsigned slot = 0; slot < REDIS_SLOTS && is; slot++) {
        const enum slot_trust trust = slot_book_trust(shards->book, slot);
        if (slot_book_connection(shards->book, slot) == 0)
            continue;
        is = trust == TRUST_SOUND || trust == TRUST_BUSY || trust == TRUST_FOREIGN;
        *waits |= trust == TRUST_BUSY || trust == TRUST_FOREIGN;
    }
    const bool all = slot_book_count(shards->book, 0, TRUST_SOUND) == REDIS_SLOTS;
    for (int32_t i = 0; i < shards->partition_count && is; i++) {
        const bool is_cut = shards->partitions[i].is_cut; /* until an audit has found all slots sound */
        is = !lacks_term(shards, i) && !(is_cut && all);
        *waits |= is_cut && !all;
    }
    *waits &= is;
    return is && !*waits;
}

size_t shards_there(struct shards *shards, const char **why)
{
    char place[REDIS_PLACE_BYTES];
    size_t there = 0;
    *why = NULL;
    for (size_t i = 0; i < redis_cluster_count(shards->cluster); i++) {
        const struct cluster_node *node = redis_cluster_node(shards->cluster, i);
        there += cluster_node_is_there(node);
        if (cluster_node_is_there(node) || *why)
            continue;
        redis_place_text(&node->master.place, place);
        snprintf(shards->away, sizeof(shards->away), "%s: %s", place, node->error);
        *why = shards->away;
    }
    return there;
}

const char *shards_foreign(const struct shards *shards)
{
    return shards->foreign[0] ? shards->foreign : NULL;
}
