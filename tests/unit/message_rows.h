/* message_rows: a command for every error that a reply can carry, and what its message says. */
#ifndef TESTS_MESSAGE_ROWS_H
#define TESTS_MESSAGE_ROWS_H

#include "common/span.h"
#include "worker/model/error.h"

/* The position of a row's hostile values. */
#define HERE "\x7f"

/* The context in which a row is evaluated. */
enum message_how {
    PLAIN, /* with message_definitions */
    WITHOUT_DEFINITIONS,
    WITH_BROKEN_DEFINITIONS,
    WITH_LITTLE_ROOM,   /* limits.command_bytes is 1 KiB */
    WITH_TAKEN_EMAIL,   /* and the store finds another client with this email */
    WITH_LARGE_CLIENT,  /* and its topic has refused the client as too large */
    WITH_HUGE_CLIENT,   /* and the producer's own limit has */
    WITH_ANOTHER_CLIENT /* and the store finds a client of this id from another body */
};

struct message_row {
    enum error error; /* the command's first */
    enum message_how how;
    struct span command;
    const char *says; /* a part of that error's message */
};

extern const struct message_row message_rows[];
extern const size_t message_row_count;

/* The definitions of the rows' workspace. */
extern const char message_definitions[];

#endif
