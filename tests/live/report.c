#include "tests/live/report.h"

#include <stdarg.h>
#include <stdio.h>

#define BREACHES_PRINTED 5 /* of one check */

static const char *const sentences[] = {
#define CHECK_ROW(name, sentence) sentence,
    CHECK_TABLE(CHECK_ROW)
#undef CHECK_ROW
};

static unsigned breaches[CHECK_COUNT];

void breach(enum check check, const char *format, ...)
{
    if (++breaches[check] > BREACHES_PRINTED)
        return;
    va_list arguments;
    va_start(arguments, format);
    printf("  breach: ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

int report_print(void)
{
    int failed = 0;
    for (int check = 0; check < CHECK_COUNT; check++) {
        if (breaches[check] == 0) {
            printf("ok: %s\n", sentences[check]);
            continue;
        }
        failed++;
        printf("NOT OK: %s (%u breaches)\n", sentences[check], breaches[check]);
    }
    printf("%d passed, %d failed\n", CHECK_COUNT - failed, failed);
    return failed;
}
