/* json_difference: the differences between two JSON texts, as values. The order of members does not count, nor does the
 * way in which a number or a string is written; numbers are compared as decimals, of any length. */
#ifndef WORKER_REPLAY_JSON_DIFFERENCE_H
#define WORKER_REPLAY_JSON_DIFFERENCE_H

#include "common/arena.h"
#include "common/json.h"
#include "common/must_check.h"
#include "common/span.h"

struct json_difference {
    struct json_difference *next;
    struct span path;      /* JSON Pointer (RFC 6901) */
    struct span then, now; /* the values as they stand in their texts; at == NULL: the member or element is missing */
};

/* *first: the list of differences in the arena, or NULL if the texts are equal. Members that both have come first, in
 * the order of `then`; then those that only `now` has. Of very many differences the first ones are listed: those whose
 * paths take 4 MiB. The parser takes the longer text. False if a text is not JSON, or nested deeper than 32. */
MUST_CHECK bool json_difference_find(struct span then, struct span now, struct json_parser *parser, struct arena *arena,
                                     struct json_difference **first);

#endif
