/* io_only: the worker's I/O and no thinking. What it reaches is the limit that the worker is measured against.
 *
 * Per command: one consumed message, one MSETNX of three keys, one record, one reply with the reply's headers; per
 * transaction: one Redis pipeline, the offsets, one commit. Bytes are made up from the message's position. The record's
 * own headers are left out, so that the limit errs on the strict side.
 *
 *   io_only --bootstrap A --redis unix:PATH|HOST:PORT --topic T --group G --count N
 *           [--threads N] [--batch N] [--linger MS] [--records T] [--replies T] [--set consumer.NAME=VALUE]...
 *           [--one]
 *
 * It stops after N commands. With --one it sends them itself, each after the reply to the one before. */
#include <getopt.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/client.h"
#include "tests/bench/example.h"
#include "tests/bench/measure.h"
#include "tests/bench/probe.h"

#define RECORD_BYTES   600
#define REPLY_BYTES    700
#define PIPELINE_BYTES (64 * 1024) /* written to Redis at once, so that it works while the next are put together */
#define CLAIM_BYTES    1024        /* more than one MSETNX takes */
#define THREADS_MOST   64
#define FIRST_WAIT_MS  50 /* and how soon the end is seen */
#define ID_LENGTH      36
#define KEY_LENGTH     (7 + ID_LENGTH)

struct options {
    const char *bootstrap, *redis, *topic, *group, *records, *replies;
    int64_t count, threads, batch, linger_ms;
    bool one;
    struct tuning tuning;
};

/* What is written for a command: made once, and different for each place in the batch, so that caches and compression
 * meet what they meet in real life. */
struct outcome {
    char record[RECORD_BYTES], reply[REPLY_BYTES];
};

/* Where the time of a thread goes. */
enum stage { CONSUME, CLAIM, PRODUCE, OFFSETS, COMMIT, STAGES };
static const char *const stage_names[STAGES] = {"consume", "claim", "produce", "offsets", "commit"};

struct thread {
    const struct options *options;
    pthread_t id;
    int number;
    rd_kafka_t *consumer, *producer;
    redisContext *redis;
    rd_kafka_message_t **batch;
    int count; /* messages in the batch */
    int64_t stage_ns[STAGES];
    char pipeline[PIPELINE_BYTES + CLAIM_BYTES];
    struct outcome *outcomes; /* by place in the batch */
};

static atomic_llong commands_done, transactions_done, first_ns, last_ns;
static atomic_bool stop;

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    (void)opaque;
    client_expect("delivery", message->err);
}

/* Fills the batch with all there is, up to its size, and what comes within `linger_ms` of the first, for which it waits
 * a little. */
static void consume(struct thread *thread)
{
    const struct options *options = thread->options;
    int64_t deadline = 0;

    thread->count = 0;
    while (thread->count < options->batch) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(thread->consumer, thread->count == 0 ? FIRST_WAIT_MS : 0);
        if (message == NULL && thread->count > 0 && clock_ns() < deadline)
            message = rd_kafka_consumer_poll(thread->consumer, 1);
        if (message == NULL && clock_ns() >= deadline)
            return;
        if (message == NULL)
            continue;
        client_expect("consume", message->err);
        if (thread->count == 0) {
            const int64_t now = clock_ns();
            long long none = 0;
            deadline = now + options->linger_ms * 1000000;
            atomic_compare_exchange_strong(&first_ns, &none, now);
        }
        thread->batch[thread->count++] = message;
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

static void write_claims(struct thread *thread, size_t length)
{
    int done = 0;

    if (redisAppendFormattedCommand(thread->redis, thread->pipeline, length) != REDIS_OK)
        fail("Redis: %s", thread->redis->errstr);
    while (!done)
        if (redisBufferWrite(thread->redis, &done) != REDIS_OK)
            fail("Redis: %s", thread->redis->errstr);
}

/* Claims every command's keys, with pieces of the pipeline written while the rest is still being put together. */
static void claim(struct thread *thread)
{
    char *at = thread->pipeline;

    for (int index = 0; index < thread->count; index++) {
        char id[ID_LENGTH];
        put_id(id, thread->batch[index]);
        at = put_claim(at, id, &thread->outcomes[index]);
        if (at - thread->pipeline >= PIPELINE_BYTES || index + 1 == thread->count) {
            write_claims(thread, (size_t)(at - thread->pipeline));
            at = thread->pipeline;
        }
    }
    for (int index = 0; index < thread->count; index++) {
        redisReply *reply;
        if (redisGetReply(thread->redis, (void **)&reply) != REDIS_OK)
            fail("Redis: %s", thread->redis->errstr);
        if (reply->type != REDIS_REPLY_INTEGER)
            fail("Redis answered %s", reply->str);
        freeReplyObject(reply);
    }
}

static void add_header(rd_kafka_headers_t *headers, const char *name, const char *value, ssize_t length)
{
    client_expect("header", rd_kafka_header_add(headers, name, (ssize_t)strlen(name), value, length));
}

/* The record and the reply lie still until the commit, so librdkafka need not copy them. */
static void produce(struct thread *thread, int index)
{
    const rd_kafka_message_t *message = thread->batch[index];
    struct outcome *outcome = &thread->outcomes[index];
    const struct options *options = thread->options;
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
                  rd_kafka_producev(thread->producer, RD_KAFKA_V_TOPIC(options->records),
                                    RD_KAFKA_V_KEY(key, KEY_LENGTH), RD_KAFKA_V_VALUE(outcome->record, RECORD_BYTES),
                                    RD_KAFKA_V_MSGFLAGS(0), RD_KAFKA_V_END));
    client_expect("reply", rd_kafka_producev(thread->producer, RD_KAFKA_V_TOPIC(options->replies),
                                             RD_KAFKA_V_KEY(message->key, message->key_len),
                                             RD_KAFKA_V_VALUE(outcome->reply, REPLY_BYTES), RD_KAFKA_V_HEADERS(headers),
                                             RD_KAFKA_V_MSGFLAGS(0), RD_KAFKA_V_END));
}

static void send_offsets(struct thread *thread)
{
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(16);
    rd_kafka_topic_partition_t *position = NULL;

    for (int index = 0; index < thread->count; index++) {
        const rd_kafka_message_t *message = thread->batch[index];
        if (position == NULL || position->partition != message->partition) {
            position = rd_kafka_topic_partition_list_find(offsets, thread->options->topic, message->partition);
            if (position == NULL)
                position = rd_kafka_topic_partition_list_add(offsets, thread->options->topic, message->partition);
        }
        position->offset = message->offset + 1;
    }
    rd_kafka_consumer_group_metadata_t *membership = rd_kafka_consumer_group_metadata(thread->consumer);
    client_expect_none("offsets", rd_kafka_send_offsets_to_transaction(thread->producer, offsets, membership, -1));
    rd_kafka_consumer_group_metadata_destroy(membership);
    rd_kafka_topic_partition_list_destroy(offsets);
}

static int64_t stage_end(struct thread *thread, enum stage stage, int64_t since)
{
    const int64_t now = clock_ns();

    thread->stage_ns[stage] += now - since;
    return now;
}

static void transact(struct thread *thread)
{
    int64_t since = clock_ns();

    claim(thread);
    since = stage_end(thread, CLAIM, since);
    client_expect_none("begin", rd_kafka_begin_transaction(thread->producer));
    for (int index = 0; index < thread->count; index++)
        produce(thread, index);
    since = stage_end(thread, PRODUCE, since);
    send_offsets(thread);
    since = stage_end(thread, OFFSETS, since);
    client_expect_none("commit", rd_kafka_commit_transaction(thread->producer, -1));
    stage_end(thread, COMMIT, since);
    for (int index = 0; index < thread->count; index++)
        rd_kafka_message_destroy(thread->batch[index]);
    atomic_store(&last_ns, clock_ns());
    atomic_fetch_add(&transactions_done, 1);
    atomic_fetch_add(&commands_done, thread->count);
}

static void *thread_main(void *argument)
{
    struct thread *thread = argument;

    while (!atomic_load(&stop) && (thread->options->one || atomic_load(&commands_done) < thread->options->count)) {
        const int64_t since = clock_ns();
        consume(thread);
        if (thread->count > 0) {
            stage_end(thread, CONSUME, since);
            transact(thread);
        }
    }
    return NULL;
}

/* The example's own bytes, again and again until there are enough. */
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

static struct thread *thread_open(const struct options *options, int number)
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
    struct thread *thread = calloc(1, sizeof(*thread));
    rd_kafka_message_t **batch = calloc((size_t)options->batch, sizeof(rd_kafka_message_t *));
    if (thread == NULL || batch == NULL)
        fail("out of memory");
    thread->options = options;
    thread->number = number;
    thread->batch = batch;
    thread->outcomes = outcomes_new(options->batch);
    thread->redis = redis_open(options->redis);
    thread->consumer = client_new(RD_KAFKA_CONSUMER, options->bootstrap, consumer, options->tuning.consumer, NULL);
    thread->producer = client_new(RD_KAFKA_PRODUCER, options->bootstrap, producer, options->tuning.producer, delivered);
    client_expect("redirecting events", rd_kafka_poll_set_consumer(thread->consumer));
    topic_create(thread->producer, options->records, 4);
    topic_create(thread->producer, options->replies, 4);
    client_expect_none("init", rd_kafka_init_transactions(thread->producer, -1));

    /* Assigned rather than subscribed, so that no rebalance disturbs the figures. */
    const int partitions = topic_partitions(thread->consumer, options->topic);
    rd_kafka_topic_partition_list_t *own = rd_kafka_topic_partition_list_new(partitions);
    for (int partition = number; partition < partitions; partition += (int)options->threads)
        rd_kafka_topic_partition_list_add(own, options->topic, partition)->offset = RD_KAFKA_OFFSET_STORED;
    client_expect("assign", rd_kafka_assign(thread->consumer, own));
    rd_kafka_topic_partition_list_destroy(own);
    return thread;
}

static void thread_close(struct thread *thread)
{
    client_expect("close", rd_kafka_consumer_close(thread->consumer));
    rd_kafka_destroy(thread->consumer);
    rd_kafka_destroy(thread->producer);
    redisFree(thread->redis);
    free(thread->outcomes);
    free(thread->batch);
    free(thread);
}

static void options_read(struct options *options, int count, char **arguments)
{
    enum { BOOTSTRAP = 256, REDIS, TOPIC, GROUP, COUNT, THREADS, BATCH, LINGER, RECORDS, REPLIES, SET, ONE };
    const struct option known[] = {{"bootstrap", required_argument, NULL, BOOTSTRAP},
                                   {"redis", required_argument, NULL, REDIS},
                                   {"topic", required_argument, NULL, TOPIC},
                                   {"group", required_argument, NULL, GROUP},
                                   {"count", required_argument, NULL, COUNT},
                                   {"threads", required_argument, NULL, THREADS},
                                   {"batch", required_argument, NULL, BATCH},
                                   {"linger", required_argument, NULL, LINGER},
                                   {"records", required_argument, NULL, RECORDS},
                                   {"replies", required_argument, NULL, REPLIES},
                                   {"set", required_argument, NULL, SET},
                                   {"one", no_argument, NULL, ONE},
                                   {NULL, 0, NULL, 0}};
    *options =
        (struct options){.records = "io-only.records", .replies = "io-only.replies", .threads = 1, .batch = 5000};
    for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) {
        switch (option) {
        case BOOTSTRAP:
            options->bootstrap = optarg;
            break;
        case REDIS:
            options->redis = optarg;
            break;
        case TOPIC:
            options->topic = optarg;
            break;
        case GROUP:
            options->group = optarg;
            break;
        case COUNT:
            options->count = number_of(optarg, 1);
            break;
        case THREADS:
            options->threads = number_of(optarg, 1);
            break;
        case BATCH:
            options->batch = number_of(optarg, 1);
            break;
        case LINGER:
            options->linger_ms = number_of(optarg, 0);
            break;
        case RECORDS:
            options->records = optarg;
            break;
        case REPLIES:
            options->replies = optarg;
            break;
        case SET:
            tuning_add(&options->tuning, optarg);
            break;
        case ONE:
            options->one = true;
            break;
        default:
            exit(64);
        }
    }
    if (options->bootstrap == NULL || options->redis == NULL || options->topic == NULL || options->group == NULL ||
        options->count == 0 || options->threads > THREADS_MOST || optind != count) {
        fputs("usage: io_only --bootstrap A --redis A --topic T --group G --count N [--threads N] [--one] ...\n",
              stderr);
        exit(64);
    }
}

/* Ends a line with where the time of a command went, in microseconds of waiting and working. */
static void print_stages(struct thread *const *threads, int64_t count)
{
    const double done = (double)atomic_load(&commands_done);

    for (int stage = 0; stage < STAGES; stage++) {
        double sum = 0;
        for (int64_t number = 0; number < count; number++)
            sum += (double)threads[number]->stage_ns[stage];
        printf(",\"%s_us\":%.2f", stage_names[stage], sum / 1e3 / done);
    }
    puts("}");
}

/* Sends the commands itself, one by one, and prints what they took. */
static void run_one_by_one(const struct options *options)
{
    double *milliseconds = calloc((size_t)options->count, sizeof(*milliseconds));
    const struct probe probe = {.bootstrap = options->bootstrap,
                                .commands = options->topic,
                                .replies = options->replies,
                                .run = options->group,
                                .count = (int)options->count};

    if (milliseconds == NULL)
        fail("out of memory");
    probe_run(&probe, milliseconds);
    atomic_store(&stop, true);
    printf("{\"name\":\"io_only_one\",\"ms\":%.3f", quantile(milliseconds, (size_t)options->count, 0.5));
    free(milliseconds);
}

static void print_drain(const struct options *options)
{
    const double done = (double)atomic_load(&commands_done);
    const double seconds = (double)(atomic_load(&last_ns) - atomic_load(&first_ns)) / 1e9;

    printf("{\"name\":\"io_only\",\"threads\":%" PRId64 ",\"per_s\":%.0f,\"cpu_us\":%.2f,\"rss_mb\":%.0f,"
           "\"commands\":%.0f,\"transactions\":%lld",
           options->threads, done / seconds, cpu_us_own() / done, memory_peak_own(), done,
           (long long)atomic_load(&transactions_done));
}

int main(int count, char **arguments)
{
    struct options options;
    struct thread *threads[THREADS_MOST];

    signal(SIGPIPE, SIG_IGN);
    options_read(&options, count, arguments);
    for (int number = 0; number < options.threads; number++)
        threads[number] = thread_open(&options, number);
    for (int number = 0; number < options.threads; number++)
        if (pthread_create(&threads[number]->id, NULL, thread_main, threads[number]) != 0)
            fail("no thread");
    if (options.one)
        run_one_by_one(&options);
    for (int number = 0; number < options.threads; number++)
        pthread_join(threads[number]->id, NULL);
    if (!options.one)
        print_drain(&options);
    print_stages(threads, options.threads);
    for (int number = 0; number < options.threads; number++)
        thread_close(threads[number]);
    return 0;
}
