#include "worker/config/config_check.h"

#include <hiredis/hiredis.h> /* its version */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "worker/config/config_clients.h"
#include "worker/config/config_value.h"

#define MIB          (1024.0 * 1024.0)
#define HEARTBEAT_MS 3000 /* librdkafka's default of heartbeat.interval.ms */

/* The position of the last setting of one of these keys (ended by NULL). */
static const char *place_of(const struct config_reading *reading, const char *const *keys)
{
    for (size_t i = reading->count; i-- > 0;) {
        const struct config_setting *setting = &reading->settings[i];
        size_t length = strlen(setting->section);
        for (const char *const *key = keys; *key; key++)
            if (strncmp(*key, setting->section, length) == 0 && (*key)[length] == '.' &&
                strcmp(*key + length + 1, setting->name) == 0)
                return setting->place;
    }
    return "config";
}

#define PLACE(...) place_of(reading, (const char *const[]){__VA_ARGS__, NULL})

/* Every topic that is read or written must be different: a reply that is read as a command, or a client that is
 * taken for definitions, would cause an endless loop. */
static void check_topics(struct config_reading *reading, const struct config *config)
{
    const struct {
        const char *key, *topic;
    } roles[] = {{"commands.topic", config->commands.topic},
                 {"replies.topic", config->replies.topic},
                 {"records.topic", config->records.topic},
                 {"dead_letters.topic", config->dead_letters.topic},
                 {"definitions.topic", config->definitions.topic}};
    const size_t count = sizeof(roles) / sizeof(roles[0]);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(roles[i].topic, roles[j].topic) == 0)
                config_fault(reading, PLACE(roles[i].key, roles[j].key), "%s and %s must not be the same topic",
                             roles[j].key, roles[i].key);
    for (size_t i = 0; i < config->replies.allowed.count; i++)
        for (size_t j = 0; j < count; j++)
            if (strcmp(config->replies.allowed.items[i], roles[j].topic) == 0 && j != 1)
                config_fault(reading, PLACE("replies.allowed", roles[j].key), "replies.allowed must not list %s",
                             roles[j].key);
}

/* Each thread holds a batch, and librdkafka holds the messages that it fetched ahead. librdkafka counts their values,
 * but it keeps each response of a broker as long as a message of it. A response may end with a piece of a batch
 * (KIP-74), which librdkafka drops without counting it. The batch comes as a whole in a later response, and it is
 * longer than its piece. So what is kept is at most twice what is counted, once those batches have come. */
static double bytes_of_thread(const struct config *config)
{
    const char *queued = config_kafka(config, config->kafka_consumer, "queued.max.messages.kbytes");
    return (double)config->batch.bytes + (double)config->limits.command_bytes +
           2 * 1024.0 * (queued ? atof(queued) : 0);
}

size_t config_held_bytes(const struct config *config)
{
    const double left = (double)config->limits.memory_bytes / (double)config->worker.threads - bytes_of_thread(config);
    return left > 0 ? (size_t)left : 0;
}

void config_check_limits(struct config_reading *reading, const struct config *config)
{
    /* While commands wait for definitions, a thread holds as much as a batch of them, or more where there is room. */
    const bool may_wait = config->definitions.on_missing == ON_MISSING_WAIT;
    const double held = may_wait ? (double)config->batch.bytes + (double)config->limits.command_bytes : 0;
    const double needed = (bytes_of_thread(config) + held) * (double)config->worker.threads;
    if (config->limits.command_bytes > config->limits.memory_bytes)
        config_fault(reading, PLACE("limits.command_bytes", "limits.memory_bytes"),
                     "limits.command_bytes must not be more than limits.memory_bytes");
    else if (needed > (double)config->limits.memory_bytes)
        config_fault(reading,
                     PLACE("limits.memory_bytes", "worker.threads", "batch.bytes", "limits.command_bytes",
                           "kafka.consumer.queued.max.messages.kbytes", "kafka.queued.max.messages.kbytes",
                           may_wait ? "definitions.on_missing" : NULL),
                     "limits.memory_bytes must be at least %.0f MiB: worker.threads times (%sbatch.bytes + "
                     "%slimits.command_bytes + 2 * queued.max.messages.kbytes)%s",
                     needed / MIB + 0.5, may_wait ? "2 * " : "", may_wait ? "2 * " : "",
                     may_wait ? " with definitions.on_missing = wait" : "");
}

/* librdkafka would not report these. */
static void check_kafka(struct config_reading *reading, const struct config *config)
{
    const char *prefix = config_kafka(config, config->kafka_producer, "transactional.id");
    const char *group = config_kafka(config, config->kafka_consumer, "group.id");
    const char *session = config_kafka(config, config->kafka_consumer, "session.timeout.ms");
    const char *heartbeat = config_kafka(config, config->kafka_consumer, "heartbeat.interval.ms");
    if (session && atoll(session) <= (heartbeat ? atoll(heartbeat) : HEARTBEAT_MS))
        config_fault(reading,
                     PLACE("kafka.consumer.session.timeout.ms", "kafka.consumer.heartbeat.interval.ms",
                           "kafka.session.timeout.ms", "kafka.heartbeat.interval.ms"),
                     "session.timeout.ms must be more than heartbeat.interval.ms (%s)",
                     heartbeat ? heartbeat : "3000 by default");
    if (!group || !*group)
        config_fault(reading, PLACE("kafka.consumer.group.id", "kafka.group.id"), "group.id must not be empty");
    if (config->delivery.mode == DELIVERY_EXACTLY_ONCE && (!prefix || !*prefix))
        config_fault(reading, PLACE("kafka.producer.transactional.id", "kafka.transactional.id"),
                     "transactional.id must not be empty with delivery.mode = exactly-once");
}

static bool has_unix_address(const struct config *config)
{
    bool has = false;
    for (size_t i = 0; i < config->redis.address.count; i++)
        has = has || strncmp(config->redis.address.items[i], "unix:", 5) == 0;
    return has;
}

static void check_no_sentinel(struct config_reading *reading, const struct config *config)
{
    if (config->redis.master[0])
        config_fault(reading, PLACE("redis.master", "redis.kind"), "redis.master needs redis.kind = sentinel");
    if (config->redis.sentinel_username[0] || config->redis.sentinel_password[0])
        config_fault(reading, PLACE("redis.sentinel_username", "redis.sentinel_password", "redis.kind"),
                     "redis.sentinel_username and redis.sentinel_password need redis.kind = sentinel");
}

static void check_single(struct config_reading *reading, const struct config *config)
{
    if (config->redis.address.count > 1)
        config_fault(reading, PLACE("redis.address", "redis.kind"),
                     "redis.address must be one address with redis.kind = single");
    check_no_sentinel(reading, config);
}

/* A Sentinel that stands there twice would have two votes. */
static bool is_listed_twice(const struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcasecmp(list->items[i], list->items[j]) == 0)
                return true;
    return false;
}

static void check_sentinel(struct config_reading *reading, const struct config *config)
{
    if (!config->redis.master[0])
        config_fault(reading, PLACE("redis.kind", "redis.master"),
                     "redis.kind = sentinel needs redis.master, the name that the Sentinels have for the master");
    if (config->redis.sentinel_username[0] && !config->redis.sentinel_password[0])
        config_fault(reading, PLACE("redis.sentinel_username", "redis.sentinel_password"),
                     "redis.sentinel_username needs a redis.sentinel_password");
    if (config->redis.address.count > REDIS_SENTINELS_MOST)
        config_fault(reading, PLACE("redis.address"), "redis.address must list at most %d Sentinels",
                     REDIS_SENTINELS_MOST);
    else if (is_listed_twice(&config->redis.address))
        config_fault(reading, PLACE("redis.address"), "redis.address must list each Sentinel once");
    if (has_unix_address(config))
        config_fault(reading, PLACE("redis.address", "redis.kind"),
                     "redis.address must list Sentinels as HOST:PORT with redis.kind = sentinel, not unix:PATH");
}

static void check_cluster(struct config_reading *reading, const struct config *config)
{
    check_no_sentinel(reading, config);
    if (config->redis.address.count > REDIS_CLUSTER_NODES_MOST)
        config_fault(reading, PLACE("redis.address"),
                     "redis.address must list at most %d nodes; the program learns of the others by itself",
                     REDIS_CLUSTER_NODES_MOST);
    if (has_unix_address(config))
        config_fault(reading, PLACE("redis.address", "redis.kind"),
                     "redis.address must list nodes as HOST:PORT with redis.kind = cluster, not unix:PATH");
    if (config->redis.database != 0)
        config_fault(reading, PLACE("redis.database", "redis.kind"),
                     "redis.database must be 0 with redis.kind = cluster");
}

static void check_redis_kind(struct config_reading *reading, const struct config *config)
{
    if (config->redis.address.count == 0)
        config_fault(reading, PLACE("redis.address"), "redis.address must not be empty");
    switch (config->redis.kind) {
    case REDIS_SINGLE:
        check_single(reading, config);
        break;
    case REDIS_SENTINEL:
        check_sentinel(reading, config);
        break;
    case REDIS_CLUSTER:
        check_cluster(reading, config);
        break;
    }
}

/* With TLS settings but without TLS, data would cross the network unencrypted, and unnoticed. */
static void check_redis(struct config_reading *reading, const struct config *config)
{
    if (config->redis.username[0] && !config->redis.password[0])
        config_fault(reading, PLACE("redis.username", "redis.password"), "redis.username needs a redis.password");
    if (!config->redis.tls_certificate[0] != !config->redis.tls_key[0])
        config_fault(reading, PLACE("redis.tls_certificate", "redis.tls_key"),
                     "redis.tls_certificate and redis.tls_key need each other");
    bool has_more = config->redis.tls_ca[0] || config->redis.tls_certificate[0] || config->redis.tls_name[0];
    if (config->redis.tls == REDIS_TLS_OFF && has_more)
        config_fault(reading, PLACE("redis.tls", "redis.tls_ca", "redis.tls_certificate", "redis.tls_name"),
                     "redis.tls_ca, redis.tls_certificate and redis.tls_name need redis.tls = on");
    if (config->redis.tls == REDIS_TLS_OFF)
        return;
    if (!CLIENT_INTAKE_REDIS_TLS)
        config_fault(
            reading, PLACE("redis.tls"),
            "redis.tls = on is not possible: this program is built with hiredis %d.%d.%d, without TLS; it takes "
            "1.0 or later with hiredis_ssl",
            HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    if (config->redis.kind == REDIS_SINGLE && has_unix_address(config))
        config_fault(reading, PLACE("redis.tls", "redis.address"),
                     "redis.tls = on does not go with a unix socket, which needs none");
}

static void check_tracing(struct config_reading *reading, const struct config *config)
{
    if (config->tracing.tls_ca[0] && strncmp(config->tracing.endpoint, "https:", 6) != 0)
        config_fault(reading, PLACE("tracing.tls_ca", "tracing.endpoint"),
                     "tracing.tls_ca needs a tracing.endpoint with https");
}

void config_check(struct config_reading *reading, const struct config *config)
{
    check_topics(reading, config);
    config_check_limits(reading, config);
    check_kafka(reading, config);
    check_redis_kind(reading, config);
    check_redis(reading, config);
    check_tracing(reading, config);
    if (config->topics.replication == 0)
        config_fault(reading, PLACE("topics.replication"),
                     "topics.replication must be 1 or more, or -1 for the broker's default");
    if (!reading->no_memory)
        config_check_clients(reading, config);
}
