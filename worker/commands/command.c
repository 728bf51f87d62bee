#include "worker/commands/command.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/nearest_word.h"
#include "common/phone.h"

const struct command commands[] = {
    {"run", command_run, NULL, "", "consume commands and publish their replies, until a signal",
     "TERM and INT stop the program after the current batch; a second one stops it at once (exit code 2).\n"},
    {"check", command_check, command_check_prepare, "[--offline] [--strict]", "check the config, then Kafka and Redis",
     "Prints one line for each, and one for everything there that will hurt: missing topics and rights, settings of "
     "topics\n"
     "and of Redis that lose data, message sizes that do not fit together.\n"
     "  --offline      look at the config only; connect to nothing\n"
     "  --strict       exit code 1 if there is a warning\n"
     "  --output FORM  text (default), or json: one line for each\n"
     "Exit codes: 0 ok or warnings only, 1 a warning with --strict, 69 Kafka or Redis cannot be reached, 78 the config "
     "is "
     "not\n"
     "valid, or Redis is not what redis.kind says.\n"},
    {"validate", command_validate, NULL, "--definitions FILE [--time TIME] [--threads NUMBER] [FILE]",
     "validate commands offline: JSON lines in, replies as JSON lines out",
     "Reads standard input without FILE. Stores nothing.\n"
     "  --definitions FILE  the custom field definitions of every workspace\n"
     "  --time TIME         createdAt of the clients, such as 2026-11-23T06:38:00Z, or milliseconds since 1970;\n"
     "                      default 1970, so that two runs give the same bytes\n"
     "  --threads NUMBER    threads, 1 to 256; default the number of cores\n"
     "Exit codes: 0 all were accepted, 1 at least one was rejected.\n"},
    {"topics", command_topics, NULL, "create", "create the missing topics",
     "Partitions and replication come from [topics] in the config. An existing topic is never changed.\n"
     "  --output FORM  text (default), or json: one line for each topic\n"
     "Exit codes: 0 all exist now, 1 the broker refused a topic, 69 Kafka cannot be reached.\n"},
    {"definitions", command_definitions, NULL,
     "put WORKSPACE FILE | get WORKSPACE | list | lint FILE | history WORKSPACE | sync",
     "store, show and check custom field definitions",
     "  put      checks FILE, appends it to the definitions topic and stores it in Redis\n"
     "  get      prints what Redis holds: a table on a terminal, otherwise the bytes\n"
     "  list     prints the workspaces with definitions in Redis\n"
     "  lint     prints the errors in FILE with their positions\n"
     "  history  prints every version of the workspace in the definitions topic\n"
     "  sync     fills Redis from the definitions topic; the last version of a workspace wins\n"
     "FILE may be - for standard input.\n"
     "  --options KEY=FILE  for put and lint: the options of the field KEY, a List Custom Field Options response\n"
     "  --output FORM       text (default), or json: one line for each entry\n"
     "Exit codes: 0 ok, 1 FILE is not valid or the workspace has no definitions, 69 FILE cannot be read, or Kafka or "
     "Redis\ncannot be reached.\n"},
    {"send", command_send, NULL, "[--ordered] [--reply-topic TOPIC] [--rate N] [--no-wait] [--timeout DURATION] [FILE]",
     "enqueue commands and print their replies",
     "Reads one command a line, from standard input without FILE. Each reply is printed as it comes, one a line.\n"
     "  --ordered            print the replies in the order of the commands\n"
     "  --reply-topic TOPIC  ask for the replies in this topic, which replies.allowed must list\n"
     "  --rate N             at most N commands a second\n"
     "  --no-wait            do not wait for replies\n"
     "  --timeout DURATION   how long replies are awaited after the last command; default 30s\n"
     "  --output FORM        text (default), or json: also a line for each command without a reply, and a summary\n"
     "Exit codes: 0 all were accepted, 1 at least one was rejected, 2 stopped by a second signal, 69 a command was not "
     "sent\n"
     "or a reply did not come, and standard error names each, or Kafka, a topic or FILE is not there.\n"},
    {"replay", command_replay, NULL,
     "[--from BOUND] [--to BOUND] [--partition P]... [--workspace W]... [--definitions WHICH]...\n"
     "                            [--diff] [--allow-gaps] | --apply --name NAME --replies TOPIC [--rate N] | --rebuild",
     "decide the topic's history again and report what would change",
     "Reads the history of the command topic and the recorded replies. Writes nothing, unless --apply or --rebuild is "
     "given.\n"
     "  --from BOUND         the first offset: beginning (default), offset:N or time:T\n"
     "  --to BOUND           the first offset that is not read: end (default), offset:N or time:T\n"
     "  --partition P        only this partition; may be repeated\n"
     "  --workspace W        only commands of this workspace; may be repeated\n"
     "  --definitions WHICH  recorded (default): those of the time; current: those in Redis; WORKSPACE=FILE: those in "
     "FILE for\n"
     "                       this workspace; may be repeated\n"
     "  --diff               one entry for each command that is not the same\n"
     "  --output FORM        text (default), or json: one line for each partition, command, and the summary\n"
     "  --allow-gaps         what cannot be read any more is a warning\n"
     "  --memory SIZE        default 256 MiB, at least 224 MiB; the rest goes to a temporary file\n"
     "  --threads NUMBER     1 to 256; default the number of cores; at most one for each 16 MiB of memory\n"
     "  --apply              decide and write what has no record; --name NAME keeps its position, --replies TOPIC gets "
     "its\n"
     "                       replies, --rate N limits the commands a second\n"
     "  --rebuild            fill an empty Redis from the record topic and the definitions topic\n"
     "Exit codes: 0 all are the same, 1 some are not, 3 part of what was asked for could not be read, 69 Kafka or "
     "Redis cannot\n"
     "be reached. With --apply 0 the range is done, 2 it was stopped by a signal, 69 also if another process applies a "
     "replay\n"
     "of the command topic, by this name or another.\n"},
    {"dead-letters", command_dead_letters, NULL,
     "list [SELECTION] [--group] | show PARTITION/OFFSET [--raw|--hex] |\n"
     "                                  retry [SELECTION|PARTITION/OFFSET...] [--apply] [--value FILE] [--rate N] "
     "[--again]",
     "show the commands that nobody could read, and send them again",
     "  list   one row for each dead letter, with its retries and their outcomes\n"
     "  show   one letter: its headers, and its value with invisible characters escaped\n"
     "  retry  sends letters to their command topic again; without --apply it only says what it would do\n"
     "SELECTION, for list and retry:\n"
     "  --code CODE          letters with this error code\n"
     "  --since TIME         not older than this, such as 2026-11-23T06:38:00Z, by the letter's own timestamp\n"
     "  --until TIME         older than this\n"
     "  --partition P        in this partition of the dead-letter topic; may be repeated\n"
     "  --limit N            the first N only\n"
     "Other options:\n"
     "  --group              list: one row for each code and cause, with an example\n"
     "  --raw                show: the value alone, byte for byte\n"
     "  --hex                show: the value in hexadecimal\n"
     "  --apply              retry: send them\n"
     "  --value FILE         retry: send this value in place of that of the one letter that is named; - is standard "
     "input\n"
     "  --rate N             retry: at most N letters a second\n"
     "  --again              retry: also letters that were retried already\n"
     "  --output FORM        text (default), or json: one line for each row\n"
     "Exit codes: 0 ok, 1 the letter is not there, or a letter was refused, 2 stopped by a signal, 3 part of the topic "
     "could not\n"
     "be read, 69 Kafka cannot be reached, the topic is not there, or FILE cannot be read or is empty.\n"},
    {"demo", command_demo, NULL, "[--stay] [-d FOLDER]", "show commands and their replies, with its own servers",
     "Then it decides the commands again by changed definitions, and shows what differs.\n"
     "  --stay     keep the servers and the worker until Control-C, with the page on http.listen\n"
     "  -d FOLDER  the folder of commands.txt, definitions.json and, if you like, definitions-changed.json\n"
     "Exit codes: 0 every command got a reply, 2 stopped by a signal before, 69 a server could not be started.\n"},
    {0},
};

const char command_common_options[] =
    "Options of every command:\n"
    "  --config FILE            the config file; without it all defaults apply\n"
    "  --set SECTION.KEY=VALUE  overrides the config and the environment; may be repeated\n"
    "  --help                   this help, or that of a command\n"
    "  --version                the versions of the program and its libraries\n";

/* The values of the common options. */
struct invocation {
    const char *config_path;
    const char **settings; /* of --set, ended by NULL */
    size_t setting_count;
    bool help, version;
    char **rest; /* the other arguments, ended by NULL */
    int rest_count;
};

static void print_help(FILE *out)
{
    fputs("usage: client-intake COMMAND [OPTION...]\n\n"
          "Replies to create-client commands from a Kafka topic, exactly once.\n\nCommands:\n",
          out);
    for (const struct command *command = commands; command->name; command++)
        fprintf(out, "  %-12s %s\n", command->name, command->summary);
    fprintf(out, "\n%s", command_common_options);
}

static void print_command_help(const struct command *command)
{
    printf("usage: client-intake %s%s%s [OPTION...]\n\n%c%s.\n", command->name, command->arguments[0] ? " " : "",
           command->arguments, command->summary[0] - 'a' + 'A', command->summary + 1);
    printf("%s%s\n%s", command->details[0] ? "\n" : "", command->details, command_common_options);
}

static void print_version(void)
{
    printf("client-intake %s\nnumbering plan %s\nlibrdkafka %s\nhiredis %d.%d.%d\njansson %s\n", CLIENT_INTAKE_VERSION,
           phone_plan_version(), rd_kafka_version_str(), HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH,
           jansson_version_str());
}

bool command_number(const char *text, int64_t least, int64_t most, int64_t *number)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || value < least || value > most)
        return false;
    *number = value;
    return true;
}

int command_output(const char *name, const char *text, bool *json)
{
    *json = strcmp(text, "json") == 0;
    if (*json || strcmp(text, "text") == 0)
        return COMMAND_OK;
    return command_usage(name, "--output %s: must be text or json", text);
}

int command_usage(const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "client-intake%s%s: ", name ? " " : "", name ? name : "");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nclient-intake%s%s --help has more information\n", name ? " " : "", name ? name : "");
    va_end(arguments);
    return COMMAND_USAGE;
}

/* The value of the option `name` at *at, after '=' or in the next argument; NULL if it is another option. *at moves
 * past it. `missing` is set if there is no value. */
static const char *option_value(const char *name, int argc, char **argv, int *at, bool *missing)
{
    size_t length = strlen(name);
    const char *argument = argv[*at];
    if (strncmp(argument, name, length) != 0 || (argument[length] != '\0' && argument[length] != '='))
        return NULL;
    if (argument[length] == '=')
        return argument + length + 1;
    if (*at + 1 >= argc) {
        *missing = true;
        return "";
    }
    (*at)++;
    return argv[*at];
}

/* Returns COMMAND_OK, or COMMAND_USAGE after printing what is wrong. */
static int split(int argc, char **argv, struct invocation *invocation)
{
    bool missing = false, open = true;
    for (int at = 1; at < argc; at++) {
        const char *value;
        if (open && (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0))
            invocation->help = true;
        else if (open && strcmp(argv[at], "--version") == 0)
            invocation->version = true;
        else if (open && (value = option_value("--config", argc, argv, &at, &missing)))
            invocation->config_path = value;
        else if (open && (value = option_value("--set", argc, argv, &at, &missing)))
            invocation->settings[invocation->setting_count++] = value;
        else
            invocation->rest[invocation->rest_count++] = argv[at];
        if (missing)
            return command_usage(NULL, "%s needs a value", argv[at]);
        open = open && strcmp(argv[at], "--") != 0;
    }
    return COMMAND_OK;
}

static const struct command *find(const char *name)
{
    for (const struct command *command = commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

static int refuse_unknown(const char *name)
{
    if (name[0] == '-')
        return command_usage(NULL, "%s is not an option", name);
    struct suggestion search = suggest_for(name);
    for (const struct command *command = commands; command->name; command++)
        suggest_offer(&search, command->name);
    return command_usage(NULL, "%s is not a command%s%s%s", name, search.found ? "; did you mean " : "",
                         search.found ? search.found : "", search.found ? "?" : "");
}

static int run(const struct command *command, const struct invocation *invocation)
{
    struct config_sources sources = {.path = invocation->config_path, .settings = invocation->settings};
    int result = command->prepare ? command->prepare(invocation->rest_count, invocation->rest, &sources) : COMMAND_OK;
    if (result != COMMAND_OK)
        return result;
    struct config *config = config_read(&sources);
    if (!config)
        return COMMAND_CONFIGURATION;
    log_set_level(config->log.level);
    log_set_format(config->log.format);
    result = command->run(invocation->rest_count, invocation->rest, config);
    config_free(config);
    return result;
}

static int dispatch(const struct invocation *invocation)
{
    if (invocation->version) {
        print_version();
        return COMMAND_OK;
    }
    if (invocation->rest_count == 0) {
        print_help(invocation->help ? stdout : stderr);
        return invocation->help ? COMMAND_OK : COMMAND_USAGE;
    }
    const struct command *command = find(invocation->rest[0]);
    if (!command)
        return refuse_unknown(invocation->rest[0]);
    if (invocation->help) {
        print_command_help(command);
        return COMMAND_OK;
    }
    return run(command, invocation);
}

int command_main(int argc, char **argv)
{
    size_t room = (size_t)argc + 1;
    struct invocation invocation = {.settings = calloc(room, sizeof(char *)), .rest = calloc(room, sizeof(char *))};
    if (!invocation.settings || !invocation.rest)
        abort();
    int result = split(argc, argv, &invocation);
    if (result == COMMAND_OK)
        result = dispatch(&invocation);
    free(invocation.settings);
    free(invocation.rest);
    /* Output that was not written is no answer: a full disk or a closed pipe must not look like one. */
    const bool is_answer = result == COMMAND_OK || result == COMMAND_NEGATIVE || result == COMMAND_INCOMPLETE;
    const int reason = fflush(stdout) != 0 ? errno : ferror(stdout) ? EIO : 0;
    if (is_answer && reason != 0) {
        fprintf(stderr, "client-intake: standard output: %s\n", strerror(reason));
        result = COMMAND_UNAVAILABLE;
    }
    return result;
}
