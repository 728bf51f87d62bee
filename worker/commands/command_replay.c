/* replay: decides the history of the command topic again. This file prints what went wrong; worker/replay does the
 * work. */
#include <inttypes.h>
#include <stdio.h>

#include "worker/commands/command.h"
#include "worker/commands/replay_options.h"
#include "worker/kafka/kafka_client.h"
#include "worker/replay/replay_apply.h"
#include "worker/replay/replay_rebuild.h"

/* ---- The modes ---- */

/* What writes to the index does so on one server, also behind Sentinels. */
static int refuse_cluster(const char *mode)
{
    fprintf(stderr, "client-intake replay: %s does not work with redis.kind = cluster\n", mode);
    return COMMAND_CONFIGURATION;
}

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
static struct replay_selection selection_of(const struct replay_options *options)
{
    return (struct replay_selection){.from = options->from,
                                     .to = options->to,
                                     .partitions = options->partition_count > 0 ? options->partitions : NULL,
                                     .partition_count = options->partition_count,
                                     .workspaces = options->workspace_count > 0 ? options->workspaces : NULL,
                                     .workspace_count = options->workspace_count};
}

/* A number that was given and is not used must not be ignored in silence. */
static uint32_t threads_of(const struct replay_options *options)
{
    const uint32_t threads = replay_threads((uint32_t)options->threads, (size_t)options->memory);
    if (options->given['n'] && threads < options->threads)
        fprintf(stderr, "client-intake replay: %" PRIu32 " threads are used: --memory is not enough for more\n",
                threads);
    return threads;
}

static int run_apply(const struct replay_options *options, const struct config *config)
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
    if (config->redis.kind == REDIS_CLUSTER)
        return refuse_cluster("--apply");
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
    if (config->redis.kind == REDIS_CLUSTER)
        return refuse_cluster("--rebuild");
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

static int run_dry(const struct replay_options *options, const struct config *config)
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

int command_replay(int argc, char **argv, const struct config *config)
{
    struct replay_options options;
    int result = replay_options_open(&options, argc) ? COMMAND_OK : complain("out of memory");
    if (result == COMMAND_OK)
        result = replay_options_read(argc, argv, &options);
    if (result == COMMAND_OK)
        result = replay_options_check(&options);
    if (result == COMMAND_OK)
        result = options.mode == MODE_APPLY     ? run_apply(&options, config)
                 : options.mode == MODE_REBUILD ? run_rebuild(config)
                                                : run_dry(&options, config);
    replay_options_close(&options);
    return result;
}
