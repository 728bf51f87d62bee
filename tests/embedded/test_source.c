/* What the source and the commit do when librdkafka's answers are not the usual ones. Functions of librdkafka are
 * replaced by this program's own, which call the real ones. */
#include <check.h>
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "tests/embedded/fixture.h"
#include "worker/kafka/log_mark.h"
#include "worker/model/batch.h"

#define ASSIGNMENT_FAILURES 20 /* so many that some of them meet a resumption */

/* So many more times it is not told to who has been told since the last poll: as when an audit's end resumes. */
static atomic_int assignments_to_fail;
static atomic_bool assignment_told;
static atomic_bool is_paused;
static atomic_int assignment_failures;
static atomic_bool commit_is_in_doubt; /* the next one */
static atomic_bool commit_waits;
static atomic_int polls_while_commit_waits, retries_of_commit;
static atomic_int asked_by_members;
static atomic_bool group_keeps_marks; /* it answers an audit, but not who asks for the marks alone */
static atomic_int asked_in_vain;
static rd_kafka_t *auditor;        /* who asked for a topic's end last, as an audit does first */
static atomic_bool end_is_feigned; /* to who reads commands again, in place of each */
static atomic_int ends_feigned;
static atomic_int messages_taken, messages_in_first_batch;     /* so many are waited for */
static atomic_int largest_transaction;                         /* in commands; the topic begins at 0 */
static int64_t ends[SCENE_PARTITIONS];                         /* of what is committed */
static rd_kafka_topic_partition_list_t *sent, *last_committed; /* of the last transaction, and of the last
                                                                committed one */

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    ck_assert_ptr_nonnull(found);
    return found;
}

rd_kafka_resp_err_t rd_kafka_assignment(rd_kafka_t *client, rd_kafka_topic_partition_list_t **partitions)
{
    if (atomic_exchange(&assignment_told, true) && atomic_load(&assignments_to_fail) > 0) {
        atomic_fetch_sub(&assignments_to_fail, 1);
        atomic_fetch_add(&assignment_failures, 1);
        return RD_KAFKA_RESP_ERR__STATE;
    }
    rd_kafka_resp_err_t (*function)(rd_kafka_t *, rd_kafka_topic_partition_list_t **) = real("rd_kafka_assignment");
    return function(client, partitions);
}

rd_kafka_resp_err_t rd_kafka_pause_partitions(rd_kafka_t *client, rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_resp_err_t (*function)(rd_kafka_t *, rd_kafka_topic_partition_list_t *) =
        real("rd_kafka_pause_partitions");
    atomic_store(&is_paused, true);
    return function(client, partitions);
}

/* What rd_kafka_assignment tells refers into the consumer, which could not be destroyed while a mere copy of it lives.
 */
static rd_kafka_topic_partition_list_t *free_copy(const rd_kafka_topic_partition_list_t *places)
{
    rd_kafka_topic_partition_list_t *copy = rd_kafka_topic_partition_list_new(places->cnt);
    for (int i = 0; i < places->cnt; i++) {
        const rd_kafka_topic_partition_t *from = &places->elems[i];
        rd_kafka_topic_partition_t *place = rd_kafka_topic_partition_list_add(copy, from->topic, from->partition);
        place->offset = from->offset;
        place->metadata_size = from->metadata_size;
        place->metadata = from->metadata_size > 0 ? malloc(from->metadata_size) : NULL;
        if (place->metadata)
            memcpy(place->metadata, from->metadata, from->metadata_size);
    }
    return copy;
}

rd_kafka_error_t *rd_kafka_send_offsets_to_transaction(rd_kafka_t *client,
                                                       const rd_kafka_topic_partition_list_t *offsets,
                                                       const rd_kafka_consumer_group_metadata_t *group, int wait_ms)
{
    rd_kafka_error_t *(*function)(rd_kafka_t *, const rd_kafka_topic_partition_list_t *,
                                  const rd_kafka_consumer_group_metadata_t *, int) =
        real("rd_kafka_send_offsets_to_transaction");
    if (sent)
        rd_kafka_topic_partition_list_destroy(sent);
    sent = free_copy(offsets);
    return function(client, offsets, group, wait_ms);
}

static void note_transaction(void)
{
    int64_t commands = 0;
    if (last_committed)
        rd_kafka_topic_partition_list_destroy(last_committed);
    last_committed = sent ? free_copy(sent) : NULL;
    for (int i = 0; sent && i < sent->cnt; i++) {
        const rd_kafka_topic_partition_t *place = &sent->elems[i];
        commands += place->offset - ends[place->partition];
        ends[place->partition] = place->offset;
    }
    if (commands > atomic_load(&largest_transaction))
        atomic_store(&largest_transaction, (int)commands);
}

rd_kafka_error_t *rd_kafka_commit_transaction(rd_kafka_t *client, int wait_ms)
{
    rd_kafka_error_t *(*function)(rd_kafka_t *, int) = real("rd_kafka_commit_transaction");
    rd_kafka_error_t *error = function(client, wait_ms);
    atomic_store(&commit_waits, error != NULL);
    atomic_fetch_add(&retries_of_commit, error != NULL);
    if (!error)
        note_transaction();
    if (!error && atomic_exchange(&commit_is_in_doubt, false))
        return rd_kafka_error_new(RD_KAFKA_RESP_ERR__TRANSPORT, "the answer was lost");
    return error;
}

rd_kafka_resp_err_t rd_kafka_offsets_for_times(rd_kafka_t *client, rd_kafka_topic_partition_list_t *offsets,
                                               int wait_ms)
{
    rd_kafka_resp_err_t (*function)(rd_kafka_t *, rd_kafka_topic_partition_list_t *, int) =
        real("rd_kafka_offsets_for_times");
    auditor = client;
    return function(client, offsets, wait_ms);
}

static bool is_member(rd_kafka_t *client)
{
    rd_kafka_topic_partition_list_t *subscribed = NULL;
    ck_assert_int_eq(rd_kafka_subscription(client, &subscribed), RD_KAFKA_RESP_ERR_NO_ERROR);
    bool is = subscribed->cnt > 0;
    rd_kafka_topic_partition_list_destroy(subscribed);
    return is;
}

/* The embedded broker does not keep the offsets of transactions: in its stead this tells what the last one committed.
 */
rd_kafka_resp_err_t rd_kafka_committed(rd_kafka_t *client, rd_kafka_topic_partition_list_t *partitions, int wait_ms)
{
    (void)wait_ms;
    bool is_audit = client == auditor;
    auditor = NULL;
    if (!is_audit && atomic_load(&group_keeps_marks)) {
        atomic_fetch_add(&asked_in_vain, 1);
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    atomic_fetch_add(&asked_by_members, is_member(client));
    for (int i = 0; i < partitions->cnt; i++) {
        rd_kafka_topic_partition_t *place = &partitions->elems[i];
        const rd_kafka_topic_partition_t *found =
            last_committed ? rd_kafka_topic_partition_list_find(last_committed, place->topic, place->partition) : NULL;
        place->err = RD_KAFKA_RESP_ERR_NO_ERROR;
        place->offset = found ? found->offset : RD_KAFKA_OFFSET_INVALID;
        free(place->metadata);
        place->metadata_size = found ? found->metadata_size : 0;
        place->metadata = found ? malloc(found->metadata_size) : NULL;
        if (found)
            memcpy(place->metadata, found->metadata, found->metadata_size);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* As from a leader that was elected just now, which does not know yet how far its log is committed. */
static void feign_end(rd_kafka_t *client, rd_kafka_message_t *message)
{
    if (!message || message->err || !atomic_load(&end_is_feigned) || is_member(client))
        return;
    message->err = RD_KAFKA_RESP_ERR__PARTITION_EOF;
    atomic_fetch_add(&ends_feigned, 1);
}

rd_kafka_message_t *rd_kafka_consumer_poll(rd_kafka_t *client, int wait_ms)
{
    rd_kafka_message_t *(*function)(rd_kafka_t *, int) = real("rd_kafka_consumer_poll");
    atomic_store(&assignment_told, false);
    atomic_fetch_add(&polls_while_commit_waits, atomic_load(&commit_waits));
    int taken = atomic_load(&messages_taken);
    bool waits = taken > 0 && taken < atomic_load(&messages_in_first_batch);
    rd_kafka_message_t *message = function(client, waits ? 1000 : wait_ms);
    feign_end(client, message);
    atomic_fetch_add(&messages_taken, message && !message->err);
    return message;
}

static uint64_t count_of(enum metric metric, unsigned value)
{
    size_t threads;
    return metrics_get(workers_metrics(fixture.workers, &threads)[0], metric, value);
}

static void wait_for_count(enum metric metric, unsigned value, uint64_t least)
{
    for (int waited = 0; count_of(metric, value) < least; waited += 20) {
        ck_assert_msg(waited < SCENE_PATIENCE_MS, "metric %d is %llu, not %llu", (int)metric,
                      (unsigned long long)count_of(metric, value), (unsigned long long)least);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
}

START_TEST(partitions_are_resumed_though_the_assignment_is_not_known_at_once)
{
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    fixture_end_redis();
    for (int waited = 0; !atomic_load(&is_paused); waited += 20) {
        ck_assert_int_lt(waited, SCENE_PATIENCE_MS);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    atomic_store(&assignments_to_fail, ASSIGNMENT_FAILURES);
    fixture_begin_redis();
    wait_for_count(METRIC_REDIS_UP, 0, 1);
    for (int i = 1; i <= 3; i++)
        fixture_send_valid(i % SCENE_PARTITIONS, i);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 4);
    ck_assert_int_ge(atomic_load(&assignment_failures), 1);
    fixture_stop();
}
END_TEST

START_TEST(commands_of_a_transaction_that_was_committed_after_all_are_counted)
{
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    uint64_t committed = count_of(METRIC_TRANSACTIONS, TRANSACTION_COMMITTED);
    atomic_store(&commit_is_in_doubt, true);
    fixture_send_valid(1, 1);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 2);
    ck_assert(!atomic_load(&commit_is_in_doubt));
    ck_assert_uint_eq(count_of(METRIC_TRANSACTIONS, TRANSACTION_COMMITTED), committed + 1);
    ck_assert_uint_eq(count_of(METRIC_TRANSACTIONS, TRANSACTION_LOST), 0);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_DUPLICATE), 0);
    ck_assert_int_eq(atomic_load(&asked_by_members), 0);
    fixture_stop();
}
END_TEST

START_TEST(the_group_is_served_while_a_commit_waits)
{
    const int16_t end_transaction = 26; /* ApiKey of the Kafka protocol */
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    nanosleep(&(struct timespec){3, 0}, NULL); /* what is committed without commands is, by then */
    atomic_store(&polls_while_commit_waits, 0);
    rd_kafka_mock_broker_push_request_error_rtts(fixture.broker.cluster, 1, end_transaction, 1,
                                                 RD_KAFKA_RESP_ERR_NO_ERROR, 3500);
    fixture_send_valid(0, 1);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 2);
    ck_assert_int_ge(atomic_load(&retries_of_commit), 2);
    ck_assert_int_ge(atomic_load(&polls_while_commit_waits), 2);
    fixture_send_valid(2, 2);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 3);
    fixture_stop();
}
END_TEST

/* The group's mark of partition 0: of a log that was replaced. */
static void have_mark_of_another_log(void)
{
    char text[LOG_MARK_BYTES];
    struct log_mark mark = {.answered = 1, .offset = 0, .timestamp_ms = 1, .hash = 1};
    size_t length = log_mark_write(&mark, text);
    last_committed = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *place = rd_kafka_topic_partition_list_add(last_committed, "clients.commands", 0);
    place->offset = 1;
    place->metadata = malloc(length);
    place->metadata_size = length;
    memcpy(place->metadata, text, length);
}

START_TEST(commands_wait_until_the_group_has_told_the_mark_of_their_log)
{
    have_mark_of_another_log();
    atomic_store(&group_keeps_marks, true);
    fixture_send_valid(0, 0);
    fixture_send_valid(0, 1);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    for (int waited = 0; atomic_load(&asked_in_vain) < 5 && count_of(METRIC_COMMANDS, OUTCOME_CREATED) == 0;
         waited += 20) {
        ck_assert_int_lt(waited, SCENE_PATIENCE_MS);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), 0);
    ck_assert_uint_eq(count_of(METRIC_LOGS_REPLACED, 0), 0);
    atomic_store(&group_keeps_marks, false);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 2);
    ck_assert_uint_eq(count_of(METRIC_LOGS_REPLACED, 0), 1);
    fixture_send_valid(0, 2);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 3);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_DUPLICATE), 0);
    fixture_stop();
}
END_TEST

START_TEST(an_end_that_only_seems_to_be_one_is_no_other_log)
{
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    atomic_store(&end_is_feigned, true);
    for (int i = 1; i <= 3; i++) {
        nanosleep(&(struct timespec){0, 300000000}, NULL); /* such a command is compared with the one before */
        fixture_send_valid(0, i);
        wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, (uint64_t)i + 1);
    }
    ck_assert_int_ge(atomic_load(&ends_feigned), 1);
    ck_assert_uint_eq(count_of(METRIC_LOGS_REPLACED, 0), 0);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), 4);
    fixture_stop();
}
END_TEST

START_TEST(messages_that_must_travel_alone_are_few_in_a_transaction)
{
    enum { COMMANDS = 600, MOST = 200 };
    const int16_t produce = 0; /* ApiKey of the Kafka protocol */
    for (int i = 0; i < COMMANDS; i++)
        fixture_send_valid(i % SCENE_PARTITIONS, i);
    atomic_store(&messages_in_first_batch, COMMANDS);
    rd_kafka_mock_push_request_errors(fixture.broker.cluster, produce, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, COMMANDS);
    ck_assert_int_eq(count_of(METRIC_TRANSACTIONS, TRANSACTION_ABORTED), 1);
    ck_assert_int_eq(atomic_load(&largest_transaction), MOST);
    ck_assert_int_eq(count_of(METRIC_DEFINITIONS_WAITING, 0), 0);
    for (int i = 0; i < SCENE_PARTITIONS; i++)
        fixture_send_valid(i, COMMANDS + i);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, COMMANDS + SCENE_PARTITIONS);
    ck_assert_int_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), COMMANDS + SCENE_PARTITIONS);
    fixture_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source");
    TCase *tcase = tcase_create("source");
    tcase_add_checked_fixture(tcase, fixture_open, fixture_close);
    tcase_set_timeout(tcase, 90);
    tcase_add_test(tcase, partitions_are_resumed_though_the_assignment_is_not_known_at_once);
    tcase_add_test(tcase, commands_of_a_transaction_that_was_committed_after_all_are_counted);
    tcase_add_test(tcase, the_group_is_served_while_a_commit_waits);
    tcase_add_test(tcase, commands_wait_until_the_group_has_told_the_mark_of_their_log);
    tcase_add_test(tcase, an_end_that_only_seems_to_be_one_is_no_other_log);
    tcase_add_test(tcase, messages_that_must_travel_alone_are_few_in_a_transaction);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
