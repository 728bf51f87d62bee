#include "worker/source.h"

#include <assert.h>
#include <stdlib.h>

#include "worker/kafka_settings.h"

struct source {
    rd_kafka_t *consumer;
    const char *topic; /* the config's */
    size_t command_bytes;
    size_t batch_bytes;
    struct batch *batch;
    rd_kafka_message_t **messages; /* by item; what the items' spans point into */
    rd_kafka_message_t **carried;  /* arrived during a hold; the next fill takes them first */
    uint32_t carried_count, carried_capacity;
    int64_t *next; /* by partition: the offset behind the last command taken, or -1 since it was assigned */
    int32_t next_count;
    rd_kafka_consumer_group_metadata_t *group;
    bool group_changed; /* a rebalance ran since the metadata was read */
    bool holding;
    bool broken;
    struct log_fault fault;
};

static bool list_has(const rd_kafka_topic_partition_list_t *partitions, int32_t partition)
{
    for (int i = 0; i < partitions->cnt; i++)
        if (partitions->elems[i].partition == partition)
            return true;
    return false;
}

static void source_forget_position(struct source *source, int32_t partition)
{
    if (partition < source->next_count)
        source->next[partition] = -1;
}

static void source_drop_carried(struct source *source, const rd_kafka_topic_partition_list_t *partitions)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < source->carried_count; i++) {
        if (list_has(partitions, source->carried[i]->partition))
            rd_kafka_message_destroy(source->carried[i]);
        else
            source->carried[kept++] = source->carried[i];
    }
    source->carried_count = kept;
}

static void source_drop(struct source *source, const rd_kafka_topic_partition_list_t *partitions)
{
    struct batch *batch = source->batch;
    for (uint32_t i = 0; i < batch->count; i++)
        if (!batch->items[i].dropped && list_has(partitions, batch->items[i].from.partition))
            batch->items[i].dropped = true;
    source_drop_carried(source, partitions);
    for (int i = 0; i < partitions->cnt; i++)
        source_forget_position(source, partitions->elems[i].partition);
}

static void log_kafka_error(const char *event, rd_kafka_resp_err_t code)
{
    log_warning(event, LOG_TEXT("error", rd_kafka_err2str(code)));
}

static void source_pause(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_resp_err_t code = rd_kafka_pause_partitions(source->consumer, partitions);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_kafka_error("pausing failed; commands that arrive are kept for later", code);
}

static void source_assign(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    for (int i = 0; i < partitions->cnt; i++)
        source_forget_position(source, partitions->elems[i].partition);
    rd_kafka_error_t *error = rd_kafka_incremental_assign(source->consumer, partitions);
    if (error) {
        log_warning("taking partitions failed", LOG_TEXT("error", rd_kafka_error_string(error)));
        rd_kafka_error_destroy(error);
        return;
    }
    if (source->holding)
        source_pause(source, partitions);
}

static void source_unassign(struct source *source, rd_kafka_topic_partition_list_t *partitions)
{
    source_drop(source, partitions);
    rd_kafka_error_t *error = rd_kafka_incremental_unassign(source->consumer, partitions);
    if (error) {
        log_warning("giving partitions back failed", LOG_TEXT("error", rd_kafka_error_string(error)));
        rd_kafka_error_destroy(error);
    }
}

static void on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions,
                         void *opaque)
{
    struct source *source = opaque;
    bool lost = rd_kafka_assignment_lost(consumer);
    source->group_changed = true;
    switch (code) {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
        log_info("partitions assigned", LOG_INTEGER("partitions", partitions->cnt));
        source_assign(source, partitions);
        break;
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
        log_info(lost ? "partitions lost" : "partitions revoked", LOG_INTEGER("partitions", partitions->cnt));
        source_unassign(source, partitions);
        break;
    default:
        log_kafka_error("rebalance failed", code);
        source_unassign(source, partitions);
    }
}

static void source_refresh_group(struct source *source)
{
    if (source->group)
        rd_kafka_consumer_group_metadata_destroy(source->group);
    source->group = rd_kafka_consumer_group_metadata(source->consumer);
    source->group_changed = false;
}

static rd_kafka_conf_t *source_settings(struct source *source, const struct config *config, unsigned thread, char *why,
                                        size_t why_size)
{
    rd_kafka_conf_t *conf = kafka_conf_new(config, config->kafka_consumer, why, why_size);
    if (!conf)
        return NULL;
    /* Its own member id per thread, as threads are members of their own. */
    const char *instance = config_kafka(config, config->kafka_consumer, "group.instance.id");
    char numbered[256];
    snprintf(numbered, sizeof(numbered), "%s-%u", instance ? instance : "", thread);
    const struct {
        const char *name, *value;
    } owned[] = {{"enable.auto.commit", "false"},
                 {"enable.auto.offset.store", "false"},
                 {"enable.partition.eof", "false"},
                 {"isolation.level", "read_committed"},
                 {"partition.assignment.strategy", "cooperative-sticky"},
                 {"group.instance.id", numbered}};
    size_t count = sizeof(owned) / sizeof(owned[0]) - (instance ? 0 : 1);
    for (size_t i = 0; i < count; i++) {
        if (rd_kafka_conf_set(conf, owned[i].name, owned[i].value, why, why_size) != RD_KAFKA_CONF_OK) {
            rd_kafka_conf_destroy(conf);
            return NULL;
        }
    }
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_opaque(conf, source);
    return conf;
}

static rd_kafka_resp_err_t source_subscribe(struct source *source)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, source->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(source->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code;
}

struct source *source_open(const struct config *config, unsigned thread, struct batch *batch)
{
    char why[512] = "out of memory";
    struct source *source = calloc(1, sizeof(*source));
    if (!source)
        goto failed;
    source->topic = config->commands.topic;
    source->command_bytes = (size_t)config->limits.command_bytes;
    source->batch_bytes = (size_t)config->batch.bytes;
    source->batch = batch;
    source->fault = (struct log_fault){"consuming fails", "consuming goes on", 0};
    source->messages = calloc(batch->capacity, sizeof(*source->messages));
    if (!source->messages)
        goto failed;
    rd_kafka_conf_t *conf = source_settings(source, config, thread, why, sizeof(why));
    if (!conf)
        goto failed;
    source->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!source->consumer) {
        rd_kafka_conf_destroy(conf);
        goto failed;
    }
    rd_kafka_resp_err_t code = rd_kafka_poll_set_consumer(source->consumer);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = source_subscribe(source);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return source;
    snprintf(why, sizeof(why), "%s", rd_kafka_err2str(code));
failed:
    log_error("cannot consume", LOG_TEXT("error", why));
    source_close(source);
    return NULL;
}

void source_close(struct source *source)
{
    if (!source)
        return;
    if (source->messages)
        source_settle(source);
    for (uint32_t i = 0; i < source->carried_count; i++)
        rd_kafka_message_destroy(source->carried[i]);
    source->carried_count = 0;
    if (source->group)
        rd_kafka_consumer_group_metadata_destroy(source->group);
    if (source->consumer) {
        rd_kafka_resp_err_t code = rd_kafka_consumer_close(source->consumer);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            log_kafka_error("leaving the group failed", code);
        rd_kafka_destroy(source->consumer);
    }
    free(source->carried);
    free(source->messages);
    free(source->next);
    free(source);
}

/* True if the command at `offset` is new to us. After a pause some versions of librdkafka hand out messages again. */
static bool source_advance(struct source *source, int32_t partition, int64_t offset)
{
    if (partition >= source->next_count) {
        int32_t count = partition + 16;
        int64_t *grown = realloc(source->next, (size_t)count * sizeof(*grown));
        if (!grown)
            abort();
        for (int32_t i = source->next_count; i < count; i++)
            grown[i] = -1;
        source->next = grown;
        source->next_count = count;
    }
    if (offset < source->next[partition])
        return false;
    source->next[partition] = offset + 1;
    return true;
}

/* Librdkafka parses a message's headers on demand; what the spans point into belongs to the message. */
static void source_headers(struct item *item, rd_kafka_message_t *message, struct arena *arena)
{
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    size_t count = rd_kafka_header_cnt(headers);
    struct header *list = arena_alloc(arena, count * sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        const char *name;
        const void *value;
        size_t size;
        rd_kafka_resp_err_t code = rd_kafka_header_get_all(headers, i, &name, &value, &size);
        assert(code == RD_KAFKA_RESP_ERR_NO_ERROR);
        (void)code;
        list[i] = (struct header){span_of_text(name), span_of(value, value ? size : 0)};
    }
    item->headers = list;
    item->header_count = (uint32_t)count;
}

static void source_take(struct source *source, rd_kafka_message_t *message)
{
    struct batch *batch = source->batch;
    if (!source_advance(source, message->partition, message->offset)) {
        rd_kafka_message_destroy(message);
        return;
    }
    struct item *item = &batch->items[batch->count];
    rd_kafka_timestamp_type_t type;
    int64_t timestamp = rd_kafka_message_timestamp(message, &type);
    *item = (struct item){
        .from = {source->topic, message->partition, message->offset,
                 type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? 0 : timestamp},
        .key = span_of(message->key, message->key ? message->key_len : 0),
        .value = span_of(message->payload, message->payload ? message->len : 0),
    };
    source_headers(item, message, &batch->arena);
    source->messages[batch->count++] = message;
    batch->bytes += message->len <= source->command_bytes ? message->len : 0;
}

/* An error comes in the place of a message. Most pass; a fatal one ends the consumer. */
static void source_error(struct source *source, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__FATAL) {
        char why[512];
        rd_kafka_resp_err_t code = rd_kafka_fatal_error(source->consumer, why, sizeof(why));
        log_error("the consumer failed for good and is opened anew", LOG_TEXT("code", rd_kafka_err2name(code)),
                  LOG_TEXT("error", why));
        source->broken = true;
        return;
    }
    log_fault_begin(&source->fault, LOG_LIST(LOG_TEXT("code", rd_kafka_err2name(message->err)),
                                             LOG_TEXT("error", rd_kafka_message_errstr(message))));
}

static bool source_has_room(const struct source *source)
{
    return source->batch->count < source->batch->capacity && source->batch->bytes < source->batch_bytes;
}

static void source_take_carried(struct source *source)
{
    uint32_t taken = 0;
    while (taken < source->carried_count && source_has_room(source))
        source_take(source, source->carried[taken++]);
    source->carried_count -= taken;
    memmove(source->carried, source->carried + taken, source->carried_count * sizeof(*source->carried));
}

int source_fill(struct source *source, int wait_ms)
{
    assert(source->batch->count == 0 && !source->holding);
    source_refresh_group(source);
    if (source->carried_count > 0)
        source_take_carried(source);
    while (source_has_room(source) && !source->broken) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(source->consumer, source->batch->count > 0 ? 0 : wait_ms);
        if (source->group_changed)
            source_refresh_group(source);
        if (!message)
            break;
        if (message->err) {
            source_error(source, message);
            rd_kafka_message_destroy(message);
            break;
        }
        source_take(source, message);
    }
    if (source->batch->count > 0)
        log_fault_end(&source->fault);
    return source->broken ? -1 : 0;
}

static rd_kafka_topic_partition_list_t *source_assignment(struct source *source)
{
    rd_kafka_topic_partition_list_t *partitions = NULL;
    rd_kafka_resp_err_t code = rd_kafka_assignment(source->consumer, &partitions);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_kafka_error("the assignment is not known", code);
    return partitions;
}

/* A pause is not watertight: what arrives all the same waits for the next fill, so that nothing is lost. */
static void source_carry(struct source *source, rd_kafka_message_t *message)
{
    if (source->carried_count == source->carried_capacity) {
        uint32_t capacity = source->carried_capacity ? source->carried_capacity * 2 : 64;
        rd_kafka_message_t **grown = realloc(source->carried, capacity * sizeof(rd_kafka_message_t *));
        if (!grown)
            abort();
        source->carried = grown;
        source->carried_capacity = capacity;
    }
    source->carried[source->carried_count++] = message;
}

int source_hold(struct source *source, int wait_ms)
{
    if (!source->holding) {
        rd_kafka_topic_partition_list_t *partitions = source_assignment(source);
        if (partitions) {
            source_pause(source, partitions);
            rd_kafka_topic_partition_list_destroy(partitions);
        }
        source->holding = true;
    }
    rd_kafka_message_t *message = rd_kafka_consumer_poll(source->consumer, wait_ms);
    if (message && message->err) {
        source_error(source, message);
        rd_kafka_message_destroy(message);
    } else if (message) {
        source_carry(source, message);
    }
    source_refresh_group(source);
    return source->broken ? -1 : 0;
}

void source_resume(struct source *source)
{
    if (!source->holding)
        return;
    source->holding = false;
    rd_kafka_topic_partition_list_t *partitions = source_assignment(source);
    if (!partitions)
        return;
    rd_kafka_resp_err_t code = rd_kafka_resume_partitions(source->consumer, partitions);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_kafka_error("resuming failed", code);
    rd_kafka_topic_partition_list_destroy(partitions);
}

rd_kafka_topic_partition_list_t *source_offsets(const struct source *source)
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(16);
    const struct batch *batch = source->batch;
    rd_kafka_topic_partition_t *place = NULL;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct item *item = &batch->items[i];
        if (item->dropped)
            continue;
        if (!place || place->partition != item->from.partition)
            place = rd_kafka_topic_partition_list_find(offsets, source->topic, item->from.partition);
        if (!place)
            place = rd_kafka_topic_partition_list_add(offsets, source->topic, item->from.partition);
        place->offset = item->from.offset + 1;
    }
    return offsets;
}

bool source_reconcile(struct source *source, int wait_ms)
{
    rd_kafka_topic_partition_list_t *offsets = source_offsets(source);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (offsets->cnt > 0)
        code = rd_kafka_committed(source->consumer, offsets, wait_ms);
    for (int i = 0; i < offsets->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        code = offsets->elems[i].err;
    for (uint32_t i = 0; i < source->batch->count && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        struct item *item = &source->batch->items[i];
        const rd_kafka_topic_partition_t *place =
            rd_kafka_topic_partition_list_find(offsets, source->topic, item->from.partition);
        if (place && item->from.offset < place->offset)
            item->dropped = true;
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_fault_begin(&source->fault, LOG_LIST(LOG_TEXT("step", "reading committed offsets"),
                                                 LOG_TEXT("error", rd_kafka_err2str(code))));
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

const rd_kafka_consumer_group_metadata_t *source_group(const struct source *source)
{
    return source->group;
}

bool source_commit(struct source *source)
{
    rd_kafka_topic_partition_list_t *offsets = source_offsets(source);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (offsets->cnt > 0)
        code = rd_kafka_commit(source->consumer, offsets, 0);
    for (int i = 0; i < offsets->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        code = offsets->elems[i].err;
    rd_kafka_topic_partition_list_destroy(offsets);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_kafka_error("committing offsets failed; the commands will come again", code);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

void source_settle(struct source *source)
{
    for (uint32_t i = 0; i < source->batch->count; i++)
        rd_kafka_message_destroy(source->messages[i]);
    batch_reset(source->batch);
}
