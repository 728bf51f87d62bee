#include "tests/live/replay_changes.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes the next part of a JSON Pointer, decoded, into `part`. False at its end, or if it is too long or none. */
static bool next_part(const char **pointer, char part[256])
{
    size_t length = 0;
    if (**pointer != '/')
        return false;
    for (++*pointer; **pointer && **pointer != '/'; ++*pointer) {
        char character = **pointer;
        if (character == '~') {
            ++*pointer;
            if (**pointer != '0' && **pointer != '1')
                return false;
            character = **pointer == '0' ? '~' : '/';
        }
        if (length == 255)
            return false;
        part[length++] = character;
    }
    part[length] = '\0';
    return true;
}

static json_t *step(const json_t *value, const char *part)
{
    char *end;
    if (json_is_object(value))
        return json_object_get(value, part);
    size_t index = strtoul(part, &end, 10);
    return json_is_array(value) && *end == '\0' ? json_array_get(value, index) : NULL;
}

static json_t *at_pointer(const json_t *value, const char *pointer)
{
    char part[256];
    const json_t *found = value;
    while (found && next_part(&pointer, part))
        found = step(found, part);
    return *pointer ? NULL : (json_t *)(uintptr_t)found;
}

static bool same(const json_t *one, const json_t *other)
{
    return (!one && !other) || (one && other && json_equal(one, other));
}

/* Sets or removes (value == NULL) what the pointer names. False if its parent is not there. */
static bool put_at(json_t *root, const char *pointer, json_t *value)
{
    const char *slash = strrchr(pointer, '/');
    char parent[4096], part[256];
    if (!slash || (size_t)(slash - pointer) >= sizeof(parent))
        return false;
    memcpy(parent, pointer, (size_t)(slash - pointer));
    parent[slash - pointer] = '\0';
    json_t *holder = at_pointer(root, parent);
    if (!next_part(&slash, part))
        return false;
    if (json_is_object(holder))
        return value ? json_object_set(holder, part, value) == 0 : json_object_del(holder, part) == 0;
    size_t index = strtoul(part, NULL, 10);
    if (!json_is_array(holder))
        return false;
    if (!value)
        return json_array_remove(holder, index) == 0;
    return index == json_array_size(holder) ? json_array_append(holder, value) == 0
                                            : json_array_set(holder, index, value) == 0;
}

static const char *path_of(const json_t *change)
{
    return json_string_value(json_object_get(change, "path")) ?: "no path";
}

static const char *one_fault(const json_t *change, const json_t *then, const json_t *now)
{
    static char fault[600];
    const json_t *before = at_pointer(then, path_of(change)), *after = at_pointer(now, path_of(change));
    const char *what = NULL;
    if (path_of(change)[0] != '/')
        what = "is no JSON Pointer within the client";
    else if (!same(json_object_get(change, "then"), before))
        what = "has another value then";
    else if (!same(json_object_get(change, "now"), after))
        what = "has another value now";
    else if (same(before, after))
        what = "does not differ";
    else if (json_is_object(before) && json_is_object(after))
        what = "is an object, whose members are to be named";
    if (what)
        snprintf(fault, sizeof(fault), "%s %s", path_of(change), what);
    return what ? fault : NULL;
}

/* Removals from the end of an array come last and in reverse order. */
static bool apply(json_t *client, const json_t *changes)
{
    bool done = true;
    for (size_t i = 0; i < json_array_size(changes); i++) {
        const json_t *change = json_array_get(changes, i);
        if (json_object_get(change, "now"))
            done = put_at(client, path_of(change), json_object_get(change, "now")) && done;
    }
    for (size_t i = json_array_size(changes); i-- > 0;) {
        const json_t *change = json_array_get(changes, i);
        if (!json_object_get(change, "now"))
            done = put_at(client, path_of(change), NULL) && done;
    }
    return done;
}

const char *client_changes_fault(const json_t *changes, const json_t *then, const json_t *now)
{
    for (size_t i = 0; i < json_array_size(changes); i++) {
        const char *fault = one_fault(json_array_get(changes, i), then, now);
        if (fault)
            return fault;
    }
    json_t *client = json_deep_copy(then);
    bool complete = apply(client, changes) && json_equal(client, now);
    json_decref(client);
    return complete ? NULL : "the changes do not lead from the one client to the other";
}

static bool take_pair(json_t *list, const json_t *error)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *other = json_array_get(list, i);
        if (same(json_object_get(other, "path"), json_object_get(error, "path")) &&
            same(json_object_get(other, "code"), json_object_get(error, "code")))
            return json_array_remove(list, i) == 0;
    }
    return false;
}

/* The errors of `list` that `other` lacks. New. */
static json_t *without(const json_t *list, const json_t *other)
{
    json_t *rest = json_array(), *copy = json_copy((json_t *)(uintptr_t)other);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!take_pair(copy, json_array_get(list, i)))
            json_array_append(rest, json_array_get(list, i));
    json_decref(copy);
    return rest;
}

static bool take_side(json_t *list, const json_t *change, const char *side)
{
    const json_t *code = json_object_get(change, side);
    if (!code)
        return true;
    json_t *error = json_pack("{s:O, s:O}", "path", json_object_get(change, "path"), "code", code);
    bool taken = take_pair(list, error);
    json_decref(error);
    return taken;
}

/* True if a path has an error left in both lists: it should be one change, not two. */
static bool is_split(const json_t *changes)
{
    for (size_t i = 0; i < json_array_size(changes); i++)
        for (size_t j = 0; j < json_array_size(changes); j++) {
            const json_t *one = json_array_get(changes, i), *other = json_array_get(changes, j);
            if (strcmp(path_of(one), path_of(other)) == 0 && !json_object_get(one, "now") &&
                !json_object_get(other, "then"))
                return true;
        }
    return false;
}

const char *error_changes_fault(const json_t *changes, const json_t *then, const json_t *now)
{
    static char fault[600];
    const char *what = NULL;
    json_t *before = without(then, now), *after = without(now, then);
    for (size_t i = 0; i < json_array_size(changes) && !what; i++) {
        const json_t *change = json_array_get(changes, i);
        bool is_empty = !json_object_get(change, "then") && !json_object_get(change, "now");
        if (is_empty || !take_side(before, change, "then") || !take_side(after, change, "now")) {
            snprintf(fault, sizeof(fault), "%s is no such difference", path_of(change));
            what = fault;
        }
    }
    if (!what && is_split(changes))
        what = "an error that is another one now is two changes";
    if (!what && json_array_size(before) + json_array_size(after) > 0) {
        const json_t *missing = json_array_get(json_array_size(before) ? before : after, 0);
        snprintf(fault, sizeof(fault), "%s is missing", path_of(missing));
        what = fault;
    }
    json_decref(before);
    json_decref(after);
    return what;
}
