/* Commands that librdkafka cannot read, for a moment or for good. */
#include <check.h>
#include <stdlib.h>

#include "tests/embedded/side_by_side.h"
#include "tests/embedded/unusual_kafka.h"
#include "tests/embedded/worker_stage.h"
#include "tests/lib/quick_client.h"

/* One compressed batch of so many commands, the last of which becomes longer than the consumer takes. */
static void send_unreadable(int32_t partition, int count)
{
    static const char *const settings[][2] = {{"compression.codec", "zstd"},
                                              {"linger.ms", "20000"}, /* until they are flushed together */
                                              {"batch.size", "30000000"},
                                              {"message.max.bytes", "30000000"}};
    char why[512];
    rd_kafka_conf_t *conf = quick_client_conf();
    ck_assert_int_eq(rd_kafka_conf_set(conf, "bootstrap.servers", fixture.broker.address, why, sizeof(why)),
                     RD_KAFKA_CONF_OK);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        ck_assert_int_eq(rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof(why)), RD_KAFKA_CONF_OK);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_msg(producer != NULL, "%s", why);
    /* With the partitions known from the beginning, the first message does not travel alone. */
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, "clients.commands", NULL);
    ck_assert_int_eq(rd_kafka_metadata(producer, 0, topic, &metadata, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_metadata_destroy(metadata);
    const size_t bytes = 20000000;
    char *blanks = malloc(bytes);
    ck_assert_ptr_nonnull(blanks);
    memset(blanks, ' ', bytes);
    for (int i = 1; i <= count; i++)
        ck_assert_int_eq(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("clients.commands"),
                                           RD_KAFKA_V_PARTITION(partition),
                                           RD_KAFKA_V_VALUE(blanks, (i == count ? bytes : 2)),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_flush(producer, 20000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
    free(blanks);
}

static const char *const short_receives[] = {"worker.threads=1", "kafka.consumer.fetch.max.bytes=1048576",
                                             "kafka.consumer.receive.message.max.bytes=2000000",
                                             "kafka.consumer.fetch.error.backoff.ms=100", NULL};

START_TEST(commands_that_cannot_be_decompressed_are_answered_as_too_large)
{
    enum { FIRST = 45, ALL = 1 + FIRST + 1 + 1 + 1, OTHERS = 2 };
    const char *verdicts[ALL], *other_verdicts[OTHERS] = {"too_large", "created"};
    for (int i = 0; i < ALL; i++)
        verdicts[i] = i == 0 || i == FIRST + 1 || i == ALL - 1 ? "created" : "too_large";
    fixture_send_valid(0, 0);
    send_unreadable(0, FIRST);
    fixture_send_valid(0, 1);
    send_unreadable(0, 1);
    fixture_send_valid(0, 2);
    send_unreadable(1, 1); /* with nothing behind it */
    fixture_start("exactly-once", short_receives);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 3);
    wait_for_count(METRIC_UNREADABLE, 0, FIRST + 1 + 1);
    fixture_send_valid(1, 3);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 4);
    ck_assert_uint_eq(count_of(METRIC_UNREADABLE, 0), FIRST + 1 + 1);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_REJECTED), FIRST + 1 + 1);
    expect_replies_of(0, verdicts, ALL, ALL + OTHERS);
    expect_replies_of(1, other_verdicts, OTHERS, ALL + OTHERS);
    rd_kafka_message_t *letters[FIRST + 1 + 1];
    size_t count = fixture_read("clients.dead-letters", letters, FIRST + 1 + 1);
    ck_assert_uint_eq(count, FIRST + 1 + 1);
    for (size_t i = 0; i < count; i++) {
        ck_assert_ptr_null(letters[i]->payload);
        ck_assert(span_equal(message_header(letters[i], "dlq-lost"), SPAN("key, value, headers")));
    }
    fixture_forget(letters, count);
    fixture_stop();
}
END_TEST

/* As from a follower that lags: the batch seems to end in its midst. */
START_TEST(an_end_inside_a_batch_that_cannot_be_decompressed_is_not_believed)
{
    enum { COUNT = 45 };
    send_unreadable(0, COUNT);
    fixture_send_valid(0, 1);
    atomic_store(&end_in_batch, 6); /* three reads confirm that it cannot be read */
    fixture_start("exactly-once", short_receives);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    ck_assert_int_eq(atomic_load(&end_in_batch), 0);
    ck_assert_uint_eq(count_of(METRIC_UNREADABLE, 0), COUNT);
    fixture_stop();
}
END_TEST

START_TEST(commands_that_cannot_be_decompressed_for_a_moment_are_answered_as_usual)
{
    atomic_store(&damage, RD_KAFKA_RESP_ERR__BAD_COMPRESSION);
    atomic_store(&damaged_reads, 4);
    for (int i = 0; i < 3; i++)
        fixture_send_valid(0, i);
    fixture_start("exactly-once", short_receives);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 3);
    ck_assert_int_eq(atomic_load(&damaged_reads), 0);
    ck_assert_uint_eq(count_of(METRIC_UNREADABLE, 0), 0);
    expect_replies_of(0, (const char *const[]){"created", "created", "created"}, 3, 3);
    fixture_stop();
}
END_TEST

/* librdkafka tells of the batch and goes on behind it. */
START_TEST(commands_whose_checksum_was_wrong_are_read_again)
{
    atomic_store(&damage, RD_KAFKA_RESP_ERR__BAD_MSG);
    atomic_store(&damaged_reads, 2);
    for (int i = 0; i < 3; i++)
        fixture_send_valid(0, i);
    fixture_start("exactly-once", short_receives);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 3);
    ck_assert_int_eq(atomic_load(&damaged_reads), 0);
    expect_replies_of(0, (const char *const[]){"created", "created", "created"}, 3, 3);
    fixture_stop();
}
END_TEST

/* The first transaction is refused as too large, and the rest of them are put off, for small transactions. */
START_TEST(commands_that_cannot_be_decompressed_are_answered_in_small_transactions_if_they_must)
{
    enum { COMMANDS = 600, MOST = 200 };
    const int16_t produce = 0; /* ApiKey of the Kafka protocol */
    send_unreadable(0, COMMANDS);
    fixture_send_valid(0, 0);
    rd_kafka_mock_push_request_errors(fixture.broker.cluster, produce, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    fixture_start("exactly-once", short_receives);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    ck_assert_int_eq(count_of(METRIC_TRANSACTIONS, TRANSACTION_ABORTED), 1);
    ck_assert_int_eq(atomic_load(&largest_transaction), MOST);
    ck_assert_uint_eq(count_of(METRIC_UNREADABLE, 0), COMMANDS);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_REJECTED), COMMANDS);
    fixture_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source_unreadable");
    TCase *unreadable = add_case(suite, "unreadable");
    tcase_add_test(unreadable, commands_that_cannot_be_decompressed_are_answered_as_too_large);
    tcase_add_test(unreadable, an_end_inside_a_batch_that_cannot_be_decompressed_is_not_believed);
    TCase *damaged = add_case(suite, "damaged");
    tcase_add_test(damaged, commands_that_cannot_be_decompressed_for_a_moment_are_answered_as_usual);
    tcase_add_test(damaged, commands_whose_checksum_was_wrong_are_read_again);
    tcase_add_test(damaged, commands_that_cannot_be_decompressed_are_answered_in_small_transactions_if_they_must);
    return side_by_side(suite, (const char *const[]){"unreadable", "damaged", NULL});
}
