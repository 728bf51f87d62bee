/* replay_command: one command as replay_oracle reads it: who it is, and what to ask `client-intake validate` about it.
 */
#ifndef TESTS_LIVE_REPLAY_COMMAND_H
#define TESTS_LIVE_REPLAY_COMMAND_H

#include "tests/live/replay_world.h"

#define COMMAND_LIMIT 262144 /* limits.command_bytes, by default */

struct command {
    const char *id;        /* from a header or member; "topic/partition/offset" if there is none that is valid */
    const char *workspace; /* NULL: none, or none that is valid */
    /* The same from the headers alone, which count for what cannot be read. */
    const char *header_id, *header_workspace;
    const char *code; /* NULL, or the error that needs no question: malformed_json or too_large */
    struct text line; /* to be asked: with the ids that `validate` would not see otherwise */
    struct text line_without_fields;
    bool fields_given; /* customFields is an object with members */
};

/* All texts are in the arena. */
struct command command_read(struct arena *arena, const char *topic, const struct sent *sent);

#endif
