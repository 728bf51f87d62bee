/* How soon messages come where librdkafka by itself may sleep for a second before it fetches them. */
#include <check.h>
#include <stdlib.h>

#include "tests/embedded/source_stage.h"
#include "tests/lib/quick_client.h"
#include "worker/kafka/topic_reader.h"
#include "worker/replay/history_client.h"
#include "worker/replay/history_reader.h"

#define TURNS    5
#define COMMANDS 3000
#define PAUSE_MS 250 /* the last fetch has ended, and librdkafka's thread sleeps for most of a second more */
/* In one of the turns, since the machine may be busy. With a sanitizer the embedded broker is much slower: then the
 * test is only that all commands come. */
#ifdef __SANITIZE_ADDRESS__
#define SOON_MS 5000
#else
#define SOON_MS 400
#endif
/* Later versions are not woken (source_group.c). */
#define RESUMED_MS (rd_kafka_version() < 0x020300ff ? SOON_MS : 2000)

static void open_source(void)
{
    open_source_of(100);
}

/* It has room for the messages of some batches. */
static void open_broker_with_short_queue(void)
{
    open_broker_with("kafka.consumer.queued.max.messages.kbytes=64");
}

static void open_source_with_short_queue(void)
{
    open_broker_with_short_queue();
    begin_source(500);
}

/* Returns how long the next command takes. */
static int64_t take_command(void)
{
    int64_t began = clock_now_ms();
    fill_batch(1);
    source_release(source);
    return clock_now_ms() - began;
}

START_TEST(commands_come_soon_after_a_resume)
{
    int64_t shortest = FIXTURE_PATIENCE_MS;
    fixture_send_valid(0, 0);
    take_command();
    for (int turn = 1; turn <= TURNS; turn++) {
        for (int64_t until = clock_now_ms() + PAUSE_MS; clock_now_ms() < until;)
            ck_assert_int_eq(source_pause(source, 10), 0);
        fixture_send_valid(0, turn);
        source_resume(source);
        int64_t took = take_command();
        shortest = took < shortest ? took : shortest;
    }
    ck_assert_int_lt(shortest, RESUMED_MS);
}
END_TEST

/* Returns how long there was nothing, of the time that as many commands take. */
static int64_t take_all(uint32_t all)
{
    int64_t waited_ms = 0;
    for (uint32_t taken = 0; taken < all; taken += batch.count, source_release(source)) {
        const int64_t began = clock_now_ms();
        ck_assert_int_eq(source_fill(source, 500, 10), 0);
        if (batch.count == 0)
            waited_ms += clock_now_ms() - began;
    }
    return waited_ms;
}

/* All are in one partition, and a fetch brings some of them only: so the queue is full again and again. */
static void send_small_batches(void)
{
    enum { SMALL = 60 };
    for (int i = 0; i < COMMANDS; i++) {
        fixture_send_valid(0, i);
        if (i % SMALL == SMALL - 1)
            ck_assert_int_eq(rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    ck_assert_int_eq(rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static int by_length(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* Without a wake some turns take a second, and most of them a third of it: the middle one tells. */
START_TEST(commands_come_soon_although_the_queue_is_full)
{
    int64_t waited_ms[TURNS];
    for (int turn = 0; turn < TURNS; turn++) {
        send_small_batches();
        if (turn == 0)
            take_command(); /* with the assignment */
        waited_ms[turn] = take_all(turn == 0 ? COMMANDS - 1 : COMMANDS);
    }
    qsort(waited_ms, TURNS, sizeof(waited_ms[0]), by_length);
    ck_assert_int_lt(waited_ms[TURNS / 2], SOON_MS / 2);
}
END_TEST

/* Returns how long the first message of the topic's partition 0 takes. */
static int64_t take_first(struct history_client *client, const char *topic)
{
    char error[512];
    rd_kafka_message_t *message = NULL;
    int64_t began = clock_now_ms();
    ck_assert_msg(history_client_assign_one(client, topic, 0, 0, error, sizeof(error)), "%s", error);
    while (!message || message->err) {
        if (message)
            rd_kafka_message_destroy(message);
        ck_assert_int_lt(clock_now_ms() - began, FIXTURE_PATIENCE_MS);
        message = rd_kafka_consumer_poll(client->handle, 10);
    }
    ck_assert_str_eq(rd_kafka_topic_name(message->rkt), topic);
    rd_kafka_message_destroy(message);
    return clock_now_ms() - began;
}

START_TEST(a_reader_that_changes_its_topic_reads_on_soon)
{
    static const struct history_client_settings settings = {
        .isolation = "read_committed", .reset = "earliest", .fetch_bytes = "1048576"};
    char error[512];
    int64_t shortest = FIXTURE_PATIENCE_MS;
    fixture_send_valid(0, 0);
    ck_assert_int_eq(rd_kafka_producev(fixture.producer, RD_KAFKA_V_TOPIC("other.replies"), RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_VALUE("{}", 2), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    for (int turn = 0; turn < TURNS; turn++) {
        struct history_client client;
        ck_assert_msg(history_client_open(&client, fixture.config, &settings, error, sizeof(error)), "%s", error);
        take_first(&client, "clients.commands");
        clock_sleep(PAUSE_MS); /* a new connection makes librdkafka look, too */
        int64_t took = take_first(&client, "other.replies");
        shortest = took < shortest ? took : shortest;
        history_client_close(&client);
    }
    ck_assert_int_lt(shortest, SOON_MS);
}
END_TEST

/* Returns how long the first message takes, of those from the beginning on. */
static int64_t read_again(struct history_reader *reader)
{
    char error[512];
    rd_kafka_message_t *message = NULL;
    struct history_hole hole;
    enum history_reading reading;
    int64_t began = clock_now_ms();
    ck_assert_msg(history_reader_begin(reader, 0, 0, COMMANDS, error, sizeof(error)), "%s", error);
    while ((reading = history_reader_next(reader, &message, &hole, error, sizeof(error))) == HISTORY_PAUSE)
        ck_assert_int_lt(clock_now_ms() - began, FIXTURE_PATIENCE_MS);
    ck_assert_msg(reading == HISTORY_MESSAGE, "%s", error);
    rd_kafka_message_destroy(message);
    return clock_now_ms() - began;
}

START_TEST(a_reader_whose_queue_is_full_reads_again_soon)
{
    static const struct history_ahead ahead = {.fetch_bytes = "262144", .messages = 16};
    char error[512];
    int64_t took = 0;
    for (int i = 0; i < COMMANDS; i++)
        fixture_send_valid(0, i);
    ck_assert_int_eq(rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    struct history_reader *reader = history_reader_open_ahead(fixture.config, "clients.commands", &ahead,
                                                              FIXTURE_PATIENCE_MS, error, sizeof(error));
    ck_assert_msg(reader != NULL, "%s", error);
    for (int turn = 0; turn < 2 * TURNS; turn++) {
        took += read_again(reader);
        clock_sleep(PAUSE_MS);
    }
    history_reader_close(reader);
    ck_assert_int_lt(took, 2 * SOON_MS); /* some turns took a second each */
}
END_TEST

#define HISTORY 12000
#define WAIT_MS 2 /* what takes longer was waited for */

/* In batches of which one fills the queue. */
static void send_history(void)
{
    char error[512];
    rd_kafka_conf_t *conf = quick_client_conf();
    rd_kafka_conf_set(conf, "bootstrap.servers", fixture.broker.address, error, sizeof(error));
    rd_kafka_conf_set(conf, "linger.ms", "500", error, sizeof(error));
    rd_kafka_conf_set(conf, "batch.num.messages", "500", error, sizeof(error));
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    ck_assert_msg(producer != NULL, "%s", error);
    for (int i = 0; i < HISTORY; i++) {
        char value[200];
        memset(value, 'x', sizeof(value));
        ck_assert_int_eq(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("clients.commands"),
                                           RD_KAFKA_V_PARTITION(i % FIXTURE_PARTITIONS),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                           RD_KAFKA_V_VALUE(value, sizeof(value)), RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    ck_assert_int_eq(rd_kafka_flush(producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(producer);
}

/* Returns how long was waited for messages. */
static int64_t read_all(struct topic_reader *reader, uint32_t all)
{
    char error[512];
    rd_kafka_message_t *message = NULL;
    int64_t waited_ms = 0;
    uint32_t count = 0;
    for (;;) {
        const int64_t began = clock_now_ms();
        const enum topic_reading reading = topic_reader_next(reader, &message, error, sizeof(error));
        const int64_t took_ms = clock_now_ms() - began;
        waited_ms += took_ms > WAIT_MS ? took_ms : 0;
        if (reading == TOPIC_END)
            break;
        ck_assert_msg(reading != TOPIC_FAILED, "%s", error);
        if (message)
            rd_kafka_message_destroy(message);
        count += message != NULL;
    }
    ck_assert_uint_eq(count, all);
    return waited_ms;
}

START_TEST(a_reader_of_a_topic_goes_on_soon_although_its_queue_is_full)
{
    char error[512];
    int64_t shortest = FIXTURE_PATIENCE_MS;
    send_history();
    struct topic_reader *reader =
        topic_reader_open(fixture.config, "clients.commands", FIXTURE_PATIENCE_MS, error, sizeof(error));
    ck_assert_msg(reader != NULL, "%s", error);
    for (int turn = 0; turn < TURNS && shortest >= SOON_MS; turn++) {
        ck_assert_msg(topic_reader_rewind(reader, error, sizeof(error)), "%s", error);
        const int64_t waited_ms = read_all(reader, HISTORY);
        shortest = waited_ms < shortest ? waited_ms : shortest;
    }
    topic_reader_close(reader);
    ck_assert_int_lt(shortest, SOON_MS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wakes");
    TCase *resume = tcase_create("resume");
    tcase_add_checked_fixture(resume, open_source, close_source);
    tcase_add_test(resume, commands_come_soon_after_a_resume);
    TCase *full = tcase_create("full queue");
    tcase_add_checked_fixture(full, open_source_with_short_queue, close_source);
    tcase_add_test(full, commands_come_soon_although_the_queue_is_full);
    tcase_set_timeout(full, 120);
    TCase *topic = tcase_create("topic");
    tcase_add_checked_fixture(topic, open_broker_with_short_queue, fixture_close);
    tcase_add_test(topic, a_reader_of_a_topic_goes_on_soon_although_its_queue_is_full);
    tcase_set_timeout(topic, 120);
    TCase *readers = tcase_create("readers");
    tcase_add_checked_fixture(readers, open_broker, fixture_close);
    tcase_add_test(readers, a_reader_that_changes_its_topic_reads_on_soon);
    tcase_add_test(readers, a_reader_whose_queue_is_full_reads_again_soon);
    tcase_set_timeout(resume, 60);
    tcase_set_timeout(readers, 60);
    suite_add_tcase(suite, resume);
    suite_add_tcase(suite, full);
    suite_add_tcase(suite, topic);
    suite_add_tcase(suite, readers);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
