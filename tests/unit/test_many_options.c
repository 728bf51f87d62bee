/* Fields with options without number, and values with many that are unknown: comparing them stops in time, and the
 * message counts them all. */
#include "tests/unit/evaluating.h"

#include <stdio.h>

#include "tests/unit/colliding_names.h"

#define PERSON                                                                                                         \
    "\"workspaceId\":\"acme\",\"givenName\":\"Ada\",\"familyName\":\"Lovelace\",\"email\":\"ada@example.com\""

/* A field with thousands of options, and a value with a hundred unknown ones: comparing stops, counting does not. */
START_TEST(options_without_number_are_counted)
{
    enum { OPTIONS = 3000, WRONG = 100, BYTES = 200000 };
    char *json = malloc(BYTES), *command = malloc(BYTES);
    ck_assert(json && command);
    size_t length = (size_t)sprintf(json, "[{\"key\":\"f\",\"type\":\"multiSelect\",\"options\":[");
    for (int i = 0; i < OPTIONS; i++)
        length += (size_t)sprintf(json + length, "%s{\"key\":\"option number %d\"}", i > 0 ? "," : "", i);
    strcpy(json + length, "]}]");
    length = (size_t)sprintf(command, "{" PERSON ",\"customFields\":{\"f\":[");
    for (int i = 0; i < WRONG; i++)
        length += (size_t)sprintf(command + length, "%s\"another number %d\"", i > 0 ? "," : "", i);
    strcpy(command + length, "]}}");

    struct evaluating many;
    evaluating_open(&many, json, NULL);
    struct item *item = evaluating_item(&many, command);
    evaluate_item(&many.evaluate, item, &many.batch.arena);
    ck_assert_uint_eq(item->violation_listed, WRONG);
    for (const struct violation *one = item->violations; one; one = one->next) {
        const struct span tail = SPAN(" or 2990 others");
        ck_assert_msg(span_equal(span_from(one->message, one->message.length - tail.length), tail), "%.*s",
                      SPAN_FORMAT(one->message));
    }
    evaluating_close(&many);
    free(json);
    free(command);
}
END_TEST

/* CPU time to check a command with a hundred unknown options of a field that has so many. The options have the same
 * length as what is given. */
static double check_wrong_options(int options)
{
    enum { WRONG = 100, OPTION_BYTES = 32 };
    char *json = malloc((size_t)options * OPTION_BYTES + 100), *command = malloc(WRONG * OPTION_BYTES + 1000);
    ck_assert(json && command);
    char *end = stpcpy(json, "[{\"key\":\"f\",\"type\":\"multiSelect\",\"options\":[");
    for (int i = 0; i < options; i++)
        end += sprintf(end, "%s{\"key\":\"option%08d\"}", i > 0 ? "," : "", i);
    strcpy(end, "]}]");
    end = stpcpy(command, "{" PERSON ",\"customFields\":{\"f\":[");
    for (int i = 0; i < WRONG; i++)
        end += sprintf(end, "%s\"Option%08d\"", i > 0 ? "," : "", i == 0 ? 7 : 90000000 + i);
    strcpy(end, "]}}");

    struct evaluating many;
    evaluating_open(&many, json, NULL);
    struct item *item = evaluating_item(&many, command);
    const double began = cpu_seconds();
    evaluate_item(&many.evaluate, item, &many.batch.arena);
    const double taken = cpu_seconds() - began;
    ck_assert_uint_eq(item->violation_listed, WRONG);
    const struct span first = item->violations->message, written = SPAN("must be written option00000007");
    ck_assert_msg(memmem(first.at, first.length, written.at, written.length), "%.*s", SPAN_FORMAT(first));
    evaluating_close(&many);
    free(json);
    free(command);
    return taken;
}

/* A batch of such commands would not end before its partitions go to another worker, where it would not end either. */
START_TEST(wrong_options_cost_no_more_where_there_are_many)
{
    const double few = check_wrong_options(100), many = check_wrong_options(300000);
    ck_assert_msg(many < few + 0.03, "%.1f ms, with few options %.1f ms", many * 1000, few * 1000);
}
END_TEST

/* Such names are nothing once the characters between words are left out. Comparing stops there, too. */
START_TEST(options_of_nothing_but_separators_are_not_compared_without_end)
{
    enum { OPTIONS = 177147, DIGITS_OF_3 = 11, WRONG = 100, OPTION_BYTES = 32 };
    char *json = malloc(OPTIONS * OPTION_BYTES + 100), *command = malloc(1000 + 3 * WRONG);
    ck_assert(json && command);
    char *end = stpcpy(json, "[{\"key\":\"f\",\"type\":\"multiSelect\",\"options\":[");
    for (int i = 0; i < OPTIONS; i++) {
        end = stpcpy(end, i > 0 ? ",{\"key\":\"" : "{\"key\":\"");
        for (int digit = 0, rest = i; digit < DIGITS_OF_3; digit++, rest /= 3)
            *end++ = "-_."[rest % 3];
        end = stpcpy(end, "\"}");
    }
    strcpy(end, "]}]");
    end = stpcpy(command, "{" PERSON ",\"customFields\":{\"f\":[");
    for (int i = 0; i < WRONG; i++)
        end = stpcpy(end, i > 0 ? ",\"\"" : "\"\"");
    strcpy(end, "]}}");

    struct evaluating many;
    evaluating_open(&many, json, NULL);
    struct item *item = evaluating_item(&many, command);
    const double began = cpu_seconds();
    evaluate_item(&many.evaluate, item, &many.batch.arena);
    const double taken = cpu_seconds() - began;
    ck_assert_uint_eq(item->violation_listed, WRONG);
    ck_assert_msg(taken < 0.03, "%.1f ms", taken * 1000);
    evaluating_close(&many);
    free(json);
    free(command);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("many options");
    TCase *tests = tcase_create("options");
    tcase_add_test(tests, options_without_number_are_counted);
    tcase_add_test(tests, wrong_options_cost_no_more_where_there_are_many);
    tcase_add_test(tests, options_of_nothing_but_separators_are_not_compared_without_end);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
