/* letter_chunk: the letters of one transaction, and the commands that they become again. Letters go in by their places,
 * in the order of the topic, are read together, and go out together. */
#ifndef WORKER_LETTERS_LETTER_CHUNK_H
#define WORKER_LETTERS_LETTER_CHUNK_H

#include "common/must_check.h"
#include "worker/letters/letter_command.h"
#include "worker/letters/letter_log.h"

#define LETTER_CHUNK_LETTERS 500
#define LETTER_CHUNK_BYTES   ((size_t)4 << 20) /* the last letter may exceed them */

/* A letter of the chunk. */
struct chunk_letter {
    struct letter_place place;
    char *reason;                   /* owned; why it is refused. NULL: it is not */
    struct letter_command *command; /* NULL: none yet; not to be used if there is a reason */
};

struct letter_chunk;

/* New, empty; or NULL when out of memory. `maker` and `mended` (letter_command.h) must outlive it. */
MUST_CHECK struct letter_chunk *letter_chunk_new(struct letter_maker *maker, const struct span *mended);
void letter_chunk_free(struct letter_chunk *chunk); /* NULL is allowed */

/* The number of letters. */
size_t letter_chunk_count(const struct letter_chunk *chunk);

/* False, and nothing is added, if the chunk is full or the letter is too far from the one before to be read with it. */
MUST_CHECK bool letter_chunk_add(struct letter_chunk *chunk, struct letter_place place);

/* Reads letters until all are read, or until those that were read have LETTER_CHUNK_BYTES or are `most` commands. A
 * letter that is not in the topic is refused. False with the reason in `error`, or with "" in it if a signal ended the
 * reading. */
MUST_CHECK bool letter_chunk_read(struct letter_chunk *chunk, struct letter_log *log, size_t most, char *error,
                                  size_t error_size);

/* The letters that were read; and the commands of those that are not refused. */
const struct chunk_letter *letter_chunk_letters(const struct letter_chunk *chunk, size_t *count);
struct letter_command *letter_chunk_commands(struct letter_chunk *chunk, size_t *count);

/* Refuses every letter that was read and has a command. */
void letter_chunk_refuse(struct letter_chunk *chunk, const char *reason);

/* The letters that were read count as not yet read. */
void letter_chunk_rewind(struct letter_chunk *chunk);

/* Removes the letters that were read. The others begin the next chunk. */
void letter_chunk_drop(struct letter_chunk *chunk);

/* Removes all letters. */
void letter_chunk_clear(struct letter_chunk *chunk);

#endif
