/* What an assignment of partitions changes in the source. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/source/source_group.h"
#include "worker/source/source_log.h"
#include "worker/source/source_member.h"
#include "worker/source/source_state.h"

/* What librdkafka tells of a group that is not there. */
static int is_lost;
static int32_t assigned = -1; /* the only partition; -1: librdkafka has none */
static bool is_silent;        /* it does not say which */

int rd_kafka_assignment_lost(rd_kafka_t *consumer)
{
    (void)consumer;
    return is_lost;
}

rd_kafka_resp_err_t rd_kafka_assignment(rd_kafka_t *consumer, rd_kafka_topic_partition_list_t **partitions)
{
    (void)consumer;
    if (is_silent)
        return RD_KAFKA_RESP_ERR__FATAL;
    *partitions = rd_kafka_topic_partition_list_new(1);
    if (assigned >= 0)
        rd_kafka_topic_partition_list_add(*partitions, "commands", assigned);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Standard error goes to a pipe from now on, whose other end this is. */
static int read_log(void)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    close(ends[1]);
    return ends[0];
}

static void ck_log_has(int log, const char *text)
{
    char line[512];
    const ssize_t length = read(log, line, sizeof(line) - 1);
    ck_assert_int_gt(length, 0);
    line[length] = '\0';
    ck_assert_msg(strstr(line, text), "'%s' is not in: %s", text, line);
}

static struct metrics *metrics;
static struct batch batch; /* empty */

static void close_all(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_topic_partition_list_destroy(partitions);
    source_close_logs(source);
    lag_free(source->lag);
    metrics_free(metrics);
    partitions_free(source->partitions);
    rd_kafka_destroy(source->consumer);
}

/* A member whose logs have told nothing since time 1. */
static struct source open_all(void)
{
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    ck_assert_int_eq(rd_kafka_conf_set(conf, "group.id", "group", error, sizeof(error)), RD_KAFKA_CONF_OK);
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
    ck_assert_ptr_nonnull(consumer);
    metrics = metrics_new();
    struct source source = {.topic = "commands",
                            .consumer = consumer,
                            .metrics = metrics,
                            .batch = &batch,
                            .lag = lag_new("commands", metrics),
                            .partitions = partitions_new(),
                            .starts_silent_ms = 1};
    ck_assert(source.metrics && source.lag && source.partitions);
    return source;
}

/* Otherwise the first answer that fails would end the wait for it. */
START_TEST(the_wait_for_the_beginnings_of_logs_starts_again_with_an_assignment)
{
    struct source source = open_all();
    rd_kafka_topic_partition_list_t *partitions = rd_kafka_topic_partition_list_new(1);
    source_on_rebalance(source.consumer, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, partitions, &source);
    ck_assert_int_eq(source.starts_silent_ms, 1);
    rd_kafka_topic_partition_list_add(partitions, source.topic, 0);
    source_on_rebalance(source.consumer, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, partitions, &source);
    ck_assert_int_eq(source.starts_silent_ms, 0);
    close_all(&source, partitions);
}
END_TEST

/* Resets of a partition that cannot be fetched come every half second. */
START_TEST(the_wait_goes_on_when_partitions_are_reset)
{
    struct source source = open_all();
    rd_kafka_topic_partition_list_t *partitions = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(partitions, source.topic, 0);
    source_reassign(&source, partitions);
    ck_assert_int_eq(source.starts_silent_ms, 1);
    close_all(&source, partitions);
}
END_TEST

/* Kafka would refuse its commits until the next rebalance. */
START_TEST(partitions_that_were_lost_when_they_were_assigned_are_given_up)
{
    struct source source = open_all();
    rd_kafka_topic_partition_list_t *partitions = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(partitions, source.topic, 0);
    source_follow_generation(&source);
    ck_assert(!source.broken); /* it has not joined yet */
    is_lost = true;
    assigned = 0;
    source_on_rebalance(source.consumer, RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS, partitions, &source);
    source_follow_generation(&source);
    ck_assert(!source.broken); /* a callback about the loss is to come */
    is_lost = false;           /* so librdkafka once they are taken */
    is_silent = true;
    source_follow_generation(&source);
    ck_assert(!source.broken); /* perhaps it has none */
    is_silent = false;
    const int log = read_log();
    source_follow_generation(&source);
    ck_assert(source.broken);
    ck_log_has(log, "partitions were lost before they were assigned; the consumer is opened again");
    close_all(&source, partitions);
}
END_TEST

/* A new log's first batch begins at the offset of the old one's. */
START_TEST(a_log_that_begins_again_has_no_commands_that_cannot_be_parsed)
{
    struct source source = open_all();
    rd_kafka_topic_partition_list_t *partitions = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(partitions, source.topic, 0);
    source_log(&source, 0)->unparsed = (struct parse_range){.first = 3, .inside = 3, .base = 0, .failed = 31};
    source_restart(&source, partitions);
    ck_assert_int_eq(source_log(&source, 0)->unparsed.first, -1);
    ck_assert_int_eq(source_log(&source, 0)->unparsed.failed, 0);
    close_all(&source, partitions);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source_group");
    TCase *tcase = tcase_create("assignments");
    tcase_add_test(tcase, the_wait_for_the_beginnings_of_logs_starts_again_with_an_assignment);
    tcase_add_test(tcase, the_wait_goes_on_when_partitions_are_reset);
    tcase_add_test(tcase, partitions_that_were_lost_when_they_were_assigned_are_given_up);
    tcase_add_test(tcase, a_log_that_begins_again_has_no_commands_that_cannot_be_parsed);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
