/* Where the reading of the record topic begins for a part rebuild, and whether the checkpoints are of that topic at
 * all: it may have been deleted and created again since. */
#include "worker/index/index_rebuild_internal.h"
#include "worker/kafka/kafka_topic.h"

#define CLOCKS_DIFFER_MS 10000 /* the most by which the clocks of two workers differ */

bool rebuild_find_start(struct rebuild *rebuild, struct offsets *from)
{
    const struct audit_gap *gap = rebuild->gap;
    const char *topic = rebuild->index->config->records.topic;
    rd_kafka_t *consumer = topic_reader_handle(rebuild->reader);
    struct offsets wanted = {0}, since = {0};
    offsets_raise_all(from, &gap->records);
    if (gap->since_ms <= 0)
        return true;
    int32_t count = kafka_topic_partitions(consumer, topic, REBUILD_KAFKA_WAIT_MS, rebuild->error, rebuild->error_size);
    for (int32_t i = 0; i < count && i < from->count; i++)
        if (from->at[i] > 0)
            offsets_set(&wanted, i, from->at[i]);
    bool ok = count >= 0 &&
              (wanted.count == 0 || offsets_of_time(&since, consumer, topic, &wanted, gap->since_ms - CLOCKS_DIFFER_MS,
                                                    REBUILD_KAFKA_WAIT_MS, rebuild->error, rebuild->error_size));
    for (int32_t i = 0; i < since.count && ok; i++)
        if (since.at[i] != OFFSET_NONE && since.at[i] < from->at[i])
            from->at[i] = since.at[i];
    offsets_free(&wanted);
    offsets_free(&since);
    return ok;
}

bool rebuild_is_of_this_log(struct rebuild *rebuild)
{
    const struct offsets *records = &rebuild->gap->records;
    struct offsets ends = {0};
    topic_reader_ends(rebuild->reader, &ends);
    for (int32_t i = 0; i < records->count && ends.count > 0; i++) {
        if (records->at[i] <= 0 || records->at[i] <= offsets_get(&ends, i))
            continue;
        log_warning("record topic replaced; Redis is rebuilt from its beginning",
                    LOG_TEXT("topic", rebuild->index->config->records.topic), LOG_INTEGER("partition", i),
                    LOG_INTEGER("offset", records->at[i]), LOG_INTEGER("end", offsets_get(&ends, i)));
        rebuild->is_other_log = true;
        break;
    }
    offsets_free(&ends);
    return !rebuild->is_other_log || rebuild_fail(rebuild, "the record topic was replaced");
}
