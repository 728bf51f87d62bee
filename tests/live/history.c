#include "tests/live/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/lib/quick_client.h"

#define REQUEST_MS 60000

static void give_up(const char *topic, const char *what, const char *error)
{
    fprintf(stderr, "%s: %s: %s\n", topic, what, error);
    exit(69);
}

static void set(rd_kafka_conf_t *settings, const char *name, const char *value)
{
    char error[256];
    if (rd_kafka_conf_set(settings, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK)
        give_up(name, value, error);
}

static rd_kafka_t *consumer_new(const char *bootstrap, const char *topic, const char *isolation)
{
    rd_kafka_conf_t *settings = quick_client_conf();
    set(settings, "bootstrap.servers", bootstrap);
    set(settings, "group.id", "oracle"); /* librdkafka requires it; this program neither joins nor commits */
    set(settings, "enable.auto.commit", "false");
    set(settings, "isolation.level", isolation);
    set(settings, "enable.partition.eof", "true");
    set(settings, "auto.offset.reset", "error");
    set(settings, "fetch.wait.max.ms", "20");
    set(settings, "log_level", "2");

    /* A full queue stops fetching for a second, or for this long if the library knows that setting. */
    char error[256];
    set(settings, "queued.min.messages", "1000000");
    set(settings, "queued.max.messages.kbytes", "65536");
    rd_kafka_conf_set(settings, "fetch.queue.backoff.ms", "20", error, sizeof(error));
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, settings, error, sizeof(error));
    if (!consumer)
        give_up(topic, "consumer", error);
    rd_kafka_poll_set_consumer(consumer);
    return consumer;
}

void history_open(struct history *history, const char *bootstrap, const char *topic)
{
    history_open_isolated(history, bootstrap, topic, "read_committed");
}

void history_open_isolated(struct history *history, const char *bootstrap, const char *topic, const char *isolation)
{
    *history = (struct history){.topic = topic,
                                .long_value = SIZE_MAX,
                                .consumer = consumer_new(bootstrap, topic, isolation),
                                .observer = consumer_new(bootstrap, topic, "read_uncommitted")};
    rd_kafka_topic_t *handle = rd_kafka_topic_new(history->consumer, topic, NULL);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(history->consumer, 0, handle, &metadata, REQUEST_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up(topic, "metadata", rd_kafka_err2str(code));
    if (metadata->topic_cnt != 1 || metadata->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up(topic, "metadata", "no such topic");
    history->partitions = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    if (history->partitions > HISTORY_PARTITIONS)
        give_up(topic, "metadata", "too many partitions for this program");
}

/* Assigns only when the topic is read, since a consumer fetches ahead. */
static void history_assign(struct history *history)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(history->partitions);
    for (int32_t partition = 0; partition < history->partitions; partition++)
        rd_kafka_topic_partition_list_add(list, history->topic, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t code = rd_kafka_assign(history->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up(history->topic, "assign", rd_kafka_err2str(code));
    history->is_assigned = true;
}

/* The end includes transaction markers, which a reader never gets; only the end-of-partition event passes them. */
static bool history_ends(struct history *history, int64_t ends[HISTORY_PARTITIONS])
{
    for (int32_t partition = 0; partition < history->partitions; partition++) {
        int64_t low;
        if (rd_kafka_query_watermark_offsets(history->observer, history->topic, partition, &low, &ends[partition],
                                             REQUEST_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
            return false;
    }
    return true;
}

static bool history_reached(const struct history *history, const int64_t ends[HISTORY_PARTITIONS])
{
    for (int32_t partition = 0; partition < history->partitions; partition++)
        if (history->reached[partition] < ends[partition])
            return false;
    return true;
}

static void history_receive(struct history *history, rd_kafka_message_t *received, history_visit *visit, void *context)
{
    if (received->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        struct message message = message_pack(history->topic, received, &history->scratch);
        visit(&message, context);
        history->seen++;
        history->reached[received->partition] = received->offset + 1;
    } else if (received->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        history->reached[received->partition] = received->offset;
    } else {
        fprintf(stderr, "%s/%d: %s\n", history->topic, received->partition, rd_kafka_message_errstr(received));
    }
    rd_kafka_message_destroy(received);
}

bool history_read(struct history *history, int seconds, history_visit *visit, void *context)
{
    time_t deadline = time(NULL) + seconds;
    int64_t ends[HISTORY_PARTITIONS];
    if (!history->is_assigned)
        history_assign(history);
    while (!history_ends(history, ends))
        if (time(NULL) > deadline)
            return false;
    while (!history_reached(history, ends)) {
        rd_kafka_message_t *received = rd_kafka_consumer_poll(history->consumer, 100);
        if (received)
            history_receive(history, received, visit, context);
        else if (time(NULL) > deadline)
            return history_reached(history, ends);
    }
    return true;
}

static void history_add(const struct message *message, void *context)
{
    struct history *history = context;
    if (history->count == history->capacity) {
        history->capacity = history->capacity ? history->capacity * 2 : 1024;
        history->messages = realloc(history->messages, history->capacity * sizeof(history->messages[0]));
        if (!history->messages)
            give_up(history->topic, "memory", "none left");
    }
    struct message *copy = message_copy(&history->arena, message, history->long_value);
    copy->is_marked = history->marks && history->marks(message);
    history->messages[history->count++] = copy;
}

static int compare_positions(const void *one, const void *other)
{
    const struct message *a = *(struct message *const *)one, *b = *(struct message *const *)other;
    if (a->partition != b->partition)
        return a->partition < b->partition ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

bool history_keep(struct history *history, int seconds)
{
    bool reached = history_read(history, seconds, history_add, history);
    if (history->count > 0)
        qsort(history->messages, history->count, sizeof(history->messages[0]), compare_positions);
    return reached;
}

long history_find(const struct history *history, int64_t partition, int64_t offset)
{
    size_t low = 0, high = history->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct message *message = history->messages[middle];
        if (message->partition == partition && message->offset == offset)
            return (long)middle;
        if (message->partition < partition || (message->partition == partition && message->offset < offset))
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

void history_close(struct history *history)
{
    if (!history->consumer)
        return;
    free(history->messages);
    arena_free(&history->arena);
    message_scratch_free(&history->scratch);
    rd_kafka_consumer_close(history->consumer);
    rd_kafka_destroy(history->consumer);
    rd_kafka_destroy(history->observer);
    *history = (struct history){0};
}
