#include "worker/source/source.h"

#include <assert.h>
#include <stdlib.h>

#include "common/clock.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/kafka/kafka_log.h"
#include "worker/metrics/thread_board.h"
#include "worker/source/source_internal.h"
#include "worker/source/source_message.h"

#define LOG_ERROR          3     /* syslog's, as librdkafka has them */
#define CAUSE_MS           10000 /* how old an error may be that made all brokers unreachable */
#define REASSIGN_EVERY_MS  500   /* between resets of partitions that librdkafka does not fetch */
#define END_WAIT_MS        300   /* for the end of a log */
#define END_LATER_MS       5000  /* before the next end is asked for, if Kafka was silent */
#define POSTPONED_RETRY_MS 200   /* how soon new definitions are noticed */
/* Average bytes of key and headers. A thread can hold queued.min.messages of this size. */
#define BURDEN_BYTES  ((size_t)2048)
#define BURDEN_LIMIT  ((size_t)64 << 20) /* keys and headers of prefetched messages */
#define HEAVY_BYTES   ((size_t)64 << 10) /* average bytes of key and headers from which on nothing is prefetched */
#define JUMP_WAIT_MS  5                  /* for a message, while held messages wait for their offsets to be verified */
#define HEAVY_WAIT_MS 20                 /* for the next message, so that batches fill without prefetching */
#define HELD_BYTES    ((size_t)32 << 20) /* keys and headers that are held for the next batches */

/* Librdkafka repairs lost connections itself; this only reports them. */
static void on_error(rd_kafka_t *consumer, int code, const char *reason, void *opaque)
{
    struct source *source = opaque;
    struct complaint *complaint = &metrics_board(source->metrics)->kafka;
    kafka_log(consumer, LOG_ERROR, "ERROR", reason);
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        complaint_begin(complaint, reason, SPAN(""));
        source->error_ms = clock_now_ms();
        if (!source->cut_off)
            complaint_end(complaint);
    } else if (!source->cut_off) {
        struct complaint_view last = complaint_read(complaint);
        bool is_recent = source->error_ms != 0 && clock_now_ms() - source->error_ms < CAUSE_MS;
        complaint_begin(complaint, "no broker can be reached", span_of_text(is_recent ? last.text : reason));
        source->cut_off = true;
    }
}

static rd_kafka_conf_t *source_settings(struct source *source, const struct config *config, unsigned thread,
                                        char *error, size_t error_size)
{
    rd_kafka_conf_t *conf = kafka_conf_new(config, config->kafka_consumer, error, error_size);
    if (!conf)
        return NULL;
    /* Each thread is a member of its own, so it needs an id of its own. */
    const char *instance = config_kafka(config, config->kafka_consumer, "group.instance.id");
    char numbered[256];
    snprintf(numbered, sizeof(numbered), "%s-%u", instance ? instance : "", thread);
    const struct {
        const char *name, *value;
    } owned[] = {{"enable.auto.commit", "false"},
                 {"enable.auto.offset.store", "false"},
                 {"enable.partition.eof", "true"},
                 {"isolation.level", "read_committed"},
                 {"partition.assignment.strategy", "cooperative-sticky"},
                 {"group.instance.id", numbered}};
    size_t count = sizeof(owned) / sizeof(owned[0]) - (instance ? 0 : 1);
    for (size_t i = 0; i < count; i++) {
        if (rd_kafka_conf_set(conf, owned[i].name, owned[i].value, error, error_size) != RD_KAFKA_CONF_OK) {
            rd_kafka_conf_destroy(conf);
            return NULL;
        }
    }
    /* When its queue is full, librdkafka waits a second before it fetches again. Since 2.2.0 that can be shortened. */
    if (rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "10", error, error_size) == RD_KAFKA_CONF_INVALID)
        log_warning("setting rejected", LOG_TEXT("error", error));
    rd_kafka_conf_set_rebalance_cb(conf, source_on_rebalance);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_opaque(conf, source);
    return conf;
}

rd_kafka_resp_err_t source_subscribe(struct source *source)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, source->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(source->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code;
}

struct source *source_open(const struct config *config, unsigned thread, struct batch *batch, struct metrics *metrics)
{
    char error[512] = "out of memory";
    struct source *source = calloc(1, sizeof(*source));
    if (!source)
        goto failed;
    source->config = config;
    source->metrics = metrics;
    source->topic = config->commands.topic;
    source->probed = -1;
    source->records_topic = config->records.topic;
    source->definitions_topic = config->definitions.topic;
    source->session_ms = atoll(config_kafka(config, config->kafka_consumer, "session.timeout.ms"));
    source->batch_bytes = (size_t)config->batch.bytes;
    source->held_bytes = config_held_bytes(config);
    source->batch = batch;
    source->fault =
        (struct log_fault){"consumer failing", "consumer recovered", .told = &metrics_board(metrics)->kafka};
    source->progress_fault = (struct log_fault){"reading committed offsets failing; commands wait",
                                                "committed offsets read again", .told = &metrics_board(metrics)->kafka};
    source->verifying_fault =
        (struct log_fault){"verifying offsets failing; commands wait", "offsets verified again", .told = NULL};
    source->messages = calloc(batch->capacity, sizeof(*source->messages));
    source->partitions = partitions_new();
    if (!source->messages || !source->partitions)
        goto failed;
    rd_kafka_conf_t *conf = source_settings(source, config, thread, error, sizeof(error));
    if (!conf)
        goto failed;
    source->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
    if (!source->consumer) {
        rd_kafka_conf_destroy(conf);
        goto failed;
    }
    source->group = source_no_group(config);
    source->lag = lag_new(source->topic, metrics);
    source->fetched = rd_kafka_queue_get_consumer(source->consumer);
    if (!source->lag || !source->fetched)
        goto failed;
    rd_kafka_resp_err_t code = rd_kafka_poll_set_consumer(source->consumer);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = source_subscribe(source);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return source;
    snprintf(error, sizeof(error), "%s", rd_kafka_err2str(code));
failed:;
    int64_t left_out;
    if (kafka_log_is_news("cannot consume", error, &left_out))
        log_error("cannot consume", LOG_TEXT("error", error));
    source_close(source);
    return NULL;
}

bool source_may_destroy(const struct source *source)
{
    return rd_kafka_version() >= 0x020300ff || (source->was_assigned && !source->was_lost);
}

void source_close(struct source *source)
{
    if (!source)
        return;
    if (source->messages && source->partitions)
        source_release(source);
    held_messages_close(&source->held);
    if (source->fetched)
        rd_kafka_queue_destroy(source->fetched);
    if (source->consumer) {
        rd_kafka_resp_err_t code = rd_kafka_consumer_close(source->consumer);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            source_log_error("leaving the group failed", code);
        source_forget_member(source);
        if (source_may_destroy(source))
            rd_kafka_destroy(source->consumer);
    }
    if (source->group)
        rd_kafka_consumer_group_metadata_destroy(source->group);
    if (source->observer)
        rd_kafka_destroy(source->observer);
    source_end_watch(source);
    source_close_logs(source);
    lag_free(source->lag);
    free(source->positions);
    partitions_free(source->partitions);
    free(source->messages);
    free(source);
}

static void source_take(struct source *source, rd_kafka_message_t *message)
{
    source->messages[source->batch->count] = message;
    source_message_take(source->batch, source->topic, message);
}

static rd_kafka_topic_partition_list_t *one_partition(const struct source *source, int32_t partition)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, source->topic, partition);
    return list;
}

/* With check.crcs librdkafka reports a batch whose checksum is wrong and skips it. Its commands need replies, so the
 * partition is reset to its committed offset. */
static void source_read_again(struct source *source, int32_t partition)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, source->topic, partition);
    source_reassign(source, list);
    rd_kafka_topic_partition_list_destroy(list);
}

/* Handles an error that came in place of a message. Most are temporary; a fatal one ends the consumer. */
static void source_error(struct source *source, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (!partitions_is_cut(source->partitions, message->partition))
            source_log(source, message->partition)->end = message->offset;
        return;
    }
    if (message->err == RD_KAFKA_RESP_ERR__FATAL) {
        char error[512];
        rd_kafka_resp_err_t code = rd_kafka_fatal_error(source->consumer, error, sizeof(error));
        log_error("consumer failed; opening a new one", LOG_TEXT("code", rd_kafka_err2name(code)),
                  LOG_TEXT("error", error));
        source->broken = true;
        return;
    }
    if (message->err == RD_KAFKA_RESP_ERR__BAD_COMPRESSION) {
        source_meet_unreadable(source, message->partition, message->offset);
        return;
    }
    log_fault_begin(&source->fault,
                    LOG_LIST(LOG_TEXT("code", rd_kafka_err2name(message->err)), LOG_TEXT("topic", source->topic),
                             LOG_INTEGER("partition", message->partition), LOG_INTEGER("offset", message->offset),
                             LOG_TEXT("error", rd_kafka_message_errstr(message))));
    if (message->err == RD_KAFKA_RESP_ERR__BAD_MSG)
        source_read_again(source, message->partition);
    else
        source->stalled = true;
}

static bool source_has_room(const struct source *source)
{
    return source->batch->count < source->most && source->batch->bytes < source->batch_bytes;
}

/* Puts a new message into the batch. It is held instead if `hold` says so, or if its partition waits. */
static void source_receive(struct source *source, rd_kafka_message_t *message, bool hold)
{
    struct log_state *log = source_log(source, message->partition);
    if (source_drop_waiting(source, message) || source_drop_misnumbered(source, message)) {
        rd_kafka_message_destroy(message);
        return;
    }
    if (!partitions_advance(source->partitions, message->partition, message->offset)) {
        if (source_is_repetition(source, message->partition))
            metrics_add(source->metrics, METRIC_REPETITIONS, 0, 1);
        rd_kafka_message_destroy(message);
        return;
    }
    log->is_repeating = false;
    if (hold || partitions_is_waiting(source->partitions, message->partition))
        held_messages_add(&source->held, message, false);
    else
        source_take(source, message);
}

/* True if a held command must stay held until its offset is verified. Its partition waits then, since a later command
 * would overtake it. While the group has not answered, the command is taken: comparing the logs asks the group. */
static bool source_holds_back(struct source *source, int32_t partition, int64_t offset)
{
    if (source_log(source, partition)->group == GROUP_UNASKED || !source_is_unsettled(source, partition, offset))
        return false;
    if (!partitions_is_waiting(source->partitions, partition)) {
        rd_kafka_topic_partition_list_t *list = one_partition(source, partition);
        source_pause_partitions(source, list);
        rd_kafka_topic_partition_list_destroy(list);
        partitions_put_off(source->partitions, partition);
    }
    return true;
}

static bool take_held(void *taker, const struct held_message *held)
{
    struct source *source = taker;
    if (!source_has_room(source) ||
        !partitions_may_try(source->partitions, held->message->partition, source->filling_ms) ||
        source_holds_back(source, held->message->partition, held->message->offset))
        return false;
    partitions_note_try(source->partitions, held->message->partition);
    source_take(source, held->message);
    source->batch->items[source->batch->count - 1].claimed = held->claimed;
    return true;
}

/* Serves the group, with all partitions paused. */
void source_serve_paused(struct source *source, int wait_ms)
{
    if (!source->paused) {
        rd_kafka_topic_partition_list_t *partitions = source_assignment(source);
        if (partitions) {
            source_pause_partitions(source, partitions);
            rd_kafka_topic_partition_list_destroy(partitions);
        }
        source->paused = true;
    }
    rd_kafka_message_t *message = rd_kafka_consumer_poll(source->consumer, wait_ms);
    source_note_poll(source);
    if (message && message->err) {
        source_error(source, message);
        rd_kafka_message_destroy(message);
    } else if (message) {
        /* A paused partition may still deliver messages: they are held. */
        source_receive(source, message, true);
    }
}

static void source_poll_paused(struct source *source, int wait_ms)
{
    source_serve_paused(source, wait_ms);
    source_look_around(source);
}

static bool source_is_burdened(struct source *source)
{
    struct burden *burden = &source->burden;
    size_t outside = 0, count = source->batch->count;
    for (uint32_t i = 0; i < count; i++)
        outside += source->batch->items[i].outer_held;
    if (count == 0)
        return false;
    size_t each = outside / count;
    burden->each = each > burden->each / 16 ? each : burden->each / 16;
    burden->ahead = rd_kafka_queue_length(source->fetched);
    size_t expected = (burden->ahead + burden->coming) * burden->each;
    bool is_burdened = burden->each > HEAVY_BYTES || (burden->each > BURDEN_BYTES && expected > BURDEN_LIMIT);
    if (is_burdened)
        burden->ahead = 0;
    return is_burdened;
}

/* librdkafka's limits on prefetched messages count values only. This estimates from the last batches what the keys and
 * headers take, of the prefetched messages and of those that may come until the batch is answered. If that is more than
 * BURDEN_LIMIT, the partitions are paused, which drops the prefetched messages; they are fetched again after the
 * resume. That takes a while, so some very long messages are held for the next batches. */
static void source_lighten(struct source *source)
{
    if (source->paused || !source_is_burdened(source))
        return;
    size_t most = source->burden.each > HEAVY_BYTES ? HELD_BYTES / source->burden.each : 0;
    most = most > source->held.count ? most - source->held.count : 0;
    for (size_t i = 0; i < most && !source->broken; i++) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(source->consumer, HEAVY_WAIT_MS);
        source_note_poll(source);
        if (!message)
            break;
        if (message->err) {
            source_error(source, message);
            rd_kafka_message_destroy(message);
        } else {
            source_receive(source, message, true);
        }
    }
    source_poll_paused(source, 0);
    source_refresh_group(source);
}

/* Notes how many messages were fetched since the last batch was filled. As many may come during the next one. */
static void source_note_coming(struct source *source)
{
    struct burden *burden = &source->burden;
    size_t ahead = rd_kafka_queue_length(source->fetched);
    if (ahead > burden->ahead && ahead - burden->ahead > burden->coming)
        burden->coming = ahead - burden->ahead;
    if (burden->each <= BURDEN_BYTES)
        burden->coming = 0;
}

bool source_is_draining(const struct source *source)
{
    return source->burden.each > HEAVY_BYTES && source->held.count > 0 && partitions_waiting(source->partitions) == 0;
}

/* True if the logs of all partitions in the batch are known. A commit before that would overwrite the mark by which a
 * replaced log is recognized. */
static bool source_knows_logs(struct source *source)
{
    for (uint32_t i = 0; i < source->batch->count; i++) {
        const struct item *item = &source->batch->items[i];
        if (item_is_ours(item) && !source_knows_log(source, item->from.partition))
            return false;
    }
    return true;
}

/* Empties the batch and holds its commands for the next fill. */
static void source_put_back(struct source *source)
{
    for (uint32_t i = 0; i < source->batch->count; i++) {
        struct item *item = &source->batch->items[i];
        if (item_is_ours(item))
            item->custody = CUSTODY_POSTPONED;
    }
    source_release(source);
}

/* A random number above 0, or -1. */
int64_t source_nonce(const struct source *source)
{
    return source->nonce;
}

int source_fill(struct source *source, uint32_t most, int wait_ms)
{
    assert(source->batch->count == 0);
    source->most = most < source->batch->capacity ? most : source->batch->capacity;
    source_note_coming(source);
    source_resume(source);
    source_refresh_group(source);
    source_watch_ownership(source);
    source->filling_ms = clock_now_ms();
    int first_wait_ms = source_awaits_jumps(source) && wait_ms > JUMP_WAIT_MS ? JUMP_WAIT_MS : wait_ms;
    int next_wait_ms = source->burden.each > HEAVY_BYTES && !source->paused ? HEAVY_WAIT_MS : 0;
    if (source->stalled && source->filling_ms - source->reassigned_ms >= REASSIGN_EVERY_MS) {
        source->stalled = false;
        source->reassigned_ms = source->filling_ms;
        source_reassign_failed(source);
    }
    source_follow_held_jumps(source);
    source_pass_misnumbered(source);
    source_pass_unparsed(source);
    source_end_empty_waits(source);
    partitions_begin_tries(source->partitions, source->most, source->filling_ms);
    held_messages_offer(&source->held, take_held, source);
    /* The group is served even if held messages fill the batch. */
    bool is_full = !source_has_room(source);
    while ((is_full || source_has_room(source)) && !source->broken) {
        bool is_first = source->batch->count == 0;
        rd_kafka_message_t *message = rd_kafka_consumer_poll(source->consumer, is_first  ? first_wait_ms
                                                                               : is_full ? 0
                                                                                         : next_wait_ms);
        source_note_poll(source);
        source_refresh_group(source);
        if (!message) {
            source->drained++;
            break;
        }
        if (message->err) {
            bool is_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
            source_error(source, message);
            rd_kafka_message_destroy(message);
            if (is_end)
                continue;
            break;
        }
        source_receive(source, message, is_full);
        if (is_full)
            break;
    }
    if (source->batch->count > 0)
        log_fault_end(&source->fault);
    if (!source_has_room(source) && !source->paused)
        source_wake_fetches(source);
    source_lighten(source);
    source_compare_logs(source);
    source_follow_jumps(source);
    if (!source_knows_logs(source)) {
        source_put_back(source);
        return source_pause(source, wait_ms);
    }
    batch_begin(source->batch);
    source->nonce = log_mark_nonce();
    source_look_around(source);
    return source->broken ? -1 : 0;
}

int source_pause(struct source *source, int wait_ms)
{
    source_poll_paused(source, wait_ms);
    source_refresh_group(source);
    return source->broken ? -1 : 0;
}

void source_poll(struct source *source)
{
    if (!source->broken)
        source_poll_paused(source, 0);
}

/* Commands that are in the log when a wait reaches its limit do not wait again: their timestamps may be wrong. Where
 * Kafka was silent a moment ago, the end is not asked for: many waits may end at the same time. */
static void source_note_waited(struct source *source, int32_t partition)
{
    int64_t low, high, now = clock_now_ms();
    bool ok =
        now >= source->ends_asked_ms && source_ask_ends(source, source->consumer, partition, END_WAIT_MS, &low, &high);
    if (!ok && now >= source->ends_asked_ms)
        source->ends_asked_ms = clock_now_ms() + END_LATER_MS;
    source_log(source, partition)->waited_to = ok ? high : partitions_noted(source->partitions, partition);
}

/* By the message's timestamp. A message without one is never older. */
static bool is_older_than(const struct position *from, int64_t limit_ms)
{
    return from->timestamp_ms > 0 && clock_wall_ms() - from->timestamp_ms >= limit_ms;
}

uint32_t source_put_off_from(struct source *source, uint32_t index, bool was_waiting)
{
    struct batch *batch = source->batch;
    int32_t partition = batch->items[index].from.partition;
    uint32_t count = 0;
    if (!was_waiting) {
        rd_kafka_topic_partition_list_t *list = one_partition(source, partition);
        source_pause_partitions(source, list);
        rd_kafka_topic_partition_list_destroy(list);
    }
    for (uint32_t i = index; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (item->from.partition != partition || !item_is_ours(item))
            continue;
        item->custody = CUSTODY_POSTPONED;
        count++;
    }
    return count;
}

bool source_postpone(struct source *source, uint32_t index, int64_t limit_ms)
{
    struct batch *batch = source->batch;
    int32_t partition = batch->items[index].from.partition;
    bool was_waiting = partitions_is_waiting(source->partitions, partition);
    partitions_renew_limit(source->partitions, partition, batch->items[index].from.offset);
    if (is_older_than(&batch->items[index].from, limit_ms) ||
        batch->items[index].from.offset < source_log(source, partition)->waited_to)
        return false;
    if (!partitions_wait(source->partitions, partition, clock_now_ms(), POSTPONED_RETRY_MS, limit_ms)) {
        source_note_waited(source, partition);
        return false;
    }
    source_put_off_from(source, index, was_waiting);
    return true;
}

uint32_t source_put_off(struct source *source, uint32_t most)
{
    const struct batch *batch = source->batch;
    uint32_t kept = 0, put_off = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        int32_t partition = batch->items[i].from.partition;
        if (!item_is_ours(&batch->items[i]) || kept++ < most)
            continue;
        bool was_waiting = partitions_is_waiting(source->partitions, partition);
        partitions_put_off(source->partitions, partition);
        put_off += source_put_off_from(source, i, was_waiting);
    }
    return put_off;
}

uint32_t source_waiting(const struct source *source)
{
    return partitions_lacking_definitions(source->partitions);
}

void source_release(struct source *source)
{
    struct batch *batch = source->batch;
    bool waits = partitions_waiting(source->partitions) > 0;
    struct held_messages postponed = {0};
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->items[i].custody == CUSTODY_POSTPONED)
            source_keep(source, &postponed, i);
        else
            source_message_destroy(source->messages[i]);
        if (waits && item_is_ours(&batch->items[i]))
            partitions_note_answer(source->partitions, batch->items[i].from.partition);
    }
    held_messages_put_before(&source->held, &postponed);
    if (waits)
        source_drop_fetched(source);
    for (uint32_t i = 0; waits && i < batch->count; i++)
        source_end_wait(source, batch->items[i].from.partition);
    batch_reset(batch);
}
