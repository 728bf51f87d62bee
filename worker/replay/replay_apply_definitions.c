/* The definitions of an applied replay: those of the history or of files, as in a dry run. Without either, they are
 * what Redis has, which the daemon's own look-up reads. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/stop.h"
#include "worker/replay/replay_apply_internal.h"

bool apply_uses_redis(const struct apply *apply)
{
    const struct replay_definitions_request *request = &apply->request->definitions;
    return request->source == LIBRARY_CURRENT && request->override_count == 0;
}

static bool is_not_stopped(void *listener)
{
    (void)listener;
    return !stop_is_requested();
}

static bool read_replies(struct apply *apply, const struct replay_ranges *ranges)
{
    char reason[768];
    const struct reply_reading reading = {.config = apply->original,
                                          .consumer = history_reader_handle(apply->reader),
                                          .threads = apply->request->threads,
                                          .wait_ms = apply->request->wait_ms,
                                          .keep_going = is_not_stopped};
    apply->replies =
        recorded_replies_new(ranges, apply->spill, (apply->request->memory_bytes - REPLAY_MEMORY_FIXED) / 4);
    if (!apply->replies)
        snprintf(apply->error, apply->error_size, "out of memory");
    else if (reply_reading_run(&reading, apply->replies, reason, sizeof(reason)))
        return true;
    else
        snprintf(apply->error, apply->error_size, "replies: %s", reason);
    return false;
}

bool apply_definitions_open(struct apply *apply, const struct replay_ranges *ranges)
{
    if (apply_uses_redis(apply))
        return true;
    apply->spill = spill_open(apply->error, apply->error_size);
    return apply->spill && (apply->request->definitions.source != LIBRARY_RECORDED || read_replies(apply, ranges));
}

void apply_definitions_close(struct apply *apply)
{
    reply_block_release(apply->block);
    recorded_replies_free(apply->replies);
    replay_definitions_free(apply->definitions);
    spill_close(apply->spill);
}

void apply_definitions_release(struct apply *apply)
{
    for (uint32_t i = 0; apply->found && i < apply->worker.batch->count; i++) {
        replay_definitions_release(&apply->found[i]);
        apply->found[i] = (struct found_definitions){0};
    }
}

/* Opened with the first batch, when Redis is complete: it may have been empty at the start. */
static bool open_definitions(struct apply *apply)
{
    char reason[512];
    const struct replay_apply_request *request = apply->request;
    if (apply->definitions)
        return true;
    apply->definitions = replay_definitions_open(apply->original, &request->definitions, apply->spill,
                                                 (request->memory_bytes - REPLAY_MEMORY_FIXED) / 2, request->wait_ms,
                                                 reason, sizeof(reason));
    if (!apply->definitions)
        log_fault_begin(&apply->fault, LOG_LIST(LOG_TEXT("step", "reading definitions"), LOG_TEXT("error", reason)));
    return apply->definitions != NULL;
}

/* *reply: the recorded reply to the item, NULL if there is none. */
static bool find_reply(struct apply *apply, const struct item *item, const struct recorded_reply **reply)
{
    *reply = NULL;
    if (!apply->replies || !recorded_replies_covers(apply->replies, item->from.partition, item->from.offset))
        return true;
    if (!apply->block || apply->block_partition != item->from.partition ||
        !reply_block_holds(apply->block, item->from.offset)) {
        reply_block_release(apply->block);
        apply->block = recorded_replies_block(apply->replies, item->from.partition, item->from.offset);
        apply->block_partition = item->from.partition;
    }
    if (!apply->block) {
        log_fault_begin(&apply->fault,
                        LOG_LIST(LOG_TEXT("step", "reading replies"), LOG_TEXT("error", strerror(errno))));
        return false;
    }
    *reply = reply_block_find(apply->block, item->from.offset);
    return true;
}

static bool find_one(struct apply *apply, uint32_t index)
{
    struct item *item = &apply->worker.batch->items[index];
    const struct recorded_reply *reply;
    if (!find_reply(apply, item, &reply))
        return false;
    struct found_definitions *found = &apply->found[index];
    replay_definitions_release(found);
    *found = replay_definitions_now(apply->definitions, item, reply);
    item->definitions = found->definitions;
    item->definitions_broken = found->finding == LIBRARY_BROKEN;
    if (found->finding == LIBRARY_FAILED)
        log_fault_begin(&apply->fault, LOG_LIST(LOG_TEXT("step", "reading definitions"),
                                                LOG_TEXT("error", "out of memory, or the temporary file failed")));
    if (found->finding == LIBRARY_LACKING) {
        item->custody = CUSTODY_ANSWERED;
        apply->passing[index] = PASSING_UNKNOWN;
    }
    return found->finding != LIBRARY_FAILED;
}

bool apply_definitions_find(struct apply *apply)
{
    struct batch *batch = apply->worker.batch;
    if (!open_definitions(apply))
        return false;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        if (item_is_ours(item) && item->workspace.at && item->outcome == OUTCOME_UNDECIDED && !find_one(apply, i))
            return false;
    }
    return true;
}
