/* What the source and the commit do when librdkafka's answers are not the usual ones. Functions of librdkafka are
 * replaced by this program's own, which call the real ones. */
#include <check.h>
#include <dlfcn.h>
#include <hiredis/hiredis.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "tests/embedded/fixture.h"
#include "tests/embedded/side_by_side.h"
#include "tests/lib/quick_client.h"
#include "worker/kafka/log_mark.h"
#include "worker/model/batch.h"
#include "worker/source/source_committed.h"
#include "worker/source/source_message.h"
#include "worker/source/source_state.h"

#define TXN_OFFSET_COMMIT   28 /* of Kafka's protocol */
#define ASSIGNMENT_FAILURES 20 /* so many that some of them meet a resumption */

/* So many more times it is not told to who has been told since the last poll: as when an audit's end resumes. */
static atomic_int assignments_to_fail;
static atomic_bool assignment_told;
static atomic_bool is_paused;
static atomic_int assignment_failures;
static atomic_bool commit_is_in_doubt;    /* the next one */
static atomic_bool another_has_committed; /* the same offsets as we, in the eyes of the group */
static atomic_bool commit_waits;
static atomic_int polls_while_commit_waits, retries_of_commit;
static atomic_int asked_by_members;
static atomic_bool group_keeps_marks; /* it answers an audit, but not who asks for the marks alone */
static atomic_int asked_in_vain;
static atomic_bool log_is_silent; /* for who reads a command again */
static atomic_int read_in_vain;
static atomic_int offsets_left;           /* members of the group get only commands at multiples of this; 0: all */
static atomic_int batch_delay_ms;         /* for who reads a batch again */
static atomic_bool wide_reader_is_silent; /* as where librdkafka cannot parse what the log has */
static atomic_bool batch_is_damaged;      /* for the same: its checksum is wrong */
static rd_kafka_t *auditor;               /* who asked for a topic's end last, as an audit does first */
static atomic_bool end_is_feigned;        /* to who reads commands again, in place of each */
static atomic_int ends_feigned;
static atomic_int end_in_batch; /* after so many reads in a batch that cannot be read; 0: never */
static atomic_int messages_taken, messages_in_first_batch;     /* so many are waited for */
static atomic_int largest_transaction;                         /* in commands; the topic begins at 0 */
static int64_t ends[FIXTURE_PARTITIONS];                       /* of what is committed */
static rd_kafka_topic_partition_list_t *sent, *last_committed; /* of the last transaction, and of the last
                                                                committed one */
static atomic_int damage;                                      /* the error of a damaged read */
static atomic_int damaged_reads;  /* so many reads of the first command cannot be decompressed */
static atomic_int stale_metadata; /* so many times */
static const rd_kafka_consumer_group_metadata_t *stale;
static atomic_size_t fetched_ahead; /* messages, beside those that are */

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    ck_assert_ptr_nonnull(found);
    return found;
}

static bool is_member(rd_kafka_t *client)
{
    rd_kafka_topic_partition_list_t *subscribed = NULL;
    ck_assert_int_eq(rd_kafka_subscription(client, &subscribed), RD_KAFKA_RESP_ERR_NO_ERROR);
    bool is_member = subscribed->cnt > 0;
    rd_kafka_topic_partition_list_destroy(subscribed);
    return is_member;
}

/* Only members are not told. The reader, which asks so that its partitions have stopped, would take them away too
 * early, and librdkafka would end the process (kafka_assign.h). */
rd_kafka_resp_err_t rd_kafka_assignment(rd_kafka_t *client, rd_kafka_topic_partition_list_t **partitions)
{
    if (is_member(client) && atomic_exchange(&assignment_told, true) && atomic_load(&assignments_to_fail) > 0) {
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

size_t rd_kafka_queue_length(rd_kafka_queue_t *queue)
{
    size_t (*function)(rd_kafka_queue_t *) = real("rd_kafka_queue_length");
    return function(queue) + atomic_load(&fetched_ahead);
}

/* Without what a list of librdkafka's holds of its consumer, which could not be destroyed then. */
static rd_kafka_topic_partition_list_t *copy_offsets(const rd_kafka_topic_partition_list_t *offsets)
{
    rd_kafka_topic_partition_list_t *copy = rd_kafka_topic_partition_list_new(offsets->cnt);
    for (int i = 0; i < offsets->cnt; i++) {
        const rd_kafka_topic_partition_t *from = &offsets->elems[i];
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
    sent = copy_offsets(offsets);
    if (group == stale)
        rd_kafka_mock_push_request_errors(fixture.broker.cluster, TXN_OFFSET_COMMIT, 1,
                                          RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    return function(client, offsets, group, wait_ms);
}

static void note_transaction(void)
{
    int64_t commands = 0;
    if (last_committed)
        rd_kafka_topic_partition_list_destroy(last_committed);
    last_committed = sent ? copy_offsets(sent) : NULL;
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
    if (!is_member(client)) /* a member asks only to wake librdkafka */
        auditor = client;
    return function(client, offsets, wait_ms);
}

static void have_another_nonce(rd_kafka_topic_partition_t *place)
{
    char text[LOG_MARK_BYTES];
    struct log_mark mark;
    ck_assert(log_mark_read(place->metadata, place->metadata_size, &mark));
    mark.nonce = mark.nonce == 1 ? 2 : 1;
    free(place->metadata);
    place->metadata_size = log_mark_write(&mark, text);
    place->metadata = malloc(place->metadata_size);
    memcpy(place->metadata, text, place->metadata_size);
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
        if (found && atomic_load(&another_has_committed))
            have_another_nonce(place);
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* As no member of the group. */
static bool reads_commands_again(rd_kafka_t *client)
{
    rd_kafka_resp_err_t (*function)(rd_kafka_t *, rd_kafka_topic_partition_list_t **) = real("rd_kafka_assignment");
    rd_kafka_topic_partition_list_t *subscribed = NULL, *assigned = NULL;
    ck_assert_int_eq(rd_kafka_subscription(client, &subscribed), RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(function(client, &assigned), RD_KAFKA_RESP_ERR_NO_ERROR);
    bool reads = subscribed->cnt == 0 && assigned->cnt > 0 && strcmp(assigned->elems[0].topic, "clients.commands") == 0;
    rd_kafka_topic_partition_list_destroy(subscribed);
    rd_kafka_topic_partition_list_destroy(assigned);
    return reads;
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
    if (atomic_load(&log_is_silent) && reads_commands_again(client)) {
        atomic_fetch_add(&read_in_vain, 1);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        return NULL;
    }
    atomic_store(&assignment_told, false);
    atomic_fetch_add(&polls_while_commit_waits, atomic_load(&commit_waits));
    int taken = atomic_load(&messages_taken);
    bool waits = taken > 0 && taken < atomic_load(&messages_in_first_batch);
    rd_kafka_message_t *message = function(client, waits ? 1000 : wait_ms);
    const int left = atomic_load(&offsets_left);
    while (message && !message->err && left > 0 && message->offset % left > 0 && is_member(client)) {
        rd_kafka_message_destroy(message);
        message = function(client, waits ? 1000 : wait_ms);
    }
    if (message && !message->err && message->offset == 0 && is_member(client) && atomic_load(&damaged_reads) > 0) {
        atomic_fetch_sub(&damaged_reads, 1);
        message->err = atomic_load(&damage);
    }
    feign_end(client, message);
    if (message && message->err == RD_KAFKA_RESP_ERR__BAD_COMPRESSION && !is_member(client) &&
        atomic_load(&end_in_batch) > 0 && atomic_fetch_sub(&end_in_batch, 1) == 1)
        message->err = RD_KAFKA_RESP_ERR__PARTITION_EOF;
    atomic_fetch_add(&messages_taken, message && !message->err);
    return message;
}

/* The queue of a reader of what was aborted, too: it gets nothing. */
rd_kafka_queue_t *rd_kafka_queue_get_partition(rd_kafka_t *client, const char *topic, int32_t partition)
{
    rd_kafka_queue_t *(*function)(rd_kafka_t *, const char *, int32_t) = real("rd_kafka_queue_get_partition");
    char isolation[32] = "";
    size_t size = sizeof(isolation);
    ck_assert_int_eq(rd_kafka_conf_get(rd_kafka_conf(client), "isolation.level", isolation, &size), RD_KAFKA_CONF_OK);
    if (atomic_load(&wide_reader_is_silent) && strcmp(isolation, "read_uncommitted") == 0)
        return rd_kafka_queue_new(client);
    return function(client, topic, partition);
}

ssize_t rd_kafka_consume_batch_queue(rd_kafka_queue_t *queue, int wait_ms, rd_kafka_message_t **messages, size_t size)
{
    ssize_t (*function)(rd_kafka_queue_t *, int, rd_kafka_message_t **, size_t) = real("rd_kafka_consume_batch_queue");
    nanosleep(&(struct timespec){0, 1000000L * atomic_load(&batch_delay_ms)}, NULL);
    ssize_t count = function(queue, wait_ms, messages, size);
    for (ssize_t i = 0; i < count && atomic_load(&batch_is_damaged); i++)
        messages[i]->err = RD_KAFKA_RESP_ERR__BAD_MSG;
    return count;
}

/* The first ones are of a generation that has ended. */
rd_kafka_consumer_group_metadata_t *rd_kafka_consumer_group_metadata(rd_kafka_t *client)
{
    rd_kafka_consumer_group_metadata_t *(*function)(rd_kafka_t *) = real("rd_kafka_consumer_group_metadata");
    rd_kafka_consumer_group_metadata_t *metadata = function(client);
    if (atomic_fetch_sub(&stale_metadata, 1) > 0)
        stale = metadata;
    else if (metadata == stale)
        stale = NULL; /* it stands where those were */
    return metadata;
}

static uint64_t count_of(enum metric metric, unsigned value)
{
    size_t threads;
    return metrics_get(workers_metrics(fixture.workers, &threads)[0], metric, value);
}

static void wait_for_count(enum metric metric, unsigned value, uint64_t least)
{
    for (int waited = 0; count_of(metric, value) < least; waited += 20) {
        ck_assert_msg(waited < FIXTURE_PATIENCE_MS, "metric %d is %llu, not %llu", (int)metric,
                      (unsigned long long)count_of(metric, value), (unsigned long long)least);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
}

/* Expects one reply for each of the offsets, in their order, and these verdicts by offset. */
static void expect_replies_of(int32_t partition, const char *const *verdicts, size_t count, size_t all)
{
    rd_kafka_message_t **replies = calloc(all, sizeof(rd_kafka_message_t *));
    ck_assert_uint_eq(fixture_read("clients.replies", replies, all), all);
    size_t found = 0;
    for (size_t i = 0; i < all; i++) {
        int32_t from;
        int64_t offset;
        reply_source(replies[i], &from, &offset);
        if (from != partition)
            continue;
        ck_assert_int_eq(offset, (int64_t)found);
        ck_assert_uint_lt(found, count);
        ck_assert_str_eq(reply_verdict(replies[i]), verdicts[found++]);
    }
    ck_assert_uint_eq(found, count);
    fixture_forget(replies, all);
    free(replies);
}

START_TEST(partitions_are_resumed_though_the_assignment_is_not_known_at_once)
{
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    fixture_end_redis();
    for (int waited = 0; !atomic_load(&is_paused); waited += 20) {
        ck_assert_int_lt(waited, FIXTURE_PATIENCE_MS);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    atomic_store(&assignments_to_fail, ASSIGNMENT_FAILURES);
    fixture_begin_redis();
    wait_for_count(METRIC_REDIS_UP, 0, 1);
    for (int i = 1; i <= 3 || atomic_load(&assignment_failures) == 0; i++) {
        fixture_send_valid(i % FIXTURE_PARTITIONS, i);
        wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, (uint64_t)i + 1);
    }
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

START_TEST(what_another_has_committed_is_not_taken_for_ours)
{
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    atomic_store(&another_has_committed, true);
    atomic_store(&commit_is_in_doubt, true);
    fixture_send_valid(1, 1);
    wait_for_count(METRIC_TRANSACTIONS, TRANSACTION_LOST, 1);
    atomic_store(&another_has_committed, false);
    fixture_send_valid(2, 2);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 2);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), 2);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_DUPLICATE), 0);
    fixture_stop();
}
END_TEST

START_TEST(a_generation_that_begins_without_a_callback_does_not_end_the_commits)
{
    atomic_store(&stale_metadata, 1);
    fixture_send_valid(0, 0);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    ck_assert_int_lt(atomic_load(&stale_metadata), 0); /* they were read again */
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

/* The group's marks of partitions 0 and 1: of logs that were replaced. */
static void have_mark_of_another_log(void)
{
    char text[LOG_MARK_BYTES];
    struct log_mark mark = {.answered = 1, .offset = 0, .timestamp_ms = 1, .hash = 1};
    size_t length = log_mark_write(&mark, text);
    last_committed = rd_kafka_topic_partition_list_new(2);
    for (int32_t i = 0; i < 2; i++) {
        rd_kafka_topic_partition_t *place = rd_kafka_topic_partition_list_add(last_committed, "clients.commands", i);
        place->offset = 1;
        place->metadata = malloc(length);
        place->metadata_size = length;
        memcpy(place->metadata, text, length);
    }
}

/* As a worker does that is killed before it commits: a client that counts as earlier than every command. */
static void leave_claim_without_record(const char *workspace, const char *email)
{
    static const char id[] = "01234567-0123-5123-8123-0123456789ab";
    redisContext *connection = redisConnectUnix(fixture.redis.address + strlen("unix:"));
    redisReply *reply =
        redisCommand(connection, "MSET client-email:{%s}:%s %s client:{%s}:%s %s", workspace, email, id, workspace, id,
                     "clients.commands/0/0 "
                     "0123456789abcdef0123456789abcdef\n{}");
    ck_assert_ptr_nonnull(reply);
    ck_assert_int_ne(reply->type, REDIS_REPLY_ERROR);
    freeReplyObject(reply);
    redisFree(connection);
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
        ck_assert_int_lt(waited, FIXTURE_PATIENCE_MS);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), 0);
    ck_assert_uint_eq(count_of(METRIC_LOGS_REPLACED, 0), 0);
    leave_claim_without_record("acme", "ada0@example.com");
    uint64_t rebuilds = count_of(METRIC_REBUILDS, 0);
    atomic_store(&group_keeps_marks, false);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 2);
    ck_assert_uint_ge(count_of(METRIC_REBUILDS, 0), rebuilds + 1);
    fixture_send_valid(0, 2);
    fixture_send_valid(1, 3);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 4);
    ck_assert_uint_eq(count_of(METRIC_LOGS_REPLACED, 0), 2);
    ck_assert_uint_le(count_of(METRIC_REBUILDS, 0), rebuilds + 2);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_DUPLICATE), 0);
    fixture_stop();
}
END_TEST

START_TEST(commands_that_waited_for_the_group_keep_their_order)
{
    enum { COMMANDS = 8 };
    atomic_store(&group_keeps_marks, true);
    for (int i = 0; i < COMMANDS; i++)
        fixture_send_valid(0, i);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", "batch.commands=2", NULL});
    for (int waited = 0; atomic_load(&asked_in_vain) < 5; waited += 20) {
        ck_assert_int_lt(waited, FIXTURE_PATIENCE_MS);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), 0);
    atomic_store(&group_keeps_marks, false);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, COMMANDS);
    const char *verdicts[COMMANDS];
    for (int i = 0; i < COMMANDS; i++)
        verdicts[i] = "created";
    expect_replies_of(0, verdicts, COMMANDS, COMMANDS);
    fixture_stop();
}
END_TEST

/* The consumer takes a damaged batch where its check.crcs is off, and the verification does not stop its partition. */
START_TEST(a_batch_that_is_damaged_in_the_log_does_not_stop_its_partition)
{
    enum { COMMANDS = 8, LEFT = COMMANDS / 2 };
    for (int i = 0; i < COMMANDS; i++)
        fixture_send_valid(0, i);
    atomic_store(&offsets_left, 2);
    atomic_store(&batch_is_damaged, true);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, LEFT);
    ck_assert_uint_ge(count_of(METRIC_OFFSET_PROBES, 0), 1);
    fixture_stop();
}
END_TEST

/* Another worker has answered the commands in front of `offset`. */
static void have_answered(int32_t partition, int64_t offset)
{
    rd_kafka_message_t *messages[16];
    ck_assert_uint_eq(fixture_read("clients.commands", messages, (size_t)offset), (size_t)offset);
    struct log_mark mark = source_message_place_mark(messages[offset - 1], offset - 1, 0);
    mark.answered = offset;
    mark.nonce = 1;
    fixture_forget(messages, (size_t)offset);
    last_committed = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *place =
        rd_kafka_topic_partition_list_add(last_committed, "clients.commands", partition);
    place->offset = offset;
    source_mark_offset(place, &mark);
}

/* The embedded broker has no offset for the group, so librdkafka begins at the first command. librdkafka 2.0.2 may do
 * so on Kafka, too: it is told to go on at another place, and then takes an earlier fetch behind the end for one of
 * that. */
START_TEST(commands_in_front_of_the_committed_offset_are_not_answered_again)
{
    for (int i = 0; i < 3; i++)
        fixture_send_valid(0, i);
    have_answered(0, 3);
    fixture_send_valid(0, 3);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    wait_for_count(METRIC_REPETITIONS, 0, 3);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), 1);
    fixture_stop();
}
END_TEST

/* By a tool that keeps the metadata, which it does not know. The embedded broker has no offset, so one more comes. */
START_TEST(commands_behind_an_offset_that_was_set_back_are_answered_again)
{
    for (int i = 0; i < 3; i++)
        fixture_send_valid(0, i);
    have_answered(0, 3);
    last_committed->elems[0].offset = 1;
    fixture_send_valid(0, 3);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 3);
    ck_assert_uint_eq(count_of(METRIC_REPETITIONS, 0), 1);
    fixture_stop();
}
END_TEST

/* As of many short transactions, whose markers have an offset each: some are verified, and none holds up the others. */
START_TEST(a_backlog_of_short_transactions_is_not_held_up)
{
    enum { COMMANDS = 800, LEFT = COMMANDS / 2 };
    for (int i = 0; i < COMMANDS; i++)
        fixture_send_valid(0, i);
    atomic_store(&offsets_left, 2);
    atomic_store(&batch_delay_ms, 2);
    atomic_store(&messages_in_first_batch, LEFT);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, LEFT);
    ck_assert_uint_ge(count_of(METRIC_OFFSET_PROBES, 0), 1);
    ck_assert_uint_lt(count_of(METRIC_OFFSET_PROBES, 0), LEFT / 2);
    ck_assert_uint_lt(count_of(METRIC_TRANSACTIONS, TRANSACTION_COMMITTED), LEFT / 8);
    rd_kafka_message_t *replies[LEFT];
    ck_assert_uint_eq(fixture_read("clients.replies", replies, LEFT), LEFT);
    for (int i = 0; i < LEFT; i++) {
        int32_t partition;
        int64_t offset;
        reply_source(replies[i], &partition, &offset);
        ck_assert_int_eq(offset, 2 * i);
    }
    fixture_forget(replies, LEFT);
    fixture_stop();
}
END_TEST

/* As over long transactions that were aborted, or because of wrong offsets. */
START_TEST(long_gaps_are_verified_however_many_there_are)
{
    enum { EACH = 10, LEFT = 40, COMMANDS = EACH * LEFT };
    for (int i = 0; i < COMMANDS; i++)
        fixture_send_valid(0, i);
    atomic_store(&offsets_left, EACH);
    atomic_store(&messages_in_first_batch, LEFT);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, LEFT);
    ck_assert_uint_ge(count_of(METRIC_OFFSET_PROBES, 0), LEFT - 1);
    fixture_stop();
}
END_TEST

/* A transaction that was aborted may have what librdkafka cannot parse. Here the log has commands in the gap, and they
 * may be found then. */
START_TEST(a_gap_that_cannot_be_read_as_a_whole_is_read_by_its_offsets)
{
    enum { COMMANDS = 11, TO_AND_WHOLE = 2 };
    for (int i = 0; i < COMMANDS; i++)
        fixture_send_valid(0, i);
    atomic_store(&offsets_left, COMMANDS - 1);
    atomic_store(&wide_reader_is_silent, true);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_OFFSET_PROBES, 0, TO_AND_WHOLE + 1);
    fixture_stop();
}
END_TEST

static void send_with_header(int32_t partition, size_t bytes)
{
    char *long_text = calloc(1, bytes);
    ck_assert_ptr_nonnull(long_text);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
    ck_assert_int_eq(rd_kafka_header_add(headers, "n", 1, memset(long_text, 'v', bytes), (ssize_t)bytes),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    free(long_text);
    fixture_send(partition, (struct span){0}, (struct span){0}, headers);
}

START_TEST(long_headers_that_are_fetched_ahead_are_given_back)
{
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    atomic_store(&is_paused, false);
    send_with_header(0, 20000);
    wait_for_count(METRIC_COMMANDS, OUTCOME_REJECTED, 1);
    ck_assert(!atomic_load(&is_paused)); /* nothing stands behind it */
    atomic_store(&fetched_ahead, 4000);
    send_with_header(1, 20000); /* 4000 of them are 80 MB */
    wait_for_count(METRIC_COMMANDS, OUTCOME_REJECTED, 2);
    ck_assert(atomic_load(&is_paused));
    atomic_store(&fetched_ahead, 0);
    fixture_send_valid(1, 1);
    fixture_send_valid(0, 2);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 3);
    fixture_stop();
}
END_TEST

/* Sends two commands, whose log gives no answer for a moment to who reads a command again. */
static void expect_commands_to_wait_for_their_log(void)
{
    atomic_store(&log_is_silent, true);
    fixture_send_valid(0, 0);
    fixture_send_valid(0, 1);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    for (int waited = 0; atomic_load(&read_in_vain) < 100 && count_of(METRIC_COMMANDS, OUTCOME_CREATED) == 0;
         waited += 20) {
        ck_assert_int_lt(waited, FIXTURE_PATIENCE_MS);
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), 0);
    atomic_store(&log_is_silent, false);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 2);
}

START_TEST(commands_wait_until_their_log_was_compared_with_the_mark)
{
    have_mark_of_another_log();
    expect_commands_to_wait_for_their_log();
    ck_assert_uint_ge(count_of(METRIC_LOGS_REPLACED, 0), 1);
    ck_assert_uint_eq(count_of(METRIC_COMMANDS, OUTCOME_DUPLICATE), 0);
    fixture_stop();
}
END_TEST

/* Without one, a log that takes its place after these commands would be read on from where this one was. */
START_TEST(commands_wait_until_their_log_has_a_mark)
{
    expect_commands_to_wait_for_their_log();
    ck_assert_uint_eq(count_of(METRIC_LOGS_REPLACED, 0), 0);
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

static void expect_a_silent_log_to_hold_up_commands_for_some_seconds(void)
{
    atomic_store(&log_is_silent, true);
    fixture_send_valid(0, 0);
    fixture_send_valid(0, 1);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    ck_assert_int_ge(atomic_load(&read_in_vain), 100);
    atomic_store(&log_is_silent, false);
    fixture_stop();
}

START_TEST(a_log_that_gives_no_answer_holds_up_commands_for_some_seconds_only)
{
    have_mark_of_another_log();
    expect_a_silent_log_to_hold_up_commands_for_some_seconds();
}
END_TEST

START_TEST(so_does_a_log_without_a_mark)
{
    expect_a_silent_log_to_hold_up_commands_for_some_seconds();
}
END_TEST

START_TEST(messages_that_must_travel_alone_are_few_in_a_transaction)
{
    enum { COMMANDS = 600, MOST = 200 };
    const int16_t produce = 0; /* ApiKey of the Kafka protocol */
    for (int i = 0; i < COMMANDS; i++)
        fixture_send_valid(i % FIXTURE_PARTITIONS, i);
    atomic_store(&messages_in_first_batch, COMMANDS);
    rd_kafka_mock_push_request_errors(fixture.broker.cluster, produce, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, COMMANDS);
    ck_assert_int_eq(count_of(METRIC_TRANSACTIONS, TRANSACTION_ABORTED), 1);
    ck_assert_int_eq(atomic_load(&largest_transaction), MOST);
    ck_assert_int_eq(count_of(METRIC_DEFINITIONS_WAITING, 0), 0);
    for (int i = 0; i < FIXTURE_PARTITIONS; i++)
        fixture_send_valid(i, COMMANDS + i);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, COMMANDS + FIXTURE_PARTITIONS);
    ck_assert_int_eq(count_of(METRIC_COMMANDS, OUTCOME_CREATED), COMMANDS + FIXTURE_PARTITIONS);
    fixture_stop();
}
END_TEST

START_TEST(nothing_is_fetched_ahead_behind_very_long_headers)
{
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    atomic_store(&is_paused, false);
    send_with_header(0, 200000);
    wait_for_count(METRIC_COMMANDS, OUTCOME_REJECTED, 1);
    ck_assert(atomic_load(&is_paused));
    fixture_send_valid(0, 1);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 2);
    fixture_stop();
}
END_TEST

START_TEST(short_messages_are_fetched_ahead_without_a_pause)
{
    fixture_start("exactly-once", (const char *const[]){"worker.threads=1", NULL});
    fixture_send_valid(0, 0);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 1);
    atomic_store(&is_paused, false);
    atomic_store(&fetched_ahead, 50000);
    send_with_header(0, 1000);
    wait_for_count(METRIC_COMMANDS, OUTCOME_REJECTED, 1);
    fixture_send_valid(1, 1);
    wait_for_count(METRIC_COMMANDS, OUTCOME_CREATED, 2);
    ck_assert(!atomic_load(&is_paused));
    atomic_store(&fetched_ahead, 0);
    fixture_stop();
}
END_TEST

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

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 90);
    tcase_add_checked_fixture(tcase, fixture_open, fixture_close);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("source");
    TCase *partitions = add_case(suite, "partitions");
    tcase_add_test(partitions, partitions_are_resumed_though_the_assignment_is_not_known_at_once);
    tcase_add_test(partitions, a_batch_that_is_damaged_in_the_log_does_not_stop_its_partition);
    tcase_add_test(partitions, commands_in_front_of_the_committed_offset_are_not_answered_again);
    tcase_add_test(partitions, commands_behind_an_offset_that_was_set_back_are_answered_again);
    TCase *gaps = add_case(suite, "gaps");
    tcase_add_test(gaps, a_backlog_of_short_transactions_is_not_held_up);
    tcase_add_test(gaps, long_gaps_are_verified_however_many_there_are);
    tcase_add_test(gaps, a_gap_that_cannot_be_read_as_a_whole_is_read_by_its_offsets);
    TCase *marks = add_case(suite, "marks");
    tcase_add_test(marks, commands_wait_until_the_group_has_told_the_mark_of_their_log);
    tcase_add_test(marks, commands_that_waited_for_the_group_keep_their_order);
    TCase *comparisons = add_case(suite, "comparisons");
    tcase_add_test(comparisons, commands_wait_until_their_log_was_compared_with_the_mark);
    tcase_add_test(comparisons, commands_wait_until_their_log_has_a_mark);
    tcase_add_test(comparisons, an_end_that_only_seems_to_be_one_is_no_other_log);
    TCase *silent = add_case(suite, "silent");
    tcase_add_test(silent, a_log_that_gives_no_answer_holds_up_commands_for_some_seconds_only);
    TCase *markless = add_case(suite, "without a mark");
    tcase_add_test(markless, so_does_a_log_without_a_mark);
    TCase *commit = add_case(suite, "commit");
    tcase_add_test(commit, the_group_is_served_while_a_commit_waits);
    TCase *transactions = add_case(suite, "transactions");
    tcase_add_test(transactions, commands_of_a_transaction_that_was_committed_after_all_are_counted);
    tcase_add_test(transactions, a_generation_that_begins_without_a_callback_does_not_end_the_commits);
    tcase_add_test(transactions, what_another_has_committed_is_not_taken_for_ours);
    tcase_add_test(transactions, messages_that_must_travel_alone_are_few_in_a_transaction);
    TCase *ahead = add_case(suite, "fetched ahead");
    tcase_add_test(ahead, long_headers_that_are_fetched_ahead_are_given_back);
    tcase_add_test(ahead, nothing_is_fetched_ahead_behind_very_long_headers);
    tcase_add_test(ahead, short_messages_are_fetched_ahead_without_a_pause);
    TCase *unreadable = add_case(suite, "unreadable");
    tcase_add_test(unreadable, commands_that_cannot_be_decompressed_are_answered_as_too_large);
    tcase_add_test(unreadable, an_end_inside_a_batch_that_cannot_be_decompressed_is_not_believed);
    TCase *damaged = add_case(suite, "damaged");
    tcase_add_test(damaged, commands_that_cannot_be_decompressed_for_a_moment_are_answered_as_usual);
    tcase_add_test(damaged, commands_whose_checksum_was_wrong_are_read_again);
    tcase_add_test(damaged, commands_that_cannot_be_decompressed_are_answered_in_small_transactions_if_they_must);
    return side_by_side(suite, (const char *const[]){"partitions", "gaps", "marks", "comparisons", "silent",
                                                     "without a mark", "commit", "transactions", "fetched ahead",
                                                     "unreadable", "damaged", NULL});
}
