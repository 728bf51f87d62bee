/* The standing of a claim against a command: does the client that made it count?
 *
 * It counts if it has a record, or if this batch will write its record. Otherwise it is the claim of this run, of a run
 * that was killed, or of a batch that a worker of the daemon is about to commit. The group's committed offset tells
 * them apart: no worker commits commands before it. Beyond it, a worker may. So it gets a moment to do so; then its
 * fence is taken, and transactions that have passed the fence are waited for. */
#include "common/clock.h"
#include "worker/replay/replay_apply_internal.h"

#define KAFKA_WAIT_MS 3000
#define PATIENCE_MS   1000
#define LOOK_MS       50

void standings_begin(void *listener)
{
    struct apply *apply = listener;
    offsets_free(&apply->committed);
    offsets_free(&apply->fenced);
    apply->committed = apply->fenced = (struct offsets){0};
    apply->has_awaited = false;
}

static bool fail(struct apply *apply, const char *error)
{
    if (error[0])
        log_fault_begin(&apply->fault,
                        LOG_LIST(LOG_TEXT("step", "finding the standing of a claim"), LOG_TEXT("error", error)));
    return false;
}

/* Reads what the daemon's group has committed, once its open transactions have ended, and then the records of all
 * transactions that are open now. */
static bool settle(struct apply *apply)
{
    char error[512];
    struct offsets nonces = {0};
    const bool asked =
        offsets_of_group_listening(&apply->committed, &nonces, apply->observer, apply->config.commands.topic,
                                   KAFKA_WAIT_MS, apply_keep_going, apply, error, sizeof(error));
    offsets_free(&nonces);
    if (!asked || !record_view_await(apply->view, error, sizeof(error)))
        return fail(apply, error);
    apply->has_awaited = true;
    return true;
}

/* Waits a moment for the record. */
static bool await_record(struct apply *apply, struct span workspace, struct span id)
{
    char error[512];
    for (int64_t until_ms = clock_now_ms() + PATIENCE_MS; clock_now_ms() < until_ms; clock_sleep(LOOK_MS)) {
        if (!apply_keep_going(apply))
            return false;
        if (!record_view_update(apply->view, NULL, error, sizeof(error)))
            return fail(apply, error);
        if (record_view_has(apply->view, workspace, id))
            break;
    }
    return true;
}

/* The client of a claim, and where the command is that made it. */
struct claim_place {
    struct span workspace, id;
    int32_t partition;
    int64_t offset;
};

static struct arena *scratch_of(const struct batch *batch)
{
    return (struct arena *)(uintptr_t)&batch->arena;
}

static bool take_fence(struct apply *apply, const struct batch *batch, int32_t partition)
{
    if (!index_replay_fence(apply->worker.index, partition, scratch_of(batch)))
        return false;
    log_info("the daemon's fence of a partition is taken, to find the standing of a claim",
             LOG_TEXT("topic", apply->config.commands.topic), LOG_INTEGER("partition", partition));
    offsets_set(&apply->fenced, partition, 1);
    return settle(apply);
}

/* What record topic and group tell of a claim that this run has not made: true if that is enough. */
static bool is_told(struct apply *apply, const struct claim_place *claim, enum claim_standing *standing)
{
    *standing = CLAIM_UNKNOWN;
    if (!apply->has_awaited && !settle(apply))
        return true;
    if (record_view_has(apply->view, claim->workspace, claim->id))
        *standing = CLAIM_RECORDED;
    else if (claim->offset < offsets_get(&apply->committed, claim->partition))
        *standing = CLAIM_UNRECORDED;
    return *standing != CLAIM_UNKNOWN;
}

/* Gives the daemon a moment to commit the claim, and then takes its fence. CLAIM_RECORDED, CLAIM_UNKNOWN after a
 * failure, or `fenced`: the fence is taken, and there is no record. */
static enum claim_standing await_and_fence(struct apply *apply, const struct batch *batch,
                                           const struct claim_place *claim, enum claim_standing fenced)
{
    if (!await_record(apply, claim->workspace, claim->id))
        return CLAIM_UNKNOWN;
    if (record_view_has(apply->view, claim->workspace, claim->id))
        return CLAIM_RECORDED;
    if (!take_fence(apply, batch, claim->partition))
        return CLAIM_UNKNOWN;
    return record_view_has(apply->view, claim->workspace, claim->id) ? CLAIM_RECORDED : fenced;
}

/* A claim of a command of the topic that this run has not made, and that has no record yet. */
static enum claim_standing standing_of_foreign(struct apply *apply, const struct batch *batch,
                                               const struct claim_place *claim)
{
    enum claim_standing standing;
    if (is_told(apply, claim, &standing))
        return standing;
    bool held = offsets_get(&apply->fenced, claim->partition) == 1;
    if (!held && !index_replay_holds(apply->worker.index, claim->partition, scratch_of(batch), &held))
        return CLAIM_UNKNOWN;
    return held ? CLAIM_FENCED : await_and_fence(apply, batch, claim, CLAIM_FENCED);
}

/* A claim of the same command that this run has not made. The daemon may have it in hand. It forgets its claims when it
 * finds that it has lost the fence, and leaves those alone then that others may have committed. So what is taken over
 * must have been claimed before the fence was taken: it was read after that, and the fence is still ours. A claim that
 * was read before is CLAIM_UNKNOWN: it is looked at again. */
static enum claim_standing standing_of_own(struct apply *apply, const struct batch *batch,
                                           const struct claim_place *claim)
{
    enum claim_standing standing;
    bool held = false;
    if (is_told(apply, claim, &standing))
        return standing;
    if (offsets_get(&apply->fenced, claim->partition) == 1 ||
        !index_replay_holds(apply->worker.index, claim->partition, scratch_of(batch), &held))
        return CLAIM_UNKNOWN;
    return held ? CLAIM_FENCED : await_and_fence(apply, batch, claim, CLAIM_UNKNOWN);
}

/* The batch's item with this source, or batch->count. */
static uint32_t find_item(const struct batch *batch, int64_t partition, int64_t offset)
{
    uint32_t i = 0;
    while (i < batch->count && !(batch->items[i].from.offset == offset && batch->items[i].from.partition == partition))
        i++;
    return i;
}

enum claim_standing standing_of_claim(void *listener, const struct batch *batch, uint32_t index, struct span id,
                                      struct span line)
{
    struct apply *apply = listener;
    struct stored_client stored;
    int64_t partition, offset;
    const struct span workspace = batch->items[index].workspace;
    if (!record_view_is_read(apply->view) && !fill_update_view(apply))
        return CLAIM_UNKNOWN;
    if (record_view_has(apply->view, workspace, id))
        return CLAIM_RECORDED;
    /* Nothing tells who may still commit a claim of another command topic. */
    if (!line.at || !stored_client_parse(line, &stored) ||
        !source_parse(stored.source, span_of_text(apply->config.commands.topic), &partition, &offset) ||
        partition > INT32_MAX)
        return CLAIM_RECORDED;
    const uint32_t found = find_item(batch, partition, offset);
    if (found < index)
        return CLAIM_RECORDED;
    if (found < batch->count && batch->items[found].claimed)
        return CLAIM_UNRECORDED;
    const struct claim_place claim = {workspace, id, (int32_t)partition, offset};
    return found == index ? standing_of_own(apply, batch, &claim) : standing_of_foreign(apply, batch, &claim);
}
