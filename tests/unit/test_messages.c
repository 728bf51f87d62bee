/* Every error that a reply can carry, as the sender reads it: no character of a message is invisible, at most 64
 * bytes of a value are repeated, and the message says what would be right. */
#include "tests/unit/message_rows.h"

#include <regex.h>
#include <stdio.h>

#include "common/quote.h"
#include "tests/unit/evaluating.h"
#include "tests/unit/visible.h"
#include "worker/index/claim.h"

/* The ways in which a message says what would be right. */
#define HINT                                                                                                           \
    "must |did you mean |allows only |leave out |only create-client is|that are allowed|this one has |have [0-9]+ in " \
    "front|has no place in a number, which is "

#define VALUE_BYTES 4096

static struct evaluating evaluating[2]; /* the second with little room */
static regex_t hint;

static void open_all(void)
{
    static const char *const little[] = {"limits.command_bytes=1KiB", NULL};
    evaluating_open(&evaluating[0], message_definitions, NULL);
    evaluating_open(&evaluating[1], message_definitions, little);
    ck_assert_int_eq(regcomp(&hint, HINT, REG_EXTENDED | REG_NOSUB), 0);
}

static void close_all(void)
{
    regfree(&hint);
    evaluating_close(&evaluating[0]);
    evaluating_close(&evaluating[1]);
}

/* The row's command with `filling` in place of each HERE. */
static struct span fill(const struct message_row *row, struct span filling, char value[VALUE_BYTES])
{
    size_t length = 0;
    for (size_t i = 0; i < row->command.length; i++) {
        const struct span piece = row->command.at[i] == HERE[0] ? filling : span_of(row->command.at + i, 1);
        ck_assert_uint_lt(length + piece.length, VALUE_BYTES);
        memcpy(value + length, piece.at, piece.length);
        length += piece.length;
    }
    return span_of(value, length);
}

/* The index's reply to a valid command. */
static void ask_index(const struct message_row *row, struct item *item)
{
    struct claim_finding finding = {0};
    if (row->how == WITH_TAKEN_EMAIL)
        finding.owner = SPAN("5b0ed2f4-6f0c-4d0a-9a3e-6d0f5f6b7c21");
    if (row->how == WITH_ANOTHER_CLIENT)
        finding.stored = SPAN("clients.commands/0/3 00000000000000000000000000000000\n{\"id\":\"x\"}");
    if (item->outcome == OUTCOME_CREATED && (finding.owner.at || finding.stored.at)) {
        item->outcome = OUTCOME_UNDECIDED;
        claim_apply(item, &finding);
    }
}

static struct item *evaluate_row(const struct message_row *row, struct span value)
{
    struct evaluating *bench = &evaluating[row->how == WITH_LITTLE_ROOM];
    struct evaluation evaluation = bench->evaluate;
    if (row->how == WITHOUT_DEFINITIONS || row->how == WITH_BROKEN_DEFINITIONS)
        evaluation.definitions = NULL;
    evaluation.definitions_broken = row->how == WITH_BROKEN_DEFINITIONS;
    batch_reset(&bench->batch);
    struct item *item = evaluating_item(bench, "");
    item->value = value;
    if (row->how == WITH_LARGE_CLIENT || row->how == WITH_HUGE_CLIENT) {
        item->record_form = FORM_NONE;
        item->client_bytes = 1048700;
        item->client_most = row->how == WITH_HUGE_CLIENT ? 1000000 : 0;
    }
    evaluate_item(&evaluation, item, &bench->batch.arena);
    ask_index(row, item);
    return item;
}

static size_t count_of(struct span text, const char *part)
{
    size_t count = 0;
    const size_t length = strlen(part);
    for (size_t i = 0; i + length <= text.length; i++)
        count += memcmp(text.at + i, part, length) == 0;
    return count;
}

/* The rules for every message and any value. It holds `shown` (NULL: anything) at most `most` times. */
static void expect_decent(const struct message_row *row, struct span message, struct span value, const char *shown,
                          size_t most)
{
    const uint32_t invisible = invisible_in(message);
    ck_assert_msg(message.length > 0, "row %td: no message", row - message_rows);
    ck_assert_msg(text_is_utf8(message), "row %td: not UTF-8", row - message_rows);
    ck_assert_msg(invisible == 0, "row %td: U+%04X in: %.*s", row - message_rows, (unsigned)invisible,
                  SPAN_FORMAT(message));
    ck_assert_msg(!repeats_too_much(message, value), "row %td: too much of the value: %.*s", row - message_rows,
                  SPAN_FORMAT(message));
    ck_assert_msg(!shown || count_of(message, shown) <= most, "row %td: too much of the value: %.*s",
                  row - message_rows, SPAN_FORMAT(message));
    ck_assert_msg(!memchr(message.at, '\n', message.length), "row %td: two lines", row - message_rows);
}

static void expect_all_decent(const struct message_row *row, const struct item *item, struct span value,
                              const char *shown, size_t most)
{
    if (item->outcome == OUTCOME_REJECTED)
        expect_decent(row, item->error_message, value, shown, most);
    for (const struct violation *one = item->violations; one; one = one->next)
        expect_decent(row, one->message, value, shown, most);
}

static bool has_hint(struct span message)
{
    char text[2048];
    snprintf(text, sizeof(text), "%.*s", SPAN_FORMAT(message));
    return regexec(&hint, text, 0, NULL, 0) == 0;
}

/* The message of the row's error; at == NULL if the command does not have it. */
static struct span message_of(const struct message_row *row, const struct item *item)
{
    if (item->outcome == OUTCOME_REJECTED && item->error == row->error)
        return item->error_message;
    for (const struct violation *one = item->violations; one; one = one->next)
        if (one->code == row->error)
            return one->message;
    return SPAN_NONE;
}

START_TEST(row_says_what_would_be_right)
{
    const struct message_row *row = &message_rows[_i];
    char text[VALUE_BYTES];
    const struct span value = fill(row, SPAN(""), text);
    const struct item *item = evaluate_row(row, value);
    const struct span message = message_of(row, item);
    ck_assert_msg(message.at != NULL, "row %d: not %s: %.*s", _i, error_row(row->error)->code,
                  SPAN_FORMAT(item->reply));
    expect_all_decent(row, item, value, NULL, 0);
    ck_assert_msg(memmem(message.at, message.length, row->says, strlen(row->says)), "row %d: \"%s\" is not in: %.*s",
                  _i, row->says, SPAN_FORMAT(message));
    if (row->error == ERROR_VALIDATION_FAILED)
        ck_assert_ptr_nonnull(item->violations); /* the violations carry the message */
    else
        ck_assert_msg(has_hint(message), "row %d: no hint in: %.*s", _i, SPAN_FORMAT(message));
}
END_TEST

/* Hostile content of values: each alone, and repeated beyond the limit for quotes. */
static const struct {
    const char *unit, *shown;
} fillings[] = {
    {"Q", "Q"},
    {"\xc2\xa0", "U+00A0"},
    {"\xc2\xad", "U+00AD"},
    {"\xe2\x80\x8b", "U+200B"},
    {"\xe2\x80\xae", "U+202E"},
    {"\xe2\x80\xa8", "U+2028"},
    {"\xe3\x85\xa4", "U+3164"},
    {"\xe2\xa0\x80", "U+2800"},
    {"\xef\xb8\x8f", "U+FE0F"},
    {"\xef\xbb\xbf", "U+FEFF"},
    {"\xf3\xa0\x84\x80", "U+E0100"},
    {"\xee\x80\x80", "U+E000"},
    {"\xcc\x81", "\xcc\x81"},
    {"\\u0000", "U+0000"},
    {"\\u0085", "U+0085"},
    {"\\u007f", "U+007F"},
    {"\\t", "U+0009"},
    {"\\\"", NULL},
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
};

START_TEST(hostile_values_stay_short_and_visible)
{
    const struct message_row *row = &message_rows[_i];
    if (!memchr(row->command.at, HERE[0], row->command.length))
        return;
    for (size_t i = 0; i < sizeof(fillings) / sizeof(fillings[0]); i++) {
        for (size_t times = 1; times <= 200; times += 199) {
            char text[VALUE_BYTES], filling[VALUE_BYTES];
            const size_t size = strlen(fillings[i].unit);
            for (size_t j = 0; j < times; j++)
                memcpy(filling + j * size, fillings[i].unit, size);
            const struct span value = fill(row, span_of(filling, times * size), text);
            expect_all_decent(row, evaluate_row(row, value), value, fillings[i].shown, 64);
        }
    }
}
END_TEST

START_TEST(every_error_has_a_row)
{
    for (enum error error = ERROR_NONE + 1; error < ERROR_COUNT; error++) {
        size_t count = 0;
        for (size_t i = 0; i < message_row_count; i++)
            count += message_rows[i].error == error;
        ck_assert_msg(count > 0, "no row shows the message of %s", error_row(error)->code);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("messages");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, open_all, close_all);
    tcase_add_test(tests, every_error_has_a_row);
    tcase_add_loop_test(tests, row_says_what_would_be_right, 0, (int)message_row_count);
    tcase_add_loop_test(tests, hostile_values_stay_short_and_visible, 0, (int)message_row_count);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
