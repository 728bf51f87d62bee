#include "worker/config/config_table.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/phone.h"
#include "worker/model/batch.h"

#define KIB ((int64_t)1 << 10)
#define MIB ((int64_t)1 << 20)
#define GIB ((int64_t)1 << 30)

#define SECOND ((int64_t)1000)
#define HOUR   (3600 * SECOND)

/* Kafka's limit for topic names. */
#define TOPIC_CHARACTERS 249

#define SERVICE_CHARACTERS 255
#define MASTER_CHARACTERS  255

static config_rule rule_topic_pattern, rule_workspace_or_none, rule_listen, rule_redis_address, rule_redis_master,
    rule_source, rule_endpoint, rule_service, rule_http_header;

static const struct config_word delivery_modes[] = {
    {"exactly-once", DELIVERY_EXACTLY_ONCE}, {"at-least-once", DELIVERY_AT_LEAST_ONCE}, {NULL, 0}};
static const struct config_word unknown_attribute_words[] = {
    {"reject", UNKNOWN_ATTRIBUTES_REJECT}, {"ignore", UNKNOWN_ATTRIBUTES_IGNORE}, {NULL, 0}};
static const struct config_word nest_words[] = {
    {"off", NEST_OFF}, {"results", NEST_RESULTS}, {"errors", NEST_ERRORS}, {NULL, 0}};
static const struct config_word compression_words[] = {
    {"uncompressed", COMPRESSION_NONE}, {"producer", COMPRESSION_PRODUCER}, {NULL, 0}};
static const struct config_word on_missing_words[] = {
    {"reject", ON_MISSING_REJECT}, {"wait", ON_MISSING_WAIT}, {NULL, 0}};
static const struct config_word phone_levels[] = {
    {"possible", PHONE_POSSIBLE}, {"plan", PHONE_PLAN}, {"assigned", PHONE_ASSIGNED}, {NULL, 0}};
static const struct config_word redis_kinds[] = {
    {"single", REDIS_SINGLE}, {"sentinel", REDIS_SENTINEL}, {"cluster", REDIS_CLUSTER}, {NULL, 0}};
static const struct config_word off_or_on[] = {{"off", REDIS_TLS_OFF}, {"on", REDIS_TLS_ON}, {NULL, 0}};
static const struct config_word log_formats[] = {{"logfmt", LOG_FORMAT_LOGFMT}, {"json", LOG_FORMAT_JSON}, {NULL, 0}};
static const struct config_word log_levels[] = {{"error", LOG_LEVEL_ERROR},
                                                {"warning", LOG_LEVEL_WARNING},
                                                {"info", LOG_LEVEL_INFO},
                                                {"debug", LOG_LEVEL_DEBUG},
                                                {NULL, 0}};

#define AT(member) offsetof(struct config, member)

#define TEXT(section, name, member, standard, rule, flags)                                                             \
    {                                                                                                                  \
        section, name, CONFIG_TEXT, AT(member), standard, 0, 0, NULL, rule, flags                                      \
    }
#define LIST(section, name, member, standard, rule, flags)                                                             \
    {                                                                                                                  \
        section, name, CONFIG_LIST, AT(member), standard, 0, 0, NULL, rule, flags                                      \
    }
#define WORD(section, name, member, standard, words, flags)                                                            \
    {                                                                                                                  \
        section, name, CONFIG_WORD, AT(member), standard, 0, 0, words, NULL, flags                                     \
    }
#define INTEGER(section, name, member, standard, minimum, maximum, flags)                                              \
    {                                                                                                                  \
        section, name, CONFIG_INTEGER, AT(member), standard, minimum, maximum, NULL, NULL, flags                       \
    }
#define SIZE(section, name, member, standard, minimum, maximum, flags)                                                 \
    {                                                                                                                  \
        section, name, CONFIG_SIZE, AT(member), standard, minimum, maximum, NULL, NULL, flags                          \
    }
#define DURATION(section, name, member, standard, minimum, maximum, flags)                                             \
    {                                                                                                                  \
        section, name, CONFIG_DURATION, AT(member), standard, minimum, maximum, NULL, NULL, flags                      \
    }

/* clang-format off */
const struct config_row config_rows[] = {
    TEXT("commands", "topic", commands.topic, "clients.commands", config_rule_topic, 0),
    TEXT("commands", "workspace", commands.workspace, "", rule_workspace_or_none, 0),
    TEXT("replies", "topic", replies.topic, "clients.replies", config_rule_topic, 0),
    LIST("replies", "allowed", replies.allowed, "", rule_topic_pattern, 0),
    WORD("replies", "nest", replies.nest, "off", nest_words, 0),
    TEXT("replies", "source", replies.source, "/client-intake", rule_source, 0),
    TEXT("records", "topic", records.topic, "clients.records", config_rule_topic, 0),
    TEXT("dead_letters", "topic", dead_letters.topic, "clients.dead-letters", config_rule_topic, 0),
    INTEGER("dead_letters", "retries", dead_letters.retries, "5", 0, 1000, 0),
    TEXT("definitions", "topic", definitions.topic, "clients.definitions", config_rule_topic, 0),
    WORD("definitions", "on_missing", definitions.on_missing, "reject", on_missing_words, 0),
    DURATION("definitions", "wait", definitions.wait_ms, "30 s", SECOND, 24 * HOUR, 0),
    INTEGER("definitions", "cache_workspaces", definitions.cache_workspaces, "10000", 1, 1000000, 0),
    SIZE("definitions", "cache_bytes", definitions.cache_bytes, "64 MiB", MIB, 1024 * GIB, 0),
    INTEGER("topics", "partitions", topics.partitions, "6", 1, 10000, 0),
    INTEGER("topics", "replication", topics.replication, "-1", -1, 100, 0),
    WORD("topics", "compression", topics.compression, "uncompressed", compression_words, 0),
    SIZE("limits", "command_bytes", limits.command_bytes, "256 KiB", KIB, 64 * MIB, CONFIG_MAY_RELOAD),
    SIZE("limits", "memory_bytes", limits.memory_bytes, "512 MiB", 16 * MIB, 1024 * GIB, CONFIG_MAY_RELOAD),
    INTEGER("batch", "commands", batch.commands, "5000", 1, 100000, 0),
    SIZE("batch", "bytes", batch.bytes, "4 MiB", 64 * KIB, GIB, 0),
    WORD("validation", "phone", validation.phone, "plan", phone_levels, CONFIG_MAY_RELOAD),
    WORD("validation", "unknown_attributes", validation.unknown_attributes, "reject", unknown_attribute_words,
         CONFIG_MAY_RELOAD),
    WORD("delivery", "mode", delivery.mode, "exactly-once", delivery_modes, 0),
    WORD("redis", "kind", redis.kind, "single", redis_kinds, 0),
    LIST("redis", "address", redis.address, "127.0.0.1:6379", rule_redis_address, 0),
    TEXT("redis", "master", redis.master, "", rule_redis_master, 0),
    TEXT("redis", "sentinel_username", redis.sentinel_username, "", NULL, 0),
    TEXT("redis", "sentinel_password", redis.sentinel_password, "", NULL, CONFIG_SECRET),
    TEXT("redis", "username", redis.username, "", NULL, 0),
    TEXT("redis", "password", redis.password, "", NULL, CONFIG_SECRET),
    INTEGER("redis", "database", redis.database, "0", 0, 65535, 0),
    DURATION("redis", "timeout", redis.timeout_ms, "2 s", 10, 60 * SECOND, 0),
    WORD("redis", "tls", redis.tls, "off", off_or_on, 0),
    TEXT("redis", "tls_ca", redis.tls_ca, "", NULL, 0),
    TEXT("redis", "tls_certificate", redis.tls_certificate, "", NULL, 0),
    TEXT("redis", "tls_key", redis.tls_key, "", NULL, 0),
    TEXT("redis", "tls_name", redis.tls_name, "", NULL, 0),
    INTEGER("worker", "threads", worker.threads, "1", 1, 64, 0),
    DURATION("shutdown", "timeout", shutdown.timeout_ms, "25 s", SECOND, HOUR, 0),
    TEXT("http", "listen", http.listen, "127.0.0.1:9464", rule_listen, 0),
    TEXT("tracing", "endpoint", tracing.endpoint, "", rule_endpoint, 0),
    TEXT("tracing", "service", tracing.service, "client-intake", rule_service, 0),
    LIST("tracing", "headers", tracing.headers, "", rule_http_header, CONFIG_SECRET),
    TEXT("tracing", "tls_ca", tracing.tls_ca, "", NULL, 0),
    DURATION("tracing", "timeout", tracing.timeout_ms, "10 s", 100, 60 * SECOND, 0),
    INTEGER("tracing", "queue", tracing.queue, "2048", 64, 65536, 0),
    INTEGER("tracing", "links", tracing.links, "128", 1, 1000, 0),
    WORD("log", "level", log.level, "info", log_levels, CONFIG_MAY_RELOAD),
    WORD("log", "format", log.format, "logfmt", log_formats, 0),
    {NULL, NULL, CONFIG_TEXT, 0, NULL, 0, 0, NULL, NULL, 0},
};
/* clang-format on */

const struct config_row *config_row_find(const char *section, const char *name)
{
    for (const struct config_row *row = config_rows; row->section; row++)
        if (strcmp(row->section, section) == 0 && strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

const struct config_row *config_row_at(size_t offset)
{
    const struct config_row *row = config_rows;
    while (row->section && row->offset != offset)
        row++;
    assert(row->section);
    return row;
}

static bool consists_of(const char *text, size_t most, const char *others)
{
    size_t length = strlen(text);
    if (length == 0 || length > most)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!(isascii((unsigned char)text[i]) && isalnum((unsigned char)text[i])) && !strchr(others, text[i]))
            return false;
    return true;
}

const char *config_rule_topic(const char *text)
{
    bool holds = consists_of(text, TOPIC_CHARACTERS, "._-") && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
    return holds ? NULL : "must be a topic name: 1 to 249 of A-Z a-z 0-9 . _ -";
}

/* `*` stands for any characters. */
static const char *rule_topic_pattern(const char *text)
{
    bool holds = consists_of(text, TOPIC_CHARACTERS, "._-*") && strcmp(text, ".") != 0 && strcmp(text, "..") != 0 &&
                 strncmp(text, "__", 2) != 0;
    return holds ? NULL
                 : "must be a topic name or a pattern such as *.reply: 1 to 249 of A-Z a-z 0-9 . _ - *, without __ in "
                   "front";
}

const char *config_rule_workspace(const char *text)
{
    bool holds = consists_of(text, WORKSPACE_ID_CHARACTERS, "._-");
    return holds ? NULL : "must be a workspace id: 1 to 64 of A-Z a-z 0-9 _ . -";
}

static const char *rule_workspace_or_none(const char *text)
{
    return text[0] == '\0' ? NULL : config_rule_workspace(text);
}

/* CloudEvents 1.0, "source": a URI reference that is not empty. */
static const char *rule_source(const char *text)
{
    size_t length = strlen(text);
    bool holds = length >= 1 && length <= 1024;
    for (size_t i = 0; i < length; i++)
        holds = holds && isascii((unsigned char)text[i]) && isgraph((unsigned char)text[i]) &&
                !strchr("\"<>\\^`{|}", text[i]);
    return holds ? NULL : "must be a URI reference, such as /client-intake";
}

bool config_split_address(const char *address, char **host, int *port)
{
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address)
        return false;
    const char *begin = address, *end = colon;
    if (address[0] == '[' && end[-1] == ']') {
        begin++;
        end--;
    } else if (memchr(address, ':', (size_t)(colon - address))) {
        return false; /* IPv6 without brackets: the port could be part of it */
    }
    size_t digits = strspn(colon + 1, "0123456789");
    long number = strtol(colon + 1, NULL, 10);
    if (begin >= end || digits == 0 || digits > 5 || colon[1 + digits] != '\0' || number > 65535)
        return false;
    *host = strndup(begin, (size_t)(end - begin));
    *port = (int)number;
    return *host != NULL;
}

static bool is_host_and_port(const char *text, int least)
{
    char *host = NULL;
    int port = 0;
    bool holds = !strpbrk(text, " \t/@") && config_split_address(text, &host, &port) && port >= least;
    free(host);
    return holds;
}

/* With port 0 the system chooses one. */
static const char *rule_listen(const char *text)
{
    bool holds = text[0] == '\0' || is_host_and_port(text, 0);
    return holds ? NULL : "must be HOST:PORT, such as 127.0.0.1:9464, or empty for none";
}

static const char *rule_redis_address(const char *text)
{
    bool holds = strncmp(text, "unix:", 5) == 0 ? text[5] != '\0' : is_host_and_port(text, 1);
    return holds ? NULL : "must be HOST:PORT, such as 127.0.0.1:6379, or unix:PATH";
}

/* Sentinel refuses other names. */
static const char *rule_redis_master(const char *text)
{
    bool holds = text[0] == '\0' || consists_of(text, MASTER_CHARACTERS, "._-");
    return holds ? NULL : "must be the name of a master as Sentinel takes it: 1 to 255 of A-Z a-z 0-9 . _ -";
}

/* A name and a password in a URL would be printed; `tracing.headers` is for secrets. */
static const char *rule_endpoint(const char *text)
{
    static const char form[] =
        "must be a URL such as http://127.0.0.1:4318 or https://HOST/v1/traces, without a name, a "
        "password or a fragment";
    if (text[0] == '\0')
        return NULL;
    const char *host = strncmp(text, "http://", 7) == 0 ? text + 7 : strncmp(text, "https://", 8) == 0 ? text + 8 : "";
    const size_t authority = strcspn(host, "/?");
    for (const char *at = text; *at; at++)
        if (!isascii((unsigned char)*at) || !isgraph((unsigned char)*at) || *at == '#')
            return form;
    return authority == 0 || memchr(host, '@', authority) ? form : NULL;
}

static const char *rule_service(const char *text)
{
    return text[0] != '\0' && strlen(text) <= SERVICE_CHARACTERS ? NULL : "must be a name of 1 to 255 bytes";
}

/* RFC 9110: the name is a token. The program itself sets those that frame the request. */
static const char *rule_http_header(const char *text)
{
    static const char *const own[] = {"content-type", "content-length", "transfer-encoding", "host", "expect"};
    const char *equals = strchr(text, '=');
    bool holds = equals != NULL && equals > text;
    for (const char *at = text; holds && at < equals; at++)
        holds = isascii((unsigned char)*at) && (isalnum((unsigned char)*at) || strchr("!#$%&'*+-.^_`|~", *at));
    for (const char *at = equals; holds && *at; at++)
        holds = (unsigned char)*at >= ' ' && *at != 0x7f;
    for (size_t i = 0; holds && i < sizeof(own) / sizeof(own[0]); i++)
        holds = strlen(own[i]) != (size_t)(equals - text) || strncasecmp(own[i], text, strlen(own[i])) != 0;
    return holds ? NULL : "must be NAME=VALUE, with the name of a header that the program does not set itself";
}
