/* letters: what is read from dead letters, what is printed of them, how they are grouped, and how notes find them. */
#include <malloc.h>
#include <stdlib.h>

#include "common/sorted_spill.h"
#include "tests/lib/quick_check.h"
#include "worker/letters/letter.h"
#include "worker/letters/letter_cause.h"
#include "worker/letters/letter_groups.h"
#include "worker/letters/letter_notes.h"
#include "worker/letters/letter_selection.h"
#include "worker/letters/letter_tally.h"
#include "worker/letters/letter_text.h"

static struct spill *spill_new(void)
{
    char error[256];
    struct spill *spill = spill_open(error, sizeof(error));
    ck_assert_msg(spill != NULL, "%s", error);
    return spill;
}

/* ---- places ---- */

START_TEST(a_place_is_two_numbers)
{
    struct letter_place place;
    ck_assert(letter_place_read(SPAN("0/0"), &place));
    ck_assert(letter_place_read(SPAN("2147483647/9223372036854775807"), &place));
    ck_assert_int_eq(place.partition, INT32_MAX);
    ck_assert_int_eq(place.offset, INT64_MAX);
    static const char *const others[] = {"",
                                         "1",
                                         "/",
                                         "1/",
                                         "/1",
                                         "a/1",
                                         "1/a",
                                         "-1/1",
                                         "1/-1",
                                         "1/+1",
                                         "1 /1",
                                         "1/1 ",
                                         "1/1/1",
                                         "2147483648/1",
                                         "1/9223372036854775808",
                                         "1/99999999999999999999",
                                         "0x1/1"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_msg(!letter_place_read(span_of_text(others[i]), &place), "%s", others[i]);
}
END_TEST

START_TEST(a_position_begins_with_a_legal_topic)
{
    struct letter_position position;
    char longest[LETTER_TOPIC_SIZE + 8], text[LETTER_POSITION_SIZE];
    ck_assert(letter_position_read(SPAN("clients.commands/3/17"), &position));
    ck_assert_str_eq(position.topic, "clients.commands");
    letter_position_write(&position, text);
    ck_assert_str_eq(text, "clients.commands/3/17");
    static const char *const others[] = {"", "3/17", "/3/17", "a/b/3/17", "a\x1b[31m/3/17", "../3/17", "..//17"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        ck_assert_msg(!letter_position_read(span_of_text(others[i]), &position), "%s", others[i]);
        ck_assert_msg(position.topic[0] == '\0', "%s", others[i]);
    }
    ck_assert(!letter_position_read(span_of("a\0b/3/17", 8), &position));
    memset(longest, 'a', sizeof(longest));
    memcpy(longest + LETTER_TOPIC_SIZE, "/0/0", 4);
    ck_assert(!letter_position_read(span_of(longest, LETTER_TOPIC_SIZE + 4), &position));
    ck_assert(letter_position_read(span_of(longest + 1, LETTER_TOPIC_SIZE + 3), &position));
}
END_TEST

START_TEST(headers_of_a_letter_are_told_from_those_of_its_command)
{
    ck_assert(letter_owns_header(SPAN("dlq-topic")));
    ck_assert(letter_owns_header(SPAN("dlq-anything")));
    ck_assert(!letter_owns_header(SPAN("dlq")));
    ck_assert(!letter_owns_header(SPAN("xdlq-topic")));
}
END_TEST

/* ---- selection ---- */

START_TEST(a_selection_is_half_open_in_time)
{
    const int32_t partitions[] = {0, 2};
    struct letter_selection selection = LETTER_SELECTION_ALL;
    struct letter letter = {.place = {2, 5}, .time_ms = 1000, .code = SPAN("malformed_json")};
    ck_assert(letter_is_selected(&selection, &letter));
    selection.since_ms = 1000;
    ck_assert(letter_is_selected(&selection, &letter));
    selection.since_ms = 1001;
    ck_assert(!letter_is_selected(&selection, &letter));
    selection.since_ms = INT64_MIN;
    selection.until_ms = 1001;
    ck_assert(letter_is_selected(&selection, &letter));
    selection.until_ms = 1000;
    ck_assert(!letter_is_selected(&selection, &letter));
    selection.until_ms = INT64_MAX;
    selection.partitions = partitions;
    selection.partition_count = 2;
    ck_assert(letter_is_selected(&selection, &letter));
    letter.place.partition = 1;
    ck_assert(!letter_is_selected(&selection, &letter));
    letter.place.partition = 0;
    selection.code = "malformed_json";
    ck_assert(letter_is_selected(&selection, &letter));
    selection.code = "malformed";
    ck_assert(!letter_is_selected(&selection, &letter));
    letter.code = SPAN_NONE;
    ck_assert(!letter_is_selected(&selection, &letter));
    selection.code = NULL;
    letter.kind = LETTER_NOTE;
    ck_assert(!letter_is_selected(&selection, &letter));
}
END_TEST

/* ---- causes and groups ---- */

static void check_cause(const char *message, const char *expected)
{
    char cause[LETTER_CAUSE_BYTES + 1];
    cause[letter_cause_write(span_of_text(message), cause)] = '\0';
    ck_assert_str_eq(cause, expected);
}

START_TEST(a_cause_has_no_numbers_and_no_values)
{
    check_cause("", "");
    check_cause("at byte 17: it ends too early", "at byte #: it ends too early");
    check_cause("at byte 3: \"x\" does not fit there", "at byte #: \"...\" does not fit there");
    check_cause("at byte 3: \"\"\" does not fit there", "at byte #: \"...\" does not fit there");
    check_cause("\"a\"b\", must stand once", "\"...\", must stand once");
    check_cause("\"1 2", "\"...\"");
    check_cause("at byte 4, which is 0xFF; must be UTF-8", "at byte #, which is 0x#; must be UTF-8");
    check_cause("\"\xc3\xa9\" (U+00E9) does not fit", "\"...\" (U+#) does not fit");
    check_cause("more than the 262144 bytes", "more than the # bytes");
    check_cause("0x is no number", "#x is no number");
}
END_TEST

START_TEST(a_long_cause_is_cut_at_a_character)
{
    char message[1024], cause[LETTER_CAUSE_BYTES];
    for (size_t i = 0; i < sizeof(message); i += 2)
        memcpy(message + i, "\xc3\xa9", 2);
    ck_assert_uint_eq(letter_cause_write(span_of(message, sizeof(message)), cause), LETTER_CAUSE_BYTES);
    memmove(message + 1, message, sizeof(message) - 1);
    message[0] = 'a';
    ck_assert_uint_eq(letter_cause_write(span_of(message, sizeof(message)), cause), LETTER_CAUSE_BYTES - 1);
}
END_TEST

static void add_letter(struct letter_groups *groups, const char *code, const char *message, int64_t offset,
                       int64_t time)
{
    const struct letter letter = {.place = {0, offset},
                                  .time_ms = time,
                                  .code = code ? span_of_text(code) : SPAN_NONE,
                                  .message = span_of_text(message)};
    ck_assert(letter_groups_add(groups, &letter));
}

START_TEST(letters_of_one_cause_are_one_group)
{
    size_t count;
    char message[64];
    struct letter_groups *groups = letter_groups_new();
    ck_assert_ptr_nonnull(groups);
    add_letter(groups, "too_large", "more than the 10 bytes", 0, 500);
    for (int i = 0; i < 1000; i++) {
        snprintf(message, sizeof(message), "at byte %d: \"%c\" does not fit", i, 'a' + i % 26);
        add_letter(groups, "malformed_json", message, 1 + i, i == 7 ? 3 : 10 + i);
    }
    add_letter(groups, NULL, "more than the 10 bytes", 2000, 500);
    add_letter(groups, "", "more than the 10 bytes", 2001, 500);
    const struct letter_group *sorted = letter_groups_sorted(groups, &count);
    ck_assert_uint_eq(count, 4);
    ck_assert_int_eq(sorted[0].count, 1000);
    ck_assert(span_equal(sorted[0].code, SPAN("malformed_json")));
    ck_assert(span_equal(sorted[0].cause, SPAN("at byte #: \"...\" does not fit")));
    ck_assert_int_eq(sorted[0].first_ms, 3);
    ck_assert_int_eq(sorted[0].last_ms, 1009);
    ck_assert_int_eq(sorted[0].example.offset, 1);
    ck_assert_ptr_null(sorted[2].code.at);
    ck_assert_ptr_nonnull(sorted[3].code.at);
    letter_groups_free(groups);
}
END_TEST

/* A word for each number, without a digit. */
static void word(int number, char text[16])
{
    int at = 0;
    do {
        text[at++] = (char)('a' + number % 10);
        number /= 10;
    } while (number > 0);
    text[at] = '\0';
}

START_TEST(groups_are_bounded)
{
    size_t count;
    char message[16];
    struct letter_groups *groups = letter_groups_new();
    ck_assert_ptr_nonnull(groups);
    for (int time = 0; time < 2; time++) {
        for (int i = 0; i < LETTER_GROUPS + 500; i++) {
            word(i, message);
            add_letter(groups, "malformed_json", message, i, i);
        }
    }
    const struct letter_group *sorted = letter_groups_sorted(groups, &count);
    ck_assert_uint_eq(count, LETTER_GROUPS + 1);
    for (size_t i = 0; i < LETTER_GROUPS; i++)
        ck_assert_int_eq(sorted[i].count, 2);
    ck_assert_ptr_null(sorted[LETTER_GROUPS].cause.at);
    ck_assert_int_eq(sorted[LETTER_GROUPS].count, 1000);
    ck_assert_int_eq(sorted[LETTER_GROUPS].example.offset, LETTER_GROUPS);
    letter_groups_free(groups);
}
END_TEST

/* ---- text ---- */

static void check_text(struct span text, size_t most, const char *expected)
{
    char *printed = NULL;
    size_t size;
    FILE *out = open_memstream(&printed, &size);
    letter_text_print(text, most, out);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_str_eq(printed, expected);
    free(printed);
}

START_TEST(what_a_terminal_obeys_is_escaped)
{
    check_text(SPAN("\x1b[31mred\x07\x7f"), SIZE_MAX, "<U+001B>[31mred<U+0007><U+007F>");
    check_text(SPAN("a\0b\n"), SIZE_MAX, "a<U+0000>b<U+000A>");
    check_text(SPAN("\xe2\x80\xae txt"), SIZE_MAX, "<U+202E> txt");
    check_text(SPAN("\xff\xc3\xa9\xc3"), SIZE_MAX, "<0xFF>\xc3\xa9<0xC3>");
    check_text(SPAN("\xc2\x9b"
                    "31m"),
               SIZE_MAX, "<U+009B>31m");
    check_text(SPAN("abcdef"), 3, "abc...");
    check_text(SPAN("ab\xc3\xa9"), 3, "ab...");
    check_text(SPAN("abc"), 3, "abc");
}
END_TEST

START_TEST(lines_of_a_value_stay_lines)
{
    char *printed = NULL;
    size_t size;
    FILE *out = open_memstream(&printed, &size);
    letter_text_print_lines(SPAN("{\r\n}\n"), "> ", out);
    letter_text_print_hex(SPAN("0123456789abcdef\x1b~"), out);
    ck_assert_int_eq(fclose(out), 0);
    ck_assert_str_eq(printed, "> {<U+000D><U+000A>\n> }<U+000A>\n"
                              "00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef\n"
                              "00000010  1b 7e                                            .~\n");
    free(printed);
}
END_TEST

START_TEST(json_holds_any_bytes)
{
    json_t *cut = letter_text_json(SPAN("a\xff"
                                        "bcd"),
                                   4),
           *none = letter_text_json(SPAN_NONE, 4);
    ck_assert_str_eq(json_string_value(cut), "a\xef\xbf\xbd"
                                             "bc...");
    ck_assert(json_is_null(none));
    json_t *object = json_object();
    letter_text_json_bytes(object, "text", SPAN("a\xc3\xa9"));
    letter_text_json_bytes(object, "one", SPAN("\xff"));
    letter_text_json_bytes(object, "two", SPAN("\xff\x00"));
    letter_text_json_bytes(object, "three", SPAN("\xff\x00\x10"));
    letter_text_json_bytes(object, "none", SPAN_NONE);
    char *text = json_dumps(object, JSON_COMPACT);
    ck_assert_str_eq(text, "{\"text\":\"a\xc3\xa9\",\"oneBase64\":\"/w==\",\"twoBase64\":\"/wA=\","
                           "\"threeBase64\":\"/wAQ\",\"none\":null}");
    free(text);
    json_decref(object);
    json_decref(cut);
    json_decref(none);
}
END_TEST

/* ---- sorting ---- */

struct pair {
    int32_t key, number;
};

static int by_key(const void *a, const void *b)
{
    return ((const struct pair *)a)->key - ((const struct pair *)b)->key;
}

/* Equal keys stay in the order of their addition. */
static void check_sorting(int count, size_t memory_entries, int keys)
{
    struct spill *spill = spill_new();
    struct sorted_spill *sorted = sorted_spill_new(spill, sizeof(struct pair), memory_entries, by_key);
    ck_assert_ptr_nonnull(sorted);
    uint32_t state = 7;
    for (int i = 0; i < count; i++) {
        state = state * 1103515245 + 12345;
        const struct pair pair = {(int32_t)(state >> 8) % keys, i};
        ck_assert(sorted_spill_add(sorted, &pair));
    }
    for (int time = 0; time < 2; time++) {
        struct pair pair, before = {-1, -1};
        int found = 0;
        enum sorted_reading reading;
        ck_assert(sorted_spill_begin(sorted));
        while ((reading = sorted_spill_next(sorted, &pair)) == SORTED_ENTRY) {
            ck_assert(pair.key > before.key || (pair.key == before.key && pair.number > before.number));
            before = pair;
            found++;
        }
        ck_assert_int_eq(reading, SORTED_END);
        ck_assert_int_eq(found, count);
    }
    ck_assert_int_eq(sorted_spill_count(sorted), count);
    sorted_spill_free(sorted);
    spill_close(spill);
}

START_TEST(entries_come_out_sorted)
{
    check_sorting(0, 10, 5);
    check_sorting(1, 10, 5);
    check_sorting(9, 10, 5);
    check_sorting(10, 10, 5);
    check_sorting(11, 10, 1000000);
    check_sorting(20000, 16, 3);
    check_sorting(20000, 1000, 1000000);
    check_sorting(20000, 1, 100);
}
END_TEST

START_TEST(sorting_takes_no_more_memory_for_many_runs)
{
    enum { RUN = 16, FEW = 16 * RUN, MANY = 20000 * RUN };
    size_t taken[2];
    for (int i = 0; i < 2; i++) {
        struct spill *spill = spill_new();
        const size_t before = mallinfo2().uordblks;
        struct sorted_spill *sorted = sorted_spill_new(spill, sizeof(struct pair), RUN, by_key);
        for (int j = 0; j < (i == 0 ? FEW : MANY); j++)
            ck_assert(sorted_spill_add(sorted, &(struct pair){j % 1000, j}));
        ck_assert(sorted_spill_begin(sorted));
        taken[i] = mallinfo2().uordblks - before;
        sorted_spill_free(sorted);
        spill_close(spill);
    }
    /* A run itself takes some 70 bytes. */
    ck_assert_uint_lt(taken[1], taken[0] + (size_t)4 * 1024 * 1024);
}
END_TEST

/* ---- notes ---- */

static void add_note(struct letter_notes *notes, struct letter_place at, struct letter_place of, const char *topic,
                     int64_t to)
{
    struct letter note = {.kind = LETTER_NOTE, .place = at, .time_ms = at.offset, .is_valid = true, .of = of};
    strcpy(note.to.topic, topic);
    note.to.offset = to;
    ck_assert(letter_notes_add(notes, &note));
}

START_TEST(a_letter_finds_its_notes_in_their_order)
{
    struct letter_retry retry;
    struct spill *spill = spill_new();
    struct letter_notes *notes = letter_notes_new(spill);
    ck_assert_ptr_nonnull(notes);
    add_note(notes, (struct letter_place){1, 9}, (struct letter_place){1, 5}, "commands", 30);
    add_note(notes, (struct letter_place){1, 8}, (struct letter_place){1, 5}, "commands", 20);
    add_note(notes, (struct letter_place){0, 7}, (struct letter_place){0, 5}, "other", 10);
    struct letter invalid = {.kind = LETTER_NOTE};
    ck_assert(letter_notes_add(notes, &invalid));
    ck_assert(letter_notes_begin(notes));
    ck_assert_int_eq(letter_notes_next(notes, (struct letter_place){0, 4}, &retry), NOTES_END);
    ck_assert_int_eq(letter_notes_next(notes, (struct letter_place){0, 5}, &retry), NOTES_RETRY);
    ck_assert_str_eq(retry.to.topic, "other");
    ck_assert_int_eq(retry.at_ms, 7);
    ck_assert_int_eq(retry.outcome, LETTER_UNANSWERED);
    ck_assert_int_eq(letter_notes_next(notes, (struct letter_place){0, 5}, &retry), NOTES_END);
    ck_assert_int_eq(letter_notes_next(notes, (struct letter_place){1, 5}, &retry), NOTES_RETRY);
    ck_assert_int_eq(retry.to.offset, 20);
    ck_assert_int_eq(letter_notes_next(notes, (struct letter_place){1, 5}, &retry), NOTES_RETRY);
    ck_assert_int_eq(retry.to.offset, 30);
    ck_assert_int_eq(letter_notes_next(notes, (struct letter_place){1, 6}, &retry), NOTES_END);
    letter_notes_free(notes);
    spill_close(spill);
}
END_TEST

START_TEST(a_letter_passes_over_notes_of_letters_that_are_gone)
{
    struct letter_retry retry;
    struct spill *spill = spill_new();
    struct letter_notes *notes = letter_notes_new(spill);
    ck_assert_ptr_nonnull(notes);
    for (int i = 0; i < 200; i++) {
        char topic[32];
        snprintf(topic, sizeof(topic), "topic-%d", i);
        add_note(notes, (struct letter_place){0, 1000 + i}, (struct letter_place){0, i}, topic, i);
    }
    ck_assert(letter_notes_begin(notes));
    ck_assert_int_eq(letter_notes_next(notes, (struct letter_place){0, 20}, &retry), NOTES_RETRY);
    ck_assert_str_eq(retry.to.topic, "topic-20");
    /* Of too many topics the names are not kept, but that the letter was retried is. */
    ck_assert_int_eq(letter_notes_next(notes, (struct letter_place){0, 199}, &retry), NOTES_RETRY);
    ck_assert_str_eq(retry.to.topic, "");
    letter_notes_free(notes);
    spill_close(spill);
}
END_TEST

START_TEST(tallies_are_equal_for_the_same_notes)
{
    struct letter_position a = {"clients.commands", 0, 7}, b = {"clients.commands", 1, 7};
    struct letter_tally one = {0}, other = {0};
    letter_tally_add(&one, (struct letter_place){0, 1}, &a);
    ck_assert(!letter_tally_equal(&one, &other));
    letter_tally_add(&one, (struct letter_place){0, 2}, &b);
    letter_tally_add(&other, (struct letter_place){0, 2}, &b);
    letter_tally_add(&other, (struct letter_place){0, 1}, &a);
    ck_assert_msg(letter_tally_equal(&one, &other), "the order does not matter");
    struct letter_tally swapped = {0};
    letter_tally_add(&swapped, (struct letter_place){0, 1}, &b);
    letter_tally_add(&swapped, (struct letter_place){0, 2}, &a);
    ck_assert_msg(!letter_tally_equal(&one, &swapped), "which letter became which command does");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("letters");
    TCase *tests = tcase_create("letters");
    tcase_add_test(tests, a_place_is_two_numbers);
    tcase_add_test(tests, a_position_begins_with_a_legal_topic);
    tcase_add_test(tests, headers_of_a_letter_are_told_from_those_of_its_command);
    tcase_add_test(tests, a_selection_is_half_open_in_time);
    tcase_add_test(tests, a_cause_has_no_numbers_and_no_values);
    tcase_add_test(tests, a_long_cause_is_cut_at_a_character);
    tcase_add_test(tests, letters_of_one_cause_are_one_group);
    tcase_add_test(tests, groups_are_bounded);
    tcase_add_test(tests, what_a_terminal_obeys_is_escaped);
    tcase_add_test(tests, lines_of_a_value_stay_lines);
    tcase_add_test(tests, json_holds_any_bytes);
    tcase_add_test(tests, entries_come_out_sorted);
    tcase_add_test(tests, sorting_takes_no_more_memory_for_many_runs);
    tcase_add_test(tests, a_letter_finds_its_notes_in_their_order);
    tcase_add_test(tests, a_letter_passes_over_notes_of_letters_that_are_gone);
    tcase_add_test(tests, tallies_are_equal_for_the_same_notes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
