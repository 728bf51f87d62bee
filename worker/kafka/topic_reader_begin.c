/* The reader is opened, and its readings begin: which partitions there are, and where each reading of them begins and
 * ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/kafka/kafka_assign.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/kafka/kafka_fetching.h"
#include "worker/kafka/topic_reader_internal.h"

#define UNKNOWN      (-1)
#define NEW_TOPIC_MS 10000 /* how long a new topic may take to be known everywhere */
#define RETRY_MS     50

bool topic_reader_fail(const struct topic_reader *reader, rd_kafka_resp_err_t code, char *error, size_t error_size)
{
    snprintf(error, error_size, "%s", reader->fault[0] ? reader->fault : rd_kafka_err2str(code));
    return false;
}

static void on_error(rd_kafka_t *handle, int code, const char *reason, void *opaque)
{
    struct topic_reader *reader = opaque;
    (void)handle;
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || reader->fault[0] == '\0')
        snprintf(reader->fault, sizeof(reader->fault), "%s", reason);
}

/* keep_going may write a reason of its own to `error`. */
static bool keeps_going(const struct topic_reader *reader, char *error, size_t error_size)
{
    snprintf(error, error_size, "%s", "");
    return !reader->keep_going || reader->keep_going(reader->listener);
}

rd_kafka_t *topic_reader_consumer(struct topic_reader *reader, const char *isolation, char *error, size_t error_size)
{
    const struct config *config = reader->config;
    const struct kafka_owned owned[] = {{"enable.auto.commit", "false"},
                                        {"enable.auto.offset.store", "false"},
                                        {"isolation.level", isolation},
                                        {"enable.partition.eof", "true"},
                                        {"auto.offset.reset", "earliest"},
                                        {"fetch.wait.max.ms", "10"},
                                        {"fetch.queue.backoff.ms", kafka_fetching_needs_wakes() ? NULL : "2"},
                                        {NULL, NULL}};
    rd_kafka_conf_t *conf = kafka_conf_with(config, config->kafka_consumer, owned, error, error_size);
    if (!conf)
        return NULL;
    rd_kafka_conf_set_opaque(conf, reader);
    rd_kafka_conf_set_error_cb(conf, on_error);
    return kafka_conf_open(conf, RD_KAFKA_CONSUMER, error, error_size);
}

static bool open_consumer(struct topic_reader *reader, char *error, size_t error_size)
{
    reader->handle = topic_reader_consumer(reader, "read_committed", error, error_size);
    if (!reader->handle)
        return false;
    rd_kafka_resp_err_t code = rd_kafka_poll_set_consumer(reader->handle);
    reader->queue = rd_kafka_queue_get_consumer(reader->handle);
    topic_wake_open(reader);
    return !code || topic_reader_fail(reader, code, error, error_size);
}

/* Asks for the topic by its name: in a list of all topics, one that our user may not see is silently missing. */
static rd_kafka_resp_err_t count_partitions(struct topic_reader *reader, int32_t *count)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(reader->handle, reader->topic, NULL);
    if (!topic)
        return rd_kafka_last_error();
    rd_kafka_resp_err_t code = rd_kafka_metadata(reader->handle, 0, topic, &metadata, reader->wait_ms);
    rd_kafka_topic_destroy(topic);
    if (code)
        return code;
    const struct rd_kafka_metadata_topic *found = kafka_metadata_topic(metadata, reader->topic);
    *count = found ? found->partition_cnt : 0;
    if (found && found->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        code = found->err;
    rd_kafka_metadata_destroy(metadata);
    return code;
}

/* The topic may have been created, or have got more partitions, since the last look. */
static bool find_partitions(struct topic_reader *reader, char *error, size_t error_size)
{
    int32_t count = 0;
    rd_kafka_resp_err_t code = count_partitions(reader, &count);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
        snprintf(error, error_size, "%s: %s", reader->topic, rd_kafka_err2str(code));
        return false;
    }
    if (code) {
        /* For the reason, which on_error gets. Not once messages may wait in the queue: rd_kafka_poll has no callback
         * for them, and librdkafka ends the process with an assertion. */
        if (reader->count == 0)
            rd_kafka_poll(reader->handle, 0);
        return topic_reader_fail(reader, code, error, error_size);
    }
    if (count <= reader->count)
        return true;
    struct partition *grown = realloc(reader->partitions, (size_t)count * sizeof(*grown));
    if (!grown) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    reader->partitions = grown;
    while (reader->count < count)
        grown[reader->count++] = (struct partition){.next = UNKNOWN};
    return true;
}

/* One query to each broker: a query per partition takes too long with a thousand of them. */
typedef bool offsets_question(struct offsets *offsets, rd_kafka_t *consumer, const char *topic, int32_t count,
                              int wait_ms, char *error, size_t error_size);

/* A new partition has no leader yet, or one that does not know of it. */
static bool ask_until_answered(struct topic_reader *reader, offsets_question *ask, rd_kafka_t *handle,
                               struct offsets *offsets, char *error, size_t error_size)
{
    int64_t since_ms = clock_now_ms();
    while (!ask(offsets, handle, reader->topic, reader->count, reader->wait_ms, error, error_size)) {
        if (clock_now_ms() - since_ms >= NEW_TOPIC_MS)
            return false;
        clock_sleep(RETRY_MS);
        if (!keeps_going(reader, error, error_size))
            return false;
    }
    return keeps_going(reader, error, error_size);
}

static bool find_ends(struct topic_reader *reader, rd_kafka_t *handle, char *error, size_t error_size)
{
    struct offsets starts = {0}, ends = {0};
    bool ok = ask_until_answered(reader, offsets_of_starts, handle, &starts, error, error_size) &&
              ask_until_answered(reader, offsets_of_known_ends, handle, &ends, error, error_size);
    for (int32_t i = 0; i < reader->count && ok; i++) {
        struct partition *partition = &reader->partitions[i];
        partition->low = offsets_get(&starts, i);
        partition->end = offsets_get(&ends, i);
        if (partition->next == UNKNOWN)
            partition->next = partition->low;
    }
    offsets_free(&starts);
    offsets_free(&ends);
    return ok;
}

/* Begins a reading, from each partition's `next` to its `end`. */
static bool begin(struct topic_reader *reader, char *error, size_t error_size)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(reader->count);
    for (int32_t i = 0; i < reader->count; i++) {
        struct partition *partition = &reader->partitions[i];
        partition->begin = partition->next;
        partition->held_ms = 0;
        if (partition->next < partition->end)
            rd_kafka_topic_partition_list_add(list, reader->topic, i)->offset = partition->next;
    }
    rd_kafka_resp_err_t code = kafka_assign(reader->handle, list);
    rd_kafka_topic_partition_list_destroy(list);
    reader->heard_ms = reader->moved_ms = clock_now_ms();
    return !code || topic_reader_fail(reader, code, error, error_size);
}

bool topic_reader_rewind(struct topic_reader *reader, char *error, size_t error_size)
{
    for (int32_t i = 0; i < reader->count; i++)
        reader->partitions[i].next = reader->partitions[i].begin;
    return begin(reader, error, error_size);
}

bool topic_reader_extend(struct topic_reader *reader, bool *grown, char *error, size_t error_size)
{
    *grown = false;
    for (int32_t i = 0; i < reader->count; i++)
        reader->partitions[i].next = reader->partitions[i].end;
    if (!find_partitions(reader, error, error_size) || !find_ends(reader, reader->handle, error, error_size))
        return false;
    for (int32_t i = 0; i < reader->count; i++)
        *grown = *grown || reader->partitions[i].next < reader->partitions[i].end;
    return begin(reader, error, error_size);
}

bool topic_reader_await_open(struct topic_reader *reader, const struct offsets *from, char *error, size_t error_size)
{
    rd_kafka_t *observer = topic_reader_consumer(reader, "read_uncommitted", error, error_size);
    bool ok = observer && find_partitions(reader, error, error_size) && find_ends(reader, observer, error, error_size);
    if (observer)
        rd_kafka_destroy(observer);
    if (!ok)
        return false;
    reader->awaits_open = true;
    for (int32_t i = 0; i < reader->count; i++) {
        struct partition *partition = &reader->partitions[i];
        int64_t wanted = from ? offsets_get(from, i) : OFFSET_NONE;
        bool is_there = wanted > partition->low && wanted <= partition->end;
        partition->next = is_there ? wanted : partition->low;
    }
    return begin(reader, error, error_size);
}

bool topic_reader_between(struct topic_reader *reader, const struct offsets *from, const struct offsets *to,
                          bool *there, char *error, size_t error_size)
{
    *there = true;
    for (int32_t i = 0; i < reader->count; i++) {
        struct partition *partition = &reader->partitions[i];
        const int64_t wanted = offsets_get(to, i);
        const int64_t end = wanted < partition->end ? wanted : partition->end;
        partition->next = offsets_get(from, i);
        if (wanted == OFFSET_NONE || partition->next >= end)
            partition->next = partition->end;
        else
            partition->end = end;
        *there = *there && partition->next >= partition->low;
    }
    return begin(reader, error, error_size);
}

void topic_reader_ends(const struct topic_reader *reader, struct offsets *ends)
{
    offsets_free(ends);
    for (int32_t i = 0; i < reader->count; i++)
        offsets_set(ends, i, reader->partitions[i].end);
}

rd_kafka_t *topic_reader_handle(const struct topic_reader *reader)
{
    return reader->handle;
}

struct topic_reader *topic_reader_open(const struct config *config, const char *topic, int wait_ms, char *error,
                                       size_t error_size)
{
    return topic_reader_open_listening(config, topic, wait_ms, NULL, NULL, error, error_size);
}

struct topic_reader *topic_reader_open_listening(const struct config *config, const char *topic, int wait_ms,
                                                 topic_keep_going *keep_going, void *listener, char *error,
                                                 size_t error_size)
{
    struct topic_reader *reader = calloc(1, sizeof(*reader));
    if (reader) {
        reader->config = config;
        reader->topic = strdup(topic);
        reader->wait_ms = wait_ms;
        reader->keep_going = keep_going;
        reader->listener = listener;
    }
    if (!reader || !reader->topic)
        snprintf(error, error_size, "out of memory");
    else if (open_consumer(reader, error, error_size) && find_partitions(reader, error, error_size) &&
             find_ends(reader, reader->handle, error, error_size) && begin(reader, error, error_size))
        return reader;
    topic_reader_close(reader);
    return NULL;
}

void topic_reader_close(struct topic_reader *reader)
{
    if (!reader)
        return;
    if (reader->queue)
        rd_kafka_queue_destroy(reader->queue);
    if (reader->handle) {
        rd_kafka_consumer_close(reader->handle);
        rd_kafka_destroy(reader->handle);
    }
    free(reader->partitions);
    free(reader->topic);
    free(reader);
}
