#include "tests/bench/relay.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/example.h"
#include "tests/bench/measure.h"

#define RECORD_BYTES   600
#define REPLY_BYTES    700
#define PIPELINE_BYTES (64 * 1024) /* written to Redis at once, so that it works while the next part is composed */
#define CLAIM_BYTES    1024        /* more than one MSETNX takes */
#define FIRST_WAIT_MS  50          /* also the delay in noticing the end */
#define ID_LENGTH      36
#define KEY_LENGTH     (7 + ID_LENGTH)

/* The output for a command: created once, and different for each place in the batch, so that caches and compression
 * see realistic data. */
struct outcome {
    char record[RECORD_BYTES], reply[REPLY_BYTES];
};

struct relay {
    const struct relay_options *options;
    rd_kafka_t *consumer, *producer;
    redisContext *redis;
    rd_kafka_message_t **batch;
    int count; /* messages in the batch */
    int64_t stage_ns[STAGES];
    struct outcome *outcomes; /* by place in the batch */
    char pipeline[PIPELINE_BYTES + CLAIM_BYTES];
};

const char *const stage_names[STAGES] = {"consume", "claim", "produce", "offsets", "commit"};

int64_t relay_stage_ns(const struct relay *relay, enum stage stage)
{
    return relay->stage_ns[stage];
}

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    (void)opaque;
    client_expect("delivery", message->err);
}

/* Fills the batch with all available messages, up to its size, and those within `linger_ms` of the first, for which
 * it waits a little. */
static void consume(struct relay *relay)
{
    const struct relay_options *options = relay->options;
    int64_t deadline = 0;

    relay->count = 0;
    while (relay->count < options->batch) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(relay->consumer, relay->count == 0 ? FIRST_WAIT_MS : 0);
        if (message == NULL && relay->count > 0 && clock_ns() < deadline)
            message = rd_kafka_consumer_poll(relay->consumer, 1);
        if (message == NULL && clock_ns() >= deadline)
            return;
        if (message == NULL)
            continue;
        client_expect("consume", message->err);
        if (relay->count == 0)
            deadline = clock_ns() + options->linger_ms * 1000000;
        relay->batch[relay->count++] = message;
    }
}

/* Writes `number` as hexadecimal digits that end before `end`. */
static void put_hexadecimal(char *end, uint64_t number, int digits)
{
    while (digits-- > 0) {
        *--end = "0123456789abcdef"[number & 15];
        number >>= 4;
    }
}

/* A name that no other message has, in the form of a client id. */
static void put_id(char id[ID_LENGTH], const rd_kafka_message_t *message)
{
    memcpy(id, "00000000-0000-5000-0000-000000000000", ID_LENGTH);
    put_hexadecimal(id + 23, (uint64_t)message->partition, 4);
    put_hexadecimal(id + ID_LENGTH, (uint64_t)message->offset, 12);
}

static char *put(char *at, const char *text, size_t length)
{
    memcpy(at, text, length);
    return at + length;
}

#define PUT(at, literal) put((at), (literal), sizeof(literal) - 1)

static char *put_claim(char *at, const char id[ID_LENGTH], const struct outcome *outcome)
{
    at = PUT(at, "*7\r\n$6\r\nMSETNX\r\n$52\r\nclient:{load-0}:");
    at = put(at, id, ID_LENGTH);
    at = PUT(at, "\r\n$600\r\n");
    at = put(at, outcome->record, RECORD_BYTES);
    at = PUT(at, "\r\n$66\r\nclient-email:{load-0}:");
    at = put(at, id, ID_LENGTH);
    at = PUT(at, "@mail.de\r\n$36\r\n");
    at = put(at, id, ID_LENGTH);
    at = PUT(at, "\r\n$53\r\ncommand:{load-0}:");
    at = put(at, id, ID_LENGTH);
    return PUT(at, "\r\n$1\r\n1\r\n");
}

static void write_claims(struct relay *relay, size_t length)
{
    int done = 0;

    if (redisAppendFormattedCommand(relay->redis, relay->pipeline, length) != REDIS_OK)
        fail("Redis: %s", relay->redis->errstr);
    while (!done)
        if (redisBufferWrite(relay->redis, &done) != REDIS_OK)
            fail("Redis: %s", relay->redis->errstr);
}

/* Claims every command's keys. Parts of the pipeline are written while the rest is composed. */
static void claim(struct relay *relay)
{
    char *at = relay->pipeline;

    for (int index = 0; index < relay->count; index++) {
        char id[ID_LENGTH];
        put_id(id, relay->batch[index]);
        at = put_claim(at, id, &relay->outcomes[index]);
        if (at - relay->pipeline >= PIPELINE_BYTES || index + 1 == relay->count) {
            write_claims(relay, (size_t)(at - relay->pipeline));
            at = relay->pipeline;
        }
    }
    for (int index = 0; index < relay->count; index++) {
        redisReply *reply;
        if (redisGetReply(relay->redis, (void **)&reply) != REDIS_OK)
            fail("Redis: %s", relay->redis->errstr);
        if (reply->type != REDIS_REPLY_INTEGER)
            fail("Redis answered %s", reply->str);
        freeReplyObject(reply);
    }
}

static void add_header(rd_kafka_headers_t *headers, const char *name, const char *value, ssize_t length)
{
    client_expect("header", rd_kafka_header_add(headers, name, (ssize_t)strlen(name), value, length));
}

/* The record and the reply do not move before the commit, so librdkafka need not copy them. */
static void produce(struct relay *relay, int index)
{
    const rd_kafka_message_t *message = relay->batch[index];
    struct outcome *outcome = &relay->outcomes[index];
    const struct relay_options *options = relay->options;
    char key[KEY_LENGTH] = "load-0/";
    char *id = key + KEY_LENGTH - ID_LENGTH;
    put_id(id, message);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(8);

    add_header(headers, "content-type", "application/json", 16);
    add_header(headers, "ce_specversion", "1.0", 3);
    add_header(headers, "ce_type", "client.created", 14);
    add_header(headers, "ce_source", "client-intake", 13);
    add_header(headers, "ce_id", id, ID_LENGTH);
    add_header(headers, "ce_time", "2026-11-23T06:38:00.123Z", 24);
    add_header(headers, "ce_subject", id, ID_LENGTH);
    add_header(headers, "ce_causationid", id + ID_LENGTH - 14, 14);
    client_expect("record",
                  rd_kafka_producev(relay->producer, RD_KAFKA_V_TOPIC(options->records),
                                    RD_KAFKA_V_KEY(key, KEY_LENGTH), RD_KAFKA_V_VALUE(outcome->record, RECORD_BYTES),
                                    RD_KAFKA_V_MSGFLAGS(0), RD_KAFKA_V_END));
    client_expect("reply", rd_kafka_producev(relay->producer, RD_KAFKA_V_TOPIC(options->replies),
                                             RD_KAFKA_V_KEY(message->key, message->key_len),
                                             RD_KAFKA_V_VALUE(outcome->reply, REPLY_BYTES), RD_KAFKA_V_HEADERS(headers),
                                             RD_KAFKA_V_MSGFLAGS(0), RD_KAFKA_V_END));
}

static void send_offsets(struct relay *relay)
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(16);
    rd_kafka_topic_partition_t *position = NULL;

    for (int index = 0; index < relay->count; index++) {
        const rd_kafka_message_t *message = relay->batch[index];
        if (position == NULL || position->partition != message->partition) {
            position = rd_kafka_topic_partition_list_find(offsets, relay->options->topic, message->partition);
            if (position == NULL)
                position = rd_kafka_topic_partition_list_add(offsets, relay->options->topic, message->partition);
        }
        position->offset = message->offset + 1;
    }
    rd_kafka_consumer_group_metadata_t *membership = rd_kafka_consumer_group_metadata(relay->consumer);
    client_expect_none("offsets", rd_kafka_send_offsets_to_transaction(relay->producer, offsets, membership, -1));
    rd_kafka_consumer_group_metadata_destroy(membership);
    rd_kafka_topic_partition_list_destroy(offsets);
}

static int64_t stage_end(struct relay *relay, enum stage stage, int64_t since)
{
    const int64_t now = clock_ns();

    relay->stage_ns[stage] += now - since;
    return now;
}

static void transact(struct relay *relay)
{
    int64_t since = clock_ns();

    claim(relay);
    since = stage_end(relay, CLAIM, since);
    client_expect_none("begin", rd_kafka_begin_transaction(relay->producer));
    for (int index = 0; index < relay->count; index++)
        produce(relay, index);
    since = stage_end(relay, PRODUCE, since);
    send_offsets(relay);
    since = stage_end(relay, OFFSETS, since);
    client_expect_none("commit", rd_kafka_commit_transaction(relay->producer, -1));
    stage_end(relay, COMMIT, since);
    for (int index = 0; index < relay->count; index++)
        rd_kafka_message_destroy(relay->batch[index]);
}

void relay_run(struct relay *relay, struct progress *progress)
{
    while (!atomic_load(&progress->stop) && atomic_load(&progress->commands) < progress->enough) {
        const int64_t since = clock_ns();
        consume(relay);
        long long first = atomic_load(&progress->first_ns);
        if (relay->count == 0 && first == 0) /* still joining: not counted */
            continue;
        const int64_t now = stage_end(relay, CONSUME, since);
        if (relay->count == 0)
            continue;
        if (first == 0)
            atomic_compare_exchange_strong(&progress->first_ns, &first, now);
        transact(relay);
        atomic_store(&progress->last_ns, clock_ns());
        atomic_fetch_add(&progress->transactions, 1);
        atomic_fetch_add(&progress->commands, relay->count);
    }
}

/* The example's own bytes, repeated until there are enough. */
static struct outcome *outcomes_new(int64_t count)
{
    struct outcome *outcomes = calloc((size_t)count, sizeof(*outcomes));
    char text[EXAMPLE_BYTES];

    if (outcomes == NULL)
        fail("out of memory");
    for (int64_t number = 0; number < count; number++) {
        const size_t length = example_command(text, "io-only", number * 7919 % 1000003, number % 16);
        for (size_t at = 0; at < RECORD_BYTES; at++)
            outcomes[number].record[at] = text[at % length];
        for (size_t at = 0; at < REPLY_BYTES; at++)
            outcomes[number].reply[at] = text[at % length];
    }
    return outcomes;
}

static redisContext *redis_open(const char *address)
{
    redisContext *redis;

    if (strncmp(address, "unix:", 5) == 0) {
        redis = redisConnectUnix(address + 5);
    } else {
        const char *colon = strrchr(address, ':');
        if (colon == NULL)
            fail("%s is neither unix:PATH nor HOST:PORT", address);
        char *host = strndup(address, (size_t)(colon - address));
        redis = redisConnect(host, (int)number_of(colon + 1, 1));
        free(host);
    }
    if (redis == NULL || redis->err != 0)
        fail("Redis at %s: %s", address, redis == NULL ? "out of memory" : redis->errstr);
    return redis;
}

struct relay *relay_open(const struct relay_options *options, int number)
{
    const struct setting consumer[] = {{"group.id", options->group},          {"auto.offset.reset", "earliest"},
                                       {"enable.auto.commit", "false"},       {"enable.auto.offset.store", "false"},
                                       {"isolation.level", "read_committed"}, {NULL, NULL}};
    char transactional_id[128];
    snprintf(transactional_id, sizeof(transactional_id), "%s-%d", options->group, number);
    const struct setting producer[] = {{"transactional.id", transactional_id},
                                       {"retry.backoff.ms", "10"},
                                       {"queue.buffering.max.messages", "1000000"},
                                       {"queue.buffering.max.kbytes", "262144"},
                                       {NULL, NULL}};
    struct relay *relay = calloc(1, sizeof(*relay));
    rd_kafka_message_t **batch = calloc((size_t)options->batch, sizeof(rd_kafka_message_t *));
    if (relay == NULL || batch == NULL)
        fail("out of memory");
    relay->options = options;
    relay->batch = batch;
    relay->outcomes = outcomes_new(options->batch);
    relay->redis = redis_open(options->redis);
    relay->consumer = client_new(RD_KAFKA_CONSUMER, options->bootstrap, consumer, options->tuning.consumer, NULL);
    relay->producer = client_new(RD_KAFKA_PRODUCER, options->bootstrap, producer, options->tuning.producer, delivered);
    client_expect("redirecting events", rd_kafka_poll_set_consumer(relay->consumer));
    topic_create(relay->producer, options->records, 4);
    topic_create(relay->producer, options->replies, 4);
    client_expect_none("init", rd_kafka_init_transactions(relay->producer, -1));

    /* Assigned rather than subscribed, so that no rebalance disturbs the figures. */
    const int partitions = topic_partitions(relay->consumer, options->topic);
    rd_kafka_topic_partition_list_t *own = rd_kafka_topic_partition_list_new(partitions);
    for (int partition = number; partition < partitions; partition += (int)options->threads)
        rd_kafka_topic_partition_list_add(own, options->topic, partition)->offset = RD_KAFKA_OFFSET_STORED;
    client_expect("assign", rd_kafka_assign(relay->consumer, own));
    rd_kafka_topic_partition_list_destroy(own);
    return relay;
}

void relay_close(struct relay *relay)
{
    client_expect("close", rd_kafka_consumer_close(relay->consumer));
    rd_kafka_destroy(relay->consumer);
    rd_kafka_destroy(relay->producer);
    redisFree(relay->redis);
    free(relay->outcomes);
    free(relay->batch);
    free(relay);
}
