#include "worker/commands/command_option.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/nearest_word.h"
#include "worker/commands/command.h"

#define SHORT_OPTIONS 16

void command_options_begin(void)
{
    optind = 0; /* restarts getopt */
    opterr = 0;
}

static const struct option *find(const struct option *known, int val)
{
    for (; known->name; known++)
        if (known->val == val)
            return known;
    return NULL;
}

/* The length of the name in "--NAME" or "--NAME=VALUE"; 0 if it is no long option. */
static size_t name_length(const char *argument)
{
    return strncmp(argument, "--", 2) == 0 ? strcspn(argument + 2, "=") : 0;
}

static void refuse_long(const char *name, const char *argument, const struct option *known)
{
    const size_t length = name_length(argument);
    char given[64];
    int count = 0;
    snprintf(given, sizeof(given), "%.*s", (int)length, argument + 2);
    struct suggestion search = suggest_for(given);
    for (const struct option *option = known; option->name; option++) {
        count += strncmp(option->name, argument + 2, length) == 0;
        suggest_offer(&search, option->name);
    }
    if (count > 1)
        command_usage(name, "--%.*s is the beginning of several options", (int)length, argument + 2);
    else
        command_usage(name, "--%.*s is not an option%s%s%s", (int)length, argument + 2,
                      search.found ? "; did you mean --" : "", search.found ? search.found : "",
                      search.found ? "?" : "");
}

/* getopt is behind the argument, or still inside of one that holds several short options. */
static void refuse(char **argv, const struct option *known)
{
    const char *name = argv[0], *argument = argv[optind - 1];
    const struct option *option = find(known, optopt);
    const size_t length = name_length(argument);
    if (option && length > 0 && argument[2 + length] == '=' && strncmp(option->name, argument + 2, length) == 0)
        command_usage(name, "--%s takes no value", option->name);
    else if (optopt > ' ' && optopt < 127)
        command_usage(name, "-%c is not an option", optopt);
    else if (optopt != 0)
        command_usage(name, "%s is not an option", argument[0] == '-' && argument[1] != '-' ? argument : argv[optind]);
    else
        refuse_long(name, argument, known);
}

int command_option(int argc, char **argv, const char *short_options, const struct option *known)
{
    char form[SHORT_OPTIONS];
    snprintf(form, sizeof(form), ":%s", short_options);
    const int option = getopt_long(argc, argv, form, known, NULL);
    if (option == ':') {
        const struct option *of = find(known, optopt);
        if (of)
            command_usage(argv[0], "--%s needs a value", of->name);
        else
            command_usage(argv[0], "-%c needs a value", optopt);
        return COMMAND_OPTION_WRONG;
    }
    if (option == COMMAND_OPTION_WRONG)
        refuse(argv, known);
    return option;
}
