#include "worker/config/config_clients.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>

#include "worker/config/config_kafka.h"

#define FAULTS_MOST 16

struct own_setting {
    const char *name, *value;
};

/* A client that is created to see whether that is possible. */
struct trial {
    rd_kafka_type_t type;
    const char *section;
    const struct kafka_setting *common, *specific;
    bool is_transactional;
    const struct own_setting *own;                     /* what the program sets itself; name NULL ends them */
    const struct kafka_setting *left_out[FAULTS_MOST]; /* the settings that were found to be wrong */
    size_t left_out_count;
};

/* Without brokers a client has nothing to do, and without these it neither reads files nor starts anything else. */
static bool is_left_to_run(const char *name)
{
    static const char *const beginnings[] = {"bootstrap.servers",
                                             "security.protocol",
                                             "ssl.",
                                             "sasl.",
                                             "https.",
                                             "enable.ssl.",
                                             "enable.sasl.",
                                             "oauth",
                                             "plugin.",
                                             "test.",
                                             "debug",
                                             "metadata.broker."};
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
        if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

static bool is_left_out(const struct trial *trial, const struct kafka_setting *setting)
{
    for (size_t i = 0; i < trial->left_out_count; i++)
        if (trial->left_out[i] == setting)
            return true;
    return is_left_to_run(setting->name) ||
           (!trial->is_transactional && strcmp(setting->name, "transactional.id") == 0);
}

/* Each setting was accepted when it was read, or is our own. */
static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char ignored[512];
    (void)rd_kafka_conf_set(conf, name, value, ignored, sizeof(ignored));
}

static void set_all(rd_kafka_conf_t *conf, const struct trial *trial, const struct kafka_setting *settings)
{
    for (; settings; settings = settings->next)
        if (!is_left_out(trial, settings))
            set(conf, settings->name, settings->value);
}

static void no_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client, (void)level, (void)facility, (void)text;
}

/* True with the reason in `error` if the client cannot be created because of its settings. */
static bool is_refused(const struct trial *trial, char *error, size_t error_size)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, no_log);
    set_all(conf, trial, trial->common);
    set_all(conf, trial, trial->specific);
    for (const struct own_setting *own = trial->own; own->name; own++)
        set(conf, own->name, own->value);
    rd_kafka_t *client = rd_kafka_new(trial->type, conf, error, error_size);
    if (client) {
        rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        return false;
    }
    const bool is_wrong = rd_kafka_last_error() == RD_KAFKA_RESP_ERR__INVALID_ARG;
    rd_kafka_conf_destroy(conf); /* rd_kafka_new takes ownership only on success */
    return is_wrong;
}

/* The client's setting that came from there, or NULL. */
static const struct kafka_setting *setting_from(const struct trial *trial, const struct config_setting *from)
{
    const struct kafka_setting *setting = strcmp(from->section, "kafka") == 0          ? trial->common
                                          : strcmp(from->section, trial->section) == 0 ? trial->specific
                                                                                       : NULL;
    while (setting && strcmp(setting->name, kafka_setting_name(from->name)) != 0)
        setting = setting->next;
    return setting && !is_left_out(trial, setting) ? setting : NULL;
}

static bool is_named(const struct config_setting *setting, const char *error)
{
    char quoted[128];
    snprintf(quoted, sizeof(quoted), "`%s`", setting->name);
    return strstr(error, quoted) != NULL;
}

/* Leaves the setting out without which this error does not occur, of those involved the one that was set last. Returns
 * where it was set; or NULL if there is none. Those that the error names are tried first: without another one the
 * client might be refused for another reason. */
static const struct config_setting *leave_cause_out(const struct config_reading *reading, struct trial *trial,
                                                    const char *error)
{
    char other[512];
    for (int named = 1; named >= 0; named--) {
        for (size_t i = reading->count; i-- > 0;) {
            const struct config_setting *from = &reading->settings[i];
            const struct kafka_setting *setting = setting_from(trial, from);
            if (!setting || is_named(from, error) != (named == 1))
                continue;
            trial->left_out[trial->left_out_count++] = setting;
            if (!is_refused(trial, other, sizeof(other)) || strcmp(other, error) != 0)
                return from;
            trial->left_out_count--;
        }
    }
    return NULL;
}

static bool has_only_defaults(const char *section, const struct kafka_setting *settings)
{
    for (; settings; settings = settings->next)
        if (!is_left_to_run(settings->name) && !kafka_setting_is_default(section, settings))
            return false;
    return true;
}

static void check_client(struct config_reading *reading, struct trial *trial)
{
    char error[512];
    if (has_only_defaults("kafka", trial->common) && has_only_defaults(trial->section, trial->specific))
        return;
    while (trial->left_out_count < FAULTS_MOST && is_refused(trial, error, sizeof(error))) {
        const struct config_setting *cause = leave_cause_out(reading, trial, error);
        if (cause)
            config_fault(reading, cause->place, "%s.%s is refused by librdkafka: %s", cause->section, cause->name,
                         error);
        else
            config_fault(reading, "config", "the settings of %s are refused by librdkafka: %s", trial->section, error);
        if (!cause)
            return;
    }
}

/* What later versions of librdkafka push to brokers would delay the end of a client (kafka_conf.h). */
#define NO_METRICS                                                                                                     \
    {                                                                                                                  \
        "enable.metrics.push", "false"                                                                                 \
    }

void config_check_clients(struct config_reading *reading, const struct config *config)
{
    const struct own_setting of_consumer[] = {{"enable.auto.commit", "false"},
                                              {"enable.auto.offset.store", "false"},
                                              {"enable.partition.eof", "true"},
                                              {"isolation.level", "read_committed"},
                                              {"partition.assignment.strategy", "cooperative-sticky"},
                                              NO_METRICS,
                                              {NULL, NULL}};
    const struct own_setting of_producer[] = {
        {"enable.idempotence", "true"}, {"allow.auto.create.topics", "false"}, NO_METRICS, {NULL, NULL}};
    struct trial trial = {.type = RD_KAFKA_CONSUMER,
                          .section = "kafka.consumer",
                          .common = config->kafka,
                          .specific = config->kafka_consumer,
                          .own = of_consumer};
    check_client(reading, &trial);
    trial.type = RD_KAFKA_PRODUCER;
    trial.section = "kafka.producer";
    trial.specific = config->kafka_producer;
    trial.is_transactional = config->delivery.mode == DELIVERY_EXACTLY_ONCE;
    trial.own = of_producer;
    check_client(reading, &trial);
}
