/* definitions_reader: a definition set during compilation, and its errors with their positions. Private to the files
 * that compile definitions. */
#ifndef WORKER_VALIDATE_DEFINITIONS_READER_H
#define WORKER_VALIDATE_DEFINITIONS_READER_H

#include "common/arena.h"
#include "common/nearest_word.h"
#include "worker/validate/definitions.h"

struct definitions_reader {
    struct arena scratch; /* for the time of reading */
    uint64_t seed;        /* of tables: random, so that keys with one hash cannot be prepared */
    struct json_document document;
    char path[128]; /* JSON Pointer of the position that is being read; cut if longer */
    struct definitions_fault *first, *last;
    size_t compared; /* work for suggestions; see nearest_word.h */
    uint32_t lists;  /* number of messages so far that list alternatives */
    uint32_t faults; /* errors that were found */
    bool failed;     /* at least one error was found, listed or, when out of memory, not */
};

/* Goes to a member or an element of the present position. Returns what reader_leave needs to go back. */
size_t reader_enter(struct definitions_reader *reader, struct span name);
size_t reader_enter_index(struct definitions_reader *reader, size_t index);
void reader_leave(struct definitions_reader *reader, size_t where);

/* Adds an error at the present position; beyond FAULTS_LISTED it is only counted. Always returns false. */
bool reader_fault(struct definitions_reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* At the end: adds how many errors are not listed, if any. */
void reader_end_faults(struct definitions_reader *reader);

/* The end of a message about an unknown name: ", must be one of text, number, ...". Only the first READER_LISTS
 * messages list names, since a set may have more errors than anyone reads. Returns `text`. */
#define READER_LISTS      100
#define READER_LIST_BYTES (CHOICES_SIZE + 32)
const char *reader_list(struct definitions_reader *reader, const struct choices *choices, char text[READER_LIST_BYTES]);

/* The node's type. Node 0, which represents a missing member, counts as null. */
enum json_type reader_type(const struct definitions_reader *reader, uint32_t node);

/* The member of `object`, or 0. */
uint32_t reader_member(const struct definitions_reader *reader, uint32_t object, const char *name);

/* The nearest binary64 of a number; false if the node is not a number, or is beyond binary64. */
bool reader_number(const struct definitions_reader *reader, uint32_t node, double *number);

/* The number of elements or members of an array or object; 0 for anything else. */
uint32_t reader_count(const struct definitions_reader *reader, uint32_t node);

/* Reads the object `rules` (0: none) of a field of this type. Errors are added to the reader. */
void rules_read(struct definitions_reader *reader, uint32_t object, const struct field_type *type, uint32_t options,
                struct rules *rules);

#endif
