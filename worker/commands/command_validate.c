/* validate: evaluates commands offline, JSON lines in, replies as JSON lines out. This file reads the options and
 * prints the result; validation.c does the work. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/pipeline.h"
#include "common/quote.h"
#include "common/timestamp.h"
#include "worker/commands/command.h"
#include "worker/commands/command_option.h"
#include "worker/commands/definitions_argument.h"
#include "worker/commands/validation.h"

#define SOURCE_BYTES 249 /* of the input's name in replies: the longest topic name */

struct options {
    const char *definitions_path;
    const char *path; /* NULL: standard input */
    int64_t time_ms;
    uint32_t threads;
};

/* Returns COMMAND_OK, or the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {{"definitions", required_argument, NULL, 'd'},
                                          {"time", required_argument, NULL, 't'},
                                          {"threads", required_argument, NULL, 'n'},
                                          {0}};
    *options = (struct options){.threads = pipeline_processors()};
    int64_t threads = options->threads;
    int option;
    command_options_begin();
    while ((option = command_option(argc, argv, "", known)) != COMMAND_OPTION_END) {
        if (option == 'd')
            options->definitions_path = optarg;
        else if (option == 't' && !time_read(span_of_text(optarg), &options->time_ms))
            return command_usage(argv[0], "--time %s: must be like 2026-11-23T06:38:00Z, or milliseconds since 1970",
                                 optarg);
        else if (option == 'n' && !command_number(optarg, 1, PIPELINE_THREADS, &threads))
            return command_usage(argv[0], "--threads %s: must be a number from 1 to %d", optarg, PIPELINE_THREADS);
        else if (option == COMMAND_OPTION_WRONG)
            return COMMAND_USAGE;
    }
    options->threads = (uint32_t)threads;
    options->time_ms = time_of_message(options->time_ms);
    if (!options->definitions_path)
        return command_usage(argv[0], "--definitions FILE is missing");
    if (argc - optind > 1)
        return command_usage(argv[0], "one FILE at most, not %d", argc - optind);
    if (optind < argc && strcmp(argv[optind], "-") != 0)
        options->path = argv[optind];
    return COMMAND_OK;
}

/* The input's name as replies show it: at most SOURCE_BYTES bytes of it, in UTF-8. */
static void name_source(const char *path, char source[SOURCE_BYTES + 1])
{
    struct span name = span_of_text(path ? path : "stdin");
    if (name.length > SOURCE_BYTES)
        name = span_from(name, name.length - SOURCE_BYTES);
    while (name.length > 0 && ((unsigned char)name.at[0] & 0xc0) == 0x80)
        name = span_from(name, 1);
    memcpy(source, name.at, name.length);
    source[name.length] = '\0';
    text_make_utf8(source);
}

static int validate_file(int file, const struct options *options, const struct definitions *definitions,
                         const struct config *config)
{
    char source[SOURCE_BYTES + 1];
    name_source(options->path, source);
    const struct validation_job job = {.config = config,
                                       .definitions = definitions,
                                       .input = file,
                                       .output = STDOUT_FILENO,
                                       .source = source,
                                       .time_ms = options->time_ms,
                                       .threads = options->threads};
    bool any_rejected;
    switch (validation_run(&job, &any_rejected)) {
    case VALIDATION_OK:
        return any_rejected ? COMMAND_NEGATIVE : COMMAND_OK;
    case VALIDATION_INPUT_FAILED:
        fprintf(stderr, "client-intake validate: %s: %s\n", source, strerror(errno));
        break;
    case VALIDATION_OUTPUT_FAILED:
        fprintf(stderr, "client-intake validate: standard output: %s\n", strerror(errno));
        break;
    case VALIDATION_NO_MEMORY:
        fprintf(stderr, "client-intake validate: out of memory\n");
        break;
    }
    return COMMAND_UNAVAILABLE;
}

int command_validate(int argc, char **argv, const struct config *config)
{
    struct options options;
    int result = read_options(argc, argv, &options);
    if (result != COMMAND_OK)
        return result;
    struct definitions_argument definitions;
    result = definitions_argument_read(&definitions, argv[0], options.definitions_path);
    if (result != COMMAND_OK)
        return result;
    int file = options.path ? open(options.path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (file < 0) {
        fprintf(stderr, "client-intake validate: %s: %s\n", options.path, strerror(errno));
        result = COMMAND_UNAVAILABLE;
    } else {
        result = validate_file(file, &options, definitions.definitions, config);
        if (options.path)
            close(file);
    }
    definitions_argument_free(&definitions);
    return result;
}
