/* Tests of worker/commands/send_window.h. */
#include <check.h>
#include <stdlib.h>

#include "worker/commands/send_window.h"

static struct send_window window;

static void setup(void)
{
    ck_assert_int_eq(send_window_open(&window), 0);
}

static void teardown(void)
{
    send_window_close(&window);
}

static void answer(int64_t number, const char *reply)
{
    ck_assert(send_window_keep(&window, send_window_find(&window, number), span_of_text(reply)));
}

START_TEST(a_new_window_is_empty)
{
    ck_assert(send_window_is_empty(&window));
    ck_assert(!send_window_is_full(&window));
    ck_assert_ptr_null(send_window_take(&window));
    ck_assert_ptr_null(send_window_find(&window, 0));
}
END_TEST

START_TEST(replies_leave_in_the_order_of_the_commands)
{
    for (int64_t line = 0; line < 3; line++)
        ck_assert_int_eq(send_window_add(&window, 10 + line, 0), line);
    answer(2, "third");
    ck_assert_ptr_null(send_window_take(&window));
    answer(0, "first");
    ck_assert(span_equal(span_of(send_window_take(&window)->reply, 5), SPAN("first")));
    send_window_drop(&window);
    ck_assert_ptr_null(send_window_take(&window));
    send_window_find(&window, 1)->state = SENT_FAILED;
    ck_assert_ptr_null(send_window_take(&window)->reply);
    send_window_drop(&window);
    ck_assert_int_eq(send_window_take(&window)->line, 12);
    send_window_drop(&window);
    ck_assert(send_window_is_empty(&window));
}
END_TEST

START_TEST(a_command_is_found_by_its_place_until_it_is_finished)
{
    struct sent_command *command = send_window_find(&window, send_window_add(&window, 0, 0));
    ck_assert_ptr_null(send_window_at(&window, 3, 17));
    *command = (struct sent_command){.state = SENT_STORED, .partition = 3, .offset = 17};
    ck_assert_ptr_eq(send_window_at(&window, 3, 17), command);
    ck_assert_ptr_null(send_window_at(&window, 2, 17));
    command->state = SENT_DONE;
    ck_assert_ptr_null(send_window_at(&window, 3, 17));
}
END_TEST

START_TEST(it_is_full_at_its_number_of_commands)
{
    for (int64_t number = 0; number < SEND_WINDOW; number++) {
        ck_assert(!send_window_is_full(&window));
        ck_assert_int_eq(send_window_add(&window, number, 0), number);
    }
    ck_assert(send_window_is_full(&window));
    send_window_find(&window, 0)->state = SENT_DONE;
    ck_assert_ptr_nonnull(send_window_take(&window));
    send_window_drop(&window);
    ck_assert(!send_window_is_full(&window));
    ck_assert_int_eq(send_window_add(&window, 0, 0), SEND_WINDOW);
    ck_assert_ptr_null(send_window_find(&window, 0));
    ck_assert_ptr_nonnull(send_window_find(&window, SEND_WINDOW));
}
END_TEST

START_TEST(it_is_full_at_the_bytes_of_waiting_replies)
{
    const size_t half = SEND_WINDOW_BYTES / 2;
    char *reply = calloc(1, half);
    ck_assert_ptr_nonnull(reply);
    for (int64_t number = 0; number < 3; number++) {
        ck_assert(!send_window_is_full(&window));
        send_window_add(&window, number, 0);
        if (number > 0)
            ck_assert(send_window_keep(&window, send_window_find(&window, number), span_of(reply, half)));
    }
    ck_assert(send_window_is_full(&window));
    send_window_find(&window, 0)->state = SENT_DONE;
    send_window_drop(&window);
    send_window_drop(&window);
    ck_assert(!send_window_is_full(&window));
    free(reply);
}
END_TEST

START_TEST(it_is_full_at_the_bytes_of_commands_without_a_reply)
{
    const size_t longest = (size_t)256 << 10;
    for (int number = 0; number < (int)(SEND_WINDOW_BYTES / longest); number++) {
        ck_assert(!send_window_is_full(&window));
        send_window_add(&window, number, longest);
    }
    ck_assert(send_window_is_full(&window));
    struct sent_command *command = send_window_find(&window, 0);
    ck_assert(send_window_keep(&window, command, SPAN("{}")));
    ck_assert(send_window_is_full(&window));
    ck_assert_ptr_eq(send_window_take(&window), command);
    send_window_drop(&window);
    ck_assert(!send_window_is_full(&window));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("send_window");
    TCase *tests = tcase_create("send_window");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_new_window_is_empty);
    tcase_add_test(tests, replies_leave_in_the_order_of_the_commands);
    tcase_add_test(tests, a_command_is_found_by_its_place_until_it_is_finished);
    tcase_add_test(tests, it_is_full_at_its_number_of_commands);
    tcase_add_test(tests, it_is_full_at_the_bytes_of_waiting_replies);
    tcase_add_test(tests, it_is_full_at_the_bytes_of_commands_without_a_reply);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
