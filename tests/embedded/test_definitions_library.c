/* The library filled from the definitions topic of an embedded broker, and from a private Redis. */
#include <check.h>
#include <hiredis/hiredis.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/folder.h"
#include "common/stop.h"
#include "tests/embedded/side_by_side.h"
#include "tests/lib/quick_client.h"
#include "worker/commands/embedded_broker.h"
#include "worker/commands/private_redis.h"
#include "worker/definitions/definitions_history.h"
#include "worker/definitions/definitions_redis.h"
#include "worker/kafka/topic_reader.h"
#include "worker/model/identity.h"
#include "worker/replay/definitions_library.h"

#define PARTITIONS 3
#define WAIT_MS    60000
#define TEXT_SIZE  128

/* How a look-up may end, beside the number of a text. */
#define NONE   (-1)
#define BROKEN (-2)

static char folder[512];
static struct embedded_broker broker;
static struct private_redis redis;
static redisContext *aside;
static struct config *config;
static rd_kafka_t *producer;
static struct spill *spill;
static struct definitions_library *library;

static void open_all(void)
{
    char servers[256], address[640], why[512];
    stop_on_signals();
    ck_assert(folder_make_temporary("client-intake-library", folder, sizeof(folder)));
    ck_assert_int_eq(setenv("TMPDIR", folder, 1), 0);
    ck_assert_msg(embedded_broker_start(&broker, 1, why, sizeof(why)), "%s", why);
    ck_assert_msg(private_redis_start(&redis, folder, why, sizeof(why)), "%s", why);
    ck_assert(embedded_broker_topic(&broker, "clients.definitions", PARTITIONS));
    aside = redisConnectUnix(redis.address + strlen("unix:"));
    ck_assert_int_eq(aside->err, 0);
    snprintf(servers, sizeof(servers), "kafka.bootstrap.servers=%s", broker.address);
    snprintf(address, sizeof(address), "redis.address=%s", redis.address);
    const char *settings[] = {servers, address, "kafka.consumer.fetch.wait.max.ms=10", "redis.timeout=5s", NULL};
    config = config_read(&(struct config_sources){.path = NULL, .settings = settings});
    ck_assert_ptr_nonnull(config);
    log_set_level(LOG_LEVEL_ERROR);
    rd_kafka_conf_t *conf = quick_client_conf();
    rd_kafka_conf_set(conf, "bootstrap.servers", broker.address, NULL, 0);
    rd_kafka_conf_set(conf, "log_level", "2", NULL, 0);
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_msg(producer != NULL, "%s", why);
    spill = spill_open(why, sizeof(why));
    ck_assert_msg(spill != NULL, "%s", why);
    library = definitions_library_new(spill, 64 << 20);
    ck_assert_ptr_nonnull(library);
}

static void close_all(void)
{
    definitions_library_free(library);
    spill_close(spill);
    rd_kafka_destroy(producer);
    config_free(config);
    redisFree(aside);
    private_redis_stop(&redis);
    embedded_broker_stop(&broker);
    folder_remove(folder);
}

/* Text number `number`: a set of one field, which has that number as its key. */
static struct span text_of(int number, char text[TEXT_SIZE])
{
    return span_of(text, (size_t)snprintf(text, TEXT_SIZE, "[{\"key\":\"%d\",\"type\":\"text\"}]", number));
}

static int result_of(enum library_finding finding, const struct definitions *definitions)
{
    char key[32];
    if (finding == LIBRARY_NONE)
        return NONE;
    if (finding == LIBRARY_BROKEN)
        return BROKEN;
    ck_assert_int_eq(finding, LIBRARY_FOUND);
    ck_assert_uint_eq(definitions->count, 1);
    snprintf(key, sizeof(key), "%.*s", SPAN_FORMAT(definitions->fields[0].key));
    definitions_library_release(library, definitions);
    return atoi(key);
}

static int at(struct span workspace, int64_t time_ms)
{
    const struct definitions *definitions = NULL;
    enum library_finding finding = definitions_library_at(library, workspace, time_ms, &definitions);
    return result_of(finding, definitions);
}

static int at_text(const char *workspace, int64_t time_ms)
{
    return at(span_of_text(workspace), time_ms);
}

/* ---- the topic ---- */

static void produce(int32_t partition, struct span key, struct span value, int64_t time_ms)
{
    rd_kafka_resp_err_t code = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC("clients.definitions"), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key.at, key.length),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value.at, value.length), RD_KAFKA_V_TIMESTAMP(time_ms), RD_KAFKA_V_END);
    ck_assert_msg(code == RD_KAFKA_RESP_ERR_NO_ERROR, "%s", rd_kafka_err2str(code));
}

static void produce_number(int32_t partition, const char *workspace, int number, int64_t time_ms)
{
    char text[TEXT_SIZE];
    produce(partition, span_of_text(workspace), number == NONE ? SPAN_NONE : text_of(number, text), time_ms);
}

static void flush(void)
{
    ck_assert_int_eq(rd_kafka_flush(producer, WAIT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void read_topic(void)
{
    char error[512] = "";
    ck_assert_msg(definitions_library_read_topic(library, config, WAIT_MS, error, sizeof(error)), "%s", error);
    definitions_library_seal(library);
}

START_TEST(the_topic_gives_every_version_of_every_workspace)
{
    char version[HASH_LENGTH], text[TEXT_SIZE];
    const struct definitions *definitions;
    produce_number(0, "acme", 1, 1000);
    produce_number(0, "acme", NONE, 2000);
    produce_number(0, "acme", 3, 3000);
    produce_number(1, "acme", 4, 2500); /* a partition that was added */
    produce_number(2, "other", 5, 9000);
    produce_number(2, "other", 6, 8000); /* the clock went back */
    produce(2, SPAN("other"), SPAN("not JSON"), 10000);
    produce(0, SPAN("empty"), SPAN(""), 1000);
    flush();
    read_topic();
    ck_assert_int_eq(at_text("acme", 999), NONE);
    ck_assert_int_eq(at_text("acme", 1000), 1);
    ck_assert_int_eq(at_text("acme", 2000), NONE);
    ck_assert_int_eq(at_text("acme", 2500), 4);
    ck_assert_int_eq(at_text("acme", INT64_MAX), 3);
    ck_assert_int_eq(at_text("other", 7999), NONE);
    ck_assert_int_eq(at_text("other", 9000), 6);
    ck_assert_int_eq(at_text("other", 10000), BROKEN);
    ck_assert_int_eq(at_text("empty", 1000), BROKEN);
    hash_text(text_of(5, text), version); /* hidden at any time, but a reply may name it */
    enum library_finding finding = definitions_library_version(library, version, &definitions);
    ck_assert_int_eq(result_of(finding, definitions), 5);
    hash_text(text_of(7, text), version);
    ck_assert_int_eq(definitions_library_version(library, version, &definitions), LIBRARY_LACKING);
}
END_TEST

START_TEST(a_message_whose_key_is_no_workspace_is_skipped)
{
    char text[TEXT_SIZE], long_key[66];
    memset(long_key, 'a', sizeof(long_key));
    produce(0, SPAN_NONE, text_of(1, text), 1000);
    produce(0, SPAN("a b"), text_of(2, text), 1000);
    produce(0, SPAN("acme\0x"), text_of(3, text), 1000);
    produce(0, span_of(long_key, 65), text_of(4, text), 1000);
    produce(0, span_of(long_key, 64), text_of(5, text), 1000);
    flush();
    read_topic();
    ck_assert_uint_eq(definitions_library_counts(library).versions, 1);
    ck_assert_int_eq(at(span_of(long_key, 64), 1000), 5);
    ck_assert_int_eq(at(SPAN("acme"), 1000), NONE);
}
END_TEST

START_TEST(an_empty_topic_gives_an_empty_library)
{
    read_topic();
    ck_assert_uint_eq(definitions_library_counts(library).versions, 0);
    ck_assert_int_eq(at_text("acme", INT64_MAX), NONE);
}
END_TEST

/* The last version by the code that fills Redis: the text's number, or NONE. */
static int number_by_history(const rd_kafka_message_t *message)
{
    return message->payload ? atoi((const char *)message->payload + strlen("[{\"key\":\"")) : NONE;
}

/* Reads the topic a second time; what definitions_history calls a workspace's last message is what the library has. */
static size_t compare_with_history(struct definitions_history *history)
{
    char error[512];
    struct topic_reader *reader = topic_reader_open(config, "clients.definitions", WAIT_MS, error, sizeof(error));
    ck_assert_msg(reader != NULL, "%s", error);
    size_t compared = 0;
    for (int pass = 0; pass < 2; pass++) {
        rd_kafka_message_t *message;
        enum topic_reading reading;
        while ((reading = topic_reader_next(reader, &message, error, sizeof(error))) != TOPIC_END) {
            ck_assert_msg(reading != TOPIC_FAILED, "%s", error);
            if (reading != TOPIC_MESSAGE)
                continue;
            if (pass == 0)
                definitions_history_note(history, message);
            else if (definitions_history_is_last(history, message)) {
                ck_assert_int_eq(at(definitions_history_workspace(message), INT64_MAX), number_by_history(message));
                compared++;
            }
            rd_kafka_message_destroy(message);
        }
        if (pass == 0)
            ck_assert_msg(topic_reader_rewind(reader, error, sizeof(error)), "%s", error);
    }
    topic_reader_close(reader);
    return compared;
}

START_TEST(the_last_version_is_the_one_that_a_sync_puts_into_redis)
{
    enum { WORKSPACES = 100, MESSAGES = 2000 };
    uint64_t state = 88172645463325252u;
    for (int i = 0; i < MESSAGES; i++) {
        char name[32];
        state = state * 6364136223846793005u + 1442695040888963407u;
        unsigned drawn = (unsigned)(state >> 33);
        snprintf(name, sizeof(name), "w%u", drawn % WORKSPACES);
        produce_number((int32_t)(drawn / 7 % PARTITIONS), name, drawn % 5 == 0 ? NONE : i, 1000 + drawn / 11 % 20);
    }
    flush();
    read_topic();
    struct definitions_history *history = definitions_history_new();
    ck_assert_ptr_nonnull(history);
    ck_assert_uint_eq(compare_with_history(history), WORKSPACES);
    definitions_history_free(history);
}
END_TEST

START_TEST(a_kafka_that_is_silent_is_a_failure_with_a_reason)
{
    char error[512] = "";
    embedded_broker_stop(&broker);
    ck_assert(!definitions_library_read_topic(library, config, 1000, error, sizeof(error)));
    ck_assert_str_ne(error, "");
    ck_assert(embedded_broker_start(&broker, 1, error, sizeof(error)));
}
END_TEST

/* ---- Redis ---- */

static void ask(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(aside, format, arguments);
    va_end(arguments);
    ck_assert_msg(reply && reply->type != REDIS_REPLY_ERROR, "%s: %s", format, reply ? reply->str : aside->errstr);
    freeReplyObject(reply);
}

static void set_number(const char *workspace, int number)
{
    char text[TEXT_SIZE];
    struct span json = text_of(number, text);
    ask("SET custom-fields:{%s} %b", workspace, json.at, json.length);
}

static void read_redis(void)
{
    char error[512] = "";
    ck_assert_msg(definitions_library_read_redis(library, config, error, sizeof(error)), "%s", error);
    definitions_library_seal(library);
}

/* SCAN gives this many in several pages, and some of them perhaps twice. */
#define MANY 5000

START_TEST(redis_gives_what_each_workspace_has_at_any_time)
{
    char name[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "w%d", i);
        set_number(name, i);
    }
    ask("SET custom-fields:{broken} %s", "7");
    ask("SET custom-fields:{empty} %b", "", (size_t)0);
    ask("RPUSH custom-fields:{list} %s", "7"); /* another type counts as missing */
    ask("SET custom-fields: %s", "7");
    ask("SET client-intake:epoch %s", "7");
    read_redis();
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "w%d", i);
        ck_assert_int_eq(at_text(name, INT64_MAX), i);
        ck_assert_int_eq(at_text(name, -1), i);
    }
    ck_assert_int_eq(at_text("broken", 0), BROKEN);
    ck_assert_int_eq(at_text("empty", 0), BROKEN);
    ck_assert_int_eq(at_text("list", 0), NONE);
    ck_assert_int_eq(at_text("another", 0), NONE);
}
END_TEST

/* As the daemon, which reads no more than the first bytes of it. */
START_TEST(a_value_in_redis_that_is_too_long_is_broken)
{
    size_t size = DEFINITIONS_READ_BYTES + 2;
    char *bytes = malloc(size);
    memset(bytes, ' ', size);
    bytes[0] = '[';
    bytes[size - 1] = ']';
    ask("SET custom-fields:{long} %b", bytes, size);
    ask("SET custom-fields:{short} %b", "[]", (size_t)2);
    free(bytes);
    read_redis();
    ck_assert_int_eq(at_text("long", 0), BROKEN);
    const struct definitions *definitions;
    ck_assert_int_eq(definitions_library_at(library, SPAN("short"), 0, &definitions), LIBRARY_FOUND);
    definitions_library_release(library, definitions);
}
END_TEST

START_TEST(a_redis_that_is_gone_is_a_failure_with_a_reason)
{
    char error[512] = "";
    private_redis_stop(&redis);
    ck_assert(!definitions_library_read_redis(library, config, error, sizeof(error)));
    ck_assert_str_ne(error, "");
}
END_TEST

int main(void)
{
    static const char *const cases[] = {"topic", "redis", NULL};
    Suite *suite = suite_create("definitions library, filled");
    TCase *topic = tcase_create("topic"), *from_redis = tcase_create("redis");
    tcase_add_checked_fixture(topic, open_all, close_all);
    tcase_add_checked_fixture(from_redis, open_all, close_all);
    tcase_set_timeout(topic, 120);
    tcase_set_timeout(from_redis, 120);
    tcase_add_test(topic, the_topic_gives_every_version_of_every_workspace);
    tcase_add_test(topic, a_message_whose_key_is_no_workspace_is_skipped);
    tcase_add_test(topic, an_empty_topic_gives_an_empty_library);
    tcase_add_test(topic, the_last_version_is_the_one_that_a_sync_puts_into_redis);
    tcase_add_test(topic, a_kafka_that_is_silent_is_a_failure_with_a_reason);
    tcase_add_test(from_redis, redis_gives_what_each_workspace_has_at_any_time);
    tcase_add_test(from_redis, a_value_in_redis_that_is_too_long_is_broken);
    tcase_add_test(from_redis, a_redis_that_is_gone_is_a_failure_with_a_reason);
    suite_add_tcase(suite, topic);
    suite_add_tcase(suite, from_redis);
    return side_by_side(suite, cases);
}
