/* The input is a definition set. If it compiles, it is used for two commands: a fixed one, and one that gives every
 * field a value. */
#include <stdio.h>
#include <stdlib.h>

#include "common/json_writer.h"
#include "tests/fuzz/fuzz.h"
#include "worker/validate/evaluate.h"

#define VALUE_BYTES ((size_t)4 << 20)

#define CLIENT                                                                                                         \
    "{\"workspaceId\":\"w\",\"givenName\":\"A\",\"familyName\":\"B\",\"email\":\"a@b.example\",\"customFields\":"

static const struct config *default_config(void)
{
    static const char *const settings[] = {"limits.command_bytes=1048576", NULL};
    static struct config *config;
    if (!config)
        config = config_read(&(struct config_sources){.settings = settings});
    if (!config)
        fuzz_fail("no config");
    return config;
}

static void evaluate(const struct definitions *definitions, struct span value, struct arena *arena)
{
    const struct evaluation evaluation = {
        .config = default_config(), .definitions = definitions, .parser = fuzz_parser()};
    struct item item = {.from = {.topic = "t"}, .value = value};
    if (value.length > (size_t)evaluation.config->limits.command_bytes)
        return;
    evaluate_item(&evaluation, &item, arena);
    fuzz_expect_json(item.reply);
    if (item.error == ERROR_VALIDATION_FAILED)
        fuzz_expect_violations(&item);
    else if (item.outcome != OUTCOME_CREATED)
        fuzz_fail("the command was refused as a whole: %.*s", SPAN_FORMAT(item.reply));
}

/* A command with a member of customFields for every field. */
static struct span every_field(const struct definitions *definitions, const char *value, struct arena *arena)
{
    struct json_writer writer;
    writer_open(&writer, arena);
    writer_literal(&writer, CLIENT "{");
    for (uint32_t i = 0; i < definitions->count; i++) {
        const struct field *field = &definitions->fields[i];
        if (definitions_field(definitions, field->key) != field)
            fuzz_fail("field %u is not found by its key", i);
        if (i > 0)
            writer_literal(&writer, ",");
        writer_string(&writer, field->key);
        writer_literal(&writer, ":");
        if (field->option_count > 0) {
            writer_literal(&writer, "[");
            writer_string(&writer, field->options[field->option_count - 1]);
            writer_literal(&writer, "]");
        } else {
            writer_raw(&writer, span_of_text(value));
        }
    }
    writer_literal(&writer, "}}");
    return writer_close(&writer);
}

static void expect_faults(const struct definitions_fault *faults)
{
    if (!faults)
        fuzz_fail("refused without a fault");
    for (const struct definitions_fault *fault = faults; fault; fault = fault->next) {
        if (fault->message[0] == '\0' || !text_is_utf8(span_of_text(fault->message)))
            fuzz_fail("a fault's message is empty or not UTF-8");
        if ((fault->path[0] != '\0' && fault->path[0] != '/') || !text_is_utf8(span_of_text(fault->path)))
            fuzz_fail("a fault's path is no JSON Pointer: %s", fault->path);
    }
}

static void compile_and_evaluate(void *subject)
{
    static struct arena arena;
    if (!arena.base && arena_open(&arena, 64 * VALUE_BYTES) != 0)
        fuzz_fail("out of memory");
    const struct span *json = subject;
    struct definitions_fault *faults;
    struct definitions *definitions = definitions_compile(*json, &faults);
    if (definitions) {
        arena_reset(&arena, 0);
        evaluate(definitions, SPAN(CLIENT "{\"a\":\"x\",\"b\":1,\"c\":[\"x\"],\"d\":{\"country\":\"US\"}}}"), &arena);
        evaluate(definitions, every_field(definitions, "\"+14441234576\"", &arena), &arena);
        evaluate(definitions, every_field(definitions, "12", &arena), &arena);
        definitions_free(definitions);
    } else {
        expect_faults(faults);
        definitions_faults_free(faults);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span json = fuzz_expand(data, size);
    fuzz_timed(json.length, compile_and_evaluate, &json);
    free((char *)(uintptr_t)json.at);
    return 0;
}
