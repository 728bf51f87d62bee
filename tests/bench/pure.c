/* pure: nanoseconds per command of the part of the worker that does no I/O, on one thread.
 *
 * Batches of 5,000 of the contract's example go through decode, check and compose, stage after stage as in the
 * worker, so that the caches have realistic content. Then each field type is measured alone, with typical values.
 *
 *   pure [BATCHES] */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/example.h"
#include "tests/bench/measure.h"
#include "worker/config/config.h"
#include "worker/model/batch.h"
#include "worker/validate/check.h"
#include "worker/validate/decode.h"
#include "worker/validate/definitions.h"
#include "worker/validate/field.h"
#include "worker/validate/reply.h"

#define BATCH      5000
#define WARM_UP    3
#define WORKSPACES 16

enum stage { DECODE, CHECK, COMPOSE, STAGES };
static const char *const stage_names[STAGES] = {"decode", "check", "compose"};

struct bench {
    const struct config *config;
    const struct definitions *definitions;
    struct json_parser *parser;
    struct batch batch;
    char *messages; /* what librdkafka would hold: keys and values of a batch, one after the other */
    int64_t number; /* of the next command */
};

/* Puts the next 5,000 commands into the batch, like the source. */
static void fill(struct bench *bench)
{
    char *at = bench->messages;

    batch_reset(&bench->batch);
    for (uint32_t index = 0; index < BATCH; index++, bench->number++) {
        const int64_t workspace = bench->number % WORKSPACES;
        const struct span key = span_of(at, example_workspace(at, workspace));
        at += key.length;
        const struct span value = span_of(at, example_command(at, "pure", bench->number, workspace));
        at += value.length;
        bench->batch.items[index] =
            (struct item){.from = {"clients.commands", 0, bench->number, INT64_C(1795000000000) + bench->number},
                          .key = key,
                          .value = value};
    }
    bench->batch.count = BATCH;
}

/* Sets `spent` to the nanoseconds of each stage for one batch. */
static void run(struct bench *bench, int64_t spent[STAGES])
{
    struct batch *batch = &bench->batch;

    int64_t since = clock_thread_ns();
    for (uint32_t index = 0; index < batch->count; index++)
        decode_item(&batch->items[index], bench->config, bench->parser, &batch->arena);
    int64_t now = clock_thread_ns();
    spent[DECODE] = now - since;

    for (uint32_t index = 0; index < batch->count; index++)
        batch->items[index].definitions = bench->definitions;

    since = clock_thread_ns();
    for (uint32_t index = 0; index < batch->count; index++)
        check_item(&batch->items[index], bench->config, &batch->arena);
    now = clock_thread_ns();
    spent[CHECK] = now - since;

    for (uint32_t index = 0; index < batch->count; index++) {
        if (batch->items[index].outcome != OUTCOME_UNDECIDED)
            fail("the example was rejected");
        batch->items[index].outcome = OUTCOME_CREATED;
    }

    since = clock_thread_ns();
    for (uint32_t index = 0; index < batch->count; index++)
        reply_prepare(&batch->items[index], bench->config, &batch->arena);
    spent[COMPOSE] = clock_thread_ns() - since;
}

/* Prints the number of all commands, and the medians over the batches, which rare interruptions do not change. */
static void measure_commands(struct bench *bench, int64_t batches)
{
    double *whole = calloc((size_t)batches * (STAGES + 1), sizeof(*whole));
    if (whole == NULL)
        fail("out of memory");
    double *stages = whole + batches;
    for (int64_t batch = -WARM_UP; batch < batches; batch++) {
        int64_t spent[STAGES];
        fill(bench);
        run(bench, spent);
        if (batch < 0)
            continue;
        for (int stage = 0; stage < STAGES; stage++) {
            stages[stage * batches + batch] = (double)spent[stage] / BATCH;
            whole[batch] += (double)spent[stage] / BATCH;
        }
    }
    printf("{\"name\":\"pure\",\"commands\":%" PRId64 ",\"ns_per_command\":%.0f", bench->number,
           quantile(whole, (size_t)batches, 0.5));
    for (int stage = 0; stage < STAGES; stage++)
        printf(",\"%s\":%.0f", stage_names[stage], quantile(stages + stage * batches, (size_t)batches, 0.5));
    puts("}");
    free(whole);
}

/* One typical value per field type. */
static const struct {
    const char *type, *value;
} values[] = {
    {"text", "\"She/Her/Hers\""},
    {"number", "1234.5"},
    {"email", "\"ada.lovelace@example.com\""},
    {"url", "\"https://www.example.com/clients/17?tab=files\""},
    {"phoneNumber", "\"+14441234576\""},
    {"address",
     "{\"country\": \"US\", \"region\": \"New York\", \"postalCode\": \"10001\", \"addressLine1\": \"1201 Broadway\","
     " \"addressLine2\": \"704\", \"city\": \"New York\","
     " \"fullAddress\": \"1201 Broadway\\n704\\nNew York, New York, 10001\\nUnited States\"}"},
    {"multiSelect", "[\"fileSharing\", \"metrics\"]"},
};

static void measure_field(struct bench *bench, const char *type, const char *value, int64_t batches)
{
    char json[512], text[1024];
    struct arena *arena = &bench->batch.arena;

    snprintf(json, sizeof(json), "[{\"key\": \"field\", \"name\": \"Field\", \"type\": \"%s\", \"order\": 0%s}]", type,
             strcmp(type, "multiSelect") == 0
                 ? ", \"options\": [{\"key\": \"fileSharing\", \"label\": \"File Sharing\"},"
                   "{\"key\": \"metrics\", \"label\": \"Metrics\"}]"
                 : "");
    struct definitions *definitions = definitions_compile(span_of_text(json), NULL);
    if (definitions == NULL)
        fail("a %s field was not compiled", type);
    const struct field *field = definitions_field(definitions, SPAN("field"));

    batch_reset(&bench->batch);
    const size_t length = (size_t)snprintf(text, sizeof(text) - JSON_PADDING, "[%s]", value);
    struct json_fault fault;
    struct item item = {.definitions = definitions};
    if (!json_parse(bench->parser, text, length, CUSTOM_FIELDS_DEPTH, arena, &item.document, &fault))
        fail("%s: %s", value, json_fault_text(fault.code));

    struct check check = {.config = bench->config, .item = &item, .arena = arena};
    const size_t mark = arena->used;
    const int64_t rounds = batches * BATCH;
    const int64_t since = clock_thread_ns();
    for (int64_t round = 0; round < rounds; round++) {
        struct span normal = SPAN_NONE;
        if (!field->type->evaluate(&check, field, &item.document, 1, &normal))
            fail("%s was not accepted as %s", value, type);
        arena->used = mark;
    }
    printf("{\"name\":\"pure_field\",\"type\":\"%s\",\"ns\":%.0f}\n", type,
           (double)(clock_thread_ns() - since) / (double)rounds);
    definitions_free(definitions);
}

int main(int count, char **arguments)
{
    const int64_t batches = count > 1 ? number_of(arguments[1], 1) : 100;
    const struct config_sources sources = {.path = NULL};
    struct config *config = config_read(&sources);
    if (config == NULL)
        return 78;

    struct definitions *definitions = definitions_compile(span_of_text(example_definitions), NULL);
    struct bench bench = {.config = config, .definitions = definitions};
    bench.parser = decode_parser_new((size_t)config->limits.command_bytes);
    bench.messages = malloc((size_t)BATCH * 2 * EXAMPLE_BYTES);
    if (definitions == NULL || bench.parser == NULL || bench.messages == NULL ||
        batch_open(&bench.batch, BATCH, (size_t)config->batch.bytes, (size_t)config->limits.command_bytes) != 0)
        fail("out of memory");

    measure_commands(&bench, batches);
    for (size_t index = 0; index < sizeof(values) / sizeof(values[0]); index++)
        measure_field(&bench, values[index].type, values[index].value, batches);

    batch_close(&bench.batch);
    free(bench.messages);
    json_parser_free(bench.parser);
    definitions_free(definitions);
    config_free(config);
    return 0;
}
