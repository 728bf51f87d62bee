#include "tests/embedded/unusual_kafka.h"

#include <check.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/embedded/fixture.h"
#include "worker/kafka/log_mark.h"

#define TXN_OFFSET_COMMIT 28 /* ApiKey of the Kafka protocol */

atomic_int assignments_to_fail, assignment_failures;
atomic_bool is_paused;
atomic_size_t fetched_ahead;
atomic_bool commit_is_in_doubt, another_has_committed;
atomic_int polls_while_commit_waits, retries_of_commit, largest_transaction, stale_metadata;
atomic_int transaction_sizes[SIZES_NOTED];
rd_kafka_topic_partition_list_t *last_committed;
atomic_int asked_by_members, asked_in_vain;
atomic_bool group_keeps_marks;
atomic_bool log_is_silent, end_is_feigned;
atomic_int read_in_vain, ends_feigned, messages_in_first_batch;
atomic_int offsets_left, batch_delay_ms;
atomic_bool wide_reader_is_silent, batch_is_damaged;
atomic_int damage, damaged_reads, end_in_batch;

static size_t transactions; /* with commands, that were committed */
static atomic_bool assignment_told;
static atomic_bool commit_waits;
static atomic_int messages_taken;
static rd_kafka_t *auditor;                   /* who asked for a topic's end last, as an audit does first */
static int64_t ends[FIXTURE_PARTITIONS];      /* of what is committed */
static rd_kafka_topic_partition_list_t *sent; /* of the last transaction */

static const rd_kafka_consumer_group_metadata_t *stale;

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
    if (commands > 0 && transactions < SIZES_NOTED)
        atomic_store(&transaction_sizes[transactions++], (int)commands);
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
