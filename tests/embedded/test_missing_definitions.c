/* definitions.on_missing = wait: commands of a workspace without definitions wait for them in their partition, for a
 * while; and definitions that have no room together are read in turn. */
#include <check.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/embedded/side_by_side.h"
#include "tests/embedded/worker_stage.h"

static void send_with_fields(int32_t partition, const char *workspace, int number)
{
    char command[256];
    int length = snprintf(command, sizeof(command),
                          "{\"commandId\":\"w%d\",\"workspaceId\":\"%s\",\"givenName\":\"A\",\"familyName\":\"B\","
                          "\"email\":\"w%d@example.com\",\"customFields\":{\"pronouns\":\"she\"}}",
                          number, workspace, number);
    /* One key for all, so that their replies share a partition, too. */
    fixture_send(partition, SPAN("together"), span_of(command, (size_t)length), NULL);
}

/* The partition of the waiting workspace stands still, the others do not; then all is answered in order. */
START_TEST(missing_definitions_are_waited_for_in_their_partition_only)
{
    const char *settings[] = {"definitions.on_missing=wait", "definitions.wait=60s", NULL};
    fixture_start("at-least-once", settings);
    for (int i = 0; i < 20; i++) {
        send_with_fields(0, i == 5 ? "later" : "acme", i);
        send_with_fields(1, "acme", 100 + i);
    }
    rd_kafka_message_t *replies[40];
    wait_for_count(METRIC_DEFINITIONS_WAITING, 0, 1);
    wait_until_committed(25);
    sleep_ms(1000); /* for a reply too many */
    size_t count = fixture_read_all("clients.replies", replies, 40);
    ck_assert_uint_eq(count, 25);
    fixture_forget(replies, count);
    fixture_define("later");
    for (int i = 20; i < 25; i++)
        send_with_fields(0, "acme", i);
    expect_replies_in_order(45);
    fixture_stop();
}
END_TEST

/* Gives the workspace a set that takes a third of a MiB once it is compiled. */
static void define_large(const char *workspace)
{
    enum { OPTIONS = 4000 };
    char *json = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&json, &size);
    ck_assert_ptr_nonnull(out);
    fprintf(out, "[{\"key\":\"services\",\"type\":\"multiSelect\",\"options\":[");
    for (int i = 0; i < OPTIONS; i++)
        fprintf(out, "%s{\"key\":\"option-%d\"}", i > 0 ? "," : "", i);
    fprintf(out, "]}]");
    fclose(out);
    redisContext *connection = redisConnectUnix(fixture.redis.address + strlen("unix:"));
    redisReply *reply = redisCommand(connection, "SET custom-fields:{%s} %b", workspace, json, size);
    ck_assert_ptr_nonnull(reply);
    ck_assert_int_eq(reply->type, REDIS_REPLY_STATUS);
    freeReplyObject(reply);
    redisFree(connection);
    free(json);
}

START_TEST(a_batch_whose_definitions_have_no_room_is_split)
{
    enum { WORKSPACES = 12, COMMANDS = 2 * WORKSPACES };
    char text[256], workspace[16];
    for (int i = 0; i < COMMANDS; i++) {
        snprintf(workspace, sizeof(workspace), "ws-%d", i % WORKSPACES);
        if (i < WORKSPACES)
            define_large(workspace);
        snprintf(text, sizeof(text),
                 "{\"commandId\":\"large-%d\",\"workspaceId\":\"%s\",\"givenName\":\"A\",\"familyName\":\"B\","
                 "\"email\":\"large%d@example.com\",\"customFields\":{\"services\":[\"option-%d\"]}}",
                 i, workspace, i, i);
        fixture_send(0, SPAN_NONE, span_of_text(text), NULL);
    }
    ck_assert_int_eq(rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", "definitions.cache_bytes=1MiB", NULL});
    wait_until_committed(COMMANDS);
    ck_assert_uint_ge(count_of(METRIC_TRANSACTIONS, TRANSACTION_COMMITTED), 4);
    rd_kafka_message_t *replies[COMMANDS];
    ck_assert_uint_eq(fixture_read("clients.replies", replies, COMMANDS), COMMANDS);
    fixture_forget(replies, COMMANDS);
    fixture_stop();
}
END_TEST

START_TEST(the_wait_for_definitions_has_a_limit)
{
    const char *settings[] = {"definitions.on_missing=wait", "definitions.wait=2s", NULL};
    fixture_start("at-least-once", settings);
    for (int i = 0; i < 10; i++)
        send_with_fields(0, "never", i);
    rd_kafka_message_t *replies[10];
    ck_assert_uint_eq(fixture_read("clients.replies", replies, 10), 10);
    for (size_t i = 0; i < 10; i++)
        ck_assert_str_eq(reply_verdict(replies[i]), "definitions_missing");
    fixture_forget(replies, 10);
    send_with_fields(0, "acme", 11);
    expect_replies_in_order(11);
    fixture_stop();
}
END_TEST

START_TEST(it_stops_in_time_while_a_partition_waits)
{
    const char *settings[] = {"definitions.on_missing=wait", "definitions.wait=60s", NULL};
    send_with_fields(0, "never", 1);
    fixture_start("at-least-once", settings);
    wait_for_count(METRIC_DEFINITIONS_WAITING, 0, 1);
    fixture_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("missing definitions");
    TCase *definitions = add_case(suite, "definitions");
    tcase_add_test(definitions, missing_definitions_are_waited_for_in_their_partition_only);
    tcase_add_test(definitions, a_batch_whose_definitions_have_no_room_is_split);
    TCase *limits = add_case(suite, "limits of the wait");
    tcase_add_test(limits, the_wait_for_definitions_has_a_limit);
    tcase_add_test(limits, it_stops_in_time_while_a_partition_waits);
    return side_by_side(suite, (const char *const[]){"definitions", "limits of the wait", NULL});
}
