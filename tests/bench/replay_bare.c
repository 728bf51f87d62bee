/* replay_bare: reads the topics that a replay reads, and does nothing with their messages. It is what the replay of a
 * history is compared with, so it fetches with the same settings (worker/replay/history_client.c), checksums included.
 *
 *   replay_bare --bootstrap A --topic T [--topic T ...] [--threads N] [--set consumer.NAME=VALUE ...]
 *
 * Each thread has a consumer of its own; the partitions of all topics are dealt out to them. Reads committed messages
 * from the beginning to the end that a partition had at the start. Prints the messages and bytes that were read. */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/client.h"
#include "tests/bench/measure.h"

#define TOPICS_MOST  8
#define THREADS_MOST 64
#define BATCH        1000

struct options {
    const char *bootstrap, *topics[TOPICS_MOST];
    int topic_count, threads;
    struct tuning tuning;
};

struct reader {
    const struct options *options;
    pthread_t thread;
    rd_kafka_topic_partition_list_t *partitions;
    int64_t messages, bytes;
};

/* True if the partition has ended with this message. */
static bool take(struct reader *reader, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return true;
    client_expect("consume", message->err);
    reader->messages++;
    reader->bytes += (int64_t)(message->len + message->key_len);
    return false;
}

static void *read_all(void *subject)
{
    struct reader *reader = subject;
    const struct setting settings[] = {{"group.id", "replay-bare"},
                                       {"enable.auto.commit", "false"},
                                       {"isolation.level", "read_committed"},
                                       {"enable.partition.eof", "true"},
                                       {"auto.offset.reset", "error"},
                                       {"check.crcs", "true"},
                                       {"max.partition.fetch.bytes", "4194304"},
                                       {"queued.min.messages", "1000000"},
                                       {"queued.max.messages.kbytes", "32768"},
                                       {"fetch.wait.max.ms", "10"},
                                       {NULL, NULL}};
    rd_kafka_message_t *messages[BATCH];
    rd_kafka_t *consumer =
        client_new(RD_KAFKA_CONSUMER, reader->options->bootstrap, settings, reader->options->tuning.consumer, NULL);
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    client_expect("assign", rd_kafka_assign(consumer, reader->partitions));
    for (int left = reader->partitions->cnt; left > 0;) {
        const ssize_t count = rd_kafka_consume_batch_queue(queue, 100, messages, BATCH);
        for (ssize_t i = 0; i < count; i++) {
            left -= take(reader, messages[i]);
            rd_kafka_message_destroy(messages[i]);
        }
    }
    rd_kafka_queue_destroy(queue);
    client_expect("close", rd_kafka_consumer_close(consumer));
    rd_kafka_destroy(consumer);
    return NULL;
}

static void deal_out(const struct options *options, struct reader *readers)
{
    rd_kafka_t *client = client_new(RD_KAFKA_PRODUCER, options->bootstrap, NULL, NULL, NULL);
    int next = 0;
    for (int i = 0; i < options->topic_count; i++) {
        const int partitions = topic_partitions(client, options->topics[i]);
        for (int partition = 0; partition < partitions; partition++)
            rd_kafka_topic_partition_list_add(readers[next++ % options->threads].partitions, options->topics[i],
                                              partition)
                ->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_destroy(client);
}

static void options_read(struct options *options, int count, char **arguments)
{
    static const struct option known[] = {{"bootstrap", required_argument, NULL, 'b'},
                                          {"topic", required_argument, NULL, 't'},
                                          {"threads", required_argument, NULL, 'n'},
                                          {"set", required_argument, NULL, 's'},
                                          {NULL, 0, NULL, 0}};
    *options = (struct options){.threads = 1};
    for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) {
        if (option == 'b')
            options->bootstrap = optarg;
        else if (option == 't' && options->topic_count < TOPICS_MOST)
            options->topics[options->topic_count++] = optarg;
        else if (option == 'n')
            options->threads = (int)number_of(optarg, 1);
        else if (option == 's')
            tuning_add(&options->tuning, optarg);
    }
    if (!options->bootstrap || options->topic_count == 0 || options->threads > THREADS_MOST) {
        fputs("usage: replay_bare --bootstrap A --topic T [--topic T ...] [--threads N]\n", stderr);
        exit(64);
    }
}

int main(int count, char **arguments)
{
    static struct reader readers[THREADS_MOST];
    struct options options;
    int64_t messages = 0, bytes = 0;
    options_read(&options, count, arguments);
    for (int i = 0; i < options.threads; i++)
        readers[i] = (struct reader){.options = &options, .partitions = rd_kafka_topic_partition_list_new(8)};
    deal_out(&options, readers);
    for (int i = 0; i < options.threads; i++)
        if (pthread_create(&readers[i].thread, NULL, read_all, &readers[i]) != 0)
            fail("no thread");
    for (int i = 0; i < options.threads; i++) {
        pthread_join(readers[i].thread, NULL);
        messages += readers[i].messages;
        bytes += readers[i].bytes;
        rd_kafka_topic_partition_list_destroy(readers[i].partitions);
    }
    printf("{\"name\":\"bare\",\"messages\":%" PRId64 ",\"mb\":%.1f}\n", messages, (double)bytes / 1048576);
    return 0;
}
