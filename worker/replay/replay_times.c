#include "worker/replay/replay_times.h"

#include <stdlib.h>

#include "common/timestamp.h"
#include "worker/replay/history_client.h"
#include "worker/replay/unparsed_batch.h"

#define POLL_MS 100

struct search {
    struct history_client client;
    const struct config *config;
    struct replay_time *times;
    size_t count;  /* the questions without an answer stand first */
    size_t asked;  /* those of them that are assigned now: one for each partition, in the order of partitions */
    size_t left;   /* of those */
    size_t looked; /* the question of `asked` whose turn is next to be looked at for messages that cannot be parsed */
    struct unparsed_batch unparsed;
    int wait_ms;
};

static int by_place(const void *a, const void *b)
{
    const struct replay_time *one = a, *other = b;
    if (one->partition != other->partition)
        return one->partition < other->partition ? -1 : 1;
    return (one->offset > other->offset) - (one->offset < other->offset);
}

static void swap(struct replay_time *a, struct replay_time *b)
{
    struct replay_time kept = *a;
    *a = *b;
    *b = kept;
}

/* Removes the questions with an answer. */
static void compact(struct search *search)
{
    size_t left = 0;
    for (size_t i = 0; i < search->count; i++)
        if (search->times[i].ms)
            swap(&search->times[left++], &search->times[i]);
    search->count = left;
}

/* Chooses one question of each partition, and assigns them. */
static bool ask(struct search *search, char *error, size_t error_size)
{
    compact(search);
    qsort(search->times, search->count, sizeof(*search->times), by_place);
    search->asked = 0;
    for (size_t i = 0; i < search->count; i++)
        if (search->asked == 0 || search->times[search->asked - 1].partition != search->times[i].partition)
            swap(&search->times[search->asked++], &search->times[i]);
    search->left = search->asked;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)search->asked);
    for (size_t i = 0; i < search->asked; i++)
        rd_kafka_topic_partition_list_add(list, search->config->commands.topic, search->times[i].partition)->offset =
            search->times[i].offset;
    bool ok = history_client_assign(&search->client, search->asked > 0 ? list : NULL, error, error_size);
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

/* NULL: it has its answer. */
static struct replay_time *question_of(struct search *search, int32_t partition)
{
    size_t low = 0, high = search->asked;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (search->times[middle].partition < partition)
            low = middle + 1;
        else
            high = middle;
    }
    return low < search->asked && search->times[low].partition == partition && search->times[low].ms
               ? &search->times[low]
               : NULL;
}

static void answer(struct search *search, struct replay_time *time, int64_t ms)
{
    *time->ms = ms;
    time->ms = NULL;
    search->left--;
}

static int64_t timestamp_of(const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    int64_t timestamp = rd_kafka_message_timestamp(message, &type);
    return time_of_message(type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp);
}

/* An end of the log before the one that is known is a false alarm (KIP-207). */
static void take(struct search *search, const rd_kafka_message_t *message)
{
    struct replay_time *time = message->rkt ? question_of(search, message->partition) : NULL;
    switch (message->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        history_client_hear(&search->client);
        if (time && message->offset >= time->offset)
            answer(search, time, message->offset < time->end ? timestamp_of(message) : -1);
        return;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        history_client_hear(&search->client);
        if (time && message->offset >= time->end)
            answer(search, time, -1);
        return;
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
        if (time)
            answer(search, time, -1);
        return;
    default:
        history_client_note(&search->client, message);
    }
}

/* Nothing comes where librdkafka cannot parse a message. One question at a time, since a look takes a second. */
static void look_for_unparsed(struct search *search)
{
    for (size_t i = 0; i < search->asked; i++) {
        struct replay_time *time = &search->times[(search->looked + i) % search->asked];
        if (!time->ms)
            continue;
        search->looked = (search->looked + i + 1) % search->asked;
        if (unparsed_batch_look(&search->unparsed, time->partition, time->offset)) {
            answer(search, time, -1);
            history_client_hear(&search->client);
        }
        return;
    }
}

/* The partitions that have their answer are fetched no longer once they are as many as the others. */
static bool await(struct search *search, char *error, size_t error_size)
{
    while (search->left > 0 && search->left * 2 > search->asked) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(search->client.handle, POLL_MS);
        if (message) {
            take(search, message);
            rd_kafka_message_destroy(message);
        } else if (history_client_is_silent(&search->client, search->wait_ms, error, error_size)) {
            return false;
        } else if (unparsed_batch_is_due(&search->unparsed, search->client.heard_ms)) {
            look_for_unparsed(search);
        }
    }
    return true;
}

/* What is behind the end of the log needs no question. */
static void answer_obvious(struct replay_time *times, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (times[i].offset >= times[i].end) {
            *times[i].ms = -1;
            times[i].ms = NULL;
        }
    }
}

bool replay_times_find(const struct config *config, struct replay_time *times, size_t count, int wait_ms, char *error,
                       size_t error_size)
{
    static const struct history_client_settings settings = {"read_committed", "earliest", "65536", 0};
    struct search search = {.config = config, .times = times, .count = count, .wait_ms = wait_ms};
    unparsed_batch_init(&search.unparsed, config, config->commands.topic);
    answer_obvious(times, count);
    compact(&search);
    if (search.count == 0)
        return true;
    bool ok = history_client_open(&search.client, config, &settings, error, error_size);
    while (ok && search.count > 0) {
        ok = ask(&search, error, error_size) && await(&search, error, error_size);
        compact(&search);
    }
    history_client_close(&search.client);
    unparsed_batch_close(&search.unparsed);
    return ok;
}
