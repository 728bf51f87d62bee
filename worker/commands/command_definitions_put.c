/* definitions put: from files to the topic and to Redis. The topic is authoritative and comes first: Redis can be
 * filled from it. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "worker/commands/command_definitions.h"
#include "worker/definitions/definitions_history.h"
#include "worker/definitions/definitions_print.h"
#include "worker/definitions/definitions_redis.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/topic_reader.h"

#define SETTLE_MS       30000 /* a failover has ended by then */
#define SETTLE_PAUSE_MS 100

struct put {
    const struct definitions_request *request;
    const struct config *config;
    const struct definitions_file *file;
    struct topic_reader *reader;
    struct definitions_redis *redis;
    struct definitions_history *history;
    rd_kafka_message_t *last; /* the topic's last of this workspace; NULL: none */
    int32_t partition;        /* where ours is */
    int64_t offset;
    bool appended; /* it was not there before */
    bool changed;  /* Redis had another value */
};

static int kafka_fails(const char *error)
{
    return definitions_complain(COMMAND_UNAVAILABLE, "Kafka", error);
}

/* Reads to the reader's end, and keeps the workspace's last message. */
static int put_read_topic(struct put *put)
{
    char error[512];
    rd_kafka_message_t *message;
    for (;;) {
        enum topic_reading reading = topic_reader_next(put->reader, &message, error, sizeof(error));
        if (reading == TOPIC_END)
            return COMMAND_OK;
        if (reading == TOPIC_FAILED)
            return kafka_fails(error);
        if (reading == TOPIC_PAUSE)
            continue;
        bool ours = span_equal(definitions_history_workspace(message), span_of_text(put->request->workspace));
        if (ours && definitions_history_note(put->history, message)) {
            if (put->last)
                rd_kafka_message_destroy(put->last);
            put->last = message;
        } else {
            rd_kafka_message_destroy(message);
        }
    }
}

static struct span put_bytes(const struct put *put)
{
    return span_of(put->file->bytes, put->file->length);
}

static struct span last_bytes(const struct put *put)
{
    return put->last ? span_of(put->last->payload, put->last->len) : SPAN_NONE;
}

static bool put_is_last(const struct put *put)
{
    return last_bytes(put).at && span_equal(last_bytes(put), put_bytes(put));
}

/* A repeated put appends nothing. */
static int put_append(struct put *put)
{
    char error[512];
    struct kafka_client client;
    if (put_is_last(put)) {
        put->partition = put->last->partition;
        put->offset = put->last->offset;
        return COMMAND_OK;
    }
    if (!kafka_client_open(&client, put->config, error, sizeof(error)))
        return kafka_fails(error);
    put->appended = kafka_client_append(&client, put->config->definitions.topic, put->request->workspace,
                                        put->file->bytes, put->file->length, error, sizeof(error));
    kafka_client_close(&client);
    put->partition = client.partition;
    put->offset = client.offset;
    return put->appended ? COMMAND_OK
                         : definitions_complain(COMMAND_UNAVAILABLE, put->config->definitions.topic, error);
}

static int redis_fails(const struct put *put, const char *error)
{
    definitions_complain(COMMAND_UNAVAILABLE, "Redis", error);
    return definitions_complain(COMMAND_UNAVAILABLE, put->request->workspace,
                                "stored in the topic only; put them again");
}

/* The value that Redis should hold: the topic's last. It is ours as long as the topic does not show it yet, because
 * another writer's transaction before it is still open. */
static struct span put_wanted(const struct put *put)
{
    bool unseen = !put->last || (put->last->partition == put->partition && put->last->offset < put->offset);
    return unseen ? put_bytes(put) : last_bytes(put);
}

/* Watches the key. *there: the value in Redis, to be freed. */
static int put_watch(struct put *put, redisReply **there)
{
    char error[256];
    const struct span workspace = span_of_text(put->request->workspace);
    if (!put->redis)
        put->redis = definitions_redis_open(put->config, error, sizeof(error));
    bool ok = put->redis && definitions_redis_watch(put->redis, &workspace, 1, there, error, sizeof(error));
    return ok ? COMMAND_OK : redis_fails(put, error);
}

/* Writes a value that differs. What this process has appended it writes even if Redis has the same bytes: another
 * writer may be about to replace them by what was the last before, and its watch must fail. *done: false if the key has
 * changed since it was watched. */
static int put_to_redis(struct put *put, const redisReply *there, bool *done)
{
    char error[256];
    const struct definitions_change change = {span_of_text(put->request->workspace), put_wanted(put)};
    struct span held = definitions_redis_value(there);
    bool differs = (held.at != NULL) != (change.value.at != NULL) || !span_equal(held, change.value);
    const bool writes = differs || put->appended;
    *done = !writes;
    bool ok = definitions_redis_change(put->redis, &change, writes, done, error, sizeof(error));
    put->changed = put->changed || (ok && *done && differs);
    return ok ? COMMAND_OK : redis_fails(put, error);
}

static int put_extend(struct put *put)
{
    char error[512];
    bool grown;
    return topic_reader_extend(put->reader, &grown, error, sizeof(error)) ? put_read_topic(put) : kafka_fails(error);
}

/* A later message whose writer died before it wrote to Redis: nobody else may see that our write undoes it, since what
 * it says may have been in Redis already. *done: there is none. */
static int put_look_behind(struct put *put, bool *done)
{
    const int64_t last = put->last ? put->last->offset : OFFSET_NONE;
    const int result = put_extend(put);
    *done = last == (put->last ? put->last->offset : OFFSET_NONE);
    return result;
}

/* Another process may put definitions of this workspace at the same time. Like definitions_sync, this reads the
 * topic between the watch and the write: a later message in the topic is written to Redis later. */
static int put_once(struct put *put)
{
    bool done = false;
    int result = COMMAND_OK;
    while (!done && result == COMMAND_OK) {
        redisReply *there = NULL;
        result = put_watch(put, &there);
        if (result == COMMAND_OK)
            result = put_extend(put);
        failpoint(FAILPOINT_PUT_READ);
        if (result == COMMAND_OK)
            result = put_to_redis(put, there, &done);
        if (result == COMMAND_OK && done)
            result = put_look_behind(put, &done);
        freeReplyObject(there);
    }
    return result;
}

/* What an old master is told is lost, and no audit would notice it: that of the new one may be over. So after the write
 * the Sentinels, or the masters of a cluster, are asked whether it went to the master. If not, it is written to the new
 * one. */
static int put_settle(struct put *put)
{
    char error[256];
    const int64_t until_ms = clock_now_ms() + SETTLE_MS;
    for (;;) {
        int result = put_once(put);
        if (result != COMMAND_OK || definitions_redis_is_kept(put->redis, error, sizeof(error)))
            return result;
        if (clock_now_ms() >= until_ms)
            return redis_fails(put, error);
        definitions_redis_close(put->redis);
        put->redis = NULL;
        clock_sleep(SETTLE_PAUSE_MS);
    }
}

static void put_print(const struct put *put)
{
    const struct definitions_place place = {put->request->workspace, put->config->definitions.topic, put->partition,
                                            put->offset};
    enum definitions_putting how = PUT_UNCHANGED;
    if (!span_equal(put_wanted(put), put_bytes(put)))
        how = PUT_OVERTAKEN;
    else if (put->appended || put->changed)
        how = PUT_STORED;
    definitions_print_stored(&place, put->file->definitions, how, put->request->json);
}

static int put_run(struct put *put)
{
    char error[512];
    put->history = definitions_history_new();
    if (!put->history)
        abort();
    put->reader =
        topic_reader_open(put->config, put->config->definitions.topic, KAFKA_CLIENT_WAIT_MS, error, sizeof(error));
    if (!put->reader)
        return kafka_fails(error);
    int result = put_read_topic(put);
    if (result == COMMAND_OK)
        result = put_append(put);
    if (result == COMMAND_OK)
        result = put_settle(put);
    if (result == COMMAND_OK)
        put_print(put);
    return result;
}

int definitions_put(const struct definitions_request *request, const struct config *config)
{
    struct definitions_file file;
    int result = definitions_file_open(&file, request);
    if (result != COMMAND_OK)
        return result;
    struct put put = {.request = request, .config = config, .file = &file};
    result = put_run(&put);
    if (put.last)
        rd_kafka_message_destroy(put.last);
    topic_reader_close(put.reader);
    definitions_redis_close(put.redis);
    definitions_history_free(put.history);
    definitions_file_close(&file);
    return result;
}
