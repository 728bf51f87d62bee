#include "worker/redis/redis_keys.h"

#include <stdio.h>
#include <string.h>

static bool take_prefix(struct span *text, struct span prefix)
{
    if (!span_begins_with(*text, prefix))
        return false;
    *text = span_from(*text, prefix.length);
    return true;
}

bool index_key_parse(struct span key, struct index_key *parsed)
{
    struct span rest = key, end = SPAN("}:");
    bool is_client = take_prefix(&rest, SPAN(CLIENT_KEY_BEFORE));
    if (!is_client && !take_prefix(&rest, SPAN(EMAIL_KEY_BEFORE)))
        return false;
    const char *found = memmem(rest.at, rest.length, end.at, end.length);
    if (!found)
        return false;
    *parsed = (struct index_key){.key = key, .workspace = span_of(rest.at, (size_t)(found - rest.at))};
    rest = span_from(rest, parsed->workspace.length + end.length);
    *(is_client ? &parsed->id : &parsed->email) = rest;
    return true;
}

struct span definitions_key_workspace(struct span key)
{
    struct span rest = key;
    if (!take_prefix(&rest, SPAN(DEFINITIONS_KEY_BEFORE)) || rest.length < 2 || rest.at[rest.length - 1] != '}')
        return SPAN_NONE;
    return span_of(rest.at, rest.length - 1);
}

size_t definitions_key_text(struct span workspace, char key[DEFINITIONS_KEY_SIZE])
{
    return (size_t)snprintf(key, DEFINITIONS_KEY_SIZE, DEFINITIONS_KEY_BEFORE "%.*s" DEFINITIONS_KEY_BEHIND,
                            SPAN_FORMAT(workspace));
}
