#include "worker/replay/replay_rebuild.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/progress.h"
#include "common/stop.h"
#include "worker/index/index_audit.h"
#include "worker/kafka/kafka_client.h"

#define KAFKA_WAIT_MS 3000
#define PATIENCE_MS   30000 /* without progress: Kafka or Redis does not answer */
#define MOST_REBUILDS 5     /* that count as progress: Redis may lose each time what it has got */
#define PAUSE_MS      200
#define SCRATCH_BYTES ((size_t)16 << 20) /* as ARENA_LEAST of batch.c */

struct run {
    struct index *index;
    rd_kafka_t *observer;
    struct arena scratch;
    struct progress progress;
    bool is_shown;
    int64_t furthest; /* the most offsets that a rebuild has read */
    int64_t moved_ms; /* CLOCK_MONOTONIC: the beginning, or the last progress */
    int rebuilds;     /* that were done, here or by another process */
};

static bool keep_going(void *listener)
{
    (void)listener;
    return !stop_is_requested();
}

static void show(void *listener, int64_t done, int64_t total)
{
    struct run *run = listener;
    if (!run->is_shown)
        progress_begin(&run->progress, "offsets", 2 * total, false); /* each is read twice */
    run->is_shown = true;
    progress_move(&run->progress, done);
    if (done <= run->furthest)
        return;
    run->furthest = done;
    run->moved_ms = clock_now_ms();
}

/* What one look at Redis has led to. */
enum step {
    STEP_COMPLETE,
    STEP_AGAIN,   /* something was written, or Kafka or Redis gave no answer */
    STEP_FOREIGN, /* Redis belongs to another record topic */
    STEP_STOPPED
};

static enum step rebuild(struct run *run, const struct kafka_progress *progress, const struct audit_gap *gap,
                         char *error, size_t error_size)
{
    const enum rebuild_result result =
        index_rebuild(run->index, &progress->committed, gap, &run->scratch, keep_going, run, error, error_size);
    if (run->is_shown)
        progress_close(&run->progress);
    run->is_shown = false;
    if ((result == REBUILD_DONE || result == REBUILD_BY_OTHER) && ++run->rebuilds <= MOST_REBUILDS)
        run->moved_ms = clock_now_ms();
    if (result == REBUILD_DONE)
        printf(gap ? "Redis has caught up with the topics.\n" : "Redis is rebuilt.\n");
    if (result == REBUILD_BY_OTHER)
        printf("A worker of the daemon was at it.\n");
    return result == REBUILD_ENDED ? STEP_STOPPED : STEP_AGAIN;
}

static enum step look(struct run *run, const struct config *config, char *error, size_t error_size)
{
    struct kafka_progress progress = {0};
    struct audit_gap gap = {0};
    enum step step = STEP_AGAIN;
    enum audit_result result = AUDIT_AHEAD;
    for (int round = 0; round < 2 && result == AUDIT_AHEAD; round++) {
        if (round > 0)
            kafka_progress_repeat(&progress, &gap);
        result = kafka_progress_ask(&progress, run->observer, config, KAFKA_WAIT_MS, NULL, NULL, error, error_size)
                     ? index_audit(run->index, &progress, &run->scratch, &gap)
                     : AUDIT_FAILED;
    }
    if (result == AUDIT_FINE)
        step = STEP_COMPLETE;
    if (result == AUDIT_FOREIGN)
        step = STEP_FOREIGN;
    if (result == AUDIT_BEHIND || result == AUDIT_LOST)
        step = rebuild(run, &progress, result == AUDIT_LOST ? NULL : &gap, error, error_size);
    kafka_progress_free(&progress);
    audit_gap_free(&gap);
    return step;
}

static enum replay_rebuild_result run_all(struct run *run, const struct config *config, char *error, size_t error_size)
{
    for (run->moved_ms = clock_now_ms(); clock_now_ms() - run->moved_ms < PATIENCE_MS; clock_sleep(PAUSE_MS)) {
        error[0] = '\0';
        const enum step step = index_connect(run->index) ? look(run, config, error, error_size) : STEP_AGAIN;
        if (step == STEP_COMPLETE)
            return REPLAY_REBUILT;
        if (step == STEP_FOREIGN) {
            snprintf(error, error_size, "%s", index_foreign(run->index));
            return REPLAY_REBUILD_FOREIGN;
        }
        if (step == STEP_STOPPED || stop_is_requested())
            return REPLAY_REBUILD_STOPPED;
    }
    if (error[0] == '\0')
        snprintf(error, error_size, "Redis does not answer; see the log");
    return REPLAY_REBUILD_FAILED;
}

enum replay_rebuild_result replay_rebuild(const struct config *config, char *error, size_t error_size)
{
    struct run run = {0};
    enum replay_rebuild_result result = REPLAY_REBUILD_FAILED;
    snprintf(error, error_size, "out of memory");
    stop_on_signals();
    run.index = index_open(config);
    run.observer = run.index ? kafka_observer_new(config, NULL, error, error_size) : NULL;
    if (run.observer && arena_open(&run.scratch, SCRATCH_BYTES) == 0) {
        index_set_rebuild_progress(run.index, show, &run);
        result = run_all(&run, config, error, error_size);
        arena_close(&run.scratch);
    }
    if (result == REPLAY_REBUILT)
        printf("Redis has everything that the topics have.\n");
    index_close(run.index);
    if (run.observer)
        rd_kafka_destroy(run.observer);
    return result;
}
