/* send: enqueues commands and prints their replies. This file reads the options and prints the result; sending.c does
 * the work. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/stop.h"
#include "worker/commands/command.h"
#include "worker/commands/command_option.h"
#include "worker/commands/sending.h"
#include "worker/config/config_value.h"
#include "worker/definitions/json_line.h"
#include "worker/validate/reply_address.h"

#define TIMEOUT_MS 30000

struct options {
    struct sending_request request;
    bool has_timeout; /* --timeout was given */
    const char *path; /* NULL: standard input */
};

static int read_option(int option, const char *name, const struct config *config, struct options *options)
{
    struct sending_request *request = &options->request;
    switch (option) {
    case 'r':
        if (!reply_topic_is_allowed(config, span_of_text(optarg)))
            return command_usage(name, "--reply-topic %s: replies.allowed does not list it", optarg);
        request->reply_topic = optarg;
        return COMMAND_OK;
    case 'o':
        request->ordered = true;
        return COMMAND_OK;
    case 'n':
        request->no_wait = true;
        return COMMAND_OK;
    case 'R':
        if (command_number(optarg, 1, INT32_MAX, &request->rate))
            return COMMAND_OK;
        return command_usage(name, "--rate %s: must be a number of commands a second, from 1 to 2147483647", optarg);
    case 'O':
        return command_output(name, optarg, &request->json);
    case 't':
        options->has_timeout = true;
        if (config_duration_read(optarg, &request->timeout_ms) && request->timeout_ms >= 0)
            return COMMAND_OK;
        return command_usage(name, "--timeout %s: must be a duration with its unit, such as 500 ms or 30s", optarg);
    default:
        return COMMAND_USAGE;
    }
}

static int read_options(int argc, char **argv, const struct config *config, struct options *options)
{
    static const struct option known[] = {{"reply-topic", required_argument, NULL, 'r'},
                                          {"ordered", no_argument, NULL, 'o'},
                                          {"no-wait", no_argument, NULL, 'n'},
                                          {"rate", required_argument, NULL, 'R'},
                                          {"timeout", required_argument, NULL, 't'},
                                          {"output", required_argument, NULL, 'O'},
                                          {0}};
    int option, result = COMMAND_OK;
    *options = (struct options){.request = {.input = STDIN_FILENO, .timeout_ms = TIMEOUT_MS}};
    command_options_begin();
    while (result == COMMAND_OK && (option = command_option(argc, argv, "", known)) != COMMAND_OPTION_END) {
        if (option == COMMAND_OPTION_WRONG)
            return COMMAND_USAGE;
        result = read_option(option, argv[0], config, options);
    }
    if (result == COMMAND_OK && options->request.no_wait && (options->request.ordered || options->has_timeout))
        return command_usage(argv[0], "--no-wait reads no replies, and excludes %s",
                             options->request.ordered ? "--ordered" : "--timeout");
    if (result == COMMAND_OK && argc - optind > 1)
        return command_usage(argv[0], "one FILE at most, not %d", argc - optind);
    if (result == COMMAND_OK && optind < argc && strcmp(argv[optind], "-") != 0)
        options->path = argv[optind];
    return result;
}

static int run(const struct options *options, const struct config *config)
{
    char error[1024];
    struct sending_counts counts;
    stop_on_signals();
    const enum sending_result result = sending_run(config, &options->request, &counts, error, sizeof(error));
    if (result == SENDING_FAILED)
        fprintf(stderr, "client-intake send: %s\n", error);
    else if (options->request.json)
        json_line_print(json_line_pack("{s:I, s:I, s:I, s:I, s:I}", "sent", (json_int_t)counts.sent, "unsent",
                                       (json_int_t)counts.unsent, "answered", (json_int_t)counts.answered, "rejected",
                                       (json_int_t)counts.rejected, "unanswered", (json_int_t)counts.unanswered));
    if (result == SENDING_FORCED)
        return COMMAND_FORCED;
    if (result == SENDING_FAILED || counts.input_failed || counts.unsent > 0 || counts.unanswered > 0)
        return COMMAND_UNAVAILABLE;
    return counts.rejected > 0 ? COMMAND_NEGATIVE : COMMAND_OK;
}

/* False with errno set if the input cannot be read. A pipe may have no bytes yet, and is asked for none. */
static bool open_input(struct options *options)
{
    char byte;
    if (options->path && (options->request.input = open(options->path, O_RDONLY | O_CLOEXEC)) < 0)
        return false;
    return pread(options->request.input, &byte, 1, 0) >= 0 || errno == ESPIPE;
}

int command_send(int argc, char **argv, const struct config *config)
{
    struct options options;
    int result = read_options(argc, argv, config, &options);
    if (result != COMMAND_OK)
        return result;
    options.request.input_name = options.path ? options.path : "standard input";
    if (open_input(&options)) {
        result = run(&options, config);
    } else {
        fprintf(stderr, "client-intake send: %s: %s\n", options.request.input_name, strerror(errno));
        result = COMMAND_UNAVAILABLE;
    }
    if (options.path && options.request.input >= 0)
        close(options.request.input);
    return result;
}
