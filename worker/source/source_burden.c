/* librdkafka's limits on prefetched messages count values only. This estimates from the last batches what the keys and
 * headers take, of the prefetched messages and of those that may come until the batch is answered. If that is more than
 * BURDEN_LIMIT, the partitions are paused, which drops the prefetched messages; they are fetched again after the
 * resume. That takes a while, so some very long messages are held for the next batches. */
#include "worker/source/source_burden.h"

#include "worker/source/source_fill.h"
#include "worker/source/source_group.h"
#include "worker/source/source_lags.h"
#include "worker/source/source_member.h"

#define BURDEN_BYTES ((size_t)2048)     /* of an average message; a thread can hold queued.min.messages of this size */
#define BURDEN_LIMIT ((size_t)64 << 20) /* of prefetched messages */
#define HELD_BYTES   ((size_t)32 << 20) /* that are held for the next batches */

static bool is_burdened_now(struct source *source)
{
    struct burden *burden = &source->burden;
    size_t outside = 0, count = source->batch->count;
    for (uint32_t i = 0; i < count; i++)
        outside += source->batch->items[i].outer_held;
    if (count == 0)
        return false;
    size_t each = outside / count;
    burden->each = each > burden->each / 16 ? each : burden->each / 16;
    burden->ahead = rd_kafka_queue_length(source->fetched);
    size_t expected = (burden->ahead + burden->coming) * burden->each;
    bool is_burdened = burden->each > HEAVY_BYTES || (burden->each > BURDEN_BYTES && expected > BURDEN_LIMIT);
    if (is_burdened)
        burden->ahead = 0;
    return is_burdened;
}

void source_lighten(struct source *source)
{
    if (source->paused || !is_burdened_now(source))
        return;
    size_t most = source->burden.each > HEAVY_BYTES ? HELD_BYTES / source->burden.each : 0;
    most = most > source->held.count ? most - source->held.count : 0;
    for (size_t i = 0; i < most && !source->broken; i++) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(source->consumer, HEAVY_WAIT_MS);
        source_note_poll(source);
        if (!message)
            break;
        if (message->err) {
            source_error(source, message);
            rd_kafka_message_destroy(message);
        } else {
            source_receive(source, message, true);
        }
    }
    source_serve_paused(source, 0);
    source_look_around(source);
    source_refresh_group(source);
}

void source_note_coming(struct source *source)
{
    struct burden *burden = &source->burden;
    size_t ahead = rd_kafka_queue_length(source->fetched);
    if (ahead > burden->ahead && ahead - burden->ahead > burden->coming)
        burden->coming = ahead - burden->ahead;
    if (burden->each <= BURDEN_BYTES)
        burden->coming = 0;
}

bool source_is_draining(const struct source *source)
{
    return source->burden.each > HEAVY_BYTES && source->held.count > 0 && partitions_waiting(source->partitions) == 0;
}
