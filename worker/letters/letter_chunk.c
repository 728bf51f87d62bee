#include "worker/letters/letter_chunk.h"

#include <stdlib.h>
#include <string.h>

#include "common/stop.h"

/* Letters that are further apart are not read together. */
#define GAP_OFFSETS 1000

struct letter_chunk {
    struct letter_maker *maker;
    const struct span *mended;
    struct chunk_letter letters[LETTER_CHUNK_LETTERS];
    size_t count, read; /* the first `read` of them have a command or a reason */
    struct letter_command commands[LETTER_CHUNK_LETTERS];
    size_t command_count, most, bytes;
};

struct letter_chunk *letter_chunk_new(struct letter_maker *maker, const struct span *mended)
{
    struct letter_chunk *chunk = calloc(1, sizeof(*chunk));
    if (!chunk)
        return NULL;
    chunk->maker = maker;
    chunk->mended = mended;
    return chunk;
}

void letter_chunk_free(struct letter_chunk *chunk)
{
    if (!chunk)
        return;
    letter_chunk_clear(chunk);
    free(chunk);
}

size_t letter_chunk_count(const struct letter_chunk *chunk)
{
    return chunk->count;
}

bool letter_chunk_add(struct letter_chunk *chunk, struct letter_place place)
{
    if (chunk->count == LETTER_CHUNK_LETTERS)
        return false;
    if (chunk->count > 0) {
        const struct letter_place last = chunk->letters[chunk->count - 1].place;
        if (place.partition != last.partition || place.offset - last.offset > GAP_OFFSETS)
            return false;
    }
    chunk->letters[chunk->count++] = (struct chunk_letter){.place = place};
    return true;
}

/* ---- Reading ---- */

static void refuse(struct chunk_letter *letter, const char *reason)
{
    free(letter->reason);
    letter->reason = strdup(reason);
    if (!letter->reason)
        abort();
}

static void refuse_next(struct letter_chunk *chunk)
{
    refuse(&chunk->letters[chunk->read++], "there is no letter");
}

static bool is_full(const struct letter_chunk *chunk)
{
    return chunk->bytes >= LETTER_CHUNK_BYTES || chunk->command_count >= chunk->most;
}

static bool take(void *listener, struct letter *letter, rd_kafka_message_t *message)
{
    struct letter_chunk *chunk = listener;
    char reason[LETTER_REASON_SIZE];
    while (chunk->read < chunk->count && letter_place_order(&chunk->letters[chunk->read].place, &letter->place) < 0)
        refuse_next(chunk);
    if (chunk->read == chunk->count)
        return false;
    struct chunk_letter *wanted = &chunk->letters[chunk->read];
    if (letter_place_order(&wanted->place, &letter->place) != 0)
        return true;
    struct letter_command *command = &chunk->commands[chunk->command_count];
    if (letter_command_make(chunk->maker, letter, message, chunk->mended, command, reason)) {
        wanted->command = command;
        chunk->command_count++;
        chunk->bytes += command->size;
    } else {
        refuse(wanted, reason);
    }
    chunk->read++;
    return chunk->read < chunk->count && !is_full(chunk);
}

bool letter_chunk_read(struct letter_chunk *chunk, struct letter_log *log, size_t most, char *error, size_t error_size)
{
    chunk->most = most;
    if (chunk->count == 0)
        return true;
    const struct letter_place first = chunk->letters[0].place, last = chunk->letters[chunk->count - 1].place;
    if (!letter_log_read(log, first.partition, first.offset, letter_offset_behind(last), take, chunk, error,
                         error_size) &&
        (error[0] != '\0' || stop_is_requested()))
        return false;
    while (!is_full(chunk) && chunk->read < chunk->count)
        refuse_next(chunk);
    return true;
}

/* ---- What was read ---- */

const struct chunk_letter *letter_chunk_letters(const struct letter_chunk *chunk, size_t *count)
{
    *count = chunk->read;
    return chunk->letters;
}

struct letter_command *letter_chunk_commands(struct letter_chunk *chunk, size_t *count)
{
    *count = chunk->command_count;
    return chunk->commands;
}

void letter_chunk_refuse(struct letter_chunk *chunk, const char *reason)
{
    for (size_t i = 0; i < chunk->read; i++)
        if (!chunk->letters[i].reason)
            refuse(&chunk->letters[i], reason);
}

void letter_chunk_rewind(struct letter_chunk *chunk)
{
    for (size_t i = 0; i < chunk->command_count; i++)
        letter_command_free(&chunk->commands[i]);
    for (size_t i = 0; i < chunk->read; i++) {
        free(chunk->letters[i].reason);
        chunk->letters[i] = (struct chunk_letter){.place = chunk->letters[i].place};
    }
    chunk->read = chunk->command_count = chunk->bytes = 0;
}

void letter_chunk_drop(struct letter_chunk *chunk)
{
    const size_t read = chunk->read;
    letter_chunk_rewind(chunk);
    chunk->count -= read;
    memmove(chunk->letters, chunk->letters + read, chunk->count * sizeof(*chunk->letters));
}

void letter_chunk_clear(struct letter_chunk *chunk)
{
    letter_chunk_drop(chunk);
    chunk->count = 0;
}
