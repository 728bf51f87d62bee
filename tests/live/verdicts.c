#include "tests/live/verdicts.h"

#include <stdio.h>
#include <string.h>

#include "tests/live/report.h"

/* Prints "-" for an empty text. */
static void print_text(const char *text, size_t length)
{
    bool is_plain = length > 0;
    for (size_t i = 0; i < length; i++)
        is_plain = is_plain && (unsigned char)text[i] >= ' ';
    printf("%.*s", is_plain ? (int)length : 1, is_plain ? text : "-");
}

/* The id from the reply, otherwise from the command. */
static void print_id(const struct message *command, const struct answer *answer)
{
    static const char *const headers[] = {"command-id", "ce_id"}, *const members[] = {"commandId", "id"};
    if (answer->is_given && answer->command_id[0]) {
        print_text(answer->command_id, strlen(answer->command_id));
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        struct bytes header = message_header(command, headers[i]);
        if (header.at) {
            print_text(header.at, header.length);
            return;
        }
    }
    json_t *value = json_loadb(command->value.at ? command->value.at : "", command->value.length, 0, NULL);
    const char *id = NULL;
    for (size_t i = 0; i < 2 && !id; i++)
        id = json_string_value(json_object_get(value, members[i]));
    print_text(id ? id : "", id ? strlen(id) : 0);
    json_decref(value);
}

int outcomes_print(const struct observations *observations, bool all)
{
    bool ok = report_is_ok(NO_COMMAND);
    for (size_t i = 0; i < observations->commands.count; i++) {
        ok = ok && report_is_ok((long)i);
        if (!all && report_is_ok((long)i))
            continue;
        printf("%s\t", place(observations->commands.messages[i]));
        print_id(observations->commands.messages[i], &observations->answers[i]);
        printf("\t%s\n", report_words((long)i));
    }
    if (!report_is_ok(NO_COMMAND))
        printf("-\t-\t%s\n", report_words(NO_COMMAND));
    return ok ? 0 : 1;
}
