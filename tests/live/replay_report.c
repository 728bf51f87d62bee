#include "tests/live/replay_report.h"

#include <stdarg.h>
#include <stdio.h>

#define SHOWN 5 /* violations of each check */

static const struct {
    const char *word, *sentence;
} checks[] = {
#define REPLAY_CHECK_ROW(name, word, sentence) {word, sentence},
    REPLAY_CHECK_TABLE(REPLAY_CHECK_ROW)
#undef REPLAY_CHECK_ROW
};

static size_t violations[REPLAY_CHECK_COUNT];
static bool as_lines;

void report_as_lines(void)
{
    as_lines = true;
}

void violation(enum replay_check check, const char *where, const char *format, ...)
{
    va_list arguments;
    if (!as_lines && violations[check]++ >= SHOWN)
        return;
    printf(as_lines ? "%s\t%s\t" : "  violation: %s: %s: ", where, checks[check].word);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    violations[check] += as_lines;
}

int report_print(void)
{
    int failed = 0;
    for (int check = 0; check < REPLAY_CHECK_COUNT; check++) {
        failed += violations[check] > 0;
        if (as_lines)
            continue;
        if (violations[check] > 0)
            printf("NOT OK: %s: %zu violations\n", checks[check].sentence, violations[check]);
        else
            printf("ok: %s\n", checks[check].sentence);
    }
    if (!as_lines)
        printf("%d passed, %d failed\n", REPLAY_CHECK_COUNT - failed, failed);
    return failed;
}

void report_print_words(void)
{
    for (int check = 0; check < REPLAY_CHECK_COUNT; check++)
        puts(checks[check].word);
}
