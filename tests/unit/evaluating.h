/* evaluating: the context for tests of the pure part of the pipeline: a config, definitions, and a batch of one. */
#ifndef TESTS_UNIT_EVALUATING_H
#define TESTS_UNIT_EVALUATING_H

#include <check.h>
#include <stdlib.h>

#include "worker/validate/evaluate.h"

#define EVALUATING_TIME 1795415880123 /* 2026-11-23T06:38:00.123Z */

struct evaluating {
    struct config *config;
    struct definitions *definitions;
    struct evaluation evaluate;
    struct batch batch;
};

/* `definitions` and `settings` (ended by NULL) may be NULL. */
static inline void evaluating_open(struct evaluating *evaluating, const char *definitions, const char *const *settings)
{
    *evaluating = (struct evaluating){.config = config_read(&(struct config_sources){.settings = settings})};
    ck_assert_ptr_nonnull(evaluating->config);
    size_t bytes = (size_t)evaluating->config->limits.command_bytes;
    evaluating->evaluate = (struct evaluation){.config = evaluating->config, .parser = json_parser_new(bytes)};
    ck_assert_ptr_nonnull(evaluating->evaluate.parser);
    ck_assert_int_eq(batch_open(&evaluating->batch, 1, bytes, bytes), 0);
    if (definitions) {
        evaluating->definitions = definitions_compile(span_of_text(definitions), NULL);
        ck_assert_ptr_nonnull(evaluating->definitions);
        evaluating->evaluate.definitions = evaluating->definitions;
    }
}

static inline void evaluating_close(struct evaluating *evaluating)
{
    batch_close(&evaluating->batch);
    definitions_free(evaluating->definitions);
    json_parser_free(evaluating->evaluate.parser);
    config_free(evaluating->config);
}

/* Resets the batch's item to this value (NULL: none), from clients.commands/3/17. The batch's memory is kept. */
static inline struct item *evaluating_item(struct evaluating *evaluating, const char *value)
{
    struct item *item = &evaluating->batch.items[0];
    *item = (struct item){
        .from = {.topic = "clients.commands", .partition = 3, .offset = 17, .timestamp_ms = EVALUATING_TIME},
        .value = value ? span_of_text(value) : SPAN_NONE};
    return item;
}

static inline void expect_span(struct span found, const char *expected)
{
    ck_assert_msg(span_equal(found, span_of_text(expected)), "expected %s\nfound    %.*s", expected,
                  SPAN_FORMAT(found));
}

static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

#endif
