/* garbage_watch: tells the log when a producer begins to send commands that cannot be read, and when it has ended.
 *
 * It begins when at least GARBAGE_LEAST commands of the last minute, and GARBAGE_PERCENT of all, went to the dead
 * letters. It has ended when that was not so for GARBAGE_QUIET_MS. One thread counts, its own commands. */
#ifndef WORKER_METRICS_GARBAGE_WATCH_H
#define WORKER_METRICS_GARBAGE_WATCH_H

#include "common/log.h"
#include "worker/metrics/command_note.h"

#define GARBAGE_LEAST    20
#define GARBAGE_PERCENT  5
#define GARBAGE_QUIET_MS 300000
#define GARBAGE_SLOTS    6
#define GARBAGE_SLOT_MS  10000

struct garbage_watch {
    struct garbage_slot {
        int64_t number; /* which ten seconds */
        uint64_t commands, garbage;
    } slots[GARBAGE_SLOTS];
    int64_t seen_ms; /* CLOCK_MONOTONIC: when it was so last */
    struct log_fault fault;
};

void garbage_watch_open(struct garbage_watch *watch);

/* Counts the commands of a batch and those that went to the dead letters; `last`, of `topic`, is one of these, or NULL.
 * `clock_ms` is CLOCK_MONOTONIC. */
void garbage_watch_count(struct garbage_watch *watch, uint64_t commands, uint64_t garbage,
                         const struct command_note *last, const char *topic, int64_t clock_ms);

/* Looks whether it has ended. To be called now and then, also when there are no commands. */
void garbage_watch_look(struct garbage_watch *watch, int64_t clock_ms);

/* True for so many commands of a minute that went to the dead letters, of so many in all. */
bool garbage_is_much(uint64_t garbage, uint64_t commands);

#endif
