/* timestamp: RFC 3339 both ways, against the C library's calendar. */
#include "tests/unit/evaluating.h"

#include <time.h>

#include "common/timestamp.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

static const struct {
    int64_t time_ms;
    const char *text;
} times[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {1, "1970-01-01T00:00:00.001Z"},
    {-1, "1969-12-31T23:59:59.999Z"},
    {1795415880123, "2026-11-23T06:38:00.123Z"},
    {951782400000, "2000-02-29T00:00:00.000Z"},
    {4107542399999, "2100-02-28T23:59:59.999Z"},
    {4107542400000, "2100-03-01T00:00:00.000Z"},
    {-62167219200000, "0000-01-01T00:00:00.000Z"},
    {-62162035200000, "0000-03-01T00:00:00.000Z"},
    {-62167219200001, "0000-01-01T00:00:00.000Z"}, /* the nearest */
    {253402300799999, "9999-12-31T23:59:59.999Z"},
    {253402300800000, "9999-12-31T23:59:59.999Z"},
    {INT64_MIN, "0000-01-01T00:00:00.000Z"},
    {INT64_MAX, "9999-12-31T23:59:59.999Z"},
};

START_TEST(test_text)
{
    char text[TIME_LENGTH];
    time_text(times[_i].time_ms, text);
    expect_span(span_of(text, TIME_LENGTH), times[_i].text);
}
END_TEST

static const struct {
    int64_t timestamp_ms, time_ms;
} messages[] = {
    {-1, 0}, /* none */
    {0, 0},
    {1, 1},
    {-2, -2},
    {1795415880123, 1795415880123},
    {253402300799999, 253402300799999},
    {253402300800000, 253402300799999},
    {INT64_MAX, 253402300799999},
    {-62167219200001, -62167219200000},
    {INT64_MIN, -62167219200000},
};

START_TEST(test_message)
{
    ck_assert_int_eq(time_of_message(messages[_i].timestamp_ms), messages[_i].time_ms);
}
END_TEST

/* Every day of more than four hundred years, there and back. */
START_TEST(test_every_day)
{
    for (int64_t day = -150000; day < 150000; day++) {
        time_t seconds = (time_t)(day * 86400 + 86399);
        struct tm calendar;
        char expected[64], text[TIME_LENGTH];
        gmtime_r(&seconds, &calendar);
        snprintf(expected, sizeof(expected), "%04d-%02d-%02dT23:59:59.007Z", calendar.tm_year + 1900,
                 calendar.tm_mon + 1, calendar.tm_mday);
        time_text((int64_t)seconds * 1000 + 7, text);
        int64_t again = 0;
        bool read = time_read(span_of(text, TIME_LENGTH), &again);
        if (!read || again != (int64_t)seconds * 1000 + 7 || memcmp(text, expected, TIME_LENGTH) != 0)
            ck_abort_msg("expected %s, found %.*s", expected, TIME_LENGTH, text);
    }
}
END_TEST

static const struct {
    const char *text;
    int64_t time_ms;
} readable[] = {
    {"2026-11-23T06:38:00.123Z", 1795415880123},
    {"2026-11-23t06:38:00.123z", 1795415880123},
    {"2026-11-23 06:38:00.123Z", 1795415880123},
    {"2026-11-23T06:38:00Z", 1795415880000},
    {"2026-11-23T06:38:00.5Z", 1795415880500},
    {"2026-11-23T08:38:00+02:00", 1795415880000},
    {"2026-11-22T23:08:00-07:30", 1795415880000},
    {"2024-02-29T00:00:00Z", 1709164800000},
    {"0", 0},
    {"1795415880123", 1795415880123},
};

START_TEST(test_read)
{
    int64_t found = 0;
    ck_assert_msg(time_read(span_of_text(readable[_i].text), &found), "%s", readable[_i].text);
    ck_assert_int_eq(found, readable[_i].time_ms);
}
END_TEST

static const char *const unreadable[] = {
    "",
    "now",
    "-1",
    "1e3",
    "9999999999999999",
    "2026-11-23",
    "2026-11-23T06:38:00",
    "2026-11-23T06:38Z",
    "2026-11-23T06:38:00.Z",
    "2026-11-23T06:38:00.1234Z",
    "2026-11-23T06:38:00,5Z",
    "2026-11-23T06:38:00Zx",
    "2026-11-23T06:38:00+0200",
    "2026-11-23T06:38:00+24:00",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-04-00T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:60:00Z",
    "2026-01-01T00:00:60Z",
    " 2026-01-01T00:00:00Z",
};

START_TEST(test_do_not_read)
{
    int64_t found;
    ck_assert_msg(!time_read(span_of_text(unreadable[_i]), &found), "%s", unreadable[_i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timestamp");
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, test_text, 0, ROWS(times));
    tcase_add_loop_test(tests, test_message, 0, ROWS(messages));
    tcase_add_test(tests, test_every_day);
    tcase_add_loop_test(tests, test_read, 0, ROWS(readable));
    tcase_add_loop_test(tests, test_do_not_read, 0, ROWS(unreadable));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
