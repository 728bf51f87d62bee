/* json_names: whether the names in one object differ. Part of json.c. */
#ifndef COMMON_JSON_NAMES_H
#define COMMON_JSON_NAMES_H

#include "common/arena.h"
#include "common/json.h"

/* The first member of nodes[object], a complete object, whose decoded name occurs before it in the same object; 0 (the
 * root, never a member) if all differ. Takes linear time for any names: they are hashed with `seed`, which the sender
 * must not know. The arena is as before on return. */
uint32_t json_names_duplicate(const char *text, const struct json_node *nodes, uint32_t object, uint64_t seed,
                              struct arena *arena);

#endif
