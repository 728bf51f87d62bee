/* Settings that are refused, and what is said of them: every fault in one run, with its place, and no secret. */
#include "tests/unit/config_stage.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "worker/redis/redis_tls.h"

#define AS_WRITTEN(name) #name
#define TEXT_OF(name)    AS_WRITTEN(name)

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
    {"[redis]\nkind = cluster\nmaster = m\ndatabase = 1\naddress = a:1,unix:/s\n", NULL,
     "F:3: redis.master needs redis.kind = sentinel\n"
     "F:5: redis.address must list nodes as HOST:PORT with redis.kind = cluster, not unix:PATH\n"
     "F:4: redis.database must be 0 with redis.kind = cluster\n"},
    {"[redis]\nkind = cluster\naddress = a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9,a:10,a:11,a:12,a:13,a:14,a:15,a:16\n",
     NULL, "F:3: redis.address must list at most 15 nodes; the program learns of the others by itself\n"},
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

int main(void)
{
    TCase *tests = config_case();
    tcase_add_loop_test(tests, setting_is_refused, 0, COUNT(refused));
    tcase_add_test(tests, unknown_variable_is_refused);
    tcase_add_loop_test(tests, file_that_cannot_be_read_is_refused, 0, 2);
    tcase_add_test(tests, line_may_be_long_but_not_too_long);
    tcase_add_loop_test(tests, secret_is_not_printed, 0, COUNT(secrets));
    return config_run(tests, "config faults");
}
