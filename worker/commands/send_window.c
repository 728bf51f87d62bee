#include "worker/commands/send_window.h"

#include <assert.h>
#include <stdlib.h>

int send_window_open(struct send_window *window)
{
    *window = (struct send_window){.commands = calloc(SEND_WINDOW, sizeof(*window->commands))};
    return window->commands ? 0 : -1;
}

void send_window_close(struct send_window *window)
{
    for (int i = 0; window->commands && i < SEND_WINDOW; i++)
        free(window->commands[i].reply);
    free(window->commands);
    *window = (struct send_window){0};
}

static struct sent_command *at(const struct send_window *window, int64_t number)
{
    return &window->commands[number % SEND_WINDOW];
}

bool send_window_is_full(const struct send_window *window)
{
    return window->next - window->first == SEND_WINDOW || window->bytes >= SEND_WINDOW_BYTES;
}

bool send_window_is_empty(const struct send_window *window)
{
    return window->next == window->first;
}

int64_t send_window_add(struct send_window *window, int64_t line, size_t bytes)
{
    assert(!send_window_is_full(window));
    *at(window, window->next) = (struct sent_command){.state = SENT_QUEUED, .line = line, .bytes = bytes};
    window->bytes += bytes;
    return window->next++;
}

struct sent_command *send_window_find(const struct send_window *window, int64_t number)
{
    return number >= window->first && number < window->next ? at(window, number) : NULL;
}

struct sent_command *send_window_at(const struct send_window *window, int32_t partition, int64_t offset)
{
    for (int64_t number = window->first; number < window->next; number++) {
        struct sent_command *command = at(window, number);
        if (command->state == SENT_STORED && command->partition == partition && command->offset == offset)
            return command;
    }
    return NULL;
}

bool send_window_keep(struct send_window *window, struct sent_command *command, struct span reply)
{
    command->reply = malloc(reply.length + 1);
    if (!command->reply)
        return false;
    memcpy(command->reply, reply.at, reply.length);
    command->length = reply.length;
    command->state = SENT_ANSWERED;
    command->bytes += reply.length;
    window->bytes += reply.length;
    return true;
}

struct sent_command *send_window_take(const struct send_window *window)
{
    struct sent_command *first = at(window, window->first);
    const bool is_finished = first->state == SENT_ANSWERED || first->state == SENT_DONE || first->state == SENT_FAILED;
    return !send_window_is_empty(window) && is_finished ? first : NULL;
}

void send_window_drop(struct send_window *window)
{
    struct sent_command *first = at(window, window->first++);
    window->bytes -= first->bytes;
    free(first->reply);
    *first = (struct sent_command){.state = SENT_FREE};
}
