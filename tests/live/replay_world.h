/* replay_world: what replay_oracle knows of the topics, from the lines of replay_dump. It shares no code with the
 * program under test. Whatever a reader of these dumps cannot do ends the program with 69. */
#ifndef TESTS_LIVE_REPLAY_WORLD_H
#define TESTS_LIVE_REPLAY_WORLD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/live/arena.h"

#define WORLD_PARTITIONS 64
#define HASH_DIGITS      32

struct text {
    const char *at; /* NULL: none */
    size_t length;
};

struct bounds {
    bool is_known;
    int64_t first, stable, high;
};

/* One message of the command topic. */
struct sent {
    int32_t partition;
    bool is_committed;
    int64_t offset, ts;
    struct text line; /* in the dump */
};

/* One reply. */
struct answered {
    int32_t source_partition, partition;
    int64_t source_offset, offset, ts;
    const char *topic;
    bool is_duplicate;             /* it has that header */
    char version[HASH_DIGITS + 1]; /* of the definitions that it names; "": none */
    struct text line;
};

/* One message of the definitions topic, or one key of Redis. */
struct version {
    const char *workspace;
    int32_t partition;
    int64_t offset, ts;
    struct text bytes; /* at == NULL: the workspace has none from then on */
    char hash[HASH_DIGITS + 1];
};

struct world {
    struct arena arena;
    const char *topic; /* of the commands */
    struct bounds bounds[WORLD_PARTITIONS];
    struct sent *commands; /* sorted by place */
    size_t command_count;
    struct answered *replies; /* sorted by source, the one that counts first */
    size_t reply_count;
    struct version *history; /* in the order of their workspaces, then of their age */
    size_t history_count;
    struct version *current; /* the same from Redis */
    size_t current_count;
};

void world_read_commands(struct world *world, const char *path);
void world_read_replies(struct world *world, const char *path);
void world_read_definitions(struct world *world, const char *path);
void world_read_current(struct world *world, const char *path);
/* Sorts; to be called once after all reading. */
void world_complete(struct world *world);

/* The reply that counts, or NULL. */
const struct answered *world_reply(const struct world *world, int32_t partition, int64_t offset);

/* Any version with this hash, or NULL. */
const struct version *world_version(const struct world *world, const char *hash);

/* The workspace's last version that is not later than `ts`, or NULL; one without bytes means none, too. */
const struct version *world_version_at(const struct world *world, const char *workspace, int64_t ts);
const struct version *world_current(const struct world *world, const char *workspace);

/* The JSON of a line of a dump, or of any other text; NULL if it is none. */
json_t *text_json(struct text text);

/* The bytes that a dump has for a key, a header or a payload, in the arena. */
struct text dumped_bytes(struct arena *arena, const json_t *value);

/* XXH3-128 in hexadecimal. */
void hash_digits(struct text bytes, char digits[HASH_DIGITS + 1]);

/* A whole file; an empty one is "". */
struct text file_text(const char *path);

void give_up(const char *what, const char *reason) __attribute__((noreturn));

#endif
