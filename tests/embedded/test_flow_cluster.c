/* The flow on the embedded broker and a cluster of three masters: what a worker answers is what one server would have
 * had it answer, in the order of each partition, while a master is away, and after it came back with nothing. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/stop.h"
#include "tests/embedded/cluster_stage.h"
#include "tests/embedded/fixture.h"

#define WORKSPACES 30
#define COMMANDS   600
#define EMAILS     7 /* of a workspace: so most are taken */

static char workspaces[WORKSPACES][16];
static const char *verdicts[FIXTURE_PARTITIONS][COMMANDS];
static int64_t sent[FIXTURE_PARTITIONS];
static int taken_by[WORKSPACES][EMAILS]; /* the number of the command; 0: nobody */

static void open_all(void)
{
    fixture_open();
    cluster_open();
    for (int i = 0; i < WORKSPACES; i++)
        snprintf(workspaces[i], sizeof(workspaces[i]), "ws-%d", i);
}

static void close_all(void)
{
    fixture_close();
    cluster_close();
}

/* Each workspace has a field "color" of three characters at most, by the topic of definitions. */
static void define_all(void)
{
    static const char set[] = "[{\"key\":\"color\",\"type\":\"text\",\"rules\":{\"maxLength\":3}}]";
    ck_assert(embedded_broker_topic(&fixture.broker, "clients.definitions", FIXTURE_PARTITIONS));
    for (int i = 0; i < WORKSPACES; i++)
        ck_assert_int_eq(rd_kafka_producev(fixture.producer, RD_KAFKA_V_TOPIC("clients.definitions"),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                           RD_KAFKA_V_KEY(workspaces[i], strlen(workspaces[i])),
                                           RD_KAFKA_V_VALUE((void *)(uintptr_t)set, strlen(set)), RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void start_with(const char *setting, const struct worker_feed *feed)
{
    char address[256];
    cluster_address(address, sizeof(address));
    fixture_start_with("exactly-once", (const char *const[]){"redis.kind=cluster", address, setting, NULL}, feed);
}

static void start(const char *setting)
{
    start_with(setting, &group_feed);
}

/* Commands of a workspace go to one partition, so their order is known. Every fifth is not valid, every seventh comes
 * again. */
static void send_one(int number)
{
    char command[256];
    const int workspace = number % WORKSPACES, email = number / WORKSPACES % EMAILS;
    const int partition = workspace % FIXTURE_PARTITIONS;
    const bool is_valid = number % 5 != 0;
    const int length = snprintf(command, sizeof(command),
                                "{\"commandId\":\"c%d\",\"workspaceId\":\"%s\",\"givenName\":\"Ada\",\"familyName\":"
                                "\"Lovelace\",\"email\":\"ada%d@example.com\",\"customFields\":{\"color\":\"%s\"}}",
                                number, workspaces[workspace], email, is_valid ? "red" : "blue");
    const char *verdict = !is_valid ? "validation_failed" : taken_by[workspace][email] ? "email_taken" : "created";
    if (strcmp(verdict, "created") == 0)
        taken_by[workspace][email] = number + 1;
    for (int i = 0; i < (number % 7 == 0 ? 2 : 1); i++) {
        fixture_send(partition, span_of_text(workspaces[workspace]), span_of(command, (size_t)length), NULL);
        verdicts[partition][sent[partition]++] = verdict;
    }
}

static size_t sent_in_all(void)
{
    size_t all = 0;
    for (int i = 0; i < FIXTURE_PARTITIONS; i++)
        all += (size_t)sent[i];
    return all;
}

static int seen[FIXTURE_PARTITIONS][COMMANDS];
static int64_t last[FIXTURE_PARTITIONS]
                   [WORKSPACES]; /* replies have the keys of their commands, so these are in order */

static void check_verdict(const rd_kafka_message_t *reply, bool in_order)
{
    int32_t partition;
    int64_t offset;
    int workspace;
    reply_source(reply, &partition, &offset);
    ck_assert_int_eq(sscanf(reply->key, "ws-%d", &workspace), 1);
    ck_assert_msg(!in_order || offset >= last[partition][workspace], "%d/%lld comes too late", (int)partition,
                  (long long)offset);
    last[partition][workspace] = offset;
    seen[partition][offset]++;
    ck_assert_msg(strcmp(reply_verdict(reply), verdicts[partition][offset]) == 0, "%d/%lld: %s instead of %s",
                  (int)partition, (long long)offset, reply_verdict(reply), verdicts[partition][offset]);
}

static void expect_all(int most)
{
    for (int i = 0; i < FIXTURE_PARTITIONS; i++)
        for (int64_t j = 0; j < sent[i]; j++)
            ck_assert_msg(seen[i][j] >= 1 && seen[i][j] <= most, "%d/%lld: %d replies", i, (long long)j, seen[i][j]);
}

/* Exactly the replies that one server gives. */
static void expect_replies(void)
{
    const size_t count = sent_in_all();
    rd_kafka_message_t **replies = calloc(count, sizeof(*replies));
    ck_assert_uint_eq(fixture_read("clients.replies", replies, count), count);
    for (size_t i = 0; i < count; i++)
        check_verdict(replies[i], true);
    expect_all(1);
    fixture_forget(replies, count);
    free(replies);
}

static int64_t answered(void)
{
    size_t threads;
    struct metrics *const *metrics = workers_metrics(fixture.workers, &threads);
    int64_t all = 0;
    for (unsigned i = 0; i < threads; i++)
        for (unsigned outcome = OUTCOME_CREATED; outcome <= OUTCOME_REJECTED; outcome++)
            all += (int64_t)metrics_get(metrics[i], METRIC_COMMANDS, outcome);
    return all;
}

START_TEST(commands_of_all_slots_are_answered_once)
{
    define_all();
    for (int i = 0; i < COMMANDS / 2; i++)
        send_one(i);
    start("worker.threads=1");
    for (int i = COMMANDS / 2; i < COMMANDS; i++)
        send_one(i);
    expect_replies();
    fixture_stop();
}
END_TEST

START_TEST(two_threads_share_a_cluster)
{
    define_all();
    start("worker.threads=2");
    for (int i = 0; i < COMMANDS; i++)
        send_one(i);
    expect_replies();
    fixture_stop();
}
END_TEST

/* The group assigns all partitions while the second audit asks Kafka: the first one has the empty cluster restored. An
 * audit has taken the terms of the partitions that it has found, and these are none. */
#define ASKS_BEFORE 1

static int asks;

static bool is_assigned(const void *source)
{
    return asks > ASKS_BEFORE && source_assignments(source) > 0;
}

static uint64_t late_assignments(const void *source)
{
    return is_assigned(source) ? source_assignments(source) : 0;
}

static int32_t *late_partitions(void *source, int32_t *count)
{
    int32_t *partitions = source_partitions(source, count);
    if (!is_assigned(source))
        *count = 0;
    return partitions;
}

static bool late_ask_progress(void *source, int wait_ms, struct kafka_progress *progress)
{
    while (source_assignments(source) == 0 && !stop_is_requested()) {
        source_poll(source);
        clock_sleep(1);
    }
    asks++;
    return source_ask_progress(source, wait_ms, progress);
}

START_TEST(partitions_that_are_assigned_during_an_audit_get_their_terms)
{
    struct worker_feed feed = group_feed;
    feed.assignments = late_assignments;
    feed.partitions = late_partitions;
    feed.ask_progress = late_ask_progress;
    define_all();
    start_with("worker.threads=1", &feed);
    for (int i = 0; i < COMMANDS / 2; i++)
        send_one(i);
    cluster_await(answered() == (int64_t)sent_in_all());
    expect_replies();
    fixture_stop();
}
END_TEST

/* The embedded broker shows messages of transactions that were aborted, so replies may come twice; all of a command are
 * the same. tests/faults/cluster.sh looks at it with a real one. */
static void expect_same_replies(void)
{
    static rd_kafka_message_t *replies[20 * COMMANDS];
    const size_t count = fixture_read_all("clients.replies", replies, sizeof(replies) / sizeof(replies[0]));
    for (size_t i = 0; i < count; i++)
        check_verdict(replies[i], false);
    expect_all(20);
    fixture_forget(replies, count);
}

START_TEST(what_needs_no_master_that_is_away_goes_on)
{
    define_all();
    start("worker.threads=1");
    for (int i = 0; i < COMMANDS / 2; i++)
        send_one(i);
    cluster_await(answered() == (int64_t)sent_in_all());
    cluster_kill(1);
    /* The terms of partitions and their workspaces are on all masters: what can go on does. */
    for (int i = COMMANDS / 2; i < COMMANDS; i++)
        send_one(i);
    clock_sleep(3000);
    ck_assert_int_lt(answered(), (int64_t)sent_in_all());
    cluster_start(1);
    cluster_await(cluster_is_whole());
    cluster_await(answered() >= (int64_t)sent_in_all());
    expect_same_replies();
    fixture_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flow_cluster");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 180);
    tcase_add_checked_fixture(all, open_all, close_all);
    tcase_add_test(all, commands_of_all_slots_are_answered_once);
    tcase_add_test(all, two_threads_share_a_cluster);
    tcase_add_test(all, partitions_that_are_assigned_during_an_audit_get_their_terms);
    tcase_add_test(all, what_needs_no_master_that_is_away_goes_on);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
