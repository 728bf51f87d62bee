#include "worker/metrics/waiting_commands.h"

static void remove_at(struct waiting_commands *waiting, size_t index)
{
    waiting->list[index] = waiting->list[--waiting->count];
}

static void forget_old(struct waiting_commands *waiting, int64_t clock_ms)
{
    for (size_t i = waiting->count; i-- > 0;)
        if (clock_ms - waiting->list[i].noted_ms > WAITING_SHOWN_MS)
            remove_at(waiting, i);
}

void waiting_commands_note(struct waiting_commands *waiting, const struct command_note *note, int64_t clock_ms)
{
    size_t i = 0;
    forget_old(waiting, clock_ms);
    while (i < waiting->count && waiting->list[i].note.key.partition != note->key.partition)
        i++;
    if (i == WAITING_MOST)
        return;
    int64_t since_ms = note->since_ms;
    if (i < waiting->count && waiting->list[i].note.offset == note->offset)
        since_ms = waiting->list[i].note.since_ms;
    waiting->list[i].note = *note;
    waiting->list[i].note.since_ms = since_ms;
    waiting->list[i].noted_ms = clock_ms;
    if (i == waiting->count)
        waiting->count++;
}

void waiting_commands_answered(struct waiting_commands *waiting, int32_t partition, int64_t offset)
{
    for (size_t i = 0; i < waiting->count; i++)
        if (waiting->list[i].note.key.partition == partition && waiting->list[i].note.offset <= offset) {
            remove_at(waiting, i);
            return;
        }
}

bool waiting_commands_any(struct waiting_commands *waiting, int64_t clock_ms)
{
    forget_old(waiting, clock_ms);
    return waiting->count > 0;
}

size_t waiting_commands_read(const struct waiting_commands *waiting, int64_t clock_ms,
                             struct command_note notes[WAITING_MOST])
{
    size_t count = 0;
    for (size_t i = 0; i < waiting->count; i++)
        if (clock_ms - waiting->list[i].noted_ms <= WAITING_SHOWN_MS)
            notes[count++] = waiting->list[i].note;
    return count;
}
