/* replay_report: what a dry run prints. Text for people: first the ranges, then what would change at a glance, then the
 * differences. JSON lines for programs: ranges, differences, summary. It holds no clock times, so that two runs over
 * the same history give the same bytes. */
#ifndef WORKER_REPLAY_REPLAY_REPORT_H
#define WORKER_REPLAY_REPLAY_REPORT_H

#include "common/must_check.h"
#include "common/spill.h"
#include "common/timestamp.h"
#include "worker/replay/comparison.h"
#include "worker/replay/history_reader.h"
#include "worker/replay/replay_range.h"
#include "worker/replay/workspace_counts.h"

enum replay_output { REPLAY_TEXT, REPLAY_JSON };

#define REPORTED_WORKSPACES 20

/* The holes of a history: offsets that were asked for and could not be read. */
struct replay_holes {
    struct history_hole *items;
    uint32_t count;
};

struct replay_report;

/* New, or NULL with the reason in `error`. `spill` must outlive it. */
MUST_CHECK struct replay_report *replay_report_new(enum replay_output output, const char *topic, struct spill *spill,
                                                   char *error, size_t error_size);
void replay_report_free(struct replay_report *report);

/* Prints the ranges on standard output, and on standard error how far each partition reaches, which changes from one
 * moment to the next. */
void replay_report_ranges(struct replay_report *report, const struct replay_ranges *ranges);

/* Prints on standard error how far the partition reaches, and what of it cannot be read. */
void replay_report_reach(const char *topic, const struct replay_range *range);

/* The time as text, or "-" for -1. */
const char *replay_report_time(int64_t time_ms, char text[TIME_LENGTH + 1]);

/* The entry of a command that is not the same, in the arena: one JSON line, or some lines of text. Any thread. */
struct span replay_entry_write(enum replay_output output, const struct item *item, const struct comparison *comparison,
                               struct arena *arena);

/* Counts one command. `entry`: its entry, or at == NULL if none is wanted. False with errno set. */
MUST_CHECK bool replay_report_add(struct replay_report *report, struct span workspace,
                                  const struct comparison *comparison, struct span entry);

/* Prints the summary, and what was held back for it. False with errno set if the spill fails. */
MUST_CHECK bool replay_report_end(struct replay_report *report, const struct replay_holes *holes);

/* The number of commands that are not the same, so far. */
uint64_t replay_report_changed(const struct replay_report *report);

#endif
