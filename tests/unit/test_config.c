/* config: accepted and refused settings, the messages, and that the shipped file agrees with the tables. */
#include <check.h>
#include <ini.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <unistd.h>

#include "worker/config/config.h"
#include "worker/config/config_kafka.h"
#include "worker/config/config_value.h"
#include "worker/redis/redis_tls.h"
#include "worker/validate/definitions.h"

#define AS_WRITTEN(name) #name
#define TEXT_OF(name)    AS_WRITTEN(name)

static char folder[32], path[64], secret_path[64];

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void make_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/test-config-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/config", folder);
    snprintf(secret_path, sizeof(secret_path), "%s/secret", folder);
    write_file(secret_path, "open sesame\n");
}

static void remove_folder(void)
{
    unlink(path);
    unlink(secret_path);
    rmdir(folder);
}

static void print_fault(void *listener, const char *place, const char *message)
{
    fprintf(listener, "%s: %s\n", place, message);
}

/* Reads `text` (NULL: no file) with up to two --set. *printed is the output, with "F" for the file's path; to be
 * freed. */
static struct config *read_text(const char *text, const char *first, const char *second, char **printed)
{
    const char *settings[] = {first, second, NULL};
    char *raw = NULL, *clean = NULL;
    size_t size;
    if (text)
        write_file(path, text);
    FILE *out = open_memstream(&raw, &size);
    struct config *config = config_read(&(struct config_sources){
        .path = text ? path : NULL, .settings = settings, .take_fault = print_fault, .listener = out});
    fclose(out);
    out = open_memstream(&clean, &size);
    for (const char *at = raw; *at;) {
        bool is_path = strncmp(at, path, strlen(path)) == 0;
        fputc(is_path ? 'F' : *at, out);
        at += is_path ? strlen(path) : 1;
    }
    fclose(out);
    free(raw);
    *printed = clean;
    return config;
}

static struct config *read_valid(const char *text, const char *first, const char *second)
{
    char *printed;
    struct config *config = read_text(text, first, second, &printed);
    ck_assert_msg(config != NULL, "refused: %s", printed);
    ck_assert_str_eq(printed, "");
    free(printed);
    return config;
}

/* The value of a row in the user's notation. */
static void show(const struct config *config, const struct config_row *row, char *text, size_t size)
{
    const char *member = (const char *)config + row->offset;
    int word;
    int64_t number;
    switch (row->type) {
    case CONFIG_TEXT:
        snprintf(text, size, "%s", *(char *const *)(const void *)member);
        break;
    case CONFIG_LIST: {
        const struct text_list *list = (const void *)member;
        text[0] = '\0';
        for (size_t i = 0; i < list->count; i++)
            snprintf(text + strlen(text), size - strlen(text), "%s%s", i ? ", " : "", list->items[i]);
        break;
    }
    case CONFIG_WORD:
        memcpy(&word, member, sizeof(word));
        snprintf(text, size, "%s", "?");
        for (const struct config_word *candidate = row->words; candidate->name; candidate++)
            if (candidate->value == word)
                snprintf(text, size, "%s", candidate->name);
        break;
    default:
        memcpy(&number, member, sizeof(number));
        config_value_print(row, number, text, size);
    }
}

/* The value of "section.key", Kafka's sections included. */
static void value_of(const struct config *config, const char *dotted, char *text, size_t size)
{
    static const char *const sections[] = {"kafka.consumer", "kafka.producer", "kafka"};
    const struct kafka_setting *lists[] = {config->kafka_consumer, config->kafka_producer, config->kafka};
    for (size_t i = 0; i < 3; i++) {
        size_t length = strlen(sections[i]);
        if (strncmp(dotted, sections[i], length) != 0 || dotted[length] != '.')
            continue;
        snprintf(text, size, "(none)");
        for (const struct kafka_setting *setting = lists[i]; setting; setting = setting->next)
            if (strcmp(setting->name, dotted + length + 1) == 0)
                snprintf(text, size, "%s", setting->value);
        return;
    }
    for (const struct config_row *row = config_rows; row->section; row++) {
        char name[128];
        snprintf(name, sizeof(name), "%s.%s", row->section, row->name);
        if (strcmp(name, dotted) == 0) {
            show(config, row, text, size);
            return;
        }
    }
    ck_abort_msg("no key %s", dotted);
}

#define SENTINEL "[redis]\nkind = sentinel\nmaster = m\n"

static const struct accepted {
    const char *file, *variable, *option; /* NULL: none */
    const char *key, *value;
} accepted[] = {
    /* sources of a value: a later one overrides */
    {"[log]\nlevel = debug\n", NULL, NULL, "log.level", "debug"},
    {"[log]\nlevel = debug\n", "CLIENT_INTAKE_LOG_LEVEL=error", NULL, "log.level", "error"},
    {"[log]\nlevel = debug\n", "CLIENT_INTAKE_LOG_LEVEL=error", "log.level=warning", "log.level", "warning"},
    {NULL, NULL, "dead_letters.topic=d", "dead_letters.topic", "d"},
    {NULL, "CLIENT_INTAKE_DEAD_LETTERS_TOPIC=d", NULL, "dead_letters.topic", "d"},
    {NULL, "CLIENT_INTAKE_VALIDATION_UNKNOWN_ATTRIBUTES=ignore", NULL, "validation.unknown_attributes", "ignore"},
    {NULL, "CLIENT_INTAKE_SERVICE_HOST=10.0.0.1", NULL, "log.level", "info"},
    {NULL, "CLIENT_INTAKE_PORT_9464_TCP=tcp://10.0.0.1:9464", NULL, "log.level", "info"},
    /* the file's syntax */
    {"", NULL, NULL, "log.level", "info"},
    {"\xef\xbb\xbf[log]\r\n  level = debug  \r\n", NULL, NULL, "log.level", "debug"},
    {"# a\n; b\n\n[log]\n# c\nlevel=debug", NULL, NULL, "log.level", "debug"},
    {"[redis]\npassword = a ; b # c\n", NULL, NULL, "redis.password", "a ; b # c"},
    {"[redis]\npassword = a=b\n", NULL, NULL, "redis.password", "a=b"},
    /* sizes, durations, numbers, words, lists */
    {NULL, NULL, "limits.command_bytes=262144", "limits.command_bytes", "256 KiB"},
    {NULL, NULL, "limits.command_bytes=1000000", "limits.command_bytes", "1000000 B"},
    {NULL, NULL, "limits.command_bytes=1MiB", "limits.command_bytes", "1 MiB"},
    {NULL, NULL, "limits.command_bytes=2048 B", "limits.command_bytes", "2 KiB"},
    {NULL, NULL, "limits.memory_bytes=1 GiB", "limits.memory_bytes", "1 GiB"},
    {NULL, NULL, "redis.timeout=1500ms", "redis.timeout", "1500 ms"},
    {NULL, NULL, "shutdown.timeout=2 min", "shutdown.timeout", "2 min"},
    {NULL, NULL, "definitions.wait=1 h", "definitions.wait", "1 h"},
    {NULL, NULL, "topics.replication=-1", "topics.replication", "-1"},
    {NULL, NULL, "redis.database=0", "redis.database", "0"},
    {NULL, NULL, "delivery.mode=at-least-once", "delivery.mode", "at-least-once"},
    {NULL, NULL, "validation.phone=assigned", "validation.phone", "assigned"},
    {NULL, NULL, "replies.allowed= a ,b.c , d-e ", "replies.allowed", "a, b.c, d-e"},
    {NULL, NULL, "replies.allowed= ", "replies.allowed", ""},
    {NULL, NULL, "replies.allowed=clients.replies", "replies.allowed", "clients.replies"},
    /* addresses */
    {NULL, NULL, "redis.address=unix:/run/redis.sock", "redis.address", "unix:/run/redis.sock"},
    {NULL, NULL, "redis.address=[::1]:6379", "redis.address", "[::1]:6379"},
    {SENTINEL "address = a:26379,[fe80::1]:26379 , c.example:26380\n", NULL, NULL, "redis.address",
     "a:26379, [fe80::1]:26379, c.example:26380"},
    {SENTINEL "address = a:26379\n", NULL, "redis.sentinel_password=${file:SECRET_FILE}", "redis.sentinel_password",
     "open sesame"},
    {NULL, NULL, "http.listen=", "http.listen", ""},
    {NULL, NULL, "tracing.endpoint=http://127.0.0.1:4318", "tracing.endpoint", "http://127.0.0.1:4318"},
    {NULL, NULL, "tracing.endpoint=https://[::1]:4318/a/b?c=@d", "tracing.endpoint", "https://[::1]:4318/a/b?c=@d"},
    {NULL, NULL, "tracing.headers=a=b=c, X-1=", "tracing.headers", "a=b=c, X-1="},
    {NULL, NULL, "http.listen=0.0.0.0:0", "http.listen", "0.0.0.0:0"},
    /* references */
    {NULL, "SECRET_OF_TEST=open sesame", "redis.password=${SECRET_OF_TEST}!", "redis.password", "open sesame!"},
    {NULL, NULL, "redis.password=<${file:SECRET_FILE}>", "redis.password", "<open sesame>"},
    {NULL, NULL, "redis.password=$${NAME} $5", "redis.password", "${NAME} $5"},
    {NULL, "SECRET_OF_TEST=${NOT_READ_AGAIN}", "redis.password=${SECRET_OF_TEST}", "redis.password",
     "${NOT_READ_AGAIN}"},
    {NULL, "SECRET_OF_TEST=debug", "log.level=${SECRET_OF_TEST}", "log.level", "debug"},
    /* librdkafka */
    {"[kafka]\nbootstrap.servers = a:1,b:2\n", NULL, NULL, "kafka.bootstrap.servers", "a:1,b:2"},
    {"[kafka]\nmetadata.broker.list = a:1\n", NULL, NULL, "kafka.bootstrap.servers", "a:1"},
    {"[kafka.producer]\nlinger.ms = 7\n", NULL, NULL, "kafka.producer.linger.ms", "7"},
    {"[kafka.producer]\nlinger.ms = 7\n", NULL, "kafka.producer.linger.ms=9", "kafka.producer.linger.ms", "9"},
    {"[kafka]\nretry.backoff.ms = 50\n", NULL, NULL, "kafka.producer.retry.backoff.ms", "(none)"},
    {"[kafka]\nretry.backoff.ms = 50\n", NULL, NULL, "kafka.retry.backoff.ms", "50"},
    {NULL, NULL, "kafka.producer.transactional.id=x", "kafka.producer.transactional.id", "x"},
    {"[kafka]\ndebug = all\nlinger.ms = 6\nsecurity.protocol = ssl\nssl.ca.location = /no\n", NULL, NULL, "kafka.debug",
     "all"},
    {NULL, NULL, "kafka.ssl.ca.location=/ca.pem", "kafka.ssl.ca.location", "/ca.pem"},
    {NULL, "CLIENT_INTAKE_KAFKA_BOOTSTRAP_SERVERS=c:3", NULL, "kafka.bootstrap.servers", "c:3"},
    {NULL, "CLIENT_INTAKE_KAFKA_CONSUMER_GROUP_ID=g", NULL, "kafka.consumer.group.id", "g"},
    {NULL, "CLIENT_INTAKE_KAFKA_PRODUCER_TRANSACTIONAL_ID=x", NULL, "kafka.producer.transactional.id", "x"},
};

START_TEST(setting_is_accepted)
{
    const struct accepted *row = &accepted[_i];
    char shown[256], option[256];
    const char *file = row->option ? strstr(row->option, "SECRET_FILE") : NULL;
    if (file)
        snprintf(option, sizeof(option), "%.*s%s%s", (int)(file - row->option), row->option, secret_path,
                 file + strlen("SECRET_FILE"));
    if (row->variable)
        ck_assert_int_eq(putenv((char *)row->variable), 0);
    struct config *config = read_valid(row->file, file ? option : row->option, NULL);
    value_of(config, row->key, shown, sizeof(shown));
    ck_assert_str_eq(shown, row->value);
    config_free(config);
}
END_TEST

static const struct refused {
    const char *file, *option, *printed;
} refused[] = {
    /* the file's syntax */
    {"x = 1\n[log]\nlevel\n[lo\nlevel=info\n", NULL,
     "F:1: stands before the first [section]\n"
     "F:3: expected [section], name = value, or a comment that begins with # or ;\n"
     "F:4: a [section] that is not closed\n"},
    {"[log]\nlevel=info\n\n[log]\nlevel=debug\n", NULL, "F:5: log.level was set before, at F:2\n"},
    {NULL, "log.level", "--set: log.level is not of the form section.key=value\n"},
    {NULL, "level=info", "--set: level is not of the form section.key=value\n"},
    /* unknown names */
    {"[log]\nlevl=info\n", NULL, "F:2: log.levl is not a key; did you mean log.level?\n"},
    {"[logs]\nlevel=info\n", NULL, "F:2: logs.level is not a key; did you mean log.level?\n"},
    {"[dead-letters]\ntopic=d\n", NULL, "F:2: dead-letters.topic is not a key; did you mean dead_letters.topic?\n"},
    {NULL, "weather.tomorrow=fine", "--set: weather.tomorrow is not a key\n"},
    /* values */
    {"[limits]\ncommand_bytes = 12 MB\n", NULL,
     "F:2: limits.command_bytes must be a size, such as 262144, 256 KiB, 4 MiB or 1 GiB, not \"12 MB\"\n"},
    {NULL, "limits.command_bytes=100", "--set: limits.command_bytes must be 1 KiB to 64 MiB, not \"100\"\n"},
    {NULL, "limits.command_bytes=9000000000 GiB",
     "--set: limits.command_bytes must be a size, such as 262144, 256 KiB, 4 MiB or 1 GiB, not \"9000000000 GiB\"\n"},
    {NULL, "limits.command_bytes=0x400",
     "--set: limits.command_bytes must be a size, such as 262144, 256 KiB, 4 MiB or 1 GiB, not \"0x400\"\n"},
    {NULL, "redis.timeout=2",
     "--set: redis.timeout must be a duration with its unit, such as 500 ms, 30 s, 5 min or 1 h, not \"2\"\n"},
    {NULL, "redis.timeout=2 KiB",
     "--set: redis.timeout must be a duration with its unit, such as 500 ms, 30 s, 5 min or 1 h, not \"2 KiB\"\n"},
    {NULL, "redis.timeout=2 h", "--set: redis.timeout must be 10 ms to 1 min, not \"2 h\"\n"},
    {NULL, "worker.threads=0", "--set: worker.threads must be 1 to 64, not \"0\"\n"},
    {NULL, "worker.threads=two", "--set: worker.threads must be a whole number, not \"two\"\n"},
    {NULL, "worker.threads=1.5", "--set: worker.threads must be a whole number, not \"1.5\"\n"},
    {NULL, "worker.threads=", "--set: worker.threads must be a whole number, not \"\"\n"},
    {NULL, "log.level=loud", "--set: log.level must be error, warning, info or debug, not \"loud\"\n"},
    {NULL, "commands.topic=a b",
     "--set: commands.topic must be a topic name: 1 to 249 of A-Z a-z 0-9 . _ -, not \"a b\"\n"},
    {NULL, "commands.topic=..",
     "--set: commands.topic must be a topic name: 1 to 249 of A-Z a-z 0-9 . _ -, not \"..\"\n"},
    {NULL, "replies.allowed=a,,b",
     "--set: replies.allowed each entry must be a topic name or a pattern such as *.reply: 1 to 249 of A-Z a-z 0-9 . _ "
     "- *, "
     "without __ in front, not \"a,,b\"\n"},
    {NULL, "commands.workspace=a/b",
     "--set: commands.workspace must be a workspace id: 1 to 64 of A-Z a-z 0-9 _ . -, not \"a/b\"\n"},
    {NULL, "replies.nest=on", "--set: replies.nest must be off, results or errors, not \"on\"\n"},
    {NULL, "replies.source=", "--set: replies.source must be a URI reference, such as /client-intake, not \"\"\n"},
    {NULL, "redis.address=localhost",
     "--set: redis.address each entry must be HOST:PORT, such as 127.0.0.1:6379, or unix:PATH, not \"localhost\"\n"},
    {NULL, "redis.address=::1:6379",
     "--set: redis.address each entry must be HOST:PORT, such as 127.0.0.1:6379, or unix:PATH, not \"::1:6379\"\n"},
    {NULL, "redis.address=unix:",
     "--set: redis.address each entry must be HOST:PORT, such as 127.0.0.1:6379, or unix:PATH, not \"unix:\"\n"},
    {NULL, "redis.address=", "--set: redis.address must not be empty\n"},
    {NULL, "redis.address=a:1,,b:1",
     "--set: redis.address each entry must be HOST:PORT, such as 127.0.0.1:6379, or unix:PATH, not \"a:1,,b:1\"\n"},
    /* the kinds of Redis */
    {NULL, "redis.kind=sentinels", "--set: redis.kind must be single, sentinel or cluster, not \"sentinels\"\n"},
    {"[redis]\nkind = cluster\n", NULL,
     "F:2: redis.kind = cluster is not supported yet; it must be single or sentinel\n"},
    {"[redis]\nkind = cluster\nmaster = m\ndatabase = 1\naddress = a:1,unix:/s\n", NULL,
     "F:3: redis.master needs redis.kind = sentinel\n"
     "F:5: redis.address must list nodes as HOST:PORT with redis.kind = cluster, not unix:PATH\n"
     "F:4: redis.database must be 0 with redis.kind = cluster\n"
     "F:2: redis.kind = cluster is not supported yet; it must be single or sentinel\n"},
    {"[redis]\nkind = cluster\naddress = a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9,a:10,a:11,a:12,a:13,a:14,a:15,a:16\n",
     NULL,
     "F:3: redis.address must list at most 15 nodes; the program learns of the others by itself\n"
     "F:2: redis.kind = cluster is not supported yet; it must be single or sentinel\n"},
    {"[redis]\naddress = a:1, b:1\nmaster = m\nsentinel_password = s3cret\n", NULL,
     "F:2: redis.address must be one address with redis.kind = single\n"
     "F:3: redis.master needs redis.kind = sentinel\n"
     "F:4: redis.sentinel_username and redis.sentinel_password need redis.kind = sentinel\n"},
    {"[redis]\nkind = sentinel\naddress = a:1\nsentinel_username = u\n", NULL,
     "F:2: redis.kind = sentinel needs redis.master, the name that the Sentinels have for the master\n"
     "F:4: redis.sentinel_username needs a redis.sentinel_password\n"},
    {SENTINEL "address = a:1,b:1,A:1\n", NULL, "F:4: redis.address must list each Sentinel once\n"},
    {SENTINEL "address = a:1,unix:/s\n", NULL,
     "F:4: redis.address must list Sentinels as HOST:PORT with redis.kind = sentinel, not unix:PATH\n"},
    {SENTINEL "address = a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9,a:10,a:11,a:12,a:13,a:14,a:15,a:16\n", NULL,
     "F:4: redis.address must list at most 15 Sentinels\n"},
    {NULL, "redis.master=a b",
     "--set: redis.master must be the name of a master as Sentinel takes it: 1 to 255 of A-Z a-z 0-9 . _ -, not "
     "\"a b\"\n"},
#define ENDPOINT_FORM                                                                                                  \
    "--set: tracing.endpoint must be a URL such as http://127.0.0.1:4318 or https://HOST/v1/traces, without a name, "  \
    "a "                                                                                                               \
    "password or a fragment, not "
    {NULL, "tracing.endpoint=localhost:4318", ENDPOINT_FORM "\"localhost:4318\"\n"},
    {NULL, "tracing.endpoint=http:///v1/traces", ENDPOINT_FORM "\"http:///v1/traces\"\n"},
    {NULL, "tracing.endpoint=grpc://a:4317", ENDPOINT_FORM "\"grpc://a:4317\"\n"},
    {NULL, "tracing.endpoint=http://user@a", ENDPOINT_FORM "\"http://user@a\"\n"},
    {NULL, "tracing.endpoint=http://a b", ENDPOINT_FORM "\"http://a b\"\n"},
    {NULL, "tracing.endpoint=http://a#b", ENDPOINT_FORM "\"http://a#b\"\n"},
    {NULL, "tracing.service=", "--set: tracing.service must be a name of 1 to 255 bytes, not \"\"\n"},
#define HEADER_FORM                                                                                                    \
    "--set: tracing.headers each entry must be NAME=VALUE, with the name of a header that the program does not set "   \
    "itself\n"
    {NULL, "tracing.headers=s3cret", HEADER_FORM},
    {NULL, "tracing.headers=a=b,c d=s3cret", HEADER_FORM},
    {NULL, "tracing.headers==s3cret", HEADER_FORM},
    {NULL, "tracing.headers=a=b\x01", HEADER_FORM},
    {NULL, "tracing.headers=Content-Type=s3cret", HEADER_FORM},
    {NULL, "tracing.tls_ca=/a.pem", "--set: tracing.tls_ca needs a tracing.endpoint with https\n"},
    {NULL, "http.listen=localhost:99999",
     "--set: http.listen must be HOST:PORT, such as 127.0.0.1:9464, or empty for none, not \"localhost:99999\"\n"},
    /* references */
    {NULL, "log.level=${NOT_SET_IN_THIS_TEST}",
     "--set: log.level: ${NOT_SET_IN_THIS_TEST}: there is no such environment variable\n"},
    {NULL, "log.level=${file:/does/not/exist}",
     "--set: log.level: ${file:/does/not/exist}: No such file or directory\n"},
    {NULL, "log.level=${OPEN", "--set: log.level: ${ without a name and }; write $${ for the characters themselves\n"},
    /* librdkafka */
    {"[kafka]\nbootstrap.server = a\n", NULL,
     "F:2: kafka.bootstrap.server is not a setting of librdkafka VERSION; did you mean bootstrap.servers?\n"},
    {"[kafka.producer]\ncompression.codec = zip\n", NULL,
     "F:2: kafka.producer.compression.codec is refused by librdkafka: Invalid value \"zip\" for configuration property "
     "\"compression.codec\"\n"},
    {"[kafka.consumer]\nenable.auto.commit = true\n", NULL,
     "F:2: kafka.consumer.enable.auto.commit cannot be set here: offsets are committed together with their "
     "replies\n"},
    {NULL, "kafka.isolation.level=read_uncommitted",
     "--set: kafka.isolation.level cannot be set here: commands and records of an aborted transaction must not "
     "be read\n"},
    {NULL, "kafka.producer.acks=1",
     "--set: kafka.producer.acks cannot be set here: all in-sync replicas must acknowledge a transaction\n"},
    {NULL, "kafka.consumer.partition.assignment.strategy=range",
     "--set: kafka.consumer.partition.assignment.strategy cannot be set here: the assignment of partitions is "
     "part of the delivery guarantee\n"},
    /* two keys together */
    {"[commands]\ntopic = t\n[replies]\ntopic = t\n", NULL,
     "F:4: commands.topic and replies.topic must not be the same topic\n"},
    {NULL, "replies.allowed=r,clients.commands", "--set: replies.allowed must not list commands.topic\n"},
    {NULL, "redis.username=u", "--set: redis.username needs a redis.password\n"},
    {NULL, "redis.tls_ca=/f", "--set: redis.tls_ca, redis.tls_certificate and redis.tls_name need redis.tls = on\n"},
    {NULL, "redis.tls_name=n", "--set: redis.tls_ca, redis.tls_certificate and redis.tls_name need redis.tls = on\n"},
    {NULL, "redis.tls_key=/f", "--set: redis.tls_certificate and redis.tls_key need each other\n"},
#if REDIS_TLS_IS_BUILT_IN
    {"[redis]\naddress=unix:/s\ntls=on\n", NULL,
     "F:3: redis.tls = on does not go with a unix socket, which needs none\n"},
#else
    {NULL, "redis.tls=on",
     "--set: redis.tls = on is not possible: this program is built with hiredis " TEXT_OF(HIREDIS_MAJOR) "." TEXT_OF(
         HIREDIS_MINOR) "." TEXT_OF(HIREDIS_PATCH) ", without TLS; it takes 1.0 or later with hiredis_ssl\n"},
#endif
    {"[limits]\ncommand_bytes = 64 MiB\nmemory_bytes = 32 MiB\n", NULL,
     "F:3: limits.command_bytes must not be more than limits.memory_bytes\n"},
    {NULL, "worker.threads=64",
     "--set: limits.memory_bytes must be at least 1296 MiB: worker.threads times (batch.bytes + limits.command_bytes + "
     "2 * queued.max.messages.kbytes)\n"},
    {"[definitions]\non_missing = wait\n", "worker.threads=64",
     "--set: limits.memory_bytes must be at least 1568 MiB: worker.threads times (2 * batch.bytes + "
     "2 * limits.command_bytes + 2 * queued.max.messages.kbytes) with definitions.on_missing = wait\n"},
    {NULL, "kafka.consumer.fetch.max.bytes=200000000",
     "--set: kafka.consumer.fetch.max.bytes is refused by librdkafka: `receive.message.max.bytes` must be >= "
     "`fetch.max.bytes` + 512\n"},
    {NULL, "kafka.consumer.group.id=", "--set: group.id must not be empty\n"},
    {NULL, "kafka.producer.transactional.id=",
     "--set: transactional.id must not be empty with delivery.mode = exactly-once\n"},
    {"[kafka.consumer]\nsession.timeout.ms = 1\n", NULL,
     "F:2: session.timeout.ms must be more than heartbeat.interval.ms (3000 by default)\n"},
    {"[kafka]\nheartbeat.interval.ms = 30000\n", NULL,
     "F:2: session.timeout.ms must be more than heartbeat.interval.ms (30000)\n"},
    /* what librdkafka reports when a client is created */
    {"[kafka]\nsession.timeout.ms = 1\n[kafka.producer]\nmax.in.flight = 6\n", NULL,
     "F:2: session.timeout.ms must be more than heartbeat.interval.ms (3000 by default)\n"
     "F:4: kafka.producer.max.in.flight is refused by librdkafka: `max.in.flight` must be set <= 5 when "
     "`enable.idempotence` is true\n"},
    {"[kafka.producer]\nlinger.ms = 7\nmax.in.flight = 1000\nretries = 0\nqueuing.strategy = lifo\n", NULL,
     "F:3: kafka.producer.max.in.flight is refused by librdkafka: `max.in.flight` must be set <= 5 when "
     "`enable.idempotence` is true\n"
     "F:4: kafka.producer.retries is refused by librdkafka: `retries` must be set >= 1 when `enable.idempotence` is "
     "true\n"
     "F:5: kafka.producer.queuing.strategy is refused by librdkafka: `queuing.strategy` must be set to `fifo` when "
     "`enable.idempotence` is true\n"},
    {"[kafka]\nmessage.send.max.retries = 0\n", NULL,
     "F:2: kafka.message.send.max.retries is refused by librdkafka: `retries` must be set >= 1 when "
     "`enable.idempotence` is true\n"},
    {"[kafka.consumer]\nmax.poll.interval.ms = 10000\n", NULL,
     "F:2: kafka.consumer.max.poll.interval.ms is refused by librdkafka: `max.poll.interval.ms`must be >= "
     "`session.timeout.ms`\n"},
    {NULL, "topics.replication=0", "--set: topics.replication must be 1 or more, or -1 for the broker's default\n"},
    /* all of them in one run */
    {"[log]\nlevel = loud\ncolour = red\n[worker]\nthreads = 99\n", "redis.database=-1",
     "F:2: log.level must be error, warning, info or debug, not \"loud\"\n"
     "F:3: log.colour is not a key\n"
     "F:5: worker.threads must be 1 to 64, not \"99\"\n"
     "--set: redis.database must be 0 to 65535, not \"-1\"\n"},
};

START_TEST(setting_is_refused)
{
    const struct refused *row = &refused[_i];
    char *printed, expected[1024] = "";
    const char *version = strstr(row->printed, "VERSION");
    if (version)
        snprintf(expected, sizeof(expected), "%.*s%s%s", (int)(version - row->printed), row->printed,
                 rd_kafka_version_str(), version + strlen("VERSION"));
    struct config *config = read_text(row->file, row->option, NULL, &printed);
    ck_assert_ptr_null(config);
    ck_assert_str_eq(printed, version ? expected : row->printed);
    free(printed);
}
END_TEST

static void pass_over(void *listener, const char *place, const char *message)
{
    (void)listener, (void)place, (void)message;
}

/* Whoever can work with a cluster already says so. Other contradictions stay errors. */
START_TEST(cluster_is_taken_where_it_can_be_used)
{
    const char *settings[] = {"redis.kind=cluster", "redis.address=a:1,b:2", NULL};
    struct config *config = config_read(&(struct config_sources){.settings = settings, .takes_cluster = true});
    ck_assert_ptr_nonnull(config);
    ck_assert_int_eq(config->redis.kind, REDIS_CLUSTER);
    ck_assert_uint_eq(config->redis.address.count, 2);
    config_free(config);
    settings[1] = "redis.address=unix:/s";
    ck_assert_ptr_null(
        config_read(&(struct config_sources){.settings = settings, .take_fault = pass_over, .takes_cluster = true}));
}
END_TEST

START_TEST(unknown_variable_is_refused)
{
    char *printed;
    ck_assert_int_eq(setenv("CLIENT_INTAKE_LOG_LEVL", "debug", 1), 0);
    ck_assert_ptr_null(read_text(NULL, NULL, NULL, &printed));
    ck_assert_str_eq(printed, "CLIENT_INTAKE_LOG_LEVL: is not the name of a setting\n");
    free(printed);
}
END_TEST

START_TEST(file_that_cannot_be_read_is_refused)
{
    static const struct {
        const char *path, *printed;
    } files[] = {{"/does/not/exist", "/does/not/exist: No such file or directory\n"},
                 {"/tmp", "/tmp: cannot be read: Is a directory\n"}};
    char *printed = NULL;
    size_t size;
    FILE *out = open_memstream(&printed, &size);
    ck_assert_ptr_null(
        config_read(&(struct config_sources){.path = files[_i].path, .take_fault = print_fault, .listener = out}));
    fclose(out);
    ck_assert_str_eq(printed, files[_i].printed);
    free(printed);
}
END_TEST

START_TEST(line_may_be_long_but_not_too_long)
{
    char text[20000], *printed;
    int length = snprintf(text, sizeof(text), "[kafka]\nbootstrap.servers = ");
    memset(text + length, 'a', 16000);
    strcpy(text + length + 16000, "\n[log]\nlevel = loud\n");
    struct config *config = read_text(text, NULL, NULL, &printed);
    ck_assert_ptr_null(config);
    ck_assert_str_eq(printed, "F:4: log.level must be error, warning, info or debug, not \"loud\"\n");
    free(printed);

    memset(text + length, 'a', 18000);
    strcpy(text + length + 18000, "\n[log]\nlevel = loud\n");
    config = read_text(text, NULL, NULL, &printed);
    ck_assert_ptr_null(config);
    ck_assert_str_eq(printed, "F:2: the line is too long; put the value into a file and write ${file:PATH}\n"
                              "F:4: log.level must be error, warning, info or debug, not \"loud\"\n");
    free(printed);
}
END_TEST

/* A secret in the wrong position must not be printed with the error. */
static const char *const secrets[] = {
    "log.level=${SECRET_OF_TEST}",
    "worker.threads=${SECRET_OF_TEST}",
    "replies.allowed=${SECRET_OF_TEST}",
    "kafka.compression.type=${SECRET_OF_TEST}",
    "kafka.sasl.mechanism=${SECRET_OF_TEST}\x01",
    "kafka.sasl.passwort=hunter two",
    "redis.passwort=hunter two",
    "redis.sentinel_password=hunter two",
    "redis.sentinel_passwort=hunter two",
};

START_TEST(secret_is_not_printed)
{
    char *printed;
    ck_assert_int_eq(setenv("SECRET_OF_TEST", "hunter two", 1), 0);
    ck_assert_ptr_null(read_text(NULL, secrets[_i], "log.format=wrong", &printed));
    ck_assert_ptr_null(strstr(printed, "hunter"));
    ck_assert_ptr_nonnull(strstr(printed, "log.format must be logfmt or json, not \"wrong\""));
    free(printed);
}
END_TEST

/* The shipped file and the tables. */

struct shipped {
    char section[64], name[64], value[256];
};
static struct shipped shipped[200];
static size_t shipped_count;

static int take_shipped(void *unused, const char *section, const char *name, const char *value)
{
    (void)unused;
    ck_assert_uint_lt(shipped_count, sizeof(shipped) / sizeof(shipped[0]));
    struct shipped *entry = &shipped[shipped_count++];
    snprintf(entry->section, sizeof(entry->section), "%s", section);
    snprintf(entry->name, sizeof(entry->name), "%s", name);
    snprintf(entry->value, sizeof(entry->value), "%s", value);
    return 1;
}

static const struct shipped *find_shipped(const char *section, const char *name)
{
    for (size_t i = 0; i < shipped_count; i++)
        if (strcmp(shipped[i].section, section) == 0 && strcmp(shipped[i].name, name) == 0)
            return &shipped[i];
    return NULL;
}

#define SHIPPED_FILE "config/client-intake.ini"

START_TEST(shipped_file_shows_every_key_with_its_default_and_no_other)
{
    ck_assert_msg(ini_parse(SHIPPED_FILE, take_shipped, NULL) == 0, "%s cannot be read", SHIPPED_FILE);
    size_t expected = 0;
    for (const struct config_row *row = config_rows; row->section; row++, expected++) {
        const struct shipped *entry = find_shipped(row->section, row->name);
        ck_assert_msg(entry != NULL, "%s.%s is not in the file", row->section, row->name);
        ck_assert_msg(strcmp(entry->value, row->default_text) == 0, "%s.%s: \"%s\" in the file, \"%s\" in the table",
                      row->section, row->name, entry->value, row->default_text);
    }
    for (const struct kafka_default *row = kafka_defaults; row->section; row++, expected++) {
        const struct shipped *entry = find_shipped(row->section, row->name);
        ck_assert_msg(entry != NULL, "%s.%s is not in the file", row->section, row->name);
        ck_assert_msg(strcmp(entry->value, row->value) == 0, "%s.%s: \"%s\" in the file, \"%s\" in the table",
                      row->section, row->name, entry->value, row->value);
    }
    ck_assert_uint_eq(shipped_count, expected);
}
END_TEST

static void expect_equal_settings(const struct kafka_setting *a, const struct kafka_setting *b)
{
    size_t count_a = 0, count_b = 0;
    for (; b; b = b->next)
        count_b++;
    for (; a; a = a->next)
        count_a++;
    ck_assert_uint_eq(count_a, count_b);
}

START_TEST(shipped_file_changes_nothing)
{
    char *printed = NULL;
    size_t size;
    FILE *out = open_memstream(&printed, &size);
    struct config *with =
        config_read(&(struct config_sources){.path = SHIPPED_FILE, .take_fault = print_fault, .listener = out});
    fclose(out);
    ck_assert_str_eq(printed, "");
    free(printed);
    struct config *without = read_valid(NULL, NULL, NULL);
    for (const struct config_row *row = config_rows; row->section; row++) {
        char a[256], b[256];
        show(with, row, a, sizeof(a));
        show(without, row, b, sizeof(b));
        ck_assert_str_eq(a, b);
        ck_assert_str_ne(a, "?");
    }
    expect_equal_settings(with->kafka, without->kafka);
    expect_equal_settings(with->kafka_consumer, without->kafka_consumer);
    expect_equal_settings(with->kafka_producer, without->kafka_producer);
    for (const struct kafka_default *row = kafka_defaults; row->section; row++) {
        char dotted[128], shown[128];
        snprintf(dotted, sizeof(dotted), "%s.%s", row->section, row->name);
        value_of(with, dotted, shown, sizeof(shown));
        ck_assert_str_eq(shown, row->value);
    }
    config_free(with);
    config_free(without);
}
END_TEST

START_TEST(defaults_of_the_contract_stand)
{
    struct config *config = read_valid(NULL, NULL, NULL);
    ck_assert_str_eq(config->commands.topic, "clients.commands");
    ck_assert_str_eq(config->replies.topic, "clients.replies");
    ck_assert_str_eq(config->records.topic, "clients.records");
    ck_assert_str_eq(config->definitions.topic, "clients.definitions");
    ck_assert_str_eq(config->dead_letters.topic, "clients.dead-letters");
    ck_assert_int_eq(config->limits.command_bytes, 262144);
    ck_assert_int_eq(config->validation.phone, PHONE_PLAN);
    ck_assert_int_eq(config->validation.unknown_attributes, UNKNOWN_ATTRIBUTES_REJECT);
    ck_assert_int_eq(config->delivery.mode, DELIVERY_EXACTLY_ONCE);
    ck_assert_str_eq(config->http.listen, "127.0.0.1:9464");
    config_free(config);
}
END_TEST

START_TEST(postponed_commands_may_take_what_is_left)
{
    struct config *whole = read_valid(NULL, NULL, NULL),
                  *least = read_valid(NULL, "kafka.consumer.queued.max.messages.kbytes=259968", NULL);
    ck_assert_uint_eq(config_held_bytes(whole), ((size_t)512 << 20) - ((size_t)20736 << 10));
    ck_assert_uint_eq(config_held_bytes(least), 0);
    config_free(whole);
    config_free(least);
    whole = read_valid(NULL, "worker.threads=4", NULL);
    ck_assert_uint_eq(config_held_bytes(whole), ((size_t)128 << 20) - ((size_t)20736 << 10));
    config_free(whole);
}
END_TEST

static size_t member_size(enum config_type type)
{
    return type == CONFIG_TEXT   ? sizeof(char *)
           : type == CONFIG_LIST ? sizeof(struct text_list)
           : type == CONFIG_WORD ? sizeof(int)
                                 : sizeof(int64_t);
}

/* A member that no row fills would silently be zero; two rows that fill one would undo each other. */
START_TEST(every_member_has_one_row)
{
    static struct config all;
    memset(&all, 0xff, sizeof(all));
    memset(&all.kafka, 0, sizeof(all.kafka));
    memset(&all.kafka_consumer, 0, sizeof(all.kafka_consumer));
    memset(&all.kafka_producer, 0, sizeof(all.kafka_producer));
    memset(&all.from, 0, sizeof(all.from));
    __builtin_clear_padding(&all);
    unsigned char *bytes = (unsigned char *)&all;
    for (const struct config_row *row = config_rows; row->section; row++) {
        for (size_t at = row->offset; at < row->offset + member_size(row->type); at++) {
            ck_assert_msg(bytes[at] == 0xff, "%s.%s fills a member of another row", row->section, row->name);
            bytes[at] = 0;
        }
    }
    for (size_t at = 0; at < sizeof(all); at++)
        ck_assert_msg(bytes[at] == 0, "no row of config_table.c fills the member at offset %zu of struct config", at);
}
END_TEST

START_TEST(what_may_be_reloaded_is_marked)
{
    static const char *const sections[] = {"limits", "validation"};
    for (const struct config_row *row = config_rows; row->section; row++) {
        bool expected = strcmp(row->section, "log") == 0 && strcmp(row->name, "level") == 0;
        for (size_t i = 0; i < 2; i++)
            expected = expected || strcmp(row->section, sections[i]) == 0;
        ck_assert_msg(((row->flags & CONFIG_MAY_RELOAD) != 0) == expected, "%s.%s", row->section, row->name);
    }
}
END_TEST

#define COUNT(table) sizeof(table) / sizeof((table)[0])

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("config");
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_add_loop_test(tests, setting_is_accepted, 0, COUNT(accepted));
    tcase_add_loop_test(tests, setting_is_refused, 0, COUNT(refused));
    tcase_add_test(tests, cluster_is_taken_where_it_can_be_used);
    tcase_add_test(tests, unknown_variable_is_refused);
    tcase_add_loop_test(tests, file_that_cannot_be_read_is_refused, 0, 2);
    tcase_add_test(tests, line_may_be_long_but_not_too_long);
    tcase_add_loop_test(tests, secret_is_not_printed, 0, COUNT(secrets));
    tcase_add_test(tests, shipped_file_shows_every_key_with_its_default_and_no_other);
    tcase_add_test(tests, shipped_file_changes_nothing);
    tcase_add_test(tests, defaults_of_the_contract_stand);
    tcase_add_test(tests, postponed_commands_may_take_what_is_left);
    tcase_add_test(tests, every_member_has_one_row);
    tcase_add_test(tests, what_may_be_reloaded_is_marked);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
