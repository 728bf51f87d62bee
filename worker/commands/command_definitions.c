/* definitions put|get|list|lint|history|sync: moves the custom field definitions of workspaces between files, the
 * topic that keeps their history, and Redis, where the worker reads them. */
#include "worker/commands/command_definitions.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/commands/command_option.h"
#include "worker/config/config_table.h"
#include "worker/definitions/definitions_print.h"
#include "worker/definitions/definitions_redis.h"

int definitions_complain(int result, const char *subject, const char *error)
{
    fprintf(stderr, "client-intake definitions: %s: %s\n", subject, error);
    return result;
}

int definitions_lint(const struct definitions_request *request, const struct config *config)
{
    (void)config;
    struct definitions_file file;
    int result = definitions_file_open(&file, request);
    if (result != COMMAND_OK)
        return result;
    uint32_t count = file.definitions->count;
    if (request->json)
        definitions_print_faults(request->path, NULL, true);
    else
        printf("%s: ok, %u field%s\n", request->path, count, count == 1 ? "" : "s");
    definitions_file_close(&file);
    return COMMAND_OK;
}

static void print_got(const struct definitions_request *request, struct span bytes)
{
    bool to_people = isatty(STDOUT_FILENO);
    if (to_people && !request->json) {
        definitions_print_table(request->workspace, bytes);
        return;
    }
    fwrite(bytes.at, 1, bytes.length, stdout);
    if (to_people)
        putchar('\n');
}

int definitions_get(const struct definitions_request *request, const struct config *config)
{
    char error[512];
    const struct span workspace = span_of_text(request->workspace);
    redisReply *reply = NULL;
    struct definitions_redis *redis = definitions_redis_open(config, error, sizeof(error));
    int result = COMMAND_OK;
    if (!redis || !definitions_redis_get(redis, &workspace, 1, &reply, error, sizeof(error)))
        result = definitions_complain(COMMAND_UNAVAILABLE, "Redis", error);
    else if (!definitions_redis_value(reply).at)
        result =
            definitions_complain(COMMAND_NEGATIVE, request->workspace, "Redis holds no definitions of this workspace");
    else
        print_got(request, definitions_redis_value(reply));
    freeReplyObject(reply);
    definitions_redis_close(redis);
    return result;
}

#define TAKES_WORKSPACE 1
#define TAKES_FILE      2
#define TAKES_OPTIONS   4

static const struct action {
    const char *name;
    definitions_action *run;
    unsigned takes;
    const char *needs; /* its arguments, in words */
} actions[] = {
    {"put", definitions_put, TAKES_WORKSPACE | TAKES_FILE | TAKES_OPTIONS, "a workspace and a file"},
    {"get", definitions_get, TAKES_WORKSPACE, "a workspace"},
    {"list", definitions_list, 0, "no argument"},
    {"lint", definitions_lint, TAKES_FILE | TAKES_OPTIONS, "a file"},
    {"history", definitions_history_of, TAKES_WORKSPACE, "a workspace"},
    {"sync", definitions_sync_all, 0, "no argument"},
};

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; name && i < sizeof(actions) / sizeof(actions[0]); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

/* `rest` holds the action's name and then its arguments. */
static int act(const struct action *action, struct definitions_request *request, char **rest, int count,
               const struct config *config)
{
    int arguments = !!(action->takes & TAKES_WORKSPACE) + !!(action->takes & TAKES_FILE);
    if (count != 1 + arguments)
        return command_usage("definitions", "%s takes %s", action->name, action->needs);
    if (request->options && !(action->takes & TAKES_OPTIONS))
        return command_usage("definitions", "%s takes no --options", action->name);
    if (action->takes & TAKES_WORKSPACE)
        request->workspace = rest[1];
    if (action->takes & TAKES_FILE)
        request->path = rest[count - 1];
    const char *fault = request->workspace ? config_rule_workspace(request->workspace) : NULL;
    if (fault)
        return command_usage("definitions", "the workspace %s", fault);
    return action->run(request, config);
}

/* Reads the options into the request. On failure *result is the exit code. */
static bool read_arguments(int argc, char **argv, struct definitions_request *request, struct options_source *sources,
                           int *result)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'O'},
                                            {"json", no_argument, NULL, 'j'}, /* the spelling of 0.1.0 */
                                            {"options", required_argument, NULL, 'o'},
                                            {NULL, 0, NULL, 0}};
    command_options_begin();
    int count = 0;
    for (int option; (option = command_option(argc, argv, "", options)) != COMMAND_OPTION_END;) {
        if (option == 'j') {
            request->json = true;
        } else if (option == 'O') {
            *result = command_output("definitions", optarg, &request->json);
            if (*result != COMMAND_OK)
                return false;
        } else if (option == 'o' && strchr(optarg, '=') && optarg[0] != '=') {
            sources[count].argument = optarg;
            if (count > 0)
                sources[count - 1].next = &sources[count];
            count++;
        } else {
            *result = option == COMMAND_OPTION_WRONG
                          ? COMMAND_USAGE
                          : command_usage("definitions",
                                          "--options %s: must be the key of a field and a file, KEY=FILE", optarg);
            return false;
        }
    }
    request->options = count > 0 ? sources : NULL;
    return true;
}

int command_definitions(int argc, char **argv, const struct config *config)
{
    struct definitions_request request = {0};
    struct options_source *sources = calloc((size_t)argc + 1, sizeof(*sources));
    if (!sources)
        abort();
    int result = COMMAND_USAGE;
    if (read_arguments(argc, argv, &request, sources, &result)) {
        const struct action *action = find_action(argv[optind]);
        if (action)
            result = act(action, &request, argv + optind, argc - optind, config);
        else
            result = command_usage("definitions", "expected put, get, list, lint, history or sync");
    }
    free(sources);
    return result;
}
