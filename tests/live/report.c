#include "tests/live/report.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define VIOLATIONS_PRINTED 5 /* of one check */

static const struct {
    const char *word, *sentence;
} checks[] = {
#define CHECK_ROW(name, word, sentence) {word, sentence},
    CHECK_TABLE(CHECK_ROW)
#undef CHECK_ROW
};

static unsigned violations[CHECK_COUNT];
static bool left_out[CHECK_COUNT];
static bool quiet;

/* One bit per check; the first is that of NO_COMMAND. */
static uint64_t *marks, no_command;
_Static_assert(CHECK_COUNT <= 64, "a mark has too few bits");

void report_begin(size_t commands)
{
    marks = calloc(commands + 1, sizeof(marks[0]));
    if (!marks)
        abort();
}

void report_leave_out(enum check check)
{
    left_out[check] = true;
}

bool report_leaves_out(enum check check)
{
    return left_out[check];
}

void report_be_quiet(void)
{
    quiet = true;
}

static uint64_t *marks_of(long command)
{
    return command == NO_COMMAND ? &no_command : &marks[command];
}

void violation(enum check check, long command, const char *format, ...)
{
    *marks_of(command) |= UINT64_C(1) << check;
    if (++violations[check] > VIOLATIONS_PRINTED || quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    printf("  violation: ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

int report_print(void)
{
    int failed = 0, passed = 0;
    for (int check = 0; check < CHECK_COUNT; check++) {
        if (left_out[check]) {
            printf("left out: %s\n", checks[check].sentence);
        } else if (violations[check] == 0) {
            passed++;
            printf("ok: %s\n", checks[check].sentence);
        } else {
            failed++;
            printf("NOT OK: %s (%u violations)\n", checks[check].sentence, violations[check]);
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed;
}

bool report_is_ok(long command)
{
    return *marks_of(command) == 0;
}

const char *report_words(long command)
{
    static char text[1024];
    size_t length = 0;
    for (int check = 0; check < CHECK_COUNT; check++)
        if (*marks_of(command) >> check & 1)
            length +=
                (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", length ? "," : "", checks[check].word);
    return length ? text : "ok";
}

void report_print_words(void)
{
    for (int check = 0; check < CHECK_COUNT; check++)
        printf("%s\n", checks[check].word);
}
