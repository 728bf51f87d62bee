#include <errno.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/folder.h"
#include "common/stop.h"
#include "worker/commands/command.h"
#include "worker/commands/command_option.h"
#include "worker/commands/demo_replay.h"
#include "worker/commands/demo_stay.h"
#include "worker/commands/embedded_broker.h"
#include "worker/commands/private_redis.h"
#include "worker/daemon/worker.h"
#include "worker/http/http.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/kafka/message_headers.h"

#define DEMO_COMMANDS    100 /* at most in a demo file */
#define DEMO_FILE_BYTES  ((size_t)1 << 24)
#define REPLIES_LIMIT_MS 40000
#define DEMO_WORKSPACE   "acme"
#define DEMO_DIRECTORY   "config/demo"
#define STOP_LIMIT_MS    10000

struct demo_command {
    char *title, *value;
    char *reply; /* NULL until it has come */
    bool duplicate;
};

struct demo {
    char folder[512];
    struct embedded_broker broker;
    struct private_redis redis;
    struct config *config;
    struct http *http; /* NULL: it does not stay */
    struct workers *workers;
    struct demo_command commands[DEMO_COMMANDS];
    size_t count, replies;
};

static bool demo_fail(const char *what, const char *error)
{
    fprintf(stderr, "client-intake demo: %s: %s\n", what, error);
    return false;
}

/* ---- the files of config/demo ---- */

/* The file's text, to be freed; *length does not count its final NUL. NULL after the reason was printed. */
static char *demo_file(const char *directory, const char *name, size_t *length)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    char *text = file_read(path, DEMO_FILE_BYTES, length);
    if (!text)
        demo_fail(path, strerror(errno));
    return text;
}

/* A line that begins with # is the title of the command in the next line. */
static bool demo_read_commands(struct demo *demo, const char *directory)
{
    size_t length;
    char *text = demo_file(directory, "commands.txt", &length), *rest = text, *title = NULL;
    if (!text)
        return false;
    for (char *line; (line = strsep(&rest, "\n")) && demo->count < DEMO_COMMANDS;) {
        if (line[0] == '#') {
            free(title);
            title = strdup(line + 1 + strspn(line + 1, " "));
        } else if (line[0] != '\0') {
            demo->commands[demo->count++] = (struct demo_command){.title = title, .value = strdup(line)};
            title = NULL;
        }
    }
    free(title);
    free(text);
    return demo->count > 0 || demo_fail("commands.txt", "holds no commands");
}

/* Into the topic, from which the worker fills Redis at its start. */
static bool demo_put_definitions(struct demo *demo, const char *directory)
{
    char error[512];
    struct kafka_client client;
    size_t length;
    char *text = demo_file(directory, "definitions.json", &length);
    if (!text)
        return false;
    bool ok = kafka_client_open(&client, demo->config, error, sizeof(error));
    if (ok) {
        ok = kafka_client_append(&client, demo->config->definitions.topic, DEMO_WORKSPACE, text, length, error,
                                 sizeof(error));
        kafka_client_close(&client);
    }
    free(text);
    return ok || demo_fail("definitions", error);
}

/* ---- the embedded parts ---- */

/* `listen`: http.listen of the user's config. */
static bool demo_configure(struct demo *demo, const char *listen)
{
    char servers[256], redis[640], http[640];
    snprintf(servers, sizeof(servers), "kafka.bootstrap.servers=%s", demo->broker.address);
    snprintf(redis, sizeof(redis), "redis.address=%s", demo->redis.address);
    snprintf(http, sizeof(http), "http.listen=%s", listen);
    const char *settings[] = {servers,
                              "redis.kind=single",
                              redis,
                              http,
                              "delivery.mode=at-least-once",
                              "worker.threads=1",
                              "log.level=warning",
                              "kafka.consumer.fetch.wait.max.ms=10",
                              NULL};
    demo->config = config_read(&(struct config_sources){.path = NULL, .settings = settings});
    if (!demo->config)
        return false;
    log_set_level(demo->config->log.level);
    return true;
}

/* `listen`: where the page is served; NULL: nowhere. */
static bool demo_start(struct demo *demo, const char *directory, const char *listen)
{
    char error[256];
    if (!folder_make_temporary("client-intake-demo", demo->folder, sizeof(demo->folder)))
        return demo_fail("temporary folder", strerror(errno));
    if (!embedded_broker_start(&demo->broker, 1, error, sizeof(error)))
        return demo_fail("embedded broker", error);
    if (!private_redis_start(&demo->redis, demo->folder, error, sizeof(error)))
        return demo_fail("private Redis", error);
    if (!demo_configure(demo, listen ? listen : ""))
        return false;
    if (listen && !(demo->http = http_open(demo->config)))
        return demo_fail("the page", "give it another address with --set http.listen=127.0.0.1:0");
    const char *topics[] = {demo->config->commands.topic, demo->config->replies.topic, demo->config->records.topic,
                            demo->config->definitions.topic, demo->config->dead_letters.topic};
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
        if (!embedded_broker_topic(&demo->broker, topics[i], 1))
            return demo_fail("embedded broker", "a topic could not be created");
    if (!demo_put_definitions(demo, directory))
        return false;
    demo->workers = workers_start(demo->config);
    if (!demo->workers || !demo->http)
        return demo->workers != NULL;
    size_t threads;
    struct metrics *const *metrics = workers_metrics(demo->workers, &threads);
    return http_serve(demo->http, metrics, threads);
}

static void demo_stop(struct demo *demo)
{
    stop_request();
    http_close(demo->http);
    bool ended = !demo->workers || workers_join(demo->workers, STOP_LIMIT_MS);
    if (!ended)
        demo_fail("worker", "did not stop in time");
    private_redis_stop(&demo->redis);
    if (ended)
        embedded_broker_stop(&demo->broker);
    if (demo->folder[0] && !folder_remove(demo->folder))
        demo_fail(demo->folder, strerror(errno));
    if (!ended) {
        /* Threads still use the objects that an ordinary end would free. */
        fflush(NULL);
        _exit(COMMAND_FORCED);
    }
    config_free(demo->config);
    for (size_t i = 0; i < demo->count; i++) {
        free(demo->commands[i].title);
        free(demo->commands[i].value);
        free(demo->commands[i].reply);
    }
}

/* ---- commands out, replies in ---- */

static rd_kafka_t *demo_client(const struct demo *demo, rd_kafka_type_t type)
{
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    kafka_conf_push_no_metrics(conf);
    if (rd_kafka_conf_set(conf, "bootstrap.servers", demo->broker.address, error, sizeof(error)) == RD_KAFKA_CONF_OK &&
        (type != RD_KAFKA_CONSUMER ||
         (rd_kafka_conf_set(conf, "group.id", "demo", error, sizeof(error)) == RD_KAFKA_CONF_OK &&
          rd_kafka_conf_set(conf, "fetch.wait.max.ms", "10", error, sizeof(error)) == RD_KAFKA_CONF_OK))) {
        rd_kafka_t *client = rd_kafka_new(type, conf, error, sizeof(error));
        if (client)
            return client;
    }
    rd_kafka_conf_destroy(conf);
    demo_fail("Kafka client", error);
    return NULL;
}

static bool demo_send(const struct demo *demo)
{
    rd_kafka_t *producer = demo_client(demo, RD_KAFKA_PRODUCER);
    if (!producer)
        return false;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < demo->count && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        code = rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(demo->config->commands.topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_VALUE(demo->commands[i].value, strlen(demo->commands[i].value)), RD_KAFKA_V_END);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = rd_kafka_flush(producer, REPLIES_LIMIT_MS);
    rd_kafka_destroy(producer);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || demo_fail("sending the commands", rd_kafka_err2str(code));
}

/* The commands were sent to one partition of a new topic, so a reply's source offset is its command's number. */
static void demo_take_reply(struct demo *demo, const rd_kafka_message_t *message)
{
    json_t *reply = json_loadb(message->payload, message->len, 0, NULL);
    json_t *offset = json_object_get(json_object_get(reply, "source"), "offset");
    size_t number = json_is_integer(offset) ? (size_t)json_integer_value(offset) : DEMO_COMMANDS;
    if (number < demo->count && !demo->commands[number].reply) {
        struct span value;
        demo->commands[number].reply = json_dumps(reply, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        demo->commands[number].duplicate = message_header_last(message, "duplicate", &value);
        demo->replies++;
    }
    json_decref(reply);
}

static bool demo_receive(struct demo *demo)
{
    rd_kafka_t *consumer = demo_client(demo, RD_KAFKA_CONSUMER);
    if (!consumer)
        return false;
    rd_kafka_topic_partition_list_t *replies = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(replies, demo->config->replies.topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t code = rd_kafka_assign(consumer, replies);
    rd_kafka_topic_partition_list_destroy(replies);
    int64_t limit = clock_now_ms() + REPLIES_LIMIT_MS;
    while (code == RD_KAFKA_RESP_ERR_NO_ERROR && demo->replies < demo->count && clock_now_ms() < limit &&
           !stop_is_requested()) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 100);
        if (message && !message->err)
            demo_take_reply(demo, message);
        if (message)
            rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return demo->replies == demo->count ||
           demo_fail("replies", stop_is_requested() ? "stopped by a signal" : "not all replies came in time");
}

static void demo_print(const struct demo *demo)
{
    bool terminal = isatty(STDOUT_FILENO);
    const char *strong = terminal ? "\033[1m" : "", *plain = terminal ? "\033[0m" : "";
    for (size_t i = 0; i < demo->count; i++) {
        const struct demo_command *command = &demo->commands[i];
        printf("%s%zu of %zu: %s%s\n", strong, i + 1, demo->count, command->title ? command->title : "", plain);
        printf("command  %s\n", command->value);
        printf("reply    %s%s\n\n", command->duplicate ? "(with the header duplicate: true) " : "",
               command->reply ? command->reply : "");
    }
    printf("%zu commands, %zu replies.\n", demo->count, demo->replies);
}

/* The folder that `make install` and the package put beside the program's: PREFIX/bin, PREFIX/share. */
static const char *find_installed(char *path, size_t size)
{
    const ssize_t length = readlink("/proc/self/exe", path, size);
    const size_t end = length > 0 && (size_t)length < size ? (size_t)length : 0;
    path[end] = '\0';
    for (int parts = 0; parts < 2; parts++) {
        char *slash = strrchr(path, '/');
        if (slash)
            *slash = '\0';
    }
    strncat(path, "/share/client-intake/demo", size - strlen(path) - 1);
    return path;
}

/* True if every command got its reply. */
static bool demo_run(struct demo *demo, const char *directory, const char *listen)
{
    if (!demo_read_commands(demo, directory) || !demo_start(demo, directory, listen) || !demo_send(demo) ||
        !demo_receive(demo))
        return false;
    demo_print(demo);
    if (!demo_replay(demo->config, directory, DEMO_WORKSPACE))
        return false;
    if (demo->http)
        demo_stay(demo->config, http_port(demo->http), demo->broker.address, DEMO_WORKSPACE);
    return true;
}

int command_demo(int argc, char **argv, const struct config *config)
{
    char installed[PATH_MAX];
    const char *directory =
        access(DEMO_DIRECTORY, R_OK) == 0 ? DEMO_DIRECTORY : find_installed(installed, sizeof(installed));
    static const struct option known[] = {{"stay", no_argument, NULL, 's'}, {0}};
    bool stays = false;
    int option;
    command_options_begin();
    while ((option = command_option(argc, argv, "d:", known)) != COMMAND_OPTION_END) {
        if (option == COMMAND_OPTION_WRONG)
            return COMMAND_USAGE;
        if (option == 's')
            stays = true;
        else
            directory = optarg;
    }
    if (optind < argc)
        return command_usage("demo", "unexpected argument \"%s\"", argv[optind]);
    if (stays && config->http.listen[0] == '\0')
        return command_usage("demo", "--stay shows the page, so http.listen may not be empty");
    stop_on_signals();
    stop_on_hangup();
    struct demo *demo = calloc(1, sizeof(*demo));
    if (!demo)
        return COMMAND_UNAVAILABLE;
    const bool ok = demo_run(demo, directory, stays ? config->http.listen : NULL);
    const bool interrupted = !ok && stop_is_requested();
    demo_stop(demo);
    free(demo);
    return ok ? COMMAND_OK : interrupted ? COMMAND_FORCED : COMMAND_UNAVAILABLE;
}
