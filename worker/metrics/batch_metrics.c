#include "worker/metrics/batch_metrics.h"

#include <assert.h>

static void batch_metrics_count_item(struct metrics *metrics, const struct item *item, int64_t now_ms)
{
    metrics_add(metrics, METRIC_COMMANDS, item->outcome, 1);
    if (item->outcome == OUTCOME_REJECTED)
        metrics_add(metrics, METRIC_REJECTIONS, item->error, 1);
    if (item->outcome == OUTCOME_DUPLICATE)
        metrics_add(metrics, METRIC_DUPLICATES, 0, 1);
    if (item->outcome == OUTCOME_REJECTED && error_is_dead_letter(item->error))
        metrics_add(metrics, item->dead_letter_form == FORM_NONE ? METRIC_DEAD_LETTERS_REFUSED : METRIC_DEAD_LETTERS, 0,
                    1);
    if (item->outcome == OUTCOME_REJECTED && error_is_dead_letter(item->error) && item->dead_letter_form == FORM_FULL &&
        item->header_state != HEADERS_READ)
        metrics_add(metrics, METRIC_DEAD_LETTERS_INCOMPLETE, 0, 1);
    if (item->header_state == MESSAGE_UNREADABLE)
        metrics_add(metrics, METRIC_UNREADABLE, 0, 1);
    if (item->reply_form == FORM_NONE)
        metrics_add(metrics, METRIC_REPLIES_REFUSED, 0, 1);
    if (item->reply_absence > REPLY_AS_ASKED)
        metrics_add(metrics, METRIC_REPLIES_UNADDRESSED, item->reply_absence, 1);
    /* A producer's clock may be ahead of ours, and a message may have no timestamp. */
    int64_t taken_ms = now_ms > item->from.timestamp_ms ? now_ms - item->from.timestamp_ms : 0;
    if (item->from.timestamp_ms > 0)
        metrics_observe(metrics, METRIC_REPLY_SECONDS, 0, (double)taken_ms / 1000);
}

void batch_metrics_count(struct metrics *metrics, const struct batch *batch, int64_t now_ms)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        if (!item_is_ours(item))
            continue;
        count++;
        batch_metrics_count_item(metrics, item, now_ms);
    }
    if (count > 0)
        metrics_observe(metrics, METRIC_BATCH_COMMANDS, 0, count);
}
