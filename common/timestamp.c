#include "common/timestamp.h"

#include "common/decimal.h"

#define DAY_MS       INT64_C(86400000)
#define MINUTE_MS    INT64_C(60000)
#define YEAR_0_MS    INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define NO_TIMESTAMP (-1)                     /* in Kafka's protocol */

/* Days are counted in years that begin in March, so that the leap day is the last day of a year. 400 years have
 * 146,097 days. The count begins on 0000-03-01, 719,468 days before 1970-01-01. */
#define DAYS_IN_400_YEARS 146097
#define DAYS_BEFORE_1970  719468

struct date {
    int64_t year;
    unsigned month, day; /* from 1 */
};

static struct date date_of_day(int64_t since_1970)
{
    int64_t day = since_1970 + DAYS_BEFORE_1970 + DAYS_IN_400_YEARS; /* never negative from year 0 on */
    int64_t era = day / DAYS_IN_400_YEARS;
    unsigned of_era = (unsigned)(day - era * DAYS_IN_400_YEARS);
    unsigned year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month_from_march = (5 * of_year + 2) / 153;
    struct date date = {.day = of_year - (153 * month_from_march + 2) / 5 + 1,
                        .month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9};
    date.year = (era - 1) * 400 + year_of_era + (date.month <= 2 ? 1 : 0);
    return date;
}

static int64_t day_of_date(struct date date)
{
    int64_t year = date.year - (date.month <= 2 ? 1 : 0) + 400;
    int64_t era = year / 400;
    int64_t year_of_era = year % 400;
    int64_t month_from_march = date.month > 2 ? date.month - 3 : date.month + 9;
    int64_t of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
    int64_t of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    return (era - 1) * DAYS_IN_400_YEARS + of_era - DAYS_BEFORE_1970;
}

/* The nearest time whose year has four digits. */
static int64_t within_years(int64_t since_1970_ms)
{
    if (since_1970_ms < YEAR_0_MS)
        return YEAR_0_MS;
    return since_1970_ms > TIME_LAST_MS ? TIME_LAST_MS : since_1970_ms;
}

int64_t time_of_message(int64_t timestamp_ms)
{
    return timestamp_ms == NO_TIMESTAMP ? 0 : within_years(timestamp_ms);
}

void time_text(int64_t since_1970_ms, char text[TIME_LENGTH])
{
    since_1970_ms = within_years(since_1970_ms);
    int64_t day = since_1970_ms / DAY_MS;
    int64_t rest = since_1970_ms % DAY_MS;
    if (rest < 0) {
        rest += DAY_MS;
        day--;
    }
    struct date date = date_of_day(day);
    unsigned of_day = (unsigned)rest;
    memcpy(text, "0000-00-00T00:00:00.000Z", TIME_LENGTH);
    const unsigned year = (unsigned)date.year, of_minute = of_day % 60000, milliseconds = of_minute % 1000;
    decimal_pair(text, year / 100);
    decimal_pair(text + 2, year % 100);
    decimal_pair(text + 5, date.month);
    decimal_pair(text + 8, date.day);
    decimal_pair(text + 11, of_day / 3600000);
    decimal_pair(text + 14, of_day / 60000 % 60);
    decimal_pair(text + 17, of_minute / 1000);
    decimal_pair(text + 20, milliseconds / 10);
    text[22] = (char)('0' + milliseconds % 10);
}

/* Reads `digits` digits at the front of *text and removes them. */
static bool read_digits(struct span *text, unsigned digits, unsigned *value)
{
    if (text->length < digits)
        return false;
    *value = 0;
    for (unsigned i = 0; i < digits; i++) {
        if (text->at[i] < '0' || text->at[i] > '9')
            return false;
        *value = *value * 10 + (unsigned)(text->at[i] - '0');
    }
    *text = span_from(*text, digits);
    return true;
}

/* Reads one of the characters in `choice` at the front of *text and removes it. */
static bool read_one_of(struct span *text, const char *choice, char *which)
{
    if (text->length == 0 || text->at[0] == '\0' || !strchr(choice, text->at[0]))
        return false;
    *which = text->at[0];
    *text = span_from(*text, 1);
    return true;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* ".5" is 500 ms. Without a point nothing is read. */
static bool read_decimals(struct span *text, unsigned *milliseconds)
{
    char point;
    unsigned digit, weight = 100;
    *milliseconds = 0;
    if (!read_one_of(text, ".", &point))
        return true;
    while (weight > 0 && read_digits(text, 1, &digit)) {
        *milliseconds += digit * weight;
        weight /= 10;
    }
    return weight < 100;
}

/* "Z" or "+02:00". */
static bool read_offset(struct span *text, int64_t *minutes)
{
    char sign, colon;
    unsigned hour, minute;
    *minutes = 0;
    if (read_one_of(text, "Zz", &sign))
        return true;
    if (!read_one_of(text, "+-", &sign) || !read_digits(text, 2, &hour) || !read_one_of(text, ":", &colon) ||
        !read_digits(text, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *minutes = (int64_t)(hour * 60 + minute) * (sign == '-' ? -1 : 1);
    return true;
}

static bool read_rfc_3339(struct span text, int64_t *since_1970_ms)
{
    unsigned year, month, day, hour, minute, second, milliseconds;
    int64_t offset;
    char mark;
    if (!read_digits(&text, 4, &year) || !read_one_of(&text, "-", &mark) || !read_digits(&text, 2, &month) ||
        !read_one_of(&text, "-", &mark) || !read_digits(&text, 2, &day) || !read_one_of(&text, "Tt ", &mark) ||
        !read_digits(&text, 2, &hour) || !read_one_of(&text, ":", &mark) || !read_digits(&text, 2, &minute) ||
        !read_one_of(&text, ":", &mark) || !read_digits(&text, 2, &second) || !read_decimals(&text, &milliseconds) ||
        !read_offset(&text, &offset) || text.length > 0)
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 ||
        second > 59)
        return false;
    int64_t days = day_of_date((struct date){.year = year, .month = month, .day = day});
    *since_1970_ms = days * DAY_MS + ((int64_t)hour * 60 + minute - offset) * MINUTE_MS + (int64_t)second * 1000 +
                     (int64_t)milliseconds;
    return true;
}

static bool read_number(struct span text, int64_t *since_1970_ms)
{
    if (text.length == 0 || text.length > 15)
        return false;
    int64_t number = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        number = number * 10 + (text.at[i] - '0');
    }
    *since_1970_ms = number;
    return true;
}

bool time_read(struct span text, int64_t *since_1970_ms)
{
    return read_number(text, since_1970_ms) || read_rfc_3339(text, since_1970_ms);
}
