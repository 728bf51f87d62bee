/* commands: an endless, repeatable mixture of good, bad and hostile commands, each with its expected outcome. */
#ifndef TESTS_LIVE_COMMANDS_H
#define TESTS_LIVE_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMAND_BYTES   300000 /* of a value, at most: a little over limits.command_bytes */
#define COMMAND_HEADERS 12

struct command_mixture {
    uint64_t seed;
    unsigned workspaces;     /* "ws-0", "ws-1", ...; and "bare", which has no definitions */
    int32_t partitions;      /* of the command topic */
    const char *reply_topic; /* one that replies.allowed lists, or NULL */
    bool without_races;      /* leaves out commands whose outcome depends on the faster of two partitions, so that
                              * only one result is right */
};

struct command_header {
    char name[32], value[160];
    size_t length; /* of the value */
};

struct command {
    char value[COMMAND_BYTES];
    size_t length;
    bool tombstone;
    char key[64];      /* "" for none */
    int32_t partition; /* -1: chosen by the key */
    struct command_header headers[COMMAND_HEADERS];
    size_t header_count;
};

/* Makes command number `index` of the mixture. The same mixture and index give the same command. Commands that refer
 * to an earlier one (a duplicate, a taken email) have its key, so that they follow it in the same partition. */
void command_make(const struct command_mixture *mixture, uint64_t index, struct command *command);

#endif
