/* definitions_texts: the distinct texts of a definitions_library, each with its version's hash. The bytes are in the
 * spill; compiled ones are in a cache of bounded size. Private to the library. */
#ifndef WORKER_REPLAY_DEFINITIONS_TEXTS_H
#define WORKER_REPLAY_DEFINITIONS_TEXTS_H

#include "worker/replay/definitions_library.h"

struct definitions_texts;

/* The number of no text. */
#define TEXT_NONE UINT32_MAX

/* New, empty, or NULL when out of memory. */
MUST_CHECK struct definitions_texts *definitions_texts_new(struct spill *spill, size_t cache_bytes);
void definitions_texts_free(struct definitions_texts *texts);

/* Adds the text unless it is there. *number identifies it. One thread, before the first take. False with errno set. */
MUST_CHECK bool definitions_texts_add(struct definitions_texts *texts, struct span json, uint32_t *number);

/* TEXT_NONE if there is none with this hash. */
uint32_t definitions_texts_find(const struct definitions_texts *texts, const char version[HASH_LENGTH]);

/* Compiles the text, or finds it compiled: LIBRARY_FOUND with a reference to be given back, LIBRARY_BROKEN or
 * LIBRARY_FAILED. Any thread. A text is compiled by one thread at a time; others that want the same one wait for it. A
 * broken one is logged, once. */
MUST_CHECK enum library_finding definitions_texts_take(struct definitions_texts *texts, uint32_t number,
                                                       const struct definitions **definitions);
void definitions_texts_give_back(struct definitions_texts *texts, const struct definitions *definitions);

/* Sets all members but `versions`. */
void definitions_texts_count(struct definitions_texts *texts, struct library_counts *counts);

#endif
