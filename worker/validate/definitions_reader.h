/* definitions_reader: the faults of a definition set that is being read, each with its place. Private to the files that
 * compile definitions. */
#ifndef WORKER_VALIDATE_DEFINITIONS_READER_H
#define WORKER_VALIDATE_DEFINITIONS_READER_H

#include "common/arena.h"
#include "common/nearest_word.h"
#include "worker/validate/definitions.h"

struct definitions_reader {
    struct arena scratch; /* for the time of reading */
    struct json_document document;
    char path[128]; /* JSON Pointer of the place that is being read; cut if longer */
    struct definitions_fault *first, *last;
    size_t compared; /* work done to find names for messages; see nearest_word.h */
    uint32_t lists;  /* of what would be right, in messages so far */
    bool failed;     /* at least one fault was found, listed or, without memory, not */
};

/* Goes to a member or an element of the present place. Returns what reader_leave takes to come back. */
size_t reader_enter(struct definitions_reader *reader, struct span name);
size_t reader_enter_index(struct definitions_reader *reader, size_t index);
void reader_leave(struct definitions_reader *reader, size_t where);

/* Adds a fault at the present place. Always returns false. */
bool reader_fault(struct definitions_reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The end of a message about a name that is not known: ", must be one of text, number, ...". Only the first
 * READER_LISTS messages list names, since a set may have more faults than anybody reads. Returns `text`. */
#define READER_LISTS      100
#define READER_LIST_BYTES (CHOICES_SIZE + 32)
const char *reader_list(struct definitions_reader *reader, const struct choices *choices, char text[READER_LIST_BYTES]);

/* The node's type. Node 0, which stands for a missing member, counts as null. */
enum json_type reader_type(const struct definitions_reader *reader, uint32_t node);

/* The member of `object`, or 0. */
uint32_t reader_member(const struct definitions_reader *reader, uint32_t object, const char *name);

/* The nearest binary64 of a number; false if the node is none, or is beyond binary64. */
bool reader_number(const struct definitions_reader *reader, uint32_t node, double *number);

/* How many elements or members an array or object has; 0 for anything else. */
uint32_t reader_count(const struct definitions_reader *reader, uint32_t node);

/* Reads the object `rules` (0: none) of a field of this type. Faults are added to the reader. */
void rules_read(struct definitions_reader *reader, uint32_t object, const struct field_type *type, uint32_t options,
                struct rules *rules);

#endif
