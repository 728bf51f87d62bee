/* Later claims of which nothing tells whether they are committed.
 *
 * To the daemon a client of a later command of the partition counts if its offset is before the highest that was ever
 * committed. What the group has committed is before that offset, too, as a rule. It is not if the offset was set back,
 * if the log was created again and is shorter yet, or if a replay has committed clients of commands that the daemon has
 * not come to (index_replay.h). Between the two, a claim that a killed worker has left looks like a client that was
 * committed. Such a claim may still be withdrawn, and must not keep its email from an earlier command until then.
 *
 * The partition's claims tell how far that can be (CLAIMED_KEY, as the audit finds it). From there on there is no claim
 * but those that this worker makes later, which it knows one by one (own_claims.h). If a command meets a client in
 * between that is none of them, Redis is rebuilt, which leaves only what the record topic has, and no claims. So one
 * rebuild is enough until the next audit that finds claims: whatever commands come, all that is met after it is either
 * committed or known. */
#include "worker/index/index_internal.h"

void index_note_settled(struct index *index, int32_t partition, int64_t settled, int64_t claimed)
{
    offsets_set(&index->settled, partition, settled);
    offsets_set(&index->left, partition, claimed);
}

/* ---- the worker's own claims ---- */

void index_note_claim(struct index *index, const struct item *item)
{
    const int32_t partition = item->from.partition;
    if (index->replay || item->from.offset >= offsets_get(&index->committed, partition))
        return;
    /* What is not noted is one of those that a rebuild removes. */
    if (!own_claims_add(&index->own, item))
        offsets_raise(&index->left, partition, item->from.offset + 1);
}

bool index_has_claimed(struct index *index, const struct item *item, struct span line, struct span id)
{
    struct stored_client stored;
    int64_t partition, offset;
    return line.at && stored_client_parse(line, &stored) &&
           source_parse(stored.source, span_of_text(item->from.topic), &partition, &offset) &&
           partition == item->from.partition &&
           own_claims_have(&index->own, (int32_t)partition, offset, id, stored.hash);
}

bool index_knows_claims(const struct index *index, int32_t partition)
{
    return index->distrust == DISTRUST_EPOCH && memcmp(index->distrusted, index->epoch.mark, EPOCH_LENGTH) != 0 &&
           offsets_get(&index->left, partition) <= 0;
}

/* ---- those of others ---- */

/* Whether the client may be a claim that was not committed, though its offset tells that it was. */
static bool is_unsure(const struct index *index, const struct item *item, struct span line)
{
    struct stored_client stored;
    int64_t offset;
    const int32_t partition = item->from.partition;
    return line.at && stored_client_parse(line, &stored) && claim_is_later(item, stored.source, &offset) &&
           offset < offsets_get(&index->committed, partition) && offset >= offsets_get(&index->settled, partition) &&
           offset < offsets_get(&index->left, partition);
}

bool index_is_unsure(struct index *index, const struct item *item, const struct claim_finding *finding)
{
    if (index->replay || !item_claims(item))
        return false;
    struct claim_finding of_id = *finding;
    of_id.owner = SPAN_NONE;
    const bool unsure = (!finding->stored_is_uncommitted && is_unsure(index, item, finding->stored)) ||
                        (!finding->owner_is_uncommitted && is_unsure(index, item, finding->owner_line) &&
                         !claim_is_blocked(item, &of_id));
    if (!unsure)
        return false;
    index_distrust(index);
    index_invalidate(index, "the claim of a later command may not have been committed");
    return true;
}
