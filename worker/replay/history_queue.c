#include "worker/replay/history_queue.h"

#include "common/clock.h"
#include "worker/kafka/kafka_fetching.h"

#define POLL_MS    100
#define MOST_BYTES (4 * 1024 * 1024) /* that are taken at a time */

/* Librdkafka stops to fetch when its queue is full (history_client.c). Where it needs wakes, a query is sent for so
 * many bytes that were taken from a queue that may have been full. */
#define WAKE_BYTES   (8 * 1024 * 1024)
#define FULL_BYTES   (16 * 1024 * 1024)
#define WAKE_WAIT_MS 1

bool history_queue_open(struct history_queue *queue, struct history_client *client, uint32_t ahead_messages)
{
    *queue = (struct history_queue){.client = client,
                                    .queue = rd_kafka_queue_get_consumer(client->handle),
                                    .ahead_messages = ahead_messages,
                                    .needs_wakes = kafka_fetching_needs_wakes(),
                                    .message_bytes = 1};
    return queue->queue != NULL;
}

void history_queue_close(struct history_queue *queue)
{
    history_queue_drop(queue);
    if (queue->queue)
        rd_kafka_queue_destroy(queue->queue);
    queue->queue = NULL;
}

void history_queue_drop(struct history_queue *queue)
{
    while (queue->taken < queue->count)
        rd_kafka_message_destroy(queue->messages[queue->taken++]);
    queue->taken = queue->count = 0;
}

void history_queue_begin(struct history_queue *queue)
{
    queue->client->heard_ms = queue->left_ms = clock_now_ms();
}

void history_queue_arrive(struct history_queue *queue)
{
    const int64_t now_ms = clock_now_ms();
    queue->client->heard_ms += now_ms - queue->left_ms;
    queue->left_ms = now_ms;
}

void history_queue_leave(struct history_queue *queue)
{
    queue->left_ms = clock_now_ms();
}

static void wake(struct history_queue *queue, const char *topic, int32_t partition)
{
    char error[512];
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = RD_KAFKA_OFFSET_END;
    /* Only the request counts: librdkafka looks at its queues when it sends it. */
    const bool is_answered = history_ask_offsets(queue->client->handle, list, WAKE_WAIT_MS, error, sizeof(error));
    (void)is_answered;
    rd_kafka_topic_partition_list_destroy(list);
    queue->taken_bytes = queue->taken_messages = 0;
}

static void keep_awake(struct history_queue *queue, const char *topic, int32_t partition)
{
    const size_t left = rd_kafka_queue_length(queue->queue), queued = left + queue->count;
    queue->taken_bytes += queue->count * queue->message_bytes;
    queue->taken_messages += queue->count;
    const bool has_bytes = queued * queue->message_bytes >= FULL_BYTES && queue->taken_bytes >= WAKE_BYTES;
    const bool has_messages = left < queue->ahead_messages && queue->taken_messages >= queue->ahead_messages;
    if (has_bytes || has_messages)
        wake(queue, topic, partition);
}

static void measure(struct history_queue *queue)
{
    size_t bytes = 0;
    for (size_t i = 0; i < queue->count; i++)
        bytes += queue->messages[i]->len + queue->messages[i]->key_len;
    queue->message_bytes = bytes / queue->count + 1;
}

/* So many messages as have MOST_BYTES. The function would wait until the whole array is filled. So it waits for one
 * message only. */
bool history_queue_fill(struct history_queue *queue, const char *topic, int32_t partition)
{
    const size_t most = MOST_BYTES / queue->message_bytes + 1;
    history_queue_arrive(queue);
    const size_t length = rd_kafka_queue_length(queue->queue);
    ssize_t count =
        rd_kafka_consume_batch_queue(queue->queue, 0, queue->messages, most < QUEUE_MESSAGES ? most : QUEUE_MESSAGES);
    /* All were of an assignment before, and may have filled the queue until now. */
    if (count <= 0 && length > 0 && queue->needs_wakes)
        wake(queue, topic, partition);
    if (count <= 0)
        count = rd_kafka_consume_batch_queue(queue->queue, POLL_MS, queue->messages, 1);
    queue->taken = 0;
    queue->count = count > 0 ? (size_t)count : 0;
    history_queue_leave(queue);
    if (queue->count == 0)
        return false;
    measure(queue);
    if (queue->needs_wakes)
        keep_awake(queue, topic, partition);
    if (!queue->messages[queue->count - 1]->err)
        history_client_hear(queue->client);
    return true;
}
