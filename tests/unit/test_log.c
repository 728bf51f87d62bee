/* log: the form of a line. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/complaint.h"
#include "common/log.h"

static char written[16384];
static int real_stderr;
static FILE *captured;

static void capture(void)
{
    captured = tmpfile();
    ck_assert_ptr_nonnull(captured);
    real_stderr = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(fileno(captured), STDERR_FILENO), 0);
}

/* 2026-11-23T06:38:00.123Z */
static bool is_time(const char *text)
{
    const char *form = "dddd-dd-ddTdd:dd:dd.dddZ";
    for (; *form; form++, text++)
        if (*form == 'd' ? *text < '0' || *text > '9' : *text != *form)
            return false;
    return true;
}

/* The output since capture(); each line without its time, which is checked instead. */
static const char *release(void)
{
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    rewind(captured);
    char line[8192];
    written[0] = '\0';
    while (fgets(line, sizeof(line), captured)) {
        bool json = line[0] == '{';
        const char *before = json ? "{\"time\":\"" : "time=", *after = json ? "\"," : " ";
        const char *time = line + strlen(before);
        ck_assert_msg(strncmp(line, before, strlen(before)) == 0 && is_time(time), "no time in: %s", line);
        ck_assert_msg(strncmp(time + 24, after, strlen(after)) == 0, "wrong after the time: %s", line);
        size_t length = strlen(before) + 24 + strlen(after);
        strncat(written, json ? "{" : "", 2);
        strncat(written, line + length, sizeof(written) - strlen(written) - 1);
    }
    fclose(captured);
    return written;
}

static const struct row {
    struct span value;
    const char *logfmt, *json;
} rows[] = {
    {SPAN("acme"), "acme", "\"acme\""},
    {SPAN(""), "\"\"", "\"\""},
    {SPAN("two words"), "\"two words\"", "\"two words\""},
    {SPAN("a=b"), "\"a=b\"", "\"a=b\""},
    {SPAN("say \"hi\""), "\"say \\\"hi\\\"\"", "\"say \\\"hi\\\"\""},
    {SPAN("back\\slash"), "\"back\\\\slash\"", "\"back\\\\slash\""},
    {SPAN("two\nlines"), "\"two\\nlines\"", "\"two\\nlines\""},
    {SPAN("\x1b[31m"), "\"\\u001b[31m\"", "\"\\u001b[31m\""},
    {SPAN("nul\0byte"), "\"nul\\u0000byte\"", "\"nul\\u0000byte\""},
    {SPAN("Zoë 😀"), "\"Zoë 😀\"", "\"Zoë 😀\""},
    {SPAN("not \xff utf-8"), "\"not \\ufffd utf-8\"", "\"not \\ufffd utf-8\""},
    {SPAN("over\xc0\xaflong"), "\"over\\ufffd\\ufffdlong\"", "\"over\\ufffd\\ufffdlong\""},
    {SPAN("half \xed\xa0\x80 pair"), "\"half \\ufffd\\ufffd\\ufffd pair\"", "\"half \\ufffd\\ufffd\\ufffd pair\""},
    {SPAN("cut \xe2\x82"), "\"cut \\ufffd\\ufffd\"", "\"cut \\ufffd\\ufffd\""},
};

START_TEST(value_is_quoted_where_needed)
{
    const struct row *row = &rows[_i];
    char expected[512];

    log_set_format(LOG_FORMAT_LOGFMT);
    capture();
    log_info("test", LOG_SPAN("value", row->value));
    snprintf(expected, sizeof(expected), "level=info event=test value=%s\n", row->logfmt);
    ck_assert_str_eq(release(), expected);

    log_set_format(LOG_FORMAT_JSON);
    capture();
    log_info("test", LOG_SPAN("value", row->value));
    snprintf(expected, sizeof(expected), "{\"level\":\"info\",\"event\":\"test\",\"value\":%s}\n", row->json);
    ck_assert_str_eq(release(), expected);
}
END_TEST

START_TEST(event_may_have_several_values_or_none)
{
    log_set_format(LOG_FORMAT_LOGFMT);
    capture();
    log_error("batch lost", LOG_TEXT("topic", "t"), LOG_INTEGER("offset", -17), LOG_INTEGER("most", INT64_MAX));
    log_warning("alone");
    ck_assert_str_eq(release(), "level=error event=\"batch lost\" topic=t offset=-17 most=9223372036854775807\n"
                                "level=warning event=alone\n");
    log_set_format(LOG_FORMAT_JSON);
    capture();
    log_error("batch lost", LOG_TEXT("topic", "t"), LOG_INTEGER("offset", -17));
    log_warning("alone");
    ck_assert_str_eq(release(), "{\"level\":\"error\",\"event\":\"batch lost\",\"topic\":\"t\",\"offset\":-17}\n"
                                "{\"level\":\"warning\",\"event\":\"alone\"}\n");
}
END_TEST

START_TEST(only_levels_up_to_the_set_one_are_written)
{
    static const char *const expected[] = {
        [LOG_LEVEL_ERROR] = "level=error event=e\n",
        [LOG_LEVEL_WARNING] = "level=error event=e\nlevel=warning event=w\n",
        [LOG_LEVEL_INFO] = "level=error event=e\nlevel=warning event=w\nlevel=info event=i\n",
        [LOG_LEVEL_DEBUG] = "level=error event=e\nlevel=warning event=w\nlevel=info event=i\nlevel=debug event=d\n",
    };
    log_set_level((enum log_level)_i);
    capture();
    log_error("e");
    log_warning("w");
    log_info("i");
    log_debug("d");
    ck_assert_str_eq(release(), expected[_i]);
    ck_assert_int_eq(log_is_on(LOG_LEVEL_DEBUG), _i == LOG_LEVEL_DEBUG);
}
END_TEST

START_TEST(long_value_is_cut_at_a_character)
{
    char text[2000];
    for (size_t i = 0; i < sizeof(text); i += 2)
        memcpy(text + i, "é", 2);
    memcpy(text, "12", 2);
    text[0] = 'x'; /* x2ééé...: 1024 bytes end between two characters */
    capture();
    log_info("test", LOG_SPAN("value", span_of(text, sizeof(text))));
    const char *line = release();
    const char *value = strstr(line, "value=\"");
    ck_assert_ptr_nonnull(value);
    ck_assert_msg(strlen(value) == strlen("value=\"\"\n") + 1024 + 3, "%zu bytes", strlen(value));
    ck_assert_str_eq(value + strlen(value) - 7, "é...\"\n");
}
END_TEST

START_TEST(line_that_would_be_too_long_leaves_values_out_and_says_so)
{
    char text[1000];
    memset(text, 'x', sizeof(text));
    struct span value = span_of(text, sizeof(text));
    log_set_format(_i == 0 ? LOG_FORMAT_LOGFMT : LOG_FORMAT_JSON);
    capture();
    log_info("test", LOG_SPAN("a", value), LOG_SPAN("b", value), LOG_SPAN("c", value), LOG_SPAN("d", value),
             LOG_SPAN("e", value));
    const char *line = release();
    ck_assert_uint_le(strlen(line), 4096);
    ck_assert_ptr_nonnull(strstr(line, "c"));
    ck_assert_ptr_null(strstr(line, _i == 0 ? " e=" : "\"e\":"));
    const char *end = _i == 0 ? " rest=cut\n" : ",\"rest\":\"cut\"}\n";
    ck_assert_str_eq(line + strlen(line) - strlen(end), end);
}
END_TEST

START_TEST(name_may_be_as_long_as_a_value)
{
    char name[2001], expected[2100];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    for (size_t length = 60; length <= 2000; length = length < 70 ? length + 1 : length + 965) {
        name[length] = '\0';
        log_set_format(LOG_FORMAT_LOGFMT);
        capture();
        log_info("test", LOG_INTEGER(name, 17));
        snprintf(expected, sizeof(expected), "level=info event=test %s=17\n", name);
        ck_assert_str_eq(release(), expected);
        log_set_format(LOG_FORMAT_JSON);
        capture();
        log_info("test", LOG_INTEGER(name, 17));
        snprintf(expected, sizeof(expected), "{\"level\":\"info\",\"event\":\"test\",\"%s\":17}\n", name);
        ck_assert_str_eq(release(), expected);
        name[length] = 'n';
    }
}
END_TEST

START_TEST(value_whose_name_does_not_fit_is_left_out)
{
    char name[5001];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    log_set_format(_i == 0 ? LOG_FORMAT_LOGFMT : LOG_FORMAT_JSON);
    capture();
    log_info("test", LOG_INTEGER(name, 17));
    ck_assert_str_eq(release(), _i == 0 ? "level=info event=test rest=cut\n"
                                        : "{\"level\":\"info\",\"event\":\"test\",\"rest\":\"cut\"}\n");
}
END_TEST

START_TEST(errno_is_kept)
{
    capture();
    errno = EDOM;
    log_info("test");
    int after = errno;
    release();
    ck_assert_int_eq(after, EDOM);
}
END_TEST

START_TEST(fault_is_told_when_it_begins_and_when_it_ends)
{
    struct log_fault fault = {.event = "Redis is away", .ended = "Redis is back"};
    capture();
    log_fault_end(&fault);
    for (int i = 0; i < 3; i++)
        log_fault_begin(&fault, LOG_LIST(LOG_TEXT("reason", "refused")));
    log_fault_end(&fault);
    log_fault_end(&fault);
    log_fault_begin(&fault, NULL);
    ck_assert_str_eq(release(), "level=warning event=\"Redis is away\" reason=refused\n"
                                "level=info event=\"Redis is back\" seconds=0\n"
                                "level=warning event=\"Redis is away\"\n");
}
END_TEST

/* What was logged, as if each fault had lasted less than half a second, on a busy machine too. */
static const char *release_at_once(void)
{
    release();
    for (char *at = strstr(written, "seconds="); at; at = strstr(at, "seconds=")) {
        at += strlen("seconds=");
        if (*at >= '1' && *at <= '9')
            *at = '0';
    }
    return written;
}

START_TEST(fault_that_comes_again_and_again_is_told_once)
{
    struct complaint complaint;
    struct log_fault fault = {.event = "Kafka is slow", .ended = "Kafka is fast", .told = &complaint, .quiet_ms = 100};
    complaint_open(&complaint);
    capture();
    for (int i = 0; i < 5; i++) {
        log_fault_begin(&fault, NULL);
        clock_sleep(40);
        log_fault_end(&fault);
        clock_sleep(40);
        log_fault_look(&fault);
    }
    ck_assert_int_gt(complaint_read(&complaint).ended_ms, 0); /* who looks does not wait for the log */
    log_fault_begin(&fault, NULL);
    ck_assert_int_eq(complaint_read(&complaint).ended_ms, 0);
    log_fault_end(&fault);
    clock_sleep(200);
    log_fault_end(&fault); /* that it is well is no news */
    log_fault_look(&fault);
    log_fault_look(&fault);
    log_fault_begin(&fault, LOG_LIST(LOG_TEXT("error", "one")));
    log_fault_end(&fault);
    log_fault_begin(&fault, LOG_LIST(LOG_TEXT("error", "one")));
    log_fault_begin(&fault, LOG_LIST(LOG_TEXT("error", "other")));
    log_fault_end(&fault);
    log_fault_begin(&fault, LOG_LIST(LOG_TEXT("error", "another"))); /* that is news */
    ck_assert_str_eq(complaint_read(&complaint).text, "Kafka is slow: another");
    ck_assert_str_eq(release_at_once(), "level=warning event=\"Kafka is slow\"\n"
                                        "level=info event=\"Kafka is fast\" seconds=0\n"
                                        "level=warning event=\"Kafka is slow\" error=one\n"
                                        "level=info event=\"Kafka is fast\" seconds=0\n"
                                        "level=warning event=\"Kafka is slow\" error=another\n");
    complaint_close(&complaint);
}
END_TEST

/* Fills the pipe. Returns how many bytes that took. */
static size_t fill(int output)
{
    static char blanks[4096];
    size_t filled = 0;
    const int flags = fcntl(output, F_GETFL);
    ck_assert_int_eq(fcntl(output, F_SETFL, flags | O_NONBLOCK), 0);
    for (ssize_t some; (some = write(output, blanks, sizeof(blanks))) > 0;)
        filled += (size_t)some;
    ck_assert_int_eq(fcntl(output, F_SETFL, flags), 0);
    return filled;
}

static void empty(int input, size_t bytes)
{
    char read_bytes[4096];
    while (bytes > 0) {
        const ssize_t taken = read(input, read_bytes, bytes < sizeof(read_bytes) ? bytes : sizeof(read_bytes));
        ck_assert_int_gt(taken, 0);
        bytes -= (size_t)taken;
    }
}

START_TEST(log_that_nobody_reads_stops_nobody)
{
    int ends[2];
    char text[8192];
    ck_assert_int_eq(pipe(ends), 0);
    const size_t filled = fill(ends[1]);
    real_stderr = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
    int64_t began_ms = clock_now_ms();
    for (int i = 0; i < 1000; i++)
        log_info("left out");
    const int64_t took_ms = clock_now_ms() - began_ms;
    empty(ends[0], filled);
    log_info("written");
    log_info("written, too");
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    close(ends[1]);
    const ssize_t length = read(ends[0], text, sizeof(text) - 1);
    ck_assert_int_gt(length, 0);
    text[length] = '\0';
    close(ends[0]);
    ck_assert_msg(took_ms < 3000, "a thousand lines took %lld ms", (long long)took_ms);
    const char *told = strstr(text,
                              "level=warning event=\"the log was not read in time; lines were left out\" lines=1000\n"),
               *first = strstr(text, "event=written\n"), *second = strstr(text, "event=\"written, too\"\n");
    ck_assert_msg(told && first && second && told < first && first < second, "got: %s", text);
    ck_assert_ptr_null(strstr(text, "event=\"left out\""));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tests = tcase_create("log");
    tcase_add_loop_test(tests, value_is_quoted_where_needed, 0, sizeof(rows) / sizeof(rows[0]));
    tcase_add_test(tests, event_may_have_several_values_or_none);
    tcase_add_loop_test(tests, only_levels_up_to_the_set_one_are_written, 0, 4);
    tcase_add_test(tests, long_value_is_cut_at_a_character);
    tcase_add_loop_test(tests, line_that_would_be_too_long_leaves_values_out_and_says_so, 0, 2);
    tcase_add_test(tests, name_may_be_as_long_as_a_value);
    tcase_add_loop_test(tests, value_whose_name_does_not_fit_is_left_out, 0, 2);
    tcase_add_test(tests, errno_is_kept);
    tcase_add_test(tests, fault_is_told_when_it_begins_and_when_it_ends);
    tcase_add_test(tests, fault_that_comes_again_and_again_is_told_once);
    tcase_add_test(tests, log_that_nobody_reads_stops_nobody);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
