#include "worker/metrics/command_note.h"

#include <string.h>

struct command_note command_note_of(const struct item *item, int64_t wall_ms)
{
    struct command_note note = {.key.partition = item->from.partition,
                                .offset = item->from.offset,
                                .since_ms = wall_ms,
                                .is_broken = item->definitions_broken};
    if (item->workspace.at) {
        note.key.length = (uint8_t)item->workspace.length;
        memcpy(note.key.workspace, item->workspace.at, item->workspace.length);
    }
    if (item->outcome == OUTCOME_REJECTED)
        note.code = error_row(item->error)->code;
    return note;
}
