/* Settings that are accepted: where they come from, how values are written, and what they become. */
#include "tests/unit/config_stage.h"

#include <stdlib.h>
#include <string.h>

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

static void pass_over(void *listener, const char *place, const char *message)
{
    (void)listener, (void)place, (void)message;
}

START_TEST(cluster_is_taken)
{
    const char *settings[] = {"redis.kind=cluster", "redis.address=a:1,b:2", NULL};
    struct config *config = config_read(&(struct config_sources){.settings = settings});
    ck_assert_ptr_nonnull(config);
    ck_assert_int_eq(config->redis.kind, REDIS_CLUSTER);
    ck_assert_uint_eq(config->redis.address.count, 2);
    config_free(config);
    settings[1] = "redis.address=unix:/s";
    ck_assert_ptr_null(config_read(&(struct config_sources){.settings = settings, .take_fault = pass_over}));
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

int main(void)
{
    TCase *tests = config_case();
    tcase_add_loop_test(tests, setting_is_accepted, 0, COUNT(accepted));
    tcase_add_test(tests, cluster_is_taken);
    tcase_add_test(tests, postponed_commands_may_take_what_is_left);
    return config_run(tests, "config values");
}
