/* The filling thread of a dry run: it reads the ranges one after the other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/replay/dry_run_internal.h"
#include "worker/source/source_message.h"

/* Returns false. */
static bool fail(struct dry_run *run, const char *reason)
{
    snprintf(run->failure, sizeof(run->failure), "%s", reason);
    run->has_failed = true;
    return false;
}

bool dry_run_add_hole(struct dry_run *run, const struct history_hole *hole)
{
    struct history_hole *grown = realloc(run->holes.items, (run->holes.count + 1) * sizeof(*grown));
    if (!grown)
        return fail(run, "out of memory");
    run->holes.items = grown;
    grown[run->holes.count++] = *hole;
    return true;
}

static bool begin_range(struct dry_run *run)
{
    char reason[512];
    const struct replay_range *range = &run->ranges.items[run->range];
    run->is_begun = history_reader_begin(run->reader, range->partition, range->from, range->to, reason, sizeof(reason));
    return run->is_begun || fail(run, reason);
}

static bool take_hole(struct dry_run *run, const struct history_hole *hole)
{
    if (hole->reason != HOLE_UNREADABLE)
        return dry_run_add_hole(run, hole);
    run->unreadable = *hole;
    return true;
}

/* Reads on in the present range. NULL if that gave no command. */
static rd_kafka_message_t *read_on(struct dry_run *run)
{
    char reason[512];
    rd_kafka_message_t *message;
    struct history_hole hole;
    switch (history_reader_next(run->reader, &message, &hole, reason, sizeof(reason))) {
    case HISTORY_MESSAGE:
        return message;
    case HISTORY_HOLE:
        take_hole(run, &hole);
        break;
    case HISTORY_PAUSE:
        break;
    case HISTORY_END:
        run->done_before += replay_range_offsets(&run->ranges.items[run->range]);
        run->range++;
        run->is_begun = false;
        break;
    case HISTORY_FAILED:
        fail(run, reason);
    }
    return NULL;
}

/* The next command of all ranges. NULL at the end, on a stop, or after a failure. */
static rd_kafka_message_t *next_command(struct dry_run *run)
{
    rd_kafka_message_t *message = run->carried;
    run->carried = NULL;
    while (!message && !run->has_failed && !atomic_load(&run->stopped)) {
        if (run->unreadable.from < run->unreadable.to)
            message = placeholder_new(run->unreadable.partition, run->unreadable.from++);
        else if (run->range == run->ranges.count)
            break;
        else if (replay_range_offsets(&run->ranges.items[run->range]) == 0)
            run->range++;
        else if (run->is_begun || begin_range(run))
            message = read_on(run);
    }
    return message;
}

/* Gives the chunk the block that holds the replies to this command. */
static bool chunk_find_block(struct dry_run *run, struct dry_run_chunk *chunk, const rd_kafka_message_t *message)
{
    if (!run->block || run->block_partition != message->partition || !reply_block_holds(run->block, message->offset)) {
        reply_block_release(run->block);
        run->block = recorded_replies_block(run->replies, message->partition, message->offset);
        run->block_partition = message->partition;
    }
    if (!run->block)
        return fail(run, strerror(errno));
    chunk->block = reply_block_share(run->block);
    return true;
}

void dry_run_clear(struct dry_run_chunk *chunk)
{
    for (uint32_t i = 0; i < chunk->batch.count; i++)
        if (chunk->messages[i])
            source_message_destroy(chunk->messages[i]);
    reply_block_release(chunk->block);
    chunk->block = NULL;
    batch_reset(&chunk->batch);
    chunk->entries_length = 0;
    chunk->error = 0;
}

bool dry_run_fill(struct dry_run *run, struct dry_run_chunk *chunk)
{
    struct batch *batch = &chunk->batch;
    rd_kafka_message_t *message;
    dry_run_clear(chunk);
    while (batch->count < CHUNK_COMMANDS && batch->bytes < CHUNK_BYTES && (message = next_command(run))) {
        const bool is_first = batch->count == 0;
        if (!is_first && (message->partition != batch->items[0].from.partition ||
                          !reply_block_holds(chunk->block, message->offset))) {
            run->carried = message;
            break;
        }
        if (is_first && !chunk_find_block(run, chunk, message)) {
            source_message_destroy(message);
            break;
        }
        chunk->messages[batch->count] = message;
        source_message_take(batch, run->config->commands.topic, message);
    }
    chunk->done = run->done_before;
    if (batch->count > 0 && run->is_begun)
        chunk->done += batch->items[batch->count - 1].from.offset + 1 - run->ranges.items[run->range].from;
    return batch->count > 0;
}
