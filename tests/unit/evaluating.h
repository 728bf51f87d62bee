/* evaluating: what tests of the pure part of the pipeline have in common: a config, definitions, and a batch of one. */
#ifndef TESTS_UNIT_EVALUATING_H
#define TESTS_UNIT_EVALUATING_H

#include <check.h>
#include <stdlib.h>

#include "worker/validate/evaluate.h"

#define JUDGING_TIME 1795415880123 /* 2026-11-23T06:38:00.123Z */

struct evaluating {
    struct config *config;
    struct definitions *definitions;
    struct evaluation evaluate;
    struct batch batch;
};

/* `definitions` and `settings` (ended by NULL) may be NULL. */
static inline void evaluating_open(struct evaluating *judging, const char *definitions, const char *const *settings)
{
    *judging = (struct evaluating){.config = config_read(&(struct config_sources){.settings = settings})};
    ck_assert_ptr_nonnull(judging->config);
    size_t bytes = (size_t)judging->config->limits.command_bytes;
    judging->evaluate = (struct evaluation){.config = judging->config, .parser = json_parser_new(bytes)};
    ck_assert_ptr_nonnull(judging->evaluate.parser);
    ck_assert_int_eq(batch_open(&judging->batch, 1, bytes, bytes), 0);
    if (definitions) {
        judging->definitions = definitions_compile(span_of_text(definitions), NULL);
        ck_assert_ptr_nonnull(judging->definitions);
        judging->evaluate.definitions = judging->definitions;
    }
}

static inline void evaluating_close(struct evaluating *judging)
{
    batch_close(&judging->batch);
    definitions_free(judging->definitions);
    json_parser_free(judging->evaluate.parser);
    config_free(judging->config);
}

/* The batch's item, anew, with this value (NULL: none), from clients.commands/3/17. The batch's memory is kept. */
static inline struct item *evaluating_item(struct evaluating *judging, const char *value)
{
    struct item *item = &judging->batch.items[0];
    *item =
        (struct item){.from = {.topic = "clients.commands", .partition = 3, .offset = 17, .timestamp_ms = JUDGING_TIME},
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
