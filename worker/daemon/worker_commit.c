/* The commit stage: sends all messages of a batch and commits them, with its offsets, in one Kafka transaction. */

#include <stdlib.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/stop.h"
#include "worker/daemon/worker_internal.h"
#include "worker/metrics/batch_metrics.h"

/* The result of one try to send the batch. */
enum try_result {
    TRY_DONE,    /* committed, or no item of the batch is ours any more */
    TRY_AGAIN,   /* the transaction was aborted or lost: send again */
    TRY_SMALLER, /* as TRY_AGAIN, since a message was too large. It will be smaller, so there is no reason to wait */
    TRY_VOID,    /* the transaction was aborted or lost, and the outcomes are void */
    TRY_STOP     /* a stop was requested */
};

static void worker_count_transaction(struct worker *worker, enum sink_result result)
{
    static const enum transaction_result results[] = {
        [SINK_DONE] = TRANSACTION_COMMITTED, [SINK_ABORTED] = TRANSACTION_ABORTED, [SINK_BROKEN] = TRANSACTION_LOST};
    if (worker->config->delivery.mode == DELIVERY_EXACTLY_ONCE && result != SINK_LATER)
        metrics_add(worker->metrics, METRIC_TRANSACTIONS, results[result], 1);
}

/* ---- batches that take too long ---- */

/* A transaction that takes longer is near its end by transaction.timeout.ms. */
static int64_t worker_slow_ms(const struct worker *worker)
{
    const char *timeout_ms = config_kafka(worker->config, worker->config->kafka_producer, "transaction.timeout.ms");
    return (timeout_ms ? atoll(timeout_ms) : 60000) / 2;
}

/* A transaction took so long that its time was over. The next ones have half as many commands: behind a slow link the
 * same batch would time out again and again. True if commands were postponed: the others are evaluated again without
 * them. */
static bool worker_shrink(struct worker *worker)
{
    const uint32_t count = batch_count_ours(&worker->batch);
    if (worker->config->delivery.mode != DELIVERY_EXACTLY_ONCE || count < 2)
        return false;
    worker->slow_most = count / 2;
    return worker->feed->put_off(worker->source, worker->slow_most) > 0;
}

/* Call when a transaction was committed. If it took less than a quarter of its time, the next ones may have twice as
 * many commands, until there is no limit. */
static void worker_grow(struct worker *worker)
{
    if (worker->slow_most == 0 || clock_now_ms() - worker->try_ms >= worker_slow_ms(worker) / 2)
        return;
    worker->slow_most = worker->slow_most < worker->batch.capacity / 2 ? worker->slow_most * 2 : 0;
}

/* ---- one try ---- */

/* Tries a step of the transaction until it has an answer. SINK_LATER if a stop was requested first. The group is served
 * between two tries, so items may be revoked. */
enum step { STEP_SEND, STEP_SEND_OFFSETS, STEP_COMMIT, STEP_ABORT };

static enum sink_result worker_step(struct worker *worker, enum step step,
                                    const rd_kafka_topic_partition_list_t *offsets)
{
    enum sink_result result;
    do {
        const int wait_ms = kafka_patience_insist_ms(&worker->patience, COMMIT_WAIT_MS);
        const int64_t asked_ms = clock_now_ms();
        result = step == STEP_SEND ? sink_send(worker->sink, wait_ms)
                 : step == STEP_SEND_OFFSETS
                     ? sink_send_offsets(worker->sink, offsets, worker->feed->group(worker->source), wait_ms)
                 : step == STEP_COMMIT ? sink_commit(worker->sink, wait_ms)
                                       : sink_abort(worker->sink, wait_ms);
        /* The other steps take as long as the batch is large. */
        if (step == STEP_SEND_OFFSETS && result == SINK_DONE)
            kafka_patience_answered(&worker->patience, asked_ms, clock_now_ms());
        if (result == SINK_LATER)
            kafka_patience_unanswered(&worker->patience, wait_ms);
        worker->kafka_is_slow = result == SINK_LATER;
        worker_beat(worker);
        if (result == SINK_LATER)
            worker->feed->poll(worker->source);
    } while (result == SINK_LATER && !stop_is_requested());
    return result;
}

/* Whether the claims still hold. */
static bool worker_confirm(struct worker *worker)
{
    double began = clock_now_seconds();
    worker->batch.nonce = worker->feed->nonce(worker->source);
    bool holds = index_confirm(worker->index, &worker->batch);
    thread_board_add_commit_redis(metrics_board(worker->metrics), clock_now_seconds() - began);
    return holds;
}

/* Sends the batch and ends its transaction. *is_void: it was aborted since the outcomes are void. */
static enum sink_result worker_send(struct worker *worker, const rd_kafka_topic_partition_list_t *offsets,
                                    bool *is_void)
{
    /* Without a transaction sent messages cannot be undone, so the claims are confirmed first. */
    if (worker->config->delivery.mode == DELIVERY_AT_LEAST_ONCE && !worker_confirm(worker)) {
        *is_void = true;
        return SINK_ABORTED;
    }
    uint32_t count = batch_count_ours(&worker->batch);
    failpoint(FAILPOINT_BEFORE_SEND);
    enum sink_result result = worker_step(worker, STEP_SEND, offsets);
    failpoint(FAILPOINT_AFTER_SEND);
    if (result == SINK_DONE)
        result = worker_step(worker, STEP_SEND_OFFSETS, offsets);
    /* If items were revoked meanwhile, the transaction is aborted, and the batch is sent again without them. */
    if (result == SINK_DONE && batch_count_ours(&worker->batch) != count &&
        worker->config->delivery.mode == DELIVERY_EXACTLY_ONCE)
        result = worker_step(worker, STEP_ABORT, NULL);
    failpoint(FAILPOINT_AFTER_OFFSETS);
    if (result == SINK_DONE && worker->config->delivery.mode == DELIVERY_EXACTLY_ONCE && !worker_confirm(worker)) {
        *is_void = true;
        result = worker_step(worker, STEP_ABORT, NULL);
    }
    failpoint(FAILPOINT_BEFORE_COMMIT);
    if (result == SINK_DONE)
        result = worker_step(worker, STEP_COMMIT, NULL);
    failpoint(FAILPOINT_AFTER_COMMIT);
    /* After a commit that was tried and has not succeeded, worker_recover counts the transaction. */
    if (result == SINK_DONE || !sink_commit_was_tried(worker->sink))
        worker_count_transaction(worker, result);
    return result;
}

/* Call after a transaction that was not committed as far as we know. If it may have been committed, the worker is in
 * doubt. */
static enum try_result worker_give_up(struct worker *worker, enum sink_result result, bool is_void)
{
    if (sink_commit_was_tried(worker->sink)) {
        worker_enter(worker, WORKER_IN_DOUBT);
        worker->doubtful = result;
    }
    bool oversized = result != SINK_LATER && sink_is_oversized(worker->sink);
    bool is_smaller = sink_has_refused(worker->sink);
    is_void = is_void || sink_has_refused_client(worker->sink);
    if (oversized) {
        worker->single = true;
        worker->single_most = SINGLE_COMMANDS;
    } else if (worker->single && !is_smaller && !is_void && worker->single_most > 1) {
        worker->single_most /= 2;
    }
    offsets_free(&worker->record_ends);
    offsets_raise_all(&worker->record_ends, sink_record_ends(worker->sink));
    /* The producer is closed after an abort, too. Librdkafka continues from the sequence numbers of purged messages.
     * The broker may have some of these, and would drop messages of the next transaction as repetitions. After
     * SINK_LATER (a stop was requested) librdkafka still refers to the batch, which must end, too. */
    worker_close_sink(worker);
    return result == SINK_LATER ? TRY_STOP : is_void ? TRY_VOID : is_smaller ? TRY_SMALLER : TRY_AGAIN;
}

static enum try_result worker_try(struct worker *worker)
{
    rd_kafka_topic_partition_list_t *offsets = worker->feed->offsets(worker->source);
    enum sink_result result = SINK_DONE;
    bool is_void = false;
    worker->try_ms = clock_now_ms();
    if (offsets->cnt > 0)
        result = worker_send(worker, offsets, &is_void);
    if (result == SINK_DONE && worker->config->delivery.mode == DELIVERY_EXACTLY_ONCE)
        worker->feed->note_committed(worker->source, offsets);
    rd_kafka_topic_partition_list_destroy(offsets);
    return result == SINK_DONE ? TRY_DONE : worker_give_up(worker, result, is_void);
}

/* Waits for a new producer, which ends an open transaction, and then reads the committed offsets. If the transaction is
 * in doubt, it asks until there is an answer. Otherwise it asks once and goes on: under KAFKA-20734 the broker may undo
 * the commit before, or not answer until our next commit. *committed: the transaction was committed. False if a stop
 * was requested or the consumer was closed. */
static bool worker_recover(struct worker *worker, struct backoff *backoff, bool *committed)
{
    bool in_doubt = worker->state == WORKER_IN_DOUBT;
    enum reconcile_result result = RECONCILE_FAILED;
    bool has_sink;
    do {
        if (!worker_back_off(worker, backoff) || worker->state == WORKER_OPENING)
            return false;
        has_sink = worker_open_sink(worker);
        if (has_sink)
            result = worker->feed->reconcile(worker->source, in_doubt, COMMIT_WAIT_MS);
    } while (!has_sink || (result == RECONCILE_FAILED && in_doubt));
    *committed = result == RECONCILE_COMMITTED;
    if (in_doubt)
        worker_count_transaction(worker, *committed ? SINK_DONE : worker->doubtful);
    worker_enter(worker, WORKER_IN_BATCH);
    return true;
}

/* The batch is committed: writes the checkpoint and counts. `record_ends` comes from the producer that wrote the batch.
 */
static void worker_end_batch(struct worker *worker, const struct offsets *record_ends)
{
    uint32_t answered = batch_count_ours(&worker->batch);
    /* If this commit fails, the commands come again. Their messages were sent, so the checkpoint is correct. */
    bool committed = worker->config->delivery.mode != DELIVERY_AT_LEAST_ONCE || worker->feed->commit(worker->source);
    if (worker->feed->committed)
        worker->feed->committed(worker->source, record_ends);
    double began = clock_now_seconds();
    index_checkpoint(worker->index, &worker->batch, record_ends, worker->feed->nonce(worker->source));
    thread_board_add_commit_redis(metrics_board(worker->metrics), clock_now_seconds() - began);
    failpoint(FAILPOINT_AFTER_CHECKPOINT);
    log_debug(committed ? "batch committed" : "batch sent, but not committed", LOG_INTEGER("thread", worker->number),
              LOG_INTEGER("commands", answered), LOG_INTEGER("bytes", worker->batch.bytes));
    int64_t clock_ms = clock_now_ms(), wall_ms = clock_wall_ms();
    batch_metrics_count(worker->metrics, &worker->batch, wall_ms);
    thread_board_count(metrics_board(worker->metrics), &worker->batch, clock_ms, wall_ms);
    metrics_look_for_noise(worker->metrics, clock_ms, wall_ms);
    worker_grow(worker);
    bool was_single = worker->single;
    worker->single_left -= answered < worker->single_left ? answered : worker->single_left;
    worker->single = worker->single_left > 0;
    if (sink_is_uncertain(worker->sink) || worker->single != was_single)
        worker_close_sink(worker);
}

/* Postpones commands so that those left are few enough to be sent one by one. True if any were postponed: the others
 * are evaluated again without them. Not needed without a transaction: the sink then limits the messages under way. */
static bool worker_put_off(struct worker *worker)
{
    if (!worker->single || worker->config->delivery.mode != DELIVERY_EXACTLY_ONCE)
        return false;
    uint32_t count = worker->feed->put_off(worker->source, worker->single_most);
    worker->single_left += count;
    return count > 0;
}

enum stage_result worker_commit(struct worker *worker)
{
    struct backoff backoff = {0};
    for (;;) {
        bool committed = false;
        enum try_result result = worker_try(worker);
        if (result == TRY_DONE)
            break;
        if (result == TRY_SMALLER)
            backoff = (struct backoff){0};
        const bool is_slow = result == TRY_AGAIN && clock_now_ms() - worker->try_ms >= worker_slow_ms(worker);
        if (result == TRY_STOP || !worker_recover(worker, &backoff, &committed))
            return BATCH_ENDS;
        if (committed) {
            worker_end_batch(worker, &worker->record_ends);
            return BATCH_GOES_ON;
        }
        if (worker_put_off(worker) || (is_slow && worker_shrink(worker)) || result == TRY_VOID)
            return BATCH_STARTS_OVER;
    }
    worker_end_batch(worker, sink_record_ends(worker->sink));
    return BATCH_GOES_ON;
}

static enum sink_result worker_send_offsets(struct worker *worker, const rd_kafka_topic_partition_list_t *offsets)
{
    enum sink_result result = worker_step(worker, STEP_SEND, offsets);
    if (result == SINK_DONE)
        result = worker_step(worker, STEP_SEND_OFFSETS, offsets);
    if (result == SINK_DONE)
        result = worker_step(worker, STEP_COMMIT, NULL);
    return result;
}

/* Uses a transaction, too: a commit without one could arrive late, after the commit of the next batch. */
void worker_commit_idle(struct worker *worker)
{
    /* After a commit no later worker would find these losses, so Redis is rebuilt first. */
    if (worker->feed->losses(worker->source) != worker->losses)
        return;
    rd_kafka_topic_partition_list_t *offsets = worker->feed->idle_offsets(worker->source);
    if (!offsets)
        return;
    if (worker->config->delivery.mode == DELIVERY_AT_LEAST_ONCE) {
        if (!worker->feed->commit_offsets(worker->source, offsets))
            log_debug("committing idle offsets failed; trying again later");
    } else {
        enum sink_result result = worker_send_offsets(worker, offsets);
        if (result == SINK_DONE)
            worker->feed->note_committed(worker->source, offsets);
        if (result != SINK_DONE || sink_is_uncertain(worker->sink))
            worker_close_sink(worker);
    }
    rd_kafka_topic_partition_list_destroy(offsets);
}
