/* Fills the worker's batch in an applied replay, one range after the other. */
#include <string.h>

#include "common/clock.h"
#include "common/stop.h"
#include "worker/kafka/log_mark.h"
#include "worker/replay/replay_apply_internal.h"

/* Goes on to the next range once all of the present one is committed. */
static void next_range(struct apply *apply)
{
    while (apply->range < apply->range_count && apply->pending_count == 0 &&
           apply->unreadable.from >= apply->unreadable.to &&
           apply_present(apply)->position >= apply_present(apply)->to) {
        apply->range++;
        apply->is_begun = false;
    }
    apply->is_done = apply->range == apply->range_count;
}

static void show_progress(struct apply *apply)
{
    int64_t done = 0;
    for (uint32_t i = 0; i < apply->range_count; i++)
        done += apply->ranges[i].scanned - apply->ranges[i].from;
    progress_move(&apply->progress, done);
}

bool fill_update_view(struct apply *apply)
{
    char error[512];
    if (record_view_update(apply->view, &apply->record_ends, error, sizeof(error))) {
        log_fault_end(&apply->fault);
        return true;
    }
    if (error[0])
        log_fault_begin(&apply->fault, LOG_LIST(LOG_TEXT("step", "reading records"), LOG_TEXT("error", error)));
    return false;
}

int fill_batch(void *source, uint32_t most, int wait_ms)
{
    struct apply *apply = source;
    struct batch *batch = apply->worker.batch;
    rd_kafka_topic_partition_list_t *first = position_first(apply);
    apply->passed_recorded = apply->passed_others = 0;
    if (first) { /* they are committed before anything else: idle_offsets */
        rd_kafka_topic_partition_list_destroy(first);
        return 0;
    }
    next_range(apply);
    if (apply->is_done) {
        stop_request();
        return 0;
    }
    most = scan_allowance(apply, most < batch->capacity ? most : batch->capacity);
    if (most == 0 || !apply_keep_going(apply) || !fill_update_view(apply)) {
        clock_sleep(wait_ms);
        return 0;
    }
    apply->marks.partition = apply_present(apply)->partition;
    scan_commands(apply, most);
    memset(apply->passing, 0, batch->count * sizeof(*apply->passing));
    rate_take(&apply->rate, batch->count);
    apply->nonce = log_mark_nonce();
    apply->evaluations = 0;
    batch_begin(batch);
    show_progress(apply);
    return 0;
}
