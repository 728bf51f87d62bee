#include "worker/replay/reply_partitions.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/kafka/offsets.h"
#include "worker/replay/history_client.h"
#include "worker/validate/reply_address.h"

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has_topic(const struct reply_partitions *partitions, const char *name)
{
    uint32_t i = 0;
    while (i < partitions->topic_count && strcmp(partitions->topics[i], name) != 0)
        i++;
    return i < partitions->topic_count;
}

static bool find_topics(struct reply_partitions *partitions, const struct config *config, rd_kafka_t *consumer,
                        int wait_ms, char *error, size_t error_size)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(consumer, 1, NULL, &metadata, wait_ms);
    if (code) {
        snprintf(error, error_size, "the list of topics: %s", rd_kafka_err2str(code));
        return false;
    }
    partitions->topics = calloc((size_t)metadata->topic_cnt + 1, sizeof(*partitions->topics));
    bool ok = partitions->topics != NULL;
    for (int i = 0; ok && i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
        if (topic->partition_cnt < 1 || partitions->topic_count > UINT16_MAX ||
            !reply_topic_is_allowed(config, span_of_text(topic->topic)))
            continue;
        partitions->topics[partitions->topic_count] = strdup(topic->topic);
        ok = partitions->topics[partitions->topic_count++] != NULL;
    }
    rd_kafka_metadata_destroy(metadata);
    if (ok && !has_topic(partitions, config->replies.topic))
        log_warning("the reply topic does not exist, so it has no recorded replies; is replies.topic right?",
                    LOG_TEXT("topic", config->replies.topic));
    if (!ok)
        snprintf(error, error_size, "out of memory");
    else if (partitions->topic_count > 1)
        qsort(partitions->topics, partitions->topic_count, sizeof(*partitions->topics), by_name);
    return ok;
}

/* Raises the first offsets to those of the first replies that count. */
static bool raise_starts(rd_kafka_t *consumer, int64_t since_ms, int wait_ms, const char *topic, struct offsets *starts,
                         const struct offsets *ends, char *error, size_t error_size)
{
    if (since_ms <= 0 || starts->count == 0)
        return true;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(starts->count);
    for (int32_t i = 0; i < starts->count; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = since_ms;
    const bool ok = history_ask_offsets(consumer, list, wait_ms, error, error_size);
    for (int i = 0; ok && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *found = &list->elems[i];
        offsets_raise(starts, found->partition,
                      found->offset >= 0 ? found->offset : offsets_get(ends, found->partition));
    }
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

/* The first and last stable offsets of the topic's partitions. */
static bool find_partitions(struct reply_partitions *partitions, uint16_t topic, rd_kafka_t *consumer, int64_t since_ms,
                            int wait_ms, char *error, size_t error_size)
{
    const char *name = partitions->topics[topic];
    struct offsets starts = {0}, ends = {0};
    const int32_t count = kafka_topic_partitions(consumer, name, wait_ms, error, error_size);
    bool ok = count >= 0 && offsets_of_starts(&starts, consumer, name, count, wait_ms, error, error_size) &&
              offsets_of_known_ends(&ends, consumer, name, count, wait_ms, error, error_size) &&
              raise_starts(consumer, since_ms, wait_ms, name, &starts, &ends, error, error_size);
    struct reply_partition *grown =
        ok ? realloc(partitions->items, (partitions->count + (size_t)count + 1) * sizeof(*grown)) : NULL;
    if (ok && !grown) {
        snprintf(error, error_size, "out of memory");
        ok = false;
    }
    if (grown)
        partitions->items = grown;
    for (int32_t i = 0; ok && i < count; i++) {
        const struct reply_partition found = {topic, i, offsets_get(&starts, i), offsets_get(&ends, i)};
        if (found.from >= found.to)
            continue;
        partitions->items[partitions->count++] = found;
        partitions->total += found.to - found.from;
    }
    offsets_free(&starts);
    offsets_free(&ends);
    return ok;
}

bool reply_partitions_find(struct reply_partitions *partitions, const struct config *config, rd_kafka_t *consumer,
                           int64_t since_ms, int wait_ms, char *error, size_t error_size)
{
    char reason[512];
    if (!find_topics(partitions, config, consumer, wait_ms, error, error_size))
        return false;
    for (uint32_t i = 0; i < partitions->topic_count; i++) {
        if (find_partitions(partitions, (uint16_t)i, consumer, since_ms, wait_ms, reason, sizeof(reason)))
            continue;
        snprintf(error, error_size, "%s: %s", partitions->topics[i], reason);
        return false;
    }
    return true;
}

void reply_partitions_free(struct reply_partitions *partitions)
{
    while (partitions->topic_count > 0)
        free(partitions->topics[--partitions->topic_count]);
    free(partitions->topics);
    free(partitions->items);
    *partitions = (struct reply_partitions){0};
}
