#include "tests/live/replay_world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

void give_up(const char *what, const char *reason)
{
    fprintf(stderr, "replay_oracle: %s: %s\n", what, reason);
    exit(69);
}

struct text file_text(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0)
        give_up(path, strerror(errno));
    struct text text = {"", (size_t)status.st_size};
    if (text.length > 0) {
        text.at = mmap(NULL, text.length, PROT_READ, MAP_PRIVATE, file, 0);
        if (text.at == MAP_FAILED)
            give_up(path, strerror(errno));
    }
    close(file);
    return text;
}

json_t *text_json(struct text text)
{
    return json_loadb(text.at, text.length, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
}

static int digit(char character)
{
    return character <= '9' ? character - '0' : character - 'a' + 10;
}

struct text dumped_bytes(struct arena *arena, const json_t *value)
{
    if (json_is_string(value)) {
        size_t length = json_string_length(value);
        return (struct text){arena_text(arena, json_string_value(value), length), length};
    }
    const char *hex = json_string_value(json_object_get(value, "hex"));
    if (!hex)
        return (struct text){NULL, 0};
    size_t length = strlen(hex) / 2;
    char *bytes = arena_take(arena, length + 1);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)(digit(hex[2 * i]) * 16 + digit(hex[2 * i + 1]));
    return (struct text){bytes, length};
}

void hash_digits(struct text bytes, char digits[HASH_DIGITS + 1])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.at, bytes.length));
    for (size_t i = 0; i < sizeof(canonical.digest); i++)
        sprintf(digits + 2 * i, "%02x", canonical.digest[i]);
}

/* Makes room for one more of `size` bytes each, for each power of two. */
static void *grown(void *items, size_t count, size_t size)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return items;
    items = realloc(items, (count ? 2 * count : 1) * size);
    if (!items)
        give_up("memory", "none left");
    return items;
}

/* Calls `take` with each line and its JSON. */
static void read_lines(struct world *world, const char *path,
                       void (*take)(struct world *world, const json_t *message, struct text line))
{
    struct text rest = file_text(path);
    while (rest.length > 0) {
        const char *end = memchr(rest.at, '\n', rest.length);
        struct text line = {rest.at, end ? (size_t)(end - rest.at) : rest.length};
        json_t *message = text_json(line);
        if (!json_is_object(message))
            give_up(path, "a line is no JSON object");
        take(world, message, line);
        json_decref(message);
        size_t taken = line.length + (end ? 1 : 0);
        rest = (struct text){rest.at + taken, rest.length - taken};
    }
}

static int64_t number(const json_t *object, const char *name)
{
    return (int64_t)json_integer_value(json_object_get(object, name));
}

static void take_command(struct world *world, const json_t *message, struct text line)
{
    int64_t partition = number(message, "partition");
    if (partition < 0 || partition >= WORLD_PARTITIONS)
        give_up("commands", "too many partitions for this program");
    if (!world->topic) {
        const char *topic = json_string_value(json_object_get(message, "topic"));
        world->topic = arena_text(&world->arena, topic, strlen(topic));
    }
    if (json_object_get(message, "stable")) {
        world->bounds[partition] =
            (struct bounds){true, number(message, "first"), number(message, "stable"), number(message, "high")};
        return;
    }
    world->commands = grown(world->commands, world->command_count, sizeof(world->commands[0]));
    world->commands[world->command_count++] = (struct sent){.partition = (int32_t)partition,
                                                            .is_committed = !json_object_get(message, "committed"),
                                                            .offset = number(message, "offset"),
                                                            .ts = number(message, "ts"),
                                                            .line = line};
}

static bool names_header(const json_t *headers, const char *wanted)
{
    for (size_t i = 0; i + 1 < json_array_size(headers); i += 2)
        if (strcmp(json_string_value(json_array_get(headers, i)) ?: "", wanted) == 0)
            return true;
    return false;
}

static void take_reply(struct world *world, const json_t *message, struct text line)
{
    const char *topic = json_string_value(json_object_get(message, "topic"));
    json_t *value = json_loads(json_string_value(json_object_get(message, "payload")) ?: "", JSON_ALLOW_NUL, NULL);
    const json_t *source = json_object_get(value, "source");
    const char *of = json_string_value(json_object_get(source, "topic"));
    if (of && strcmp(of, world->topic) == 0 && !json_object_get(message, "committed")) {
        world->replies = grown(world->replies, world->reply_count, sizeof(world->replies[0]));
        world->replies[world->reply_count++] =
            (struct answered){.source_partition = (int32_t)number(source, "partition"),
                              .source_offset = number(source, "offset"),
                              .partition = (int32_t)number(message, "partition"),
                              .offset = number(message, "offset"),
                              .ts = number(message, "ts"),
                              .topic = arena_text(&world->arena, topic, strlen(topic)),
                              .is_duplicate = names_header(json_object_get(message, "headers"), "duplicate"),
                              .line = line};
        const char *version = json_string_value(json_object_get(value, "definitions"));
        if (version)
            strncat(world->replies[world->reply_count - 1].version, version, HASH_DIGITS);
    }
    json_decref(value);
}

static struct version version_of(struct world *world, const json_t *message)
{
    struct text key = dumped_bytes(&world->arena, json_object_get(message, "key"));
    struct version version = {.workspace = key.at ? key.at : "",
                              .partition = (int32_t)number(message, "partition"),
                              .offset = number(message, "offset"),
                              .ts = number(message, "ts"),
                              .bytes = dumped_bytes(&world->arena, json_object_get(message, "payload"))};
    if (version.bytes.at)
        hash_digits(version.bytes, version.hash);
    return version;
}

static void take_version(struct world *world, const json_t *message, struct text line)
{
    (void)line;
    if (!json_object_get(message, "offset") || json_object_get(message, "committed"))
        return;
    world->history = grown(world->history, world->history_count, sizeof(world->history[0]));
    world->history[world->history_count++] = version_of(world, message);
}

static void take_current(struct world *world, const json_t *message, struct text line)
{
    (void)line;
    world->current = grown(world->current, world->current_count, sizeof(world->current[0]));
    world->current[world->current_count++] = version_of(world, message);
}

void world_read_commands(struct world *world, const char *path)
{
    read_lines(world, path, take_command);
}

void world_read_replies(struct world *world, const char *path)
{
    read_lines(world, path, take_reply);
}

void world_read_definitions(struct world *world, const char *path)
{
    read_lines(world, path, take_version);
}

void world_read_current(struct world *world, const char *path)
{
    read_lines(world, path, take_current);
}

#define BY(one, other)                                                                                                 \
    do {                                                                                                               \
        if ((one) != (other))                                                                                          \
            return (one) < (other) ? -1 : 1;                                                                           \
    } while (0)

static int compare_commands(const void *one, const void *other)
{
    const struct sent *a = one, *b = other;
    BY(a->partition, b->partition);
    BY(a->offset, b->offset);
    return 0;
}

static int compare_replies(const void *one, const void *other)
{
    const struct answered *a = one, *b = other;
    BY(a->source_partition, b->source_partition);
    BY(a->source_offset, b->source_offset);
    BY(a->ts, b->ts);
    BY(strcmp(a->topic, b->topic), 0);
    BY(a->partition, b->partition);
    BY(a->offset, b->offset);
    return 0;
}

/* Within a partition the offset tells which is later, otherwise the time. */
static int compare_versions(const void *one, const void *other)
{
    const struct version *a = one, *b = other;
    BY(strcmp(a->workspace, b->workspace), 0);
    if (a->partition != b->partition)
        BY(a->ts, b->ts);
    BY(a->partition, b->partition);
    BY(a->offset, b->offset);
    return 0;
}

static void sort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    if (count > 0)
        qsort(items, count, size, compare);
}

void world_complete(struct world *world)
{
    sort(world->commands, world->command_count, sizeof(world->commands[0]), compare_commands);
    sort(world->replies, world->reply_count, sizeof(world->replies[0]), compare_replies);
    sort(world->history, world->history_count, sizeof(world->history[0]), compare_versions);
}

const struct answered *world_reply(const struct world *world, int32_t partition, int64_t offset)
{
    size_t low = 0, high = world->reply_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct answered *reply = &world->replies[middle];
        if (reply->source_partition < partition ||
            (reply->source_partition == partition && reply->source_offset < offset))
            low = middle + 1;
        else
            high = middle;
    }
    const struct answered *reply = &world->replies[low];
    bool found = low < world->reply_count && reply->source_partition == partition && reply->source_offset == offset;
    return found ? reply : NULL;
}

const struct version *world_version(const struct world *world, const char *hash)
{
    for (size_t i = 0; i < world->history_count; i++)
        if (world->history[i].bytes.at && strcmp(world->history[i].hash, hash) == 0)
            return &world->history[i];
    return NULL;
}

const struct version *world_version_at(const struct world *world, const char *workspace, int64_t ts)
{
    const struct version *last = NULL;
    for (size_t i = 0; i < world->history_count; i++)
        if (strcmp(world->history[i].workspace, workspace) == 0 && world->history[i].ts <= ts)
            last = &world->history[i];
    return last;
}

const struct version *world_current(const struct world *world, const char *workspace)
{
    for (size_t i = 0; i < world->current_count; i++)
        if (strcmp(world->current[i].workspace, workspace) == 0)
            return &world->current[i];
    return NULL;
}
