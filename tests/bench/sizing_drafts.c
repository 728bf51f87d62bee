#include "tests/bench/sizing_drafts.h"

#include <stdlib.h>

#include "tests/bench/measure.h"
#include "worker/redis/redis_keys.h"
#include "worker/validate/check.h"
#include "worker/validate/decode.h"
#include "worker/validate/definitions.h"

void sizing_drafts_open(struct sizing_drafts *drafts, const struct config *config, const struct sizing_crowd *crowd,
                        int32_t partitions, uint32_t most)
{
    *drafts = (struct sizing_drafts){.config = config,
                                     .crowd = crowd,
                                     .partitions = partitions,
                                     .definitions = definitions_compile(span_of_text(example_definitions), NULL),
                                     .parser = decode_parser_new((size_t)config->limits.command_bytes),
                                     .messages = malloc((size_t)most * 2 * EXAMPLE_BYTES)};
    if (!drafts->definitions || !drafts->parser || !drafts->messages ||
        batch_open(&drafts->batch, most, (size_t)config->batch.bytes, (size_t)config->limits.command_bytes) != 0)
        fail("out of memory");
}

void sizing_drafts_close(struct sizing_drafts *drafts)
{
    batch_close(&drafts->batch);
    free(drafts->messages);
    json_parser_free(drafts->parser);
    definitions_free(drafts->definitions);
}

void sizing_drafts_fill(struct sizing_drafts *drafts, int64_t first, uint32_t count)
{
    struct batch *batch = &drafts->batch;
    char *at = drafts->messages;
    batch_reset(batch);
    for (uint32_t i = 0; i < count; i++) {
        const int64_t client = first + i, workspace = sizing_crowd_workspace(drafts->crowd, client);
        const struct span key = span_of(at, sizing_crowd_name(drafts->crowd, at, workspace));
        at += key.length;
        const struct span value = span_of(at, sizing_crowd_command(drafts->crowd, at, client));
        at += value.length;
        struct item *item = &batch->items[i];
        *item = (struct item){.from = {drafts->config->commands.topic, (int32_t)(workspace % drafts->partitions),
                                       client / drafts->partitions, INT64_C(1795000000000) + client},
                              .key = key,
                              .value = value};
        decode_item(item, drafts->config, drafts->parser, &batch->arena);
        item->definitions = drafts->definitions;
        check_item(item, drafts->config, &batch->arena);
        if (item->outcome != OUTCOME_UNDECIDED)
            fail("the command of client %lld was rejected", (long long)client);
    }
    batch->count = count;
}

struct sizing_lengths sizing_drafts_lengths(const struct item *item)
{
    const size_t workspace = item->workspace.length + strlen("}:");
    return (struct sizing_lengths){.client_key = strlen(CLIENT_KEY_BEFORE) + workspace + CLIENT_ID_LENGTH,
                                   .client = item->position.length + strlen(" ") + HASH_LENGTH + strlen("\n") +
                                             item->record.length,
                                   .email_key = strlen(EMAIL_KEY_BEFORE) + workspace + item->email_key.length,
                                   .email = CLIENT_ID_LENGTH};
}
