#include "tests/live/request.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "oracle await SECONDS OPTIONS   wait until all commands have a reply; 1 if that takes longer\n"
    "oracle judge OPTIONS           make all checks; ends with \"N passed, N failed\"; 1 if something is wrong\n"
    "oracle verdicts OPTIONS        the same, but print a line for each command with a violation: its position, its "
    "id,\n"
    "                               and a word for each check that fails; --all: for every command\n"
    "oracle count OPTIONS           print how many commands and replies there are\n"
    "oracle lines FILE OPTIONS      write the commands that `client-intake validate` can evaluate, as lines\n"
    "oracle replies FILE OPTIONS    write all replies, as lines\n"
    "oracle state FILE OPTIONS      write the state of Redis and of the record topic, to compare runs; see state.h\n"
    "oracle words                   print the words of all checks\n"
    "\n"
    "  --bootstrap ADDRESS --commands TOPIC --replies TOPIC [--replies TOPIC ...] --records TOPIC\n"
    "  --dead-letters TOPIC --redis SOCKET\n"
    "The first --replies is the default reply topic, the others are those that commands may name.\n"
    "  --sent COUNT         the expected number of commands\n"
    "  --group GROUP        the daemon's consumer group, for its committed offsets\n"
    "  --validated FILE     the replies of `validate` to the lines\n"
    "  --wait SECONDS       how long a transaction may be open (60)\n"
    "Checks that need a missing option are left out; the report lists them.\n";

void usage_error(void)
{
    fputs(usage, stderr);
    exit(64);
}

/* The member for an option's text; NULL for an option that is not a text. */
static const char **request_text(struct request *request, int option)
{
    switch (option) {
    case 'b':
        return &request->bootstrap;
    case 'c':
        return &request->commands;
    case 's':
        return &request->records;
    case 'd':
        return &request->dead_letters;
    case 'i':
        return &request->redis;
    case 'g':
        return &request->group;
    case 'v':
        return &request->validated;
    default:
        return NULL;
    }
}

static void request_option(struct request *request, int option)
{
    const char **text = request_text(request, option);
    if (text) {
        *text = optarg;
    } else if (option == 'n') {
        request->sent = strtoull(optarg, NULL, 10);
        request->sent_is_known = true;
    } else if (option == 'p') {
        request->wait_seconds = atoi(optarg);
    } else if (option == 'a') {
        request->all = true;
    } else if (option == 'r' && request->reply_topics < REPLY_TOPICS) {
        request->replies[request->reply_topics++] = optarg;
    } else {
        usage_error();
    }
}

struct request request_read(int count, char **arguments)
{
    static const struct option options[] = {
        {"bootstrap", required_argument, NULL, 'b'},
        {"commands", required_argument, NULL, 'c'},
        {"replies", required_argument, NULL, 'r'},
        {"records", required_argument, NULL, 's'},
        {"dead-letters", required_argument, NULL, 'd'},
        {"redis", required_argument, NULL, 'i'},
        {"sent", required_argument, NULL, 'n'},
        {"group", required_argument, NULL, 'g'},
        {"validated", required_argument, NULL, 'v'},
        {"wait", required_argument, NULL, 'p'},
        {"all", no_argument, NULL, 'a'},
        {0},
    };
    struct request request = {.wait_seconds = 60};
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;)
        request_option(&request, option);
    if (optind < count)
        request.verb = arguments[optind++];
    if (optind < count)
        request.operand = arguments[optind++];
    bool is_whole = request.bootstrap && request.commands && request.reply_topics && request.records &&
                    request.dead_letters && request.redis;
    if (!request.verb || optind < count || (!is_whole && strcmp(request.verb, "words") != 0))
        usage_error();
    return request;
}
