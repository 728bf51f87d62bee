/* waiting_commands: the commands of a thread that wait for definitions, the first one of each partition, in fixed
 * memory. The caller holds a lock if there are several threads. */
#ifndef WORKER_METRICS_WAITING_COMMANDS_H
#define WORKER_METRICS_WAITING_COMMANDS_H

#include <stddef.h>

#include "worker/metrics/command_note.h"

#define WAITING_MOST     8     /* partitions of a thread; of more, the others are not named */
#define WAITING_QUIET_MS 60000 /* so long nothing must have waited before the log tells that nothing waits */
#define WAITING_SHOWN_MS 30000 /* a command that was not noted for so long waits no more: its partition was revoked */

struct waiting_commands {
    size_t count;
    struct {
        struct command_note note;
        int64_t noted_ms;
    } list[WAITING_MOST];
};

/* The command waits still. It keeps the time of its first note. Times are CLOCK_MONOTONIC, in milliseconds. */
void waiting_commands_note(struct waiting_commands *waiting, const struct command_note *note, int64_t clock_ms);

/* A command of the partition has a reply: the one that is noted waits no more if it is this one, or an earlier one. */
void waiting_commands_answered(struct waiting_commands *waiting, int32_t partition, int64_t offset);

/* Whether there is any; forgets those that wait no more. */
bool waiting_commands_any(struct waiting_commands *waiting, int64_t clock_ms);

/* Returns how many there are. */
size_t waiting_commands_read(const struct waiting_commands *waiting, int64_t clock_ms,
                             struct command_note notes[WAITING_MOST]);

#endif
