/* What a thread shows to people and tells the log of commands: those that wait for definitions, and those that cannot
 * be read. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/metrics/thread_board.h"

static struct thread_board *board;
static char log_folder[] = "/tmp/test_thread_board.XXXXXX", log_path[64];

static void open_board(void)
{
    ck_assert_ptr_nonnull(board = thread_board_new());
    ck_assert_ptr_nonnull(mkdtemp(log_folder));
    snprintf(log_path, sizeof(log_path), "%s/log", log_folder);
    ck_assert_ptr_nonnull(freopen(log_path, "w", stderr));
}

static void close_board(void)
{
    unlink(log_path);
    rmdir(log_folder);
    thread_board_free(board);
}

/* How many lines the log has, and the last of them. */
static int log_lines(char last[512])
{
    int lines = 0;
    FILE *in = fopen(log_path, "r");
    ck_assert_ptr_nonnull(in);
    while (fgets(last, 512, in))
        lines++;
    fclose(in);
    return lines;
}

static struct item command(int32_t partition, int64_t offset, const char *workspace, enum error error)
{
    struct item item = {.from = {"commands", partition, offset, 0},
                        .outcome = error == ERROR_NONE ? OUTCOME_CREATED : OUTCOME_REJECTED,
                        .error = error};
    if (workspace)
        item.workspace = span_of_text(workspace);
    return item;
}

/* ---- commands that wait for definitions ---- */

static struct command_note notes[WAITING_MOST];

static void note_waiting(int32_t partition, int64_t offset, const char *workspace, int64_t ms)
{
    struct item item = command(partition, offset, workspace, ERROR_DEFINITIONS_MISSING);
    thread_board_note_waiting(board, &item, ms, 1000000 + ms);
}

START_TEST(what_waits_keeps_its_time_also_beside_others)
{
    ck_assert_uint_eq(thread_board_waiting(board, 0, notes), 0);
    for (int64_t ms = 100; ms < 1000; ms += 200) { /* each is tried again and again */
        note_waiting(1, 7, "acme", ms);
        note_waiting(2, 9, "globex", ms + 100);
    }
    ck_assert_uint_eq(thread_board_waiting(board, 1000, notes), 2);
    ck_assert_int_eq(notes[0].key.partition, 1);
    ck_assert_int_eq(notes[0].offset, 7);
    ck_assert_int_eq(notes[0].since_ms, 1000100);
    ck_assert(span_equal(span_of(notes[0].key.workspace, notes[0].key.length), SPAN("acme")));
    ck_assert(!notes[0].is_broken);
    ck_assert_int_eq(notes[1].key.partition, 2);
    ck_assert_int_eq(notes[1].since_ms, 1000200);
    note_waiting(1, 8, "acme", 2000); /* the next command of the partition */
    ck_assert_uint_eq(thread_board_waiting(board, 2000, notes), 2);
    ck_assert_int_eq(notes[0].since_ms, 1002000);
}
END_TEST

START_TEST(the_log_hears_of_the_first_that_waits)
{
    char line[512] = "";
    struct item item = command(1, 7, "acme", ERROR_NONE);
    const struct batch batch = {.items = &item, .count = 1};
    for (int64_t ms = 100; ms < 500; ms += 100) {
        note_waiting(1, 7, "acme", ms);
        note_waiting(2, 9, "globex", ms);
        thread_board_look(board, ms);
    }
    ck_assert_int_eq(log_lines(line), 1);
    ck_assert_msg(strstr(line, "level=warning event=\"a partition waits for definitions\" topic=commands partition=1 "
                               "offset=7 workspace=acme\n") != NULL,
                  "%s", line);
    board->waiting_fault.quiet_ms = 1;
    thread_board_count(board, &batch, 500, 500);
    thread_board_look(board, 500);
    usleep(10000);
    thread_board_look(board, 500);
    ck_assert_int_eq(log_lines(line), 1);
    item.from = (struct position){"commands", 2, 9, 0};
    thread_board_count(board, &batch, 600, 600);
    thread_board_look(board, 600);
    usleep(10000);
    thread_board_look(board, 600);
    ck_assert_int_eq(log_lines(line), 2);
    ck_assert_msg(strstr(line, "no partition waits for definitions any more") != NULL, "%s", line);
}
END_TEST

START_TEST(what_has_a_reply_waits_no_more)
{
    struct item items[] = {command(1, 6, "acme", ERROR_NONE), command(1, 7, "acme", ERROR_NONE)};
    struct batch batch = {.items = items, .count = 1};
    note_waiting(1, 7, "acme", 100);
    note_waiting(2, 3, "globex", 100);
    thread_board_count(board, &batch, 200, 200); /* one before it */
    ck_assert_uint_eq(thread_board_waiting(board, 200, notes), 2);
    batch.count = 2;
    items[1].custody = CUSTODY_POSTPONED; /* it is in the batch, and has no reply yet */
    thread_board_count(board, &batch, 200, 200);
    ck_assert_uint_eq(thread_board_waiting(board, 200, notes), 2);
    items[1].custody = items[0].custody;
    thread_board_count(board, &batch, 200, 200);
    ck_assert_uint_eq(thread_board_waiting(board, 200, notes), 1);
    ck_assert_int_eq(notes[0].key.partition, 2);
    /* That partition was given to another thread. */
    ck_assert_uint_eq(thread_board_waiting(board, 100 + WAITING_SHOWN_MS, notes), 1);
    ck_assert_uint_eq(thread_board_waiting(board, 101 + WAITING_SHOWN_MS, notes), 0);
}
END_TEST

START_TEST(more_than_are_kept_are_not_named)
{
    for (int32_t i = 0; i < WAITING_MOST + 3; i++)
        note_waiting(i, 1, "acme", 100);
    ck_assert_uint_eq(thread_board_waiting(board, 100, notes), WAITING_MOST);
    note_waiting(WAITING_MOST, 1, "acme", 200 + WAITING_SHOWN_MS); /* the others are gone */
    ck_assert_uint_eq(thread_board_waiting(board, 200 + WAITING_SHOWN_MS, notes), 1);
    ck_assert_int_eq(notes[0].key.partition, WAITING_MOST);
}
END_TEST

START_TEST(broken_definitions_are_told_from_missing_ones)
{
    struct item item = command(1, 7, "acme", ERROR_DEFINITIONS_MISSING);
    item.definitions_broken = true;
    thread_board_note_waiting(board, &item, 1, 1);
    ck_assert_uint_eq(thread_board_waiting(board, 1, notes), 1);
    ck_assert(notes[0].is_broken);
}
END_TEST

/* ---- garbage ---- */

static void count(int64_t clock_ms, uint32_t good, uint32_t garbage)
{
    struct item *items = calloc(good + garbage + 1, sizeof(*items));
    for (uint32_t i = 0; i < good + garbage; i++)
        items[i] = command(3, 100 + i, i < good ? "acme" : NULL, i < good ? ERROR_NONE : ERROR_MALFORMED_JSON);
    const struct batch batch = {.items = items, .count = good + garbage};
    thread_board_count(board, &batch, clock_ms, 5000 + clock_ms);
    free(items);
}

START_TEST(the_last_dead_letter_is_known)
{
    ck_assert_int_eq(thread_board_garbage(board).since_ms, 0);
    count(1000, 2, 1);
    count(2000, 2, 0);
    struct command_note garbage = thread_board_garbage(board);
    ck_assert_int_eq(garbage.since_ms, 6000);
    ck_assert_int_eq(garbage.key.partition, 3);
    ck_assert_int_eq(garbage.offset, 102);
    ck_assert_str_eq(garbage.code, "malformed_json");
}
END_TEST

START_TEST(garbage_is_logged_when_it_begins_and_when_it_has_ended)
{
    char line[512] = "";
    count(100000, 100, 19);
    ck_assert_int_eq(log_lines(line), 0);
    count(110000, 0, 1);
    ck_assert_int_eq(log_lines(line), 1);
    ck_assert_msg(strstr(line,
                         "level=warning event=\"a producer sends garbage\" garbage=20 commands=120 topic=commands "
                         "partition=3 offset=100 code=malformed_json") != NULL,
                  "%s", line);
    for (int64_t clock_ms = 120000; clock_ms <= 400000; clock_ms += 1000) {
        count(clock_ms, 10, 10);
        thread_board_look(board, clock_ms);
    }
    ck_assert_int_eq(log_lines(line), 1);
    thread_board_look(board, 400000 + GARBAGE_QUIET_MS - 1);
    ck_assert_int_eq(log_lines(line), 1);
    thread_board_look(board, 400000 + GARBAGE_QUIET_MS); /* no command came meanwhile */
    ck_assert_int_eq(log_lines(line), 2);
    ck_assert_msg(strstr(line, "no producer sends garbage any more") != NULL, "%s", line);
}
END_TEST

START_TEST(a_little_garbage_is_not_logged)
{
    char line[512];
    for (int64_t clock_ms = 100000; clock_ms <= 1000000; clock_ms += 1000)
        count(clock_ms, 100, 5); /* 4.8 % */
    for (int64_t clock_ms = 2000000; clock_ms <= 3000000; clock_ms += 4000)
        count(clock_ms, 1, 1); /* 15 a minute */
    thread_board_look(board, 9000000);
    ck_assert_int_eq(log_lines(line), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("thread_board");
    TCase *waiting = tcase_create("waiting");
    tcase_add_checked_fixture(waiting, open_board, close_board);
    tcase_add_test(waiting, what_waits_keeps_its_time_also_beside_others);
    tcase_add_test(waiting, the_log_hears_of_the_first_that_waits);
    tcase_add_test(waiting, what_has_a_reply_waits_no_more);
    tcase_add_test(waiting, more_than_are_kept_are_not_named);
    tcase_add_test(waiting, broken_definitions_are_told_from_missing_ones);
    suite_add_tcase(suite, waiting);
    TCase *garbage = tcase_create("garbage");
    tcase_add_checked_fixture(garbage, open_board, close_board);
    tcase_add_test(garbage, the_last_dead_letter_is_known);
    tcase_add_test(garbage, garbage_is_logged_when_it_begins_and_when_it_has_ended);
    tcase_add_test(garbage, a_little_garbage_is_not_logged);
    suite_add_tcase(suite, garbage);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
