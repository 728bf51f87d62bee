#include "tests/embedded/fixture.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/folder.h"
#include "common/stop.h"
#include "tests/lib/quick_client.h"
#include "worker/redis/redis_connection.h"

#define EXTRA_WAIT_MS 300 /* for a reply too many */

struct fixture fixture;

void fixture_define(const char *workspace)
{
    char text[16384];
    FILE *file = fopen("config/demo/definitions.json", "r");
    ck_assert_ptr_nonnull(file);
    size_t size = fread(text, 1, sizeof(text), file);
    fclose(file);
    redisContext *connection = redisConnectUnix(fixture.redis.address + strlen("unix:"));
    redisReply *reply = redisCommand(connection, "SET custom-fields:{%s} %b", workspace, text, size);
    ck_assert_ptr_nonnull(reply);
    freeReplyObject(reply);
    redisFree(connection);
}

void fixture_begin_redis(void)
{
    char why[256];
    ck_assert_msg(private_redis_start(&fixture.redis, fixture.folder, why, sizeof(why)), "%s", why);
    fixture_define("acme");
}

void fixture_end_redis(void)
{
    private_redis_stop(&fixture.redis);
}

static void make_topics(void)
{
    static const char *const names[] = {"clients.commands", "clients.replies", "clients.records",
                                        "clients.dead-letters", "other.replies"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        ck_assert(embedded_broker_topic(&fixture.broker, names[i], FIXTURE_PARTITIONS));
}

/* Messages of ours that did not arrive. */
static size_t undelivered;

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    (void)opaque;
    undelivered += message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

void fixture_open_on(int brokers)
{
    char why[512];
    stop_on_signals();
    ck_assert(folder_make_temporary("client-intake-test", fixture.folder, sizeof(fixture.folder)));
    ck_assert_msg(embedded_broker_start(&fixture.broker, brokers, why, sizeof(why)), "%s", why);
    make_topics();
    fixture_begin_redis();
    rd_kafka_conf_t *conf = quick_client_conf();
    rd_kafka_conf_set(conf, "bootstrap.servers", fixture.broker.address, NULL, 0);
    rd_kafka_conf_set(conf, "message.max.bytes", "20000000", NULL, 0);
    rd_kafka_conf_set(conf, "log_level", "2", NULL, 0);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    fixture.producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_msg(fixture.producer != NULL, "%s", why);
}

void fixture_open(void)
{
    fixture_open_on(1);
}

void fixture_close(void)
{
    stop_request();
    if (fixture.workers)
        workers_join(fixture.workers, 20000);
    if (fixture.producer)
        rd_kafka_destroy(fixture.producer);
    private_redis_stop(&fixture.redis);
    embedded_broker_stop(&fixture.broker);
    config_free(fixture.config);
    if (fixture.folder[0])
        folder_remove(fixture.folder);
}

void fixture_start(const char *mode, const char *const *settings)
{
    fixture_start_with(mode, settings, &group_feed);
}

void fixture_start_with(const char *mode, const char *const *settings, const struct worker_feed *feed)
{
    char servers[256], redis[640], delivery[64];
    const char *all[32] = {servers,
                           redis,
                           delivery,
                           "log.level=warning",
                           "kafka.consumer.fetch.wait.max.ms=10",
                           "replies.allowed=other.replies",
                           "redis.timeout=1s"};
    size_t count = 7;
    snprintf(servers, sizeof(servers), "kafka.bootstrap.servers=%s", fixture.broker.address);
    snprintf(redis, sizeof(redis), "redis.address=%s", fixture.redis.address);
    snprintf(delivery, sizeof(delivery), "delivery.mode=%s", mode);
    for (size_t i = 0; settings && settings[i]; i++)
        all[count++] = settings[i];
    fixture.config = config_read(&(struct config_sources){.path = NULL, .settings = all});
    ck_assert_ptr_nonnull(fixture.config);
    log_set_level(fixture.config->log.level);
    fixture.workers = workers_start_with(fixture.config, feed);
    ck_assert_ptr_nonnull(fixture.workers);
}

void fixture_stop(void)
{
    int64_t limit_ms = fixture.config->shutdown.timeout_ms;
    stop_request();
    bool ended = workers_join(fixture.workers, limit_ms);
    if (ended)
        fixture.workers = NULL;
    ck_assert_msg(ended, "the worker did not stop within %lld ms", (long long)limit_ms);
}

/* False if it did not arrive: an error that a test injects may hit its own request. */
static bool send_once(int32_t partition, struct span key, struct span value, const rd_kafka_headers_t *headers)
{
    undelivered = 0;
    rd_kafka_resp_err_t code = rd_kafka_producev(
        fixture.producer, RD_KAFKA_V_TOPIC("clients.commands"), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key.at, key.length),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value.at, value.length),
        RD_KAFKA_V_HEADERS(headers ? rd_kafka_headers_copy(headers) : rd_kafka_headers_new(1)), RD_KAFKA_V_END);
    ck_assert_msg(code == RD_KAFKA_RESP_ERR_NO_ERROR, "%s", rd_kafka_err2str(code));
    return rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS) == RD_KAFKA_RESP_ERR_NO_ERROR && undelivered == 0;
}

void fixture_send(int32_t partition, struct span key, struct span value, rd_kafka_headers_t *headers)
{
    int tries = 0;
    while (!send_once(partition, key, value, headers))
        ck_assert_int_lt(++tries, 5);
    if (headers)
        rd_kafka_headers_destroy(headers);
}

static void send_number(int32_t partition, int number, rd_kafka_headers_t *headers)
{
    char command[256];
    int length = snprintf(command, sizeof(command),
                          "{\"commandId\":\"c%d\",\"workspaceId\":\"acme\",\"givenName\":\"Ada\",\"familyName\":"
                          "\"Lovelace\",\"email\":\"ada%d@example.com\"}",
                          number, number);
    fixture_send(partition, SPAN("acme"), span_of(command, (size_t)length), headers);
}

void fixture_send_valid(int32_t partition, int number)
{
    send_number(partition, number, NULL);
}

void fixture_send_naming(const char *topic, int number)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
    rd_kafka_header_add(headers, "reply-topic", -1, topic, -1);
    send_number(0, number, headers);
}

static rd_kafka_t *open_reader(const char *topic)
{
    rd_kafka_conf_t *conf = quick_client_conf();
    rd_kafka_conf_set(conf, "bootstrap.servers", fixture.broker.address, NULL, 0);
    rd_kafka_conf_set(conf, "group.id", "reader", NULL, 0);
    rd_kafka_conf_set(conf, "fetch.wait.max.ms", "10", NULL, 0);
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", NULL, 0);
    rd_kafka_conf_set(conf, "fetch.message.max.bytes", "20000000", NULL, 0);
    rd_kafka_t *reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
    ck_assert_ptr_nonnull(reader);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(FIXTURE_PARTITIONS);
    for (int32_t i = 0; i < FIXTURE_PARTITIONS; i++)
        rd_kafka_topic_partition_list_add(all, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    ck_assert_int_eq(rd_kafka_assign(reader, all), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(all);
    return reader;
}

/* The reader stays open as long as its messages, which point into it. */
static rd_kafka_t *reader;

size_t fixture_read(const char *topic, rd_kafka_message_t **messages, size_t count)
{
    size_t found = 0;
    int64_t limit = clock_now_ms() + FIXTURE_PATIENCE_MS;
    ck_assert_ptr_null(reader);
    reader = open_reader(topic);
    while (clock_now_ms() < limit && found <= count) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 50);
        bool is_one = message && !message->err;
        if (is_one && found < count)
            messages[found] = message;
        else if (message)
            rd_kafka_message_destroy(message);
        if (!is_one)
            continue;
        if (++found == count)
            limit = clock_now_ms() + EXTRA_WAIT_MS;
    }
    return found;
}

size_t fixture_read_all(const char *topic, rd_kafka_message_t **messages, size_t capacity)
{
    size_t found = 0;
    int64_t limit = clock_now_ms() + FIXTURE_PATIENCE_MS;
    ck_assert_ptr_null(reader);
    reader = open_reader(topic);
    for (int ended = 0; ended < FIXTURE_PARTITIONS;) {
        ck_assert_msg(clock_now_ms() < limit, "%s is not read to its end", topic);
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 50);
        if (message && !message->err) {
            ck_assert_uint_lt(found, capacity);
            messages[found++] = message;
            continue;
        }
        ended += message && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (message)
            rd_kafka_message_destroy(message);
    }
    return found;
}

void fixture_forget(rd_kafka_message_t **messages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        rd_kafka_message_destroy(messages[i]);
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
    reader = NULL;
}

static json_t *reply_json(const rd_kafka_message_t *message)
{
    json_error_t error;
    json_t *reply = json_loadb(message->payload, message->len, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(reply != NULL, "a reply is not JSON: %s", error.text);
    return reply;
}

const char *reply_verdict(const rd_kafka_message_t *message)
{
    static char verdict[64];
    json_t *reply = reply_json(message);
    const char *code = json_string_value(json_object_get(json_object_get(reply, "error"), "code"));
    snprintf(verdict, sizeof(verdict), "%s", code ? code : "created");
    json_decref(reply);
    return verdict;
}

void reply_source(const rd_kafka_message_t *message, int32_t *partition, int64_t *offset)
{
    json_t *reply = reply_json(message);
    json_t *source = json_object_get(reply, "source");
    *partition = (int32_t)json_integer_value(json_object_get(source, "partition"));
    *offset = json_integer_value(json_object_get(source, "offset"));
    json_decref(reply);
}

struct span message_header(const rd_kafka_message_t *message, const char *name)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return SPAN_NONE;
    return span_of(value, value ? size : 0);
}
