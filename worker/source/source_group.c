#include "worker/source/source_group.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "worker/kafka/kafka_fetching.h"
#include "worker/source/source_burden.h"
#include "worker/source/source_fill.h"
#include "worker/source/source_log.h"
#include "worker/source/source_member.h"

void source_log_error(const char *event, rd_kafka_resp_err_t code)
{
    log_warning(event, LOG_TEXT("error", rd_kafka_err2str(code)));
}

static bool list_has(const rd_kafka_topic_partition_list_t *partitions, int32_t partition)
{
    for (int i = 0; i < partitions->cnt; i++)
        if (partitions->elems[i].partition == partition)
            return true;
    return false;
}

void source_drop(struct source *source, const rd_kafka_topic_partition_list_t *partitions)
{
    struct batch *batch = source->batch;
    for (uint32_t i = 0; i < batch->count; i++)
        if (list_has(partitions, batch->items[i].from.partition))
            batch->items[i].custody = CUSTODY_REVOKED;
    held_messages_drop_all(&source->held, partitions);
    for (int i = 0; i < partitions->cnt; i++) {
        partitions_forget(source->partitions, partitions->elems[i].partition);
        source_forget_log(source, partitions->elems[i].partition);
        lag_forget(source->lag, partitions->elems[i].partition);
    }
}

void source_pause_partitions(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_resp_err_t code = rd_kafka_pause_partitions(source->consumer, partitions);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        source_log_error("pausing partitions failed; their commands are held", code);
}

static void source_end_pause(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_resp_err_t code = rd_kafka_resume_partitions(source->consumer, partitions);
    for (int i = 0; i < partitions->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        code = partitions->elems[i].err;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        source_log_error("resuming partitions failed", code);
}

/* A resume wakes none of librdkafka's threads: one that has nothing to fetch sleeps for up to a second before it looks
 * at its partitions again. A query goes to each of them. Only the requests count. From 2.3.0 on the time that the
 * caller waits is a request's deadline, too, and a request that misses it costs the connection. */
#define WAKE_WAIT_MS 1
#define WAKES_BEFORE 0x020300ff

static void source_wake(struct source *source, const rd_kafka_topic_partition_list_t *partitions)
{
    if (rd_kafka_version() >= WAKES_BEFORE)
        return;
    rd_kafka_topic_partition_list_t *ends = rd_kafka_topic_partition_list_copy(partitions);
    for (int i = 0; i < ends->cnt; i++)
        ends->elems[i].offset = RD_KAFKA_OFFSET_END;
    if (ends->cnt > 0)
        (void)rd_kafka_offsets_for_times(source->consumer, ends, WAKE_WAIT_MS);
    rd_kafka_topic_partition_list_destroy(ends);
}

#define WAKE_FETCHES_MS 10 /* between two wakes */
#define WAKE_PARTITIONS 16 /* their leaders are woken; more would be much to ask of a broker each time */

void source_wake_fetches(struct source *source)
{
    const struct batch *batch = source->batch;
    const int64_t now = clock_now_ms();
    if (!kafka_fetching_needs_wakes() || now - source->woken_ms < WAKE_FETCHES_MS)
        return;
    source->woken_ms = now;
    rd_kafka_topic_partition_list_t *partitions = rd_kafka_topic_partition_list_new(WAKE_PARTITIONS);
    int32_t last = -1;
    for (uint32_t i = 0; i < batch->count && partitions->cnt < WAKE_PARTITIONS; i++) {
        const int32_t partition = batch->items[i].from.partition;
        if (partition != last && !rd_kafka_topic_partition_list_find(partitions, source->topic, partition))
            rd_kafka_topic_partition_list_add(partitions, source->topic, partition);
        last = partition;
    }
    source_wake(source, partitions);
    rd_kafka_topic_partition_list_destroy(partitions);
}

void source_resume_partitions(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    source_end_pause(source, partitions);
    source_wake(source, partitions);
}

static void begin_reading(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_error_t *error = rd_kafka_incremental_assign(source->consumer, partitions);
    if (error) {
        log_warning("assigning partitions failed", LOG_TEXT("error", rd_kafka_error_string(error)));
        rd_kafka_error_destroy(error);
        return;
    }
    if (source->paused)
        source_pause_partitions(source, partitions);
}

static void source_assign(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    for (int i = 0; i < partitions->cnt; i++) {
        partitions_forget(source->partitions, partitions->elems[i].partition);
        source_forget_log(source, partitions->elems[i].partition);
    }
    begin_reading(source, partitions);
}

static void end_reading(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    /* Librdkafka remembers a pause beyond the assignment. Without this, a partition that was paused would still be
     * paused when it is assigned again. */
    source_end_pause(source, partitions);
    rd_kafka_error_t *error = rd_kafka_incremental_unassign(source->consumer, partitions);
    if (error) {
        log_warning("unassigning partitions failed", LOG_TEXT("error", rd_kafka_error_string(error)));
        rd_kafka_error_destroy(error);
    }
}

static void source_unassign(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    source_drop(source, partitions);
    end_reading(source, partitions);
}

void source_read_from(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    end_reading(source, partitions);
    begin_reading(source, partitions);
    source_wake(source, partitions);
}

void source_on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions,
                         void *opaque)
{
    struct source *source = opaque;
    bool lost = rd_kafka_assignment_lost(consumer);
    if (lost)
        source_forget_member(source);
    else
        source_note_member(source);
    source->looked_ms = 0;
    source->was_lost = source->was_lost || lost;
    switch (code) {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
        source->was_assigned = true;
        source->assignments += partitions->cnt > 0;
        if (partitions->cnt > 0)
            source->starts_silent_ms = 0; /* the silence that is left may be of partitions that are gone */
        log_info("partitions assigned", LOG_INTEGER("partitions", partitions->cnt));
        source_assign(source, partitions);
        break;
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
        log_info(lost ? "partitions lost" : "partitions revoked", LOG_INTEGER("partitions", partitions->cnt));
        failpoint(FAILPOINT_IN_REVOCATION);
        source_unassign(source, partitions);
        break;
    default:
        source_log_error("rebalance failed", code);
        source_unassign(source, partitions);
    }
}

void source_reassign(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    source_unassign(source, partitions);
    for (int i = 0; i < partitions->cnt; i++)
        partitions->elems[i].offset = RD_KAFKA_OFFSET_INVALID;
    source_assign(source, partitions);
    source->assignments++;
}

void source_reassign_at(struct source *source, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, source->topic, partition);
    source_unassign(source, list);
    list->elems[0].offset = offset;
    source_assign(source, list);
    source->assignments++;
    rd_kafka_topic_partition_list_destroy(list);
}

void source_restart(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    source_unassign(source, partitions);
    for (int i = 0; i < partitions->cnt; i++)
        partitions->elems[i].offset = RD_KAFKA_OFFSET_BEGINNING;
    source_assign(source, partitions);
    for (int i = 0; i < partitions->cnt; i++) {
        /* The committed offset belongs to the old log. */
        struct log_state *log = source_log(source, partitions->elems[i].partition);
        log->group = GROUP_ASKED;
        log->start = 0;
        log->is_restarted = true;
    }
    source->assignments++;
}

void source_reassign_failed(struct source *source)
{
    rd_kafka_topic_partition_list_t *partitions = source_assignment(source);
    if (!partitions)
        return;
    for (int i = partitions->cnt - 1; i >= 0; i--)
        if (partitions_next(source->partitions, partitions->elems[i].partition) >= 0)
            rd_kafka_topic_partition_list_del_by_idx(partitions, i);
    if (partitions->cnt > 0) {
        log_info("partitions reset to their committed offsets", LOG_INTEGER("partitions", partitions->cnt));
        source_reassign(source, partitions);
    }
    rd_kafka_topic_partition_list_destroy(partitions);
}

rd_kafka_topic_partition_list_t *source_assignment(struct source *source)
{
    rd_kafka_topic_partition_list_t *partitions = NULL;
    rd_kafka_resp_err_t code = rd_kafka_assignment(source->consumer, &partitions);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        source_log_error("reading the assignment failed", code);
    return partitions;
}

uint64_t source_assignments(const struct source *source)
{
    return source->assignments;
}

uint64_t source_losses(const struct source *source)
{
    return source->losses;
}

int32_t *source_partitions(struct source *source, int32_t *count)
{
    rd_kafka_topic_partition_list_t *assigned = source_assignment(source);
    if (!assigned)
        return NULL;
    int32_t *partitions = calloc((size_t)assigned->cnt + 1, sizeof(*partitions));
    *count = 0;
    for (int i = 0; partitions && i < assigned->cnt; i++)
        partitions[(*count)++] = assigned->elems[i].partition;
    rd_kafka_topic_partition_list_destroy(assigned);
    return partitions;
}

/* Librdkafka checks once a second whether its session has expired. The broker's answer to a heartbeat takes one round
 * trip. */
#define UNSURE_MS 2500

void source_note_poll(struct source *source)
{
    int64_t now = clock_now_ms();
    if (source->polled_ms > 0 && now - source->polled_ms > source->session_ms / 2)
        source->unsure_ms = now + UNSURE_MS;
    source->polled_ms = now;
}

bool source_is_sure(const struct source *source)
{
    int64_t now = clock_now_ms();
    return now >= source->unsure_ms && now - source->polled_ms <= source->session_ms / 2;
}

void source_resume(struct source *source)
{
    if (!source->paused || source_is_draining(source))
        return;
    rd_kafka_topic_partition_list_t *partitions = source_assignment(source);
    if (!partitions)
        return;
    source->paused = false;
    for (int i = partitions->cnt - 1; i >= 0; i--)
        if (partitions_is_waiting(source->partitions, partitions->elems[i].partition))
            rd_kafka_topic_partition_list_del_by_idx(partitions, i);
    source_resume_partitions(source, partitions);
    rd_kafka_topic_partition_list_destroy(partitions);
}
