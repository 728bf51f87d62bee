/* The flow on the embedded broker: every command gets one reply in the order of its partition, though Redis or the
 * broker go away. */
#include <check.h>

#include "tests/embedded/side_by_side.h"
#include "tests/embedded/worker_stage.h"

START_TEST(every_command_gets_one_reply_in_the_order_of_its_partition)
{
    for (int i = 0; i < 300; i++)
        fixture_send_valid(i % FIXTURE_PARTITIONS, i);
    fixture_start("at-least-once", NULL);
    expect_replies_in_order(300);
    fixture_stop();
}
END_TEST

/* ---- Redis and the broker go away ---- */

START_TEST(redis_absent_at_start_is_waited_for)
{
    fixture_end_redis();
    for (int i = 0; i < 20; i++)
        fixture_send_valid(0, i);
    fixture_start("at-least-once", NULL);
    sleep_ms(1500);
    fixture_begin_redis();
    expect_replies_in_order(20);
    fixture_stop();
}
END_TEST

START_TEST(redis_going_away_rejects_nothing)
{
    fixture_start("at-least-once", NULL);
    fixture_send_valid(0, 0);
    wait_until_committed(1);
    fixture_end_redis();
    for (int i = 1; i < 20; i++)
        fixture_send_valid(0, i);
    sleep_ms(1500);
    fixture_begin_redis();
    rd_kafka_message_t *replies[20];
    ck_assert_uint_eq(fixture_read("clients.replies", replies, 20), 20);
    for (size_t i = 0; i < 20; i++)
        ck_assert_str_eq(reply_verdict(replies[i]), "created");
    fixture_forget(replies, 20);
    fixture_stop();
}
END_TEST

START_TEST(it_stops_in_time_while_redis_is_away)
{
    fixture_end_redis();
    fixture_send_valid(0, 0);
    fixture_start("at-least-once", NULL);
    sleep_ms(500);
    fixture_stop();
}
END_TEST

START_TEST(the_broker_going_away_loses_nothing)
{
    fixture_start("at-least-once", NULL);
    for (int i = 0; i < 50; i++)
        fixture_send_valid(0, i);
    wait_until_committed(1); /* a member that was lost while it joined would be waited for */
    rd_kafka_mock_broker_set_down(fixture.broker.cluster, 1);
    sleep_ms(1500);
    rd_kafka_mock_broker_set_up(fixture.broker.cluster, 1);
    for (int i = 50; i < 100; i++)
        fixture_send_valid(0, i);
    wait_until_committed(100);
    /* What was under way then may come twice. */
    rd_kafka_message_t *replies[1000];
    bool seen[100] = {false};
    size_t found = fixture_read_all("clients.replies", replies, 1000);
    for (size_t i = 0; i < found; i++) {
        int32_t partition;
        int64_t offset;
        reply_source(replies[i], &partition, &offset);
        seen[offset] = true;
    }
    for (size_t i = 0; i < 100; i++)
        ck_assert_msg(seen[i], "command %zu has no reply", i);
    fixture_forget(replies, found);
    fixture_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flow on the embedded broker");
    TCase *input = add_case(suite, "input");
    tcase_add_test(input, every_command_gets_one_reply_in_the_order_of_its_partition);
    TCase *redis = add_case(suite, "Redis");
    tcase_add_test(redis, redis_absent_at_start_is_waited_for);
    tcase_add_test(redis, redis_going_away_rejects_nothing);
    tcase_add_test(redis, it_stops_in_time_while_redis_is_away);
    TCase *broker = add_case(suite, "broker");
    tcase_add_test(broker, the_broker_going_away_loses_nothing);
    return side_by_side(suite, (const char *const[]){"input", "Redis", "broker", NULL});
}
