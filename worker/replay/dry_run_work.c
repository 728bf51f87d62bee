/* What a dry run does with a chunk of commands: it decides them, and reports them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/replay/dry_run_internal.h"
#include "worker/source/source_message.h"

/* ---- Deciding ---- */

/* False with errno set. */
static bool chunk_add_entry(const struct dry_run *run, struct dry_run_chunk *chunk, struct decided *decided,
                            struct span entry)
{
    decided->entry_length = entry.length;
    decided->entry_at = ENTRY_IN_CHUNK;
    if (entry.length > CHUNK_ENTRIES - chunk->entries_length)
        return spill_append(run->spill, entry, &decided->entry_at);
    if (entry.length > chunk->entries_capacity - chunk->entries_length) {
        const size_t wanted = 2 * (chunk->entries_length + entry.length);
        const size_t capacity = wanted < CHUNK_ENTRIES ? wanted : CHUNK_ENTRIES;
        char *grown = realloc(chunk->entries, capacity);
        if (!grown)
            return false;
        chunk->entries = grown;
        chunk->entries_capacity = capacity;
    }
    memcpy(chunk->entries + chunk->entries_length, entry.at, entry.length);
    chunk->entries_length += entry.length;
    return true;
}

static bool decide(const struct dry_run *run, const struct decider *decider, struct dry_run_chunk *chunk,
                   uint32_t index, struct arena *scratch)
{
    struct item *item = &chunk->batch.items[index];
    struct decided *decided = &chunk->decided[index];
    const struct recorded_reply *reply = reply_block_find(chunk->block, item->from.offset);
    arena_reset(scratch, 0);
    decided->entry_length = 0;
    decided->result = decision_make(decider, item, reply, scratch, &decided->comparison);
    if (decided->result == DECISION_FAILED)
        return false;
    if (decided->result == DECISION_PASSED)
        return true;
    decided->workspace_length = item->workspace.at ? (uint32_t)item->workspace.length : 0;
    if (decided->workspace_length > 0)
        memcpy(decided->workspace, item->workspace.at, decided->workspace_length);
    if (!run->request->diff || decided->comparison.class == CLASS_SAME)
        return true;
    const struct span entry = replay_entry_write(run->request->output, item, &decided->comparison, scratch);
    return chunk_add_entry(run, chunk, decided, entry);
}

void dry_run_work(const struct dry_run *run, struct dry_run_chunk *chunk, struct dry_run_thread *thread)
{
    const struct decider decider = {.config = run->config,
                                    .definitions = run->definitions,
                                    .spill = run->spill,
                                    .workspaces = run->request->selection.workspaces,
                                    .workspace_count = run->request->selection.workspace_count,
                                    .parser = thread->parser};
    for (uint32_t i = 0; i < chunk->batch.count && chunk->error == 0; i++) {
        errno = 0;
        if (!decide(run, &decider, chunk, i, &thread->scratch))
            chunk->error = errno != 0 ? errno : EIO;
        source_message_destroy(chunk->messages[i]);
        chunk->messages[i] = NULL;
    }
}

/* ---- Reporting ---- */

static bool report_one(struct dry_run *run, const struct decided *decided, struct span entry)
{
    const struct span workspace = span_of(decided->workspace, decided->workspace_length);
    named_workspaces_note(&run->named, workspace);
    return replay_report_add(run->report, workspace, &decided->comparison, entry);
}

/* The same for an entry that is in the spill. */
static bool report_spilled(struct dry_run *run, const struct decided *decided)
{
    char *entry = malloc(decided->entry_length);
    const bool ok = entry && spill_read(run->spill, decided->entry_at, entry, decided->entry_length) &&
                    report_one(run, decided, span_of(entry, decided->entry_length));
    const int error = errno;
    free(entry);
    errno = error;
    return ok;
}

bool dry_run_report(struct dry_run *run, const struct dry_run_chunk *chunk)
{
    const char *entry = chunk->entries;
    run->error = chunk->error;
    for (uint32_t i = 0; i < chunk->batch.count && run->error == 0; i++) {
        const struct decided *decided = &chunk->decided[i];
        if (decided->result == DECISION_PASSED)
            continue;
        const bool is_spilled = decided->entry_length > 0 && decided->entry_at != ENTRY_IN_CHUNK;
        const bool is_held = decided->entry_length > 0 && !is_spilled;
        if (!(is_spilled ? report_spilled(run, decided)
                         : report_one(run, decided, is_held ? span_of(entry, decided->entry_length) : SPAN_NONE)))
            run->error = errno;
        entry += is_held ? decided->entry_length : 0;
    }
    progress_move(&run->progress, chunk->done);
    return run->error == 0;
}
