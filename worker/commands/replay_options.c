#include "worker/commands/replay_options.h"

#include <stdlib.h>
#include <string.h>

#include "common/pipeline.h"
#include "worker/commands/command.h"
#include "worker/commands/command_option.h"
#include "worker/config/config_table.h"
#include "worker/config/config_value.h"
#include "worker/replay/dry_run.h"

#define MEMORY_DEFAULT ((int64_t)256 << 20)
#define MEMORY_MOST    ((int64_t)1 << 40)

bool replay_options_open(struct replay_options *options, int argc)
{
    const size_t room = (size_t)argc + 1;
    *options = (struct replay_options){.from = {.kind = BOUND_BEGINNING},
                                       .to = {.kind = BOUND_END},
                                       .memory = MEMORY_DEFAULT,
                                       .threads = pipeline_processors()};
    options->partitions = calloc(room, sizeof(*options->partitions));
    options->workspaces = calloc(room, sizeof(*options->workspaces));
    options->overrides = calloc(room, sizeof(*options->overrides));
    options->files = calloc(room, sizeof(*options->files));
    return options->partitions && options->workspaces && options->overrides && options->files;
}

void replay_options_close(struct replay_options *options)
{
    for (size_t i = 0; options->files && i < options->override_count; i++)
        definitions_argument_free(&options->files[i]);
    free(options->partitions);
    free(options->workspaces);
    free(options->overrides);
    free(options->files);
}

/* ---- One option each. Returns as replay_options_read ---- */

static int read_bound(const char *name, const char *option, const char *text, enum replay_bound_kind excluded,
                      struct replay_bound *bound)
{
    if (replay_bound_read(text, bound) && bound->kind != excluded)
        return COMMAND_OK;
    return command_usage(name, "--%s %s: must be %s, offset:N, or time:T like time:2026-11-23T06:38:00Z", option, text,
                         excluded == BOUND_END ? "beginning" : "end");
}

static int read_partition(const char *name, const char *text, struct replay_options *options)
{
    int64_t partition;
    if (!command_number(text, 0, INT32_MAX, &partition))
        return command_usage(name, "--partition %s: must be a partition's number", text);
    options->partitions[options->partition_count++] = (int32_t)partition;
    return COMMAND_OK;
}

static int read_workspace(const char *name, const char *text, struct replay_options *options)
{
    const char *fault = config_rule_workspace(text);
    if (fault)
        return command_usage(name, "--workspace %s: %s", text, fault);
    options->workspaces[options->workspace_count++] = span_of_text(text);
    return COMMAND_OK;
}

/* A workspace id holds no '=', so the first one ends it. */
static int read_definitions(const char *name, char *text, struct replay_options *options)
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

static int read_output(const char *name, const char *text, struct replay_options *options)
{
    bool json;
    const int result = command_output(name, text, &json);
    options->output = json ? REPLAY_JSON : REPLAY_TEXT;
    return result;
}

static int read_option(int option, const char *name, struct replay_options *options)
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

int replay_options_read(int argc, char **argv, struct replay_options *options)
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

int replay_options_check(const struct replay_options *options)
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
