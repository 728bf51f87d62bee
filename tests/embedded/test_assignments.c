/* Readers that change or end their assignment at a bad moment. Librdkafka ends the process with an assertion if a
 * partition is taken away twice before it has stopped (its issue 5573), and if rd_kafka_poll finds a message in a
 * consumer's queue. */
#include <check.h>
#include <stdlib.h>

#include "tests/embedded/fixture.h"
#include "worker/kafka/topic_reader.h"
#include "worker/replay/history_reader.h"

#define TOPIC    "clients.commands"
#define WAIT_MS  20000
#define AWAY_MS  2000
#define COMMANDS 20
#define TURNS    3000
#define OPENINGS 60

static char error[512];

static void open_all(void)
{
    char servers[256];
    const char *const settings[] = {servers, "log.level=warning", NULL};
    fixture_open();
    for (int i = 0; i < COMMANDS; i++)
        fixture_send_valid(0, i);
    ck_assert_int_eq(rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    snprintf(servers, sizeof(servers), "kafka.bootstrap.servers=%s", fixture.broker.address);
    fixture.config = config_read(&(struct config_sources){.settings = settings});
    ck_assert_ptr_nonnull(fixture.config);
}

static struct history_reader *open_reader(void)
{
    struct history_reader *reader = history_reader_open(fixture.config, TOPIC, WAIT_MS, error, sizeof(error));
    ck_assert_msg(reader != NULL, "%s", error);
    return reader;
}

static void begin(struct history_reader *reader, int64_t from)
{
    ck_assert_msg(history_reader_begin(reader, 0, from, COMMANDS, error, sizeof(error)), "%s", error);
}

static void expect_all(struct history_reader *reader, int64_t from)
{
    enum history_reading reading;
    rd_kafka_message_t *message;
    struct history_hole hole;
    while ((reading = history_reader_next(reader, &message, &hole, error, sizeof(error))) != HISTORY_END) {
        ck_assert_msg(reading == HISTORY_MESSAGE || reading == HISTORY_PAUSE, "%s", error);
        if (reading != HISTORY_MESSAGE)
            continue;
        ck_assert_int_eq(message->offset, from++);
        rd_kafka_message_destroy(message);
    }
    ck_assert_int_eq(from, COMMANDS);
}

START_TEST(a_history_reader_turns_at_once)
{
    struct history_reader *reader = open_reader();
    for (int i = 0; i < TURNS; i++)
        begin(reader, i % 2 + 3);
    begin(reader, 7);
    expect_all(reader, 7);
    history_reader_close(reader);
}
END_TEST

START_TEST(a_history_reader_is_closed_at_once)
{
    for (int i = 0; i < OPENINGS; i++) {
        struct history_reader *reader = open_reader();
        begin(reader, 0);
        begin(reader, 5);
        history_reader_close(reader);
    }
}
END_TEST

START_TEST(a_topic_reader_is_rewound_and_closed_at_once)
{
    for (int i = 0; i < OPENINGS; i++) {
        struct topic_reader *reader = topic_reader_open(fixture.config, TOPIC, WAIT_MS, error, sizeof(error));
        ck_assert_msg(reader != NULL, "%s", error);
        for (int j = 0; j < 50; j++)
            ck_assert_msg(topic_reader_rewind(reader, error, sizeof(error)), "%s", error);
        topic_reader_close(reader);
    }
}
END_TEST

START_TEST(a_topic_reader_is_extended_while_kafka_is_away_and_messages_wait)
{
    rd_kafka_message_t *message = NULL;
    bool grown;
    struct topic_reader *reader = topic_reader_open(fixture.config, TOPIC, AWAY_MS, error, sizeof(error));
    ck_assert_msg(reader != NULL, "%s", error);
    enum topic_reading reading;
    while ((reading = topic_reader_next(reader, &message, error, sizeof(error))) == TOPIC_PAUSE)
        ;
    ck_assert_msg(reading == TOPIC_MESSAGE, "%s", error); /* the others of its batch are in the queue */
    rd_kafka_message_destroy(message);
    ck_assert_int_eq(rd_kafka_mock_broker_set_down(fixture.broker.cluster, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert(!topic_reader_extend(reader, &grown, error, sizeof(error)));
    ck_assert_str_ne(error, "");
    topic_reader_close(reader);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("assignments");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, open_all, fixture_close);
    tcase_set_timeout(tests, FIXTURE_PATIENCE_MS / 1000 + 60);
    tcase_add_test(tests, a_history_reader_turns_at_once);
    tcase_add_test(tests, a_history_reader_is_closed_at_once);
    tcase_add_test(tests, a_topic_reader_is_rewound_and_closed_at_once);
    tcase_add_test(tests, a_topic_reader_is_extended_while_kafka_is_away_and_messages_wait);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
