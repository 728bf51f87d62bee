/* replay: decides the history of the command topic again. This file reads the options and prints what went wrong;
 * worker/replay does the work. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/pipeline.h"
#include "worker/commands/command.h"
#include "worker/commands/command_option.h"
#include "worker/commands/definitions_argument.h"
#include "worker/config/config_table.h"
#include "worker/config/config_value.h"
#include "worker/kafka/kafka_client.h"
#include "worker/replay/replay_apply.h"
#include "worker/replay/replay_rebuild.h"

#define MEMORY_DEFAULT ((int64_t)256 << 20)
#define MEMORY_MOST    ((int64_t)1 << 40)

/* What is done with the history. */
enum replay_mode { MODE_DRY_RUN, MODE_APPLY, MODE_REBUILD };

/* The options. The lists have room for one entry for each argument. */
struct options {
    enum replay_mode mode;
    struct replay_bound from, to;
    int32_t *partitions;
    uint32_t partition_count;
    struct span *workspaces;
    size_t workspace_count;
    enum library_source source;
    struct replay_override *overrides;
    struct definitions_argument *files; /* of the overrides */
    size_t override_count;
    enum replay_output output;
    bool diff, allow_gaps;
    int64_t memory, threads;
    const char *name, *replies; /* NULL: not given */
    int64_t rate;               /* commands a second; 0: no limit */
    bool given[128];            /* by the option's letter */
};

static bool options_open(struct options *options, int argc)
{
    const size_t room = (size_t)argc + 1;
    *options = (struct options){.from = {.kind = BOUND_BEGINNING},
                                .to = {.kind = BOUND_END},
                                .memory = MEMORY_DEFAULT,
                                .threads = pipeline_processors()};
    options->partitions = calloc(room, sizeof(*options->partitions));
    options->workspaces = calloc(room, sizeof(*options->workspaces));
    options->overrides = calloc(room, sizeof(*options->overrides));
    options->files = calloc(room, sizeof(*options->files));
    return options->partitions && options->workspaces && options->overrides && options->files;
}

static void options_close(struct options *options)
{
    for (size_t i = 0; options->files && i < options->override_count; i++)
        definitions_argument_free(&options->files[i]);
    free(options->partitions);
    free(options->workspaces);
    free(options->overrides);
    free(options->files);
}

/* ---- One option each. Returns COMMAND_OK, or the exit code after the reason was printed ---- */

static int read_bound(const char *name, const char *option, const char *text, enum replay_bound_kind excluded,
                      struct replay_bound *bound)
{
    if (replay_bound_read(text, bound) && bound->kind != excluded)
        return COMMAND_OK;
    return command_usage(name, "--%s %s: must be %s, offset:N, or time:T like time:2026-11-23T06:38:00Z", option, text,
                         excluded == BOUND_END ? "beginning" : "end");
}

static int read_partition(const char *name, const char *text, struct options *options)
{
    int64_t partition;
    if (!command_number(text, 0, INT32_MAX, &partition))
        return command_usage(name, "--partition %s: must be a partition's number", text);
    options->partitions[options->partition_count++] = (int32_t)partition;
    return COMMAND_OK;
}

static int read_workspace(const char *name, const char *text, struct options *options)
{
    const char *fault = config_rule_workspace(text);
    if (fault)
        return command_usage(name, "--workspace %s: %s", text, fault);
    options->workspaces[options->workspace_count++] = span_of_text(text);
    return COMMAND_OK;
}

/* A workspace id holds no '=', so the first one ends it. */
static int read_definitions(const char *name, char *text, struct options *options)
{
    char *path = strchr(text, '=');
    if (!path && strcmp(text, "recorded") != 0 && strcmp(text, "current") != 0)
        return command_usage(name, "--definitions %s: must be recorded, current, or WORKSPACE=FILE", text);
    if (!path) {
        options->source = text[0] == 'c' ? LIBRARY_CURRENT : LIBRARY_RECORDED;
        return COMMAND_OK;
    }
    *path++ = '\0';
    const char *fault = config_rule_workspace(text);
    if (fault || text[0] == '\0')
        return command_usage(name, "--definitions %s=%s: %s", text, path, fault ? fault : "the workspace is missing");
    struct definitions_argument *file = &options->files[options->override_count];
    const int result = definitions_argument_read(file, name, path);
    if (result == COMMAND_OK)
        options->overrides[options->override_count++] =
            (struct replay_override){span_of_text(text), span_of(file->bytes, file->length)};
    return result;
}

static int read_output(const char *name, const char *text, struct options *options)
{
    bool json;
    const int result = command_output(name, text, &json);
    options->output = json ? REPLAY_JSON : REPLAY_TEXT;
    return result;
}

static int read_option(int option, const char *name, struct options *options)
{
    switch (option) {
    case 'f':
        return read_bound(name, "from", optarg, BOUND_END, &options->from);
    case 't':
        return read_bound(name, "to", optarg, BOUND_BEGINNING, &options->to);
    case 'p':
        return read_partition(name, optarg, options);
    case 'w':
        return read_workspace(name, optarg, options);
    case 'd':
        return read_definitions(name, optarg, options);
    case 'o':
        return read_output(name, optarg, options);
    case 'D':
        options->diff = true;
        return COMMAND_OK;
    case 'g':
        options->allow_gaps = true;
        return COMMAND_OK;
    case 'm':
        if (config_size_read(optarg, &options->memory) && options->memory >= (int64_t)DRY_RUN_MEMORY_LEAST &&
            options->memory <= MEMORY_MOST)
            return COMMAND_OK;
        return command_usage(name, "--memory %s: must be a size from 224 MiB on, such as 256 MiB", optarg);
    case 'n':
        if (command_number(optarg, 1, PIPELINE_THREADS, &options->threads))
            return COMMAND_OK;
        return command_usage(name, "--threads %s: must be a number from 1 to %d", optarg, PIPELINE_THREADS);
    case 'A':
        options->mode = MODE_APPLY;
        return COMMAND_OK;
    case 'N':
        options->name = optarg;
        return COMMAND_OK;
    case 'R':
        options->replies = optarg;
        return COMMAND_OK;
    case 'r':
        if (command_number(optarg, 1, INT32_MAX, &options->rate))
            return COMMAND_OK;
        return command_usage(name, "--rate %s: must be a number of commands a second, from 1 to 2147483647", optarg);
    case 'B':
        options->mode = MODE_REBUILD;
        return COMMAND_OK;
    default:
        return COMMAND_USAGE;
    }
}

static const struct option known[] = {{"from", required_argument, NULL, 'f'},
                                      {"to", required_argument, NULL, 't'},
                                      {"partition", required_argument, NULL, 'p'},
                                      {"workspace", required_argument, NULL, 'w'},
                                      {"definitions", required_argument, NULL, 'd'},
                                      {"output", required_argument, NULL, 'o'},
                                      {"diff", no_argument, NULL, 'D'},
                                      {"allow-gaps", no_argument, NULL, 'g'},
                                      {"memory", required_argument, NULL, 'm'},
                                      {"threads", required_argument, NULL, 'n'},
                                      {"apply", no_argument, NULL, 'A'},
                                      {"name", required_argument, NULL, 'N'},
                                      {"replies", required_argument, NULL, 'R'},
                                      {"rate", required_argument, NULL, 'r'},
                                      {"rebuild", no_argument, NULL, 'B'},
                                      {0}};

static int read_options(int argc, char **argv, struct options *options)
{
    int option, result = COMMAND_OK;
    command_options_begin();
    while (result == COMMAND_OK && (option = command_option(argc, argv, "", known)) != COMMAND_OPTION_END) {
        if (option == COMMAND_OPTION_WRONG)
            return COMMAND_USAGE;
        options->given[option] = true;
        result = read_option(option, argv[0], options);
    }
    if (result == COMMAND_OK && optind < argc)
        return command_usage(argv[0], "%s is too much", argv[optind]);
    return result;
}

/* ---- The modes ---- */

static void warn_of_gaps(void)
{
    fprintf(stderr, "client-intake replay: part of what was asked for could not be read; the report names it\n");
}

static int complain(const char *error)
{
    fprintf(stderr, "client-intake replay: %s\n", error);
    return COMMAND_UNAVAILABLE;
}

/* Borrows the lists of the options. */
static struct replay_selection selection_of(const struct options *options)
{
    return (struct replay_selection){.from = options->from,
                                     .to = options->to,
                                     .partitions = options->partition_count > 0 ? options->partitions : NULL,
                                     .partition_count = options->partition_count,
                                     .workspaces = options->workspace_count > 0 ? options->workspaces : NULL,
                                     .workspace_count = options->workspace_count};
}

/* A number that was given and is not used must not be ignored in silence. */
static uint32_t threads_of(const struct options *options)
{
    const uint32_t threads = replay_threads((uint32_t)options->threads, (size_t)options->memory);
    if (options->given['n'] && threads < options->threads)
        fprintf(stderr, "client-intake replay: %" PRIu32 " threads are used: --memory is not enough for more\n",
                threads);
    return threads;
}

static int run_apply(const struct options *options, const struct config *config)
{
    static const int codes[] = {[REPLAY_APPLIED] = COMMAND_OK,         [REPLAY_INCOMPLETE] = COMMAND_INCOMPLETE,
                                [REPLAY_MISUSED] = COMMAND_USAGE,      [REPLAY_MISCONFIGURED] = COMMAND_CONFIGURATION,
                                [REPLAY_IN_USE] = COMMAND_UNAVAILABLE, [REPLAY_UNAVAILABLE] = COMMAND_UNAVAILABLE,
                                [REPLAY_STOPPED] = COMMAND_FORCED};
    char error[1024];
    const struct replay_apply_request request = {
        .selection = selection_of(options),
        .definitions = {options->source, options->overrides, options->override_count},
        .name = options->name,
        .output = options->output,
        .replies = options->replies,
        .rate = options->rate,
        .threads = threads_of(options),
        .memory_bytes = (size_t)options->memory,
        .wait_ms = KAFKA_CLIENT_WAIT_MS,
    };
    if (!options->name || !options->replies)
        return command_usage("replay", "--apply needs --name and --replies");
    const enum replay_apply_result result = replay_apply(config, &request, error, sizeof(error));
    if (result == REPLAY_MISUSED)
        return command_usage("replay", "%s", error);
    if (result == REPLAY_IN_USE || result == REPLAY_UNAVAILABLE || result == REPLAY_MISCONFIGURED)
        complain(error);
    if (result == REPLAY_INCOMPLETE)
        warn_of_gaps();
    return result == REPLAY_INCOMPLETE && options->allow_gaps ? COMMAND_OK : codes[result];
}

static int run_rebuild(const struct config *config)
{
    char error[1024];
    switch (replay_rebuild(config, error, sizeof(error))) {
    case REPLAY_REBUILT:
        return COMMAND_OK;
    case REPLAY_REBUILD_STOPPED:
        return COMMAND_FORCED;
    case REPLAY_REBUILD_FOREIGN:
        complain(error);
        return COMMAND_CONFIGURATION;
    case REPLAY_REBUILD_FAILED:
        break;
    }
    return complain(error);
}

static int run_dry(const struct options *options, const struct config *config)
{
    char error[1024];
    bool incomplete;
    const struct dry_run_request request = {
        .selection = selection_of(options),
        .definitions = {options->source, options->overrides, options->override_count},
        .output = options->output,
        .diff = options->diff,
        .threads = threads_of(options),
        .memory_bytes = (size_t)options->memory,
        .wait_ms = KAFKA_CLIENT_WAIT_MS,
    };
    const enum dry_run_result result = dry_run(config, &request, &incomplete, error, sizeof(error));
    if (result == DRY_RUN_NO_PARTITION)
        return command_usage("replay", "%s", error);
    if (result == DRY_RUN_FAILED)
        return complain(error);
    if (incomplete)
        warn_of_gaps();
    if (incomplete && !options->allow_gaps)
        return COMMAND_INCOMPLETE;
    return result == DRY_RUN_SAME ? COMMAND_OK : COMMAND_NEGATIVE;
}

/* An option that another mode does not know must not be ignored in silence. */
static int check_mode(const struct options *options)
{
    if (options->mode == MODE_DRY_RUN && (options->name || options->replies || options->rate > 0))
        return command_usage("replay", "--name, --replies and --rate need --apply");
    if (options->mode != MODE_DRY_RUN && options->diff)
        return command_usage("replay", "--diff is for a dry run, without --apply and --rebuild");
    if (options->given['A'] && options->given['B'])
        return command_usage("replay", "--apply and --rebuild exclude each other");
    if (options->mode == MODE_REBUILD && options->output == REPLAY_JSON)
        return command_usage("replay", "--output json is not for --rebuild");
    for (const struct option *option = known; options->mode == MODE_REBUILD && option->name; option++)
        if (options->given[option->val] && option->val != 'B' && option->val != 'o')
            return command_usage("replay", "--%s is not for --rebuild, which reads all of the topics", option->name);
    return COMMAND_OK;
}

int command_replay(int argc, char **argv, const struct config *config)
{
    struct options options;
    int result = options_open(&options, argc) ? COMMAND_OK : complain("out of memory");
    if (result == COMMAND_OK)
        result = read_options(argc, argv, &options);
    if (result == COMMAND_OK)
        result = check_mode(&options);
    if (result == COMMAND_OK)
        result = options.mode == MODE_APPLY     ? run_apply(&options, config)
                 : options.mode == MODE_REBUILD ? run_rebuild(config)
                                                : run_dry(&options, config);
    options_close(&options);
    return result;
}
