/* definitions put|get|lint: the custom field definitions of a workspace, from a file to where the worker finds them. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/command.h"
#include "worker/config_table.h"
#include "worker/definitions_print.h"
#include "worker/kafka_client.h"
#include "worker/redis_connection.h"

/* More than any workspace needs, less than what would stop a worker from compiling it quickly. */
#define DEFINITIONS_BYTES ((size_t)16 << 20)

struct request {
    const char *workspace, *path; /* NULL: not given */
    bool json;
};

static int complain(int result, const char *subject, const char *why)
{
    fprintf(stderr, "client-intake definitions: %s: %s\n", subject, why);
    return result;
}

/* The bytes of a file, "-" for standard input. New, or NULL with the reason in `why`. */
static char *read_file(const char *path, size_t *length, char *why, size_t why_size)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char *bytes = file ? malloc(DEFINITIONS_BYTES + 1) : NULL;
    if (!bytes) {
        snprintf(why, why_size, "%s", strerror(errno));
    } else {
        *length = fread(bytes, 1, DEFINITIONS_BYTES + 1, file);
        bool failed = ferror(file) != 0;
        if (failed || *length > DEFINITIONS_BYTES) {
            snprintf(why, why_size, "%s", failed ? strerror(errno) : "longer than 16 MiB");
            free(bytes);
            bytes = NULL;
        }
    }
    if (file && file != stdin)
        fclose(file);
    return bytes;
}

/* Reads and compiles the file. NULL after the reason was printed, with the exit code in *result. */
static char *read_sound(const struct request *request, size_t *length, struct definitions **definitions, int *result)
{
    char why[256];
    struct definitions_fault *faults = NULL;
    char *bytes = read_file(request->path, length, why, sizeof(why));
    if (!bytes) {
        *result = complain(COMMAND_NEGATIVE, request->path, why);
        return NULL;
    }
    *definitions = definitions_compile(span_of(bytes, *length), &faults);
    if (*definitions)
        return bytes;
    if (!faults)
        complain(COMMAND_NEGATIVE, request->path, "out of memory");
    definitions_print_faults(request->path, faults, request->json);
    definitions_faults_free(faults);
    free(bytes);
    *result = COMMAND_NEGATIVE;
    return NULL;
}

static int lint(const struct request *request, const struct config *config)
{
    (void)config;
    size_t length;
    struct definitions *definitions;
    int result = COMMAND_FINE;
    char *bytes = read_sound(request, &length, &definitions, &result);
    if (!bytes)
        return result;
    if (request->json)
        definitions_print_faults(request->path, NULL, true);
    else
        printf("%s: fine, %u field%s\n", request->path, definitions->count, definitions->count == 1 ? "" : "s");
    definitions_free(definitions);
    free(bytes);
    return COMMAND_FINE;
}

/* One command with the workspace's key and, for SET, a value. New; or NULL with the reason in `why`. */
static redisReply *ask_redis(const struct config *config, const char *name, const char *workspace, const char *value,
                             size_t value_size, char *why, size_t why_size)
{
    redisContext *connection = redis_connect(config, why, why_size);
    if (!connection)
        return NULL;
    char key[WORKSPACE_ID_CHARACTERS + 32];
    int key_length = snprintf(key, sizeof(key), "custom-fields:{%s}", workspace);
    const char *arguments[] = {name, key, value};
    const size_t lengths[] = {strlen(name), (size_t)key_length, value_size};
    redisReply *reply = redisCommandArgv(connection, value ? 3 : 2, arguments, lengths);
    if (!reply || reply->type == REDIS_REPLY_ERROR) {
        snprintf(why, why_size, "%s: %s", name, reply ? reply->str : connection->errstr);
        freeReplyObject(reply);
        reply = NULL;
    }
    redisFree(connection);
    return reply;
}

/* The topic first: it is the truth, and Redis can be filled from it. */
static int put_sound(const struct request *request, const struct config *config, const struct definitions *definitions,
                     const char *bytes, size_t length)
{
    char why[512];
    struct kafka_client client;
    if (!kafka_client_open(&client, config, why, sizeof(why)))
        return complain(COMMAND_UNAVAILABLE, "Kafka", why);
    bool appended =
        kafka_client_append(&client, config->definitions.topic, request->workspace, bytes, length, why, sizeof(why));
    kafka_client_close(&client);
    if (!appended)
        return complain(COMMAND_UNAVAILABLE, config->definitions.topic, why);
    redisReply *reply = ask_redis(config, "SET", request->workspace, bytes, length, why, sizeof(why));
    if (!reply) {
        complain(COMMAND_UNAVAILABLE, "Redis", why);
        return complain(COMMAND_UNAVAILABLE, request->workspace, "stored in the topic only; put them again");
    }
    freeReplyObject(reply);
    definitions_print_stored(
        &(struct definitions_place){request->workspace, config->definitions.topic, client.partition, client.offset},
        definitions, request->json);
    return COMMAND_FINE;
}

static int put(const struct request *request, const struct config *config)
{
    size_t length;
    struct definitions *definitions;
    int result = COMMAND_FINE;
    char *bytes = read_sound(request, &length, &definitions, &result);
    if (!bytes)
        return result;
    result = put_sound(request, config, definitions, bytes, length);
    definitions_free(definitions);
    free(bytes);
    return result;
}

static int get(const struct request *request, const struct config *config)
{
    char why[512];
    redisReply *reply = ask_redis(config, "GET", request->workspace, NULL, 0, why, sizeof(why));
    if (!reply)
        return complain(COMMAND_UNAVAILABLE, "Redis", why);
    int result = COMMAND_FINE;
    bool to_people = isatty(STDOUT_FILENO);
    if (reply->type == REDIS_REPLY_NIL)
        result = complain(COMMAND_NEGATIVE, request->workspace, "Redis holds no definitions of this workspace");
    else if (to_people && !request->json)
        definitions_print_table(request->workspace, span_of(reply->str, reply->len));
    else
        fwrite(reply->str, 1, reply->len, stdout);
    if (reply->type != REDIS_REPLY_NIL && to_people && request->json)
        putchar('\n');
    freeReplyObject(reply);
    return result;
}

static const struct action {
    const char *name;
    int (*run)(const struct request *request, const struct config *config);
    bool takes_workspace, takes_file;
} actions[] = {{"put", put, true, true}, {"get", get, true, false}, {"lint", lint, false, true}};

int command_definitions(int argc, char **argv, const struct config *config)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    struct request request = {0};
    optind = 0; /* starts getopt anew */
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option != 'j')
            return command_usage("definitions", "%s is not an option", argv[optind - 1]);
        request.json = true;
    }
    char **rest = argv + optind;
    int count = argc - optind;
    for (size_t i = 0; count > 0 && i < sizeof(actions) / sizeof(actions[0]); i++) {
        const struct action *action = &actions[i];
        if (strcmp(action->name, rest[0]) != 0)
            continue;
        if (count != 1 + action->takes_workspace + action->takes_file)
            return command_usage(
                "definitions", "%s takes %s%s%s", action->name, action->takes_workspace ? "a workspace" : "",
                action->takes_workspace && action->takes_file ? " and " : "", action->takes_file ? "a file" : "");
        request.workspace = action->takes_workspace ? rest[1] : NULL;
        request.path = action->takes_file ? rest[count - 1] : NULL;
        const char *fault = request.workspace ? config_rule_workspace(request.workspace) : NULL;
        if (fault)
            return command_usage("definitions", "the workspace %s", fault);
        return action->run(&request, config);
    }
    return command_usage("definitions", "expected put, get or lint");
}
