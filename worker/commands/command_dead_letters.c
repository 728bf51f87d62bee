/* dead-letters list|show|retry: the commands that nobody could read. This file reads the options; worker/letters does
 * the work. */
#include "worker/commands/command_dead_letters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/timestamp.h"
#include "worker/commands/command_option.h"

int dead_letters_complain(const char *error)
{
    fprintf(stderr, "client-intake dead-letters: %s\n", error);
    return COMMAND_UNAVAILABLE;
}

/* Who takes an option. */
#define FOR_LIST  1u
#define FOR_SHOW  2u
#define FOR_RETRY 4u

static const struct action {
    const char *name;
    dead_letters_action *run;
    unsigned who;
} actions[] = {
    {"list", dead_letters_list, FOR_LIST},
    {"show", dead_letters_show, FOR_SHOW},
    {"retry", dead_letters_retry, FOR_RETRY},
};

static const struct option known[] = {
    {"code", required_argument, NULL, 'c'},   {"since", required_argument, NULL, 's'},
    {"until", required_argument, NULL, 'u'},  {"partition", required_argument, NULL, 'p'},
    {"limit", required_argument, NULL, 'l'},  {"group", no_argument, NULL, 'g'},
    {"raw", no_argument, NULL, 'r'},          {"hex", no_argument, NULL, 'x'},
    {"apply", no_argument, NULL, 'A'},        {"value", required_argument, NULL, 'v'},
    {"rate", required_argument, NULL, 'R'},   {"again", no_argument, NULL, 'a'},
    {"output", required_argument, NULL, 'o'}, {0}};

static unsigned who_takes(int option)
{
    switch (option) {
    case 'o':
        return FOR_LIST | FOR_SHOW | FOR_RETRY;
    case 'g':
        return FOR_LIST;
    case 'r':
    case 'x':
        return FOR_SHOW;
    case 'A':
    case 'v':
    case 'R':
    case 'a':
        return FOR_RETRY;
    default: /* a selection */
        return FOR_LIST | FOR_RETRY;
    }
}

/* What the arguments say, before it is known that they fit together. */
struct arguments {
    struct dead_letters_request request;
    int32_t *partitions;
    bool given[128]; /* by the option's letter */
    bool has_selection;
};

static int read_time(const char *option, const char *text, int64_t *time)
{
    if (time_read(span_of_text(text), time))
        return COMMAND_OK;
    return command_usage("dead-letters", "--%s %s: must be a time like 2026-11-23T06:38:00Z", option, text);
}

static int read_partition(struct arguments *arguments, const char *text)
{
    int64_t partition;
    struct letter_selection *selection = &arguments->request.selection;
    if (!command_number(text, 0, INT32_MAX, &partition))
        return command_usage("dead-letters", "--partition %s: must be a partition's number", text);
    arguments->partitions[selection->partition_count++] = (int32_t)partition;
    selection->partitions = arguments->partitions;
    return COMMAND_OK;
}

static int read_option(int option, struct arguments *arguments)
{
    struct dead_letters_request *request = &arguments->request;
    switch (option) {
    case 'c':
        request->selection.code = optarg;
        return COMMAND_OK;
    case 's':
        return read_time("since", optarg, &request->selection.since_ms);
    case 'u':
        return read_time("until", optarg, &request->selection.until_ms);
    case 'p':
        return read_partition(arguments, optarg);
    case 'l':
        if (command_number(optarg, 1, INT64_MAX, &request->selection.limit))
            return COMMAND_OK;
        return command_usage("dead-letters", "--limit %s: must be a number of letters, from 1", optarg);
    case 'g':
        request->group = true;
        return COMMAND_OK;
    case 'r':
        request->raw = true;
        return COMMAND_OK;
    case 'x':
        request->hex = true;
        return COMMAND_OK;
    case 'A':
        request->apply = true;
        return COMMAND_OK;
    case 'v':
        request->value_path = optarg;
        return COMMAND_OK;
    case 'R':
        if (command_number(optarg, 1, INT32_MAX, &request->rate))
            return COMMAND_OK;
        return command_usage("dead-letters", "--rate %s: must be a number of letters a second, from 1 to 2147483647",
                             optarg);
    case 'a':
        request->again = true;
        return COMMAND_OK;
    case 'o':
        return command_output("dead-letters", optarg, &request->json);
    default:
        return COMMAND_USAGE;
    }
}

static int read_options(int argc, char **argv, struct arguments *arguments)
{
    int option, result = COMMAND_OK;
    command_options_begin();
    while (result == COMMAND_OK && (option = command_option(argc, argv, "", known)) != COMMAND_OPTION_END) {
        if (option == COMMAND_OPTION_WRONG)
            return COMMAND_USAGE;
        arguments->given[option] = true;
        arguments->has_selection = arguments->has_selection || who_takes(option) == (FOR_LIST | FOR_RETRY);
        result = read_option(option, arguments);
    }
    return result;
}

/* Reads the places, sorts them and removes repeated ones. */
static int read_places(char **words, int count, struct dead_letters_request *request)
{
    for (int i = 0; i < count; i++)
        if (!letter_place_read(span_of_text(words[i]), &request->places[request->place_count++]))
            return command_usage("dead-letters", "%s must be PARTITION/OFFSET, such as 0/17", words[i]);
    size_t kept = 0;
    if (count > 0)
        qsort(request->places, request->place_count, sizeof(*request->places), letter_place_order);
    for (size_t i = 0; i < request->place_count; i++)
        if (i == 0 || letter_place_order(&request->places[i], &request->places[kept - 1]) != 0)
            request->places[kept++] = request->places[i];
    request->place_count = kept;
    return COMMAND_OK;
}

/* An option that an action does not know must not be ignored in silence. */
static int check(const struct action *action, const struct arguments *arguments)
{
    const struct dead_letters_request *request = &arguments->request;
    for (const struct option *option = known; option->name; option++)
        if (arguments->given[option->val] && !(who_takes(option->val) & action->who))
            return command_usage("dead-letters", "%s takes no --%s", action->name, option->name);
    if (action->who == FOR_LIST && request->place_count > 0)
        return command_usage("dead-letters", "list takes no PARTITION/OFFSET; show does");
    if (action->who == FOR_SHOW && request->place_count != 1)
        return command_usage("dead-letters", "show takes one PARTITION/OFFSET");
    if (request->selection.since_ms >= request->selection.until_ms)
        return command_usage("dead-letters", "--since must be before --until; --until is not included");
    if (request->raw + request->hex + request->json > 1)
        return command_usage("dead-letters", "--raw, --hex and --output json exclude each other");
    if (request->place_count > 0 && (arguments->has_selection || request->again))
        return command_usage("dead-letters", "retry takes a selection or letters by their PARTITION/OFFSET, not both");
    if (request->value_path && request->place_count != 1)
        return command_usage("dead-letters", "--value needs exactly one PARTITION/OFFSET");
    return COMMAND_OK;
}

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; name && i < sizeof(actions) / sizeof(actions[0]); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

static int act(int argc, char **argv, struct arguments *arguments, const struct config *config)
{
    int result = read_options(argc, argv, arguments);
    if (result != COMMAND_OK)
        return result;
    const struct action *action = find_action(argv[optind]);
    if (!action)
        return command_usage("dead-letters", "expected list, show or retry");
    result = read_places(argv + optind + 1, argc - optind - 1, &arguments->request);
    if (result == COMMAND_OK)
        result = check(action, arguments);
    return result == COMMAND_OK ? action->run(&arguments->request, config) : result;
}

int command_dead_letters(int argc, char **argv, const struct config *config)
{
    const size_t room = (size_t)argc + 1;
    struct arguments arguments = {.request = {.selection = LETTER_SELECTION_ALL}};
    arguments.partitions = calloc(room, sizeof(*arguments.partitions));
    arguments.request.places = calloc(room, sizeof(*arguments.request.places));
    if (!arguments.partitions || !arguments.request.places)
        abort();
    const int result = act(argc, argv, &arguments, config);
    free(arguments.partitions);
    free(arguments.request.places);
    return result;
}
