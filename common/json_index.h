/* json_index: the C interface of json_simdjson.cc. Finds the structural characters of a JSON text with simdjson's
 * first stage, which selects the machine's best instruction set at run time, and checks that the text is UTF-8. */
#ifndef COMMON_JSON_INDEX_H
#define COMMON_JSON_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "common/must_check.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_index;

enum json_index_result {
    JSON_INDEX_OK,
    JSON_INDEX_EMPTY,  /* nothing but white space */
    JSON_INDEX_UTF8,   /* not UTF-8 */
    JSON_INDEX_SYNTAX, /* an unclosed string, or a raw control character in one */
};

/* New, or NULL when out of memory. Takes texts of up to `capacity` bytes. */
MUST_CHECK struct json_index *json_index_new(size_t capacity);
void json_index_free(struct json_index *index);

/* Finds the positions (borrowed, valid until the next call) of every bracket, brace, colon, comma, opening quote and
 * first byte of another scalar in text[0..length), which must be followed by 64 readable bytes. After the last one,
 * positions[*count] is `length`, so that a walk finds its end without counting. The two are set only for
 * JSON_INDEX_OK. */
MUST_CHECK enum json_index_result json_index_find(struct json_index *index, const char *text, size_t length,
                                                  const uint32_t **positions, size_t *count);

#ifdef __cplusplus
}
#endif

#endif
