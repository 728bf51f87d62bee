/* io_only: the worker's I/O without its processing. Its rate is the limit to which the worker is compared.
 *
 * Per command: one consumed message, one MSETNX of three keys, one record, one reply with the reply's headers. Per
 * transaction: one Redis pipeline, the offsets, one commit. The bytes are derived from the message's position. The
 * record's own headers are left out, so that the limit errs on the strict side.
 *
 *   io_only --bootstrap A --redis unix:PATH|HOST:PORT --topic T --group G --count N
 *           [--threads N] [--batch N] [--linger MS] [--records T] [--replies T] [--set consumer.NAME=VALUE]...
 *           [--one]
 *
 * It stops after N commands. With --one it sends them itself, each after the reply to the one before. */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/measure.h"
#include "tests/bench/probe.h"
#include "tests/bench/relay.h"

#define THREADS_MOST 64

struct options {
    struct relay_options relay;
    int64_t count;
    bool one;
};

struct thread {
    pthread_t id;
    struct relay *relay;
    struct progress *progress;
};

static void *thread_main(void *argument)
{
    const struct thread *thread = argument;

    relay_run(thread->relay, thread->progress);
    return NULL;
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
    *options = (struct options){
        .relay = {.records = "io-only.records", .replies = "io-only.replies", .threads = 1, .batch = 5000}};
    for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) {
        switch (option) {
        case BOOTSTRAP:
            options->relay.bootstrap = optarg;
            break;
        case REDIS:
            options->relay.redis = optarg;
            break;
        case TOPIC:
            options->relay.topic = optarg;
            break;
        case GROUP:
            options->relay.group = optarg;
            break;
        case COUNT:
            options->count = number_of(optarg, 1);
            break;
        case THREADS:
            options->relay.threads = number_of(optarg, 1);
            break;
        case BATCH:
            options->relay.batch = number_of(optarg, 1);
            break;
        case LINGER:
            options->relay.linger_ms = number_of(optarg, 0);
            break;
        case RECORDS:
            options->relay.records = optarg;
            break;
        case REPLIES:
            options->relay.replies = optarg;
            break;
        case SET:
            tuning_add(&options->relay.tuning, optarg);
            break;
        case ONE:
            options->one = true;
            break;
        default:
            exit(64);
        }
    }
    if (options->relay.bootstrap == NULL || options->relay.redis == NULL || options->relay.topic == NULL ||
        options->relay.group == NULL || options->count == 0 || options->relay.threads > THREADS_MOST ||
        optind != count) {
        fputs("usage: io_only --bootstrap A --redis A --topic T --group G --count N [--threads N] [--one] ...\n",
              stderr);
        exit(64);
    }
}

/* Ends a line with the time per command of each stage, in microseconds, waits included. */
static void print_stages(const struct thread *threads, int64_t count, const struct progress *progress)
{
    const double done = (double)atomic_load(&progress->commands);

    for (int stage = 0; stage < STAGES; stage++) {
        double sum = 0;
        for (int64_t number = 0; number < count; number++)
            sum += (double)relay_stage_ns(threads[number].relay, stage);
        printf(",\"%s_us\":%.2f", stage_names[stage], sum / 1e3 / done);
    }
    puts("}");
}

/* Sends the commands itself, one by one, and prints their latencies. */
static void run_one_by_one(const struct options *options)
{
    double *milliseconds = calloc((size_t)options->count, sizeof(*milliseconds));
    const struct probe probe = {.bootstrap = options->relay.bootstrap,
                                .commands = options->relay.topic,
                                .replies = options->relay.replies,
                                .run = options->relay.group,
                                .count = (int)options->count};

    if (milliseconds == NULL)
        fail("out of memory");
    probe_run(&probe, milliseconds);
    const double median = quantile(milliseconds, (size_t)options->count, 0.5);
    printf("{\"name\":\"io_only_one\",\"ms\":%.3f,\"p99_ms\":%.3f", median,
           quantile(milliseconds, (size_t)options->count, 0.99));
    free(milliseconds);
}

static void print_drain(const struct options *options, const struct progress *progress)
{
    const double done = (double)atomic_load(&progress->commands);
    const double seconds = (double)(atomic_load(&progress->last_ns) - atomic_load(&progress->first_ns)) / 1e9;

    printf("{\"name\":\"io_only\",\"threads\":%" PRId64 ",\"per_s\":%.0f,\"cpu_us\":%.2f,\"rss_mb\":%.0f,"
           "\"commands\":%.0f,\"transactions\":%lld",
           options->relay.threads, done / seconds, cpu_us_own() / done, memory_peak_own(), done,
           (long long)atomic_load(&progress->transactions));
}

int main(int count, char **arguments)
{
    struct options options;
    struct thread threads[THREADS_MOST];

    signal(SIGPIPE, SIG_IGN);
    options_read(&options, count, arguments);
    struct progress progress = {.enough = options.one ? INT64_MAX : options.count};
    for (int number = 0; number < options.relay.threads; number++)
        threads[number] = (struct thread){.relay = relay_open(&options.relay, number), .progress = &progress};
    for (int number = 0; number < options.relay.threads; number++)
        if (pthread_create(&threads[number].id, NULL, thread_main, &threads[number]) != 0)
            fail("no thread");
    if (options.one) {
        run_one_by_one(&options);
        atomic_store(&progress.stop, true);
    }
    for (int number = 0; number < options.relay.threads; number++)
        pthread_join(threads[number].id, NULL);
    if (!options.one)
        print_drain(&options, &progress);
    print_stages(threads, options.relay.threads, &progress);
    for (int number = 0; number < options.relay.threads; number++)
        relay_close(threads[number].relay);
    return 0;
}
