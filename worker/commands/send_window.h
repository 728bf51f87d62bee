/* send_window: the commands of `send` that were sent and are not finished. A command is finished when its reply is
 * printed. The window is bounded, so memory does not grow with the input. */
#ifndef WORKER_COMMANDS_SEND_WINDOW_H
#define WORKER_COMMANDS_SEND_WINDOW_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"

#define SEND_WINDOW       16384              /* commands */
#define SEND_WINDOW_BYTES ((size_t)64 << 20) /* of its commands, and of replies that wait for earlier ones */

struct sent_command {
    enum sent_state {
        SENT_FREE,        /* no command */
        SENT_QUEUED,      /* librdkafka has it */
        SENT_STORED,      /* Kafka has it, at `partition` and `offset` */
        SENT_UNCONFIRMED, /* librdkafka takes it for stored, but knows no offset. Its reply tells that it is */
        SENT_FAILED,      /* Kafka will never have it */
        SENT_ANSWERED,    /* its reply is in `reply`, and waits for those of earlier commands */
        SENT_DONE         /* its reply was printed; earlier commands are not finished */
    } state;
    int64_t line; /* of the input, from 0 */
    int32_t partition;
    int64_t offset;
    size_t bytes; /* of the command, and of its reply while that waits */
    char *reply;  /* owned */
    size_t length;
};

struct send_window {
    struct sent_command *commands; /* number n is at n % SEND_WINDOW */
    int64_t first, next;           /* the numbers of the first command that is not finished, and of the next one */
    size_t bytes;                  /* of all commands */
};

/* Returns 0, or -1 when out of memory. */
MUST_CHECK int send_window_open(struct send_window *window);
void send_window_close(struct send_window *window);

bool send_window_is_full(const struct send_window *window);
bool send_window_is_empty(const struct send_window *window);

/* Adds a command of `bytes`, as SENT_QUEUED; the window is not full. Returns its number. Its reply is about as long. */
int64_t send_window_add(struct send_window *window, int64_t line, size_t bytes);

/* The command with this number; NULL if it is finished, or was never added. */
struct sent_command *send_window_find(const struct send_window *window, int64_t number);

/* The command at this place of the command topic, or NULL. Linear. */
struct sent_command *send_window_at(const struct send_window *window, int32_t partition, int64_t offset);

/* Keeps a copy of the reply until send_window_take. False when out of memory. */
MUST_CHECK bool send_window_keep(struct send_window *window, struct sent_command *command, struct span reply);

/* The first command if it is finished or its reply can be printed now; NULL if it is neither. The caller prints
 * command->reply, if there is one, and then calls send_window_drop. */
struct sent_command *send_window_take(const struct send_window *window);
void send_window_drop(struct send_window *window);

#endif
