#include "worker/replay/replay_definitions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct replay_definitions {
    struct definitions_library *topic;
    struct definitions_library *redis; /* NULL: not asked for */
    struct definitions_library *files; /* NULL: there are no overrides */
    const struct replay_override *overrides;
    size_t override_count;
};

static bool out_of_memory(char *error, size_t error_size)
{
    snprintf(error, error_size, "out of memory");
    return false;
}

static bool open_files(struct replay_definitions *definitions, struct spill *spill, size_t cache_bytes, char *error,
                       size_t error_size)
{
    if (definitions->override_count == 0)
        return true;
    definitions->files = definitions_library_new(spill, cache_bytes);
    if (!definitions->files)
        return out_of_memory(error, error_size);
    for (size_t i = 0; i < definitions->override_count; i++) {
        const struct replay_override *override = &definitions->overrides[i];
        if (!definitions_library_add(definitions->files, override->workspace, override->json, 0, (int64_t)i, 0)) {
            snprintf(error, error_size, "the temporary file: %s", strerror(errno));
            return false;
        }
    }
    definitions_library_seal(definitions->files);
    return true;
}

static bool open_redis(struct replay_definitions *definitions, const struct config *config, struct spill *spill,
                       size_t cache_bytes, char *error, size_t error_size)
{
    definitions->redis = definitions_library_new(spill, cache_bytes);
    if (!definitions->redis)
        return out_of_memory(error, error_size);
    char reason[256];
    if (!definitions_library_read_redis(definitions->redis, config, reason, sizeof(reason))) {
        snprintf(error, error_size, "Redis: %s", reason);
        return false;
    }
    definitions_library_seal(definitions->redis);
    return true;
}

static bool open_topic(struct replay_definitions *definitions, const struct config *config, struct spill *spill,
                       size_t cache_bytes, int wait_ms, char *error, size_t error_size)
{
    definitions->topic = definitions_library_new(spill, cache_bytes);
    if (!definitions->topic)
        return out_of_memory(error, error_size);
    if (!definitions_library_read_topic(definitions->topic, config, wait_ms, error, error_size))
        return false;
    definitions_library_seal(definitions->topic);
    return true;
}

static struct replay_definitions *definitions_new(const struct replay_definitions_request *request, char *error,
                                                  size_t error_size)
{
    struct replay_definitions *definitions = calloc(1, sizeof(*definitions));
    if (!definitions) {
        out_of_memory(error, error_size);
        return NULL;
    }
    definitions->overrides = request->overrides;
    definitions->override_count = request->override_count;
    return definitions;
}

struct replay_definitions *replay_definitions_of(struct definitions_library *topic, struct definitions_library *redis,
                                                 const struct replay_definitions_request *request, struct spill *spill,
                                                 size_t cache_bytes, char *error, size_t error_size)
{
    struct replay_definitions *definitions = definitions_new(request, error, error_size);
    if (!definitions) {
        definitions_library_free(topic);
        definitions_library_free(redis);
        return NULL;
    }
    definitions->topic = topic;
    definitions->redis = redis;
    if (open_files(definitions, spill, cache_bytes, error, error_size))
        return definitions;
    replay_definitions_free(definitions);
    return NULL;
}

struct replay_definitions *replay_definitions_open(const struct config *config,
                                                   const struct replay_definitions_request *request,
                                                   struct spill *spill, size_t cache_bytes, int wait_ms, char *error,
                                                   size_t error_size)
{
    struct replay_definitions *definitions = definitions_new(request, error, error_size);
    if (!definitions)
        return NULL;
    const bool ok = open_topic(definitions, config, spill, cache_bytes, wait_ms, error, error_size) &&
                    (request->source != LIBRARY_CURRENT ||
                     open_redis(definitions, config, spill, cache_bytes, error, error_size)) &&
                    open_files(definitions, spill, cache_bytes, error, error_size);
    if (ok)
        return definitions;
    replay_definitions_free(definitions);
    return NULL;
}

void replay_definitions_free(struct replay_definitions *definitions)
{
    if (!definitions)
        return;
    definitions_library_free(definitions->topic);
    definitions_library_free(definitions->redis);
    definitions_library_free(definitions->files);
    free(definitions);
}

static bool is_overridden(const struct replay_definitions *definitions, struct span workspace)
{
    for (size_t i = 0; i < definitions->override_count; i++)
        if (span_equal(definitions->overrides[i].workspace, workspace))
            return true;
    return false;
}

static struct found_definitions found_last(struct definitions_library *library, struct span workspace)
{
    struct found_definitions found = {.library = library};
    found.finding = definitions_library_at(library, workspace, INT64_MAX, &found.definitions);
    return found;
}

struct found_definitions replay_definitions_then(struct replay_definitions *definitions, const struct item *item,
                                                 const struct recorded_reply *reply)
{
    struct found_definitions found = {.finding = LIBRARY_NONE, .library = definitions->topic};
    if (!item->workspace.at)
        return found;
    if (reply && reply->names_version)
        found.finding = definitions_library_version(definitions->topic, reply->version, &found.definitions);
    else
        found.finding =
            definitions_library_at(definitions->topic, item->workspace, item->from.timestamp_ms, &found.definitions);
    return found;
}

struct found_definitions replay_definitions_now(struct replay_definitions *definitions, const struct item *item,
                                                const struct recorded_reply *reply)
{
    if (item->workspace.at && is_overridden(definitions, item->workspace))
        return found_last(definitions->files, item->workspace);
    if (item->workspace.at && definitions->redis)
        return found_last(definitions->redis, item->workspace);
    return replay_definitions_then(definitions, item, reply);
}

void replay_definitions_release(const struct found_definitions *found)
{
    if (found->definitions)
        definitions_library_release(found->library, found->definitions);
}
