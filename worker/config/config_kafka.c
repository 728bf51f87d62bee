#include "worker/config/config_kafka.h"

#include <stdlib.h>
#include <string.h>

#include "common/nearest_word.h"

const struct kafka_default kafka_defaults[] = {
    {"kafka", "bootstrap.servers", "localhost:9092"},
    {"kafka", "client.id", "client-intake"},
    {"kafka", "socket.nagle.disable", "true"},
    {"kafka", "socket.keepalive.enable", "true"},
    {"kafka", "reconnect.backoff.max.ms", "1000"},
    {"kafka.consumer", "group.id", "client-intake"},
    {"kafka.consumer", "auto.offset.reset", "earliest"},
    {"kafka.consumer", "session.timeout.ms", "30000"},
    {"kafka.consumer", "max.poll.interval.ms", "300000"},
    {"kafka.consumer", "fetch.wait.max.ms", "100"},
    {"kafka.consumer", "fetch.max.bytes", "2097152"},
    {"kafka.consumer", "max.partition.fetch.bytes", "1048576"},
    {"kafka.consumer", "receive.message.max.bytes", "100000000"},
    {"kafka.consumer", "queued.min.messages", "50000"},
    {"kafka.consumer", "queued.max.messages.kbytes", "8192"},
    {"kafka.producer", "transactional.id", "client-intake"},
    {"kafka.producer", "transaction.timeout.ms", "25000"},
    {"kafka.producer", "linger.ms", "5"},
    {"kafka.producer", "retry.backoff.ms", "10"},
    {"kafka.producer", "message.max.bytes", "100000000"},
    {"kafka.producer", "partitioner", "murmur2_random"},
    {NULL, NULL, NULL},
};

/* Other names of settings that have a default above, or that the program looks up by name. */
static const struct {
    const char *alias, *name;
} aliases[] = {
    {"metadata.broker.list", "bootstrap.servers"},
    {"queue.buffering.max.ms", "linger.ms"},
    {"fetch.message.max.bytes", "max.partition.fetch.bytes"},
};

/* The settings on which the delivery guarantee rests, and why the user must not change them. */
static const struct {
    const char *name, *reason;
} owned_settings[] = {
    {"enable.auto.commit", "offsets are committed together with their replies"},
    {"auto.commit.enable", "offsets are committed together with their replies"},
    {"auto.commit.interval.ms", "offsets are committed together with their replies"},
    {"enable.auto.offset.store", "offsets are committed together with their replies"},
    {"isolation.level", "commands and records of an aborted transaction must not be read"},
    {"partition.assignment.strategy", "the assignment of partitions is part of the delivery guarantee"},
    {"group.protocol", "the assignment of partitions is part of the delivery guarantee"},
    {"enable.partition.eof", "the program sets it where it needs the end of a partition"},
    {"enable.idempotence", "a retry must not publish a reply twice or out of order"},
    {"enable.gapless.guarantee", "a lost message ends the transaction, not the program"},
    {"acks", "all in-sync replicas must acknowledge a transaction"},
    {"request.required.acks", "all in-sync replicas must acknowledge a transaction"},
    {"delivery.report.only.error", "the program waits for every delivery report"},
    {"log_level", "log.level sets it"},
    {"log.queue", "log lines are written immediately"},
    {"enabled_events", "the program selects the events that it handles"},
};

bool kafka_setting_is_secret(const char *name)
{
    static const char *const parts[] = {"password", "pem", "secret", "token", "oauthbearer.config", "jaas"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strstr(name, parts[i]))
            return true;
    return false;
}

static const char *owned_reason(const char *name)
{
    for (size_t i = 0; i < sizeof(owned_settings) / sizeof(owned_settings[0]); i++)
        if (strcmp(owned_settings[i].name, name) == 0)
            return owned_settings[i].reason;
    return NULL;
}

bool kafka_setting_is_default(const char *section, const struct kafka_setting *setting)
{
    for (const struct kafka_default *row = kafka_defaults; row->section; row++)
        if (strcmp(row->section, section) == 0 && strcmp(row->name, setting->name) == 0)
            return strcmp(row->value, setting->value) == 0;
    return false;
}

const char *kafka_setting_name(const char *name)
{
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (strcmp(aliases[i].alias, name) == 0)
            return aliases[i].name;
    return name;
}

bool kafka_setting_check(rd_kafka_conf_t *scratch, const char *name, const char *value, bool is_secret, char *error,
                         size_t error_size)
{
    char text[512];
    const char *reason = owned_reason(name);
    if (reason) {
        snprintf(error, error_size, "cannot be set here: %s", reason);
        return false;
    }
    switch (rd_kafka_conf_set(scratch, name, value, text, sizeof(text))) {
    case RD_KAFKA_CONF_OK:
        return true;
    case RD_KAFKA_CONF_UNKNOWN:
        snprintf(error, error_size, "is not a setting of librdkafka %s", rd_kafka_version_str());
        return false;
    case RD_KAFKA_CONF_INVALID:
        break;
    }
    bool shown = !is_secret && !kafka_setting_is_secret(name);
    snprintf(error, error_size, "is refused by librdkafka%s%s", shown ? ": " : "", shown ? text : "");
    return false;
}

void kafka_setting_nearest(const char *name, char *nearest, size_t size)
{
    char *list = NULL;
    size_t length = 0;
    struct suggestion search = suggest_for(name);
    snprintf(nearest, size, "%s", "");
    FILE *out = open_memstream(&list, &length);
    if (!out)
        return;
    rd_kafka_conf_properties_show(out);
    if (fclose(out) == 0) {
        /* A table: the name, blanks, a bar, and so on. */
        char *rest = list;
        for (char *line; (line = strsep(&rest, "\n"));) {
            bool is_row = strchr(line, '|') != NULL;
            line[strcspn(line, " |")] = '\0';
            if (is_row && line[0] && !owned_reason(line))
                suggest_offer(&search, line);
        }
        snprintf(nearest, size, "%s", search.found ? search.found : "");
    }
    free(list);
}
