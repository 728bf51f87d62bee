/* send on the embedded broker: what it says of commands that no broker has confirmed. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/embedded/fixture.h"
#include "tests/embedded/side_by_side.h"
#include "worker/commands/sending.h"

#define PRODUCE 0 /* of Kafka's protocol */
#define RTT_MS  500

static struct embedded_broker broker;
static struct config *config;
static FILE *input, *told;
static int error_output;

/* Two commands, each in a request of its own. The second one is sent before the answer to the first is here. */
static void sending_setup(void)
{
    static const char commands[] = "{\"commandId\":\"c-1\",\"workspaceId\":\"acme\"}\n"
                                   "{\"commandId\":\"c-2\",\"workspaceId\":\"acme\"}\n";
    char why[512], servers[256];
    ck_assert_msg(embedded_broker_start(&broker, 1, why, sizeof(why)), "%s", why);
    ck_assert(embedded_broker_topic(&broker, "clients.commands", 1));
    ck_assert(embedded_broker_topic(&broker, "clients.replies", 1));
    snprintf(servers, sizeof(servers), "kafka.bootstrap.servers=%s", broker.address);
    const char *settings[] = {servers, "log.level=error", "kafka.producer.linger.ms=0",
                              "kafka.producer.batch.num.messages=1", NULL};
    config = config_read(&(struct config_sources){.path = NULL, .settings = settings});
    ck_assert_ptr_nonnull(config);
    input = tmpfile();
    told = tmpfile();
    ck_assert(input && told);
    ck_assert_int_ge(fputs(commands, input), 0);
    rewind(input);
    error_output = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(fileno(told), STDERR_FILENO), 0);
}

static void sending_teardown(void)
{
    dup2(error_output, STDERR_FILENO);
    close(error_output);
    fclose(input);
    fclose(told);
    config_free(config);
    embedded_broker_stop(&broker);
}

static struct sending_counts sends(bool no_wait)
{
    char error[512];
    struct sending_counts counts;
    const struct sending_request request = {
        .input = fileno(input), .input_name = "commands", .no_wait = no_wait, .timeout_ms = 1000};
    const enum sending_result result = sending_run(config, &request, &counts, error, sizeof(error));
    ck_assert_msg(result == SENDING_DONE, "%s", error);
    return counts;
}

/* The text on standard error. */
static const char *what_was_told(void)
{
    static char text[4096];
    rewind(told);
    text[fread(text, 1, sizeof(text) - 1, told)] = '\0';
    return text;
}

static void refuse_the_first_request(void)
{
    ck_assert_int_eq(rd_kafka_mock_broker_set_rtt(broker.cluster, 1, RTT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_mock_push_request_errors(broker.cluster, PRODUCE, 1, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
}

static int64_t stored(void)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", broker.address, NULL, 0);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    ck_assert_msg(client != NULL, "%s", why);
    int64_t low, high;
    ck_assert_int_eq(rd_kafka_query_watermark_offsets(client, "clients.commands", 0, &low, &high, FIXTURE_PATIENCE_MS),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(client);
    return high - low;
}

START_TEST(a_command_that_kafka_confirms_is_sent)
{
    const struct sending_counts counts = sends(true);
    ck_assert_int_eq(counts.sent, 2);
    ck_assert_int_eq(counts.unsent, 0);
    ck_assert_int_eq(stored(), 2);
    ck_assert_str_eq(what_was_told(), "");
}
END_TEST

/* Librdkafka tells success for both commands. */
START_TEST(a_command_that_kafka_refused_is_not_sent_though_the_next_one_is)
{
    refuse_the_first_request();
    const struct sending_counts counts = sends(true);
    ck_assert_int_eq(stored(), 1);
    ck_assert_int_eq(counts.sent, 1);
    ck_assert_int_eq(counts.unsent, 1);
    ck_assert_str_eq(what_was_told(),
                     "client-intake send: line 1 is not confirmed, Kafka may have it or not: the broker "
                     "has not confirmed it\n");
}
END_TEST

/* Librdkafka never has room for it. */
START_TEST(a_command_that_is_longer_than_the_queue_of_the_producer_is_not_sent)
{
    char servers[256];
    snprintf(servers, sizeof(servers), "kafka.bootstrap.servers=%s", broker.address);
    const char *settings[] = {servers, "log.level=error", "kafka.producer.queue.buffering.max.kbytes=1", NULL};
    config_free(config);
    config = config_read(&(struct config_sources){.path = NULL, .settings = settings});
    ck_assert_ptr_nonnull(config);
    ck_assert_int_ge(fprintf(input,
                             "{\"commandId\":\"c-1\",\"workspaceId\":\"acme\",\"a\":\"%02000d\"}\n"
                             "{\"commandId\":\"c-2\",\"workspaceId\":\"acme\"}\n",
                             0),
                     0);
    rewind(input);
    const struct sending_counts counts = sends(true);
    ck_assert_int_eq(counts.unsent, 1);
    ck_assert_int_eq(counts.sent, 1);
    ck_assert_ptr_nonnull(strstr(what_was_told(), "line 1 was not sent: "));
}
END_TEST

START_TEST(it_has_no_place_in_the_topic_when_no_reply_comes)
{
    refuse_the_first_request();
    const struct sending_counts counts = sends(false);
    ck_assert_int_eq(counts.sent, 1);
    ck_assert_int_eq(counts.unsent, 1);
    ck_assert_int_eq(counts.unanswered, 1);
    ck_assert_str_eq(what_was_told(),
                     "client-intake send: line 1 is not confirmed, Kafka may have it or not: the broker "
                     "has not confirmed it\n"
                     "client-intake send: line 2 has no reply: clients.commands/0/0\n");
}
END_TEST

static void add_case(Suite *suite, const char *name, const TTest *test)
{
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, sending_setup, sending_teardown);
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, test);
    suite_add_tcase(suite, tcase);
}

int main(void)
{
    Suite *suite = suite_create("send");
    add_case(suite, "confirmed", a_command_that_kafka_confirms_is_sent);
    add_case(suite, "refused", a_command_that_kafka_refused_is_not_sent_though_the_next_one_is);
    add_case(suite, "too long", a_command_that_is_longer_than_the_queue_of_the_producer_is_not_sent);
    add_case(suite, "no reply", it_has_no_place_in_the_topic_when_no_reply_comes);
    return side_by_side(suite, (const char *const[]){"confirmed", "refused", "too long", "no reply", NULL});
}
