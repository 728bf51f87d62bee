#include "tests/bench/sizing_bytes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/sizing_drafts.h"
#include "worker/redis/redis_keys.h"

#define OWNER_DIGITS       32
#define NONCE_DIGITS       19
#define TIME_DIGITS        13
#define CLAIMED_KEY_BEFORE "client-intake:claimed:"

/* Evenly over all, since the numbers in ids and offsets grow. */
static int64_t picked(int64_t index, int64_t of, int64_t all)
{
    return (int64_t)((double)index * ((double)all / (double)of));
}

static void sample_clients(const struct config *config, const struct sizing_crowd *crowd,
                           const struct sizing_layout *layout, int32_t partitions, int64_t sample,
                           struct sizing_bytes *bytes)
{
    struct sizing_drafts drafts;
    const int64_t count = crowd->clients < sample ? crowd->clients : sample;
    double client = 0, email = 0, squares = 0;
    sizing_drafts_open(&drafts, config, crowd, partitions, 1);
    for (int64_t i = 0; i < count; i++) {
        sizing_drafts_fill(&drafts, picked(i, count, crowd->clients), 1);
        const struct sizing_lengths lengths = sizing_drafts_lengths(&drafts.batch.items[0]);
        const double first = (double)sizing_key_bytes(layout, lengths.client_key, lengths.client);
        const double second = (double)sizing_key_bytes(layout, lengths.email_key, lengths.email);
        client += first;
        email += second;
        squares += (first + second) * (first + second);
    }
    const double all = (double)count, mean = (client + email) / all;
    bytes->client = client / all;
    bytes->email = email / all;
    if (count < crowd->clients)
        bytes->error = sqrt(fmax(0, squares / all - mean * mean) / all);
    sizing_drafts_close(&drafts);
}

static double sample_definitions(const struct sizing_crowd *crowd, const struct sizing_layout *layout, int64_t sample)
{
    char name[EXAMPLE_BYTES], key[DEFINITIONS_KEY_SIZE];
    const int64_t count = crowd->workspaces < sample ? crowd->workspaces : sample;
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        const size_t length = sizing_crowd_name(crowd, name, picked(i, count, crowd->workspaces));
        sum += (double)sizing_key_bytes(layout, definitions_key_text(span_of(name, length), key),
                                        strlen(example_definitions));
    }
    return sum / (double)count;
}

static size_t digits(int64_t number)
{
    char text[32];
    return (size_t)snprintf(text, sizeof(text), "%lld", (long long)number);
}

/* Two offsets, a nonce, a time, and an offset for each partition of the record topic. */
static size_t checkpoint_length(const struct sizing_crowd *crowd, int32_t partitions, int32_t record_partitions)
{
    const size_t offset = digits(crowd->clients / partitions) + 1;
    const size_t records = (size_t)record_partitions * (digits(crowd->clients / record_partitions) + 1) - 1;
    return 2 * offset + NONCE_DIGITS + 1 + TIME_DIGITS + 1 + records;
}

static double partition_bytes(const struct config *config, const struct sizing_layout *layout, int32_t partitions,
                              size_t checkpoint)
{
    const size_t place = strlen(config->commands.topic) + 1 + digits(partitions - 1);
    return (double)(sizing_key_bytes(layout, strlen(CHECKPOINT_KEY_BEFORE) + place, checkpoint) +
                    sizing_key_bytes(layout, strlen(OWNER_KEY_BEFORE) + place, OWNER_DIGITS) +
                    sizing_key_bytes(layout, strlen(CLAIMED_KEY_BEFORE) + place, 0));
}

struct sizing_bytes sizing_bytes_of(const struct config *config, const struct sizing_crowd *crowd,
                                    const struct sizing_layout *layout, int32_t partitions, int32_t record_partitions,
                                    int64_t sample)
{
    const size_t checkpoint = checkpoint_length(crowd, partitions, record_partitions);
    struct sizing_bytes bytes = {.definitions = sample_definitions(crowd, layout, sample),
                                 .partition = partition_bytes(config, layout, partitions, checkpoint),
                                 .checkpoint = (double)checkpoint};
    sample_clients(config, crowd, layout, partitions, sample, &bytes);
    return bytes;
}
