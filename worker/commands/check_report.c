#include "worker/commands/check_report.h"

#include <stdarg.h>
#include <stdio.h>

#include "worker/commands/command.h"
#include "worker/definitions/json_line.h"

static const char *const names[] = {[CHECK_OK] = "ok",
                                    [CHECK_WARNING] = "warning",
                                    [CHECK_UNKNOWN] = "unknown",
                                    [CHECK_FAULT] = "fault",
                                    [CHECK_UNAVAILABLE] = "unavailable"};

static int code_of(const struct check_report *report, enum check_result result)
{
    switch (result) {
    case CHECK_OK:
    case CHECK_UNKNOWN:
        break;
    case CHECK_WARNING:
        return report->strict ? COMMAND_NEGATIVE : COMMAND_OK;
    case CHECK_FAULT:
        return COMMAND_CONFIGURATION;
    case CHECK_UNAVAILABLE:
        return COMMAND_UNAVAILABLE;
    }
    return COMMAND_OK;
}

static void print_text(const char *check, enum check_result result, const char *subject, const char *message)
{
    const bool is_marked = result == CHECK_OK || result == CHECK_WARNING || result == CHECK_UNKNOWN;
    printf("%-7s ", check);
    if (is_marked)
        printf("%s%s", names[result], subject || message[0] ? ": " : "");
    printf("%s%s%s\n", subject ? subject : "",
           !subject || !message[0] ? ""
           : result == CHECK_OK    ? ", "
                                   : ": ",
           message);
}

void check_tell(struct check_report *report, const char *check, enum check_result result, const char *kind,
                const char *subject, const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (report->json)
        json_line_print(json_line_pack("{s:s, s:s, s:s, s:o?, s:o}", "check", check, "result", names[result], "kind",
                                       kind, "subject", subject ? json_line_text(subject) : NULL, "message",
                                       json_line_text(message)));
    else
        print_text(check, result, subject, message);
    const int code = code_of(report, result);
    report->code = code > report->code ? code : report->code;
}
