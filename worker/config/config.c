#include "worker/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "common/nearest_word.h"
#include "worker/config/config_check.h"
#include "worker/config/config_kafka.h"
#include "worker/config/config_source.h"
#include "worker/config/config_value.h"

#define MESSAGE_BYTES 1024

static struct kafka_setting **kafka_list(struct config *config, const char *section)
{
    return strcmp(section, "kafka") == 0            ? &config->kafka
           : strcmp(section, "kafka.consumer") == 0 ? &config->kafka_consumer
           : strcmp(section, "kafka.producer") == 0 ? &config->kafka_producer
                                                    : NULL;
}

static struct kafka_setting *kafka_find(struct kafka_setting *settings, const char *name)
{
    while (settings && strcmp(settings->name, name) != 0)
        settings = settings->next;
    return settings;
}

/* Replaces the setting of that name, or adds one at the end. Takes ownership of `value`; false if it is NULL, or
 * when out of memory. */
static bool kafka_put(struct kafka_setting **list, const char *name, char *value)
{
    while (*list && strcmp((*list)->name, name) != 0)
        list = &(*list)->next;
    if (*list && value) {
        free((*list)->value);
        (*list)->value = value;
        return true;
    }
    struct kafka_setting *setting = calloc(1, sizeof(*setting));
    char *copy = strdup(name);
    if (!setting || !copy || !value) {
        free(setting);
        free(copy);
        free(value);
        return false;
    }
    *setting = (struct kafka_setting){.name = copy, .value = value};
    *list = setting;
    return true;
}

static void take_kafka(struct config_reading *reading, struct config *config, rd_kafka_conf_t *scratch,
                       const struct config_setting *setting, char *value, bool is_secret)
{
    char error[MESSAGE_BYTES];
    if (kafka_setting_check(scratch, setting->name, value, is_secret, error, sizeof(error))) {
        if (!kafka_put(kafka_list(config, setting->section), kafka_setting_name(setting->name), value))
            config_no_memory(reading);
        return;
    }
    char nearest[128];
    kafka_setting_nearest(setting->name, nearest, sizeof(nearest));
    bool suggest = nearest[0] && strcmp(nearest, setting->name) != 0 && strstr(error, "is not a setting");
    config_fault(reading, setting->place, "%s.%s %s%s%s%s", setting->section, setting->name, error,
                 suggest ? "; did you mean " : "", suggest ? nearest : "", suggest ? "?" : "");
    free(value);
}

/* Reports an unknown key, with a suggestion. */
static void refuse_unknown(struct config_reading *reading, const struct config_setting *setting)
{
    char written[256], candidate[256], found[256] = "";
    snprintf(written, sizeof(written), "%s.%s", setting->section, setting->name);
    struct suggestion search = suggest_for(written);
    for (const struct config_row *row = config_rows; row->section; row++) {
        size_t before = search.distance;
        snprintf(candidate, sizeof(candidate), "%s.%s", row->section, row->name);
        suggest_offer(&search, candidate);
        if (search.distance < before)
            snprintf(found, sizeof(found), "%s", candidate);
    }
    config_fault(reading, setting->place, "%s is not a key%s%s%s", written, found[0] ? "; did you mean " : "", found,
                 found[0] ? "?" : "");
}

static void take_setting(struct config_reading *reading, struct config *config, rd_kafka_conf_t *scratch,
                         const struct config_setting *setting)
{
    char error[MESSAGE_BYTES];
    bool is_kafka = kafka_list(config, setting->section) != NULL;
    const struct config_row *row = config_row_find(setting->section, setting->name);
    if (!is_kafka && !row) {
        refuse_unknown(reading, setting);
        return;
    }
    bool has_reference;
    char *value = config_value_expand(setting->value, &has_reference, error, sizeof(error));
    if (!value) {
        config_fault(reading, setting->place, "%s.%s: %s", setting->section, setting->name, error);
        return;
    }
    if (is_kafka) {
        take_kafka(reading, config, scratch, setting, value, has_reference);
        return;
    }
    if (!config_value_store(config, row, value, has_reference, error, sizeof(error)))
        config_fault(reading, setting->place, "%s.%s %s", row->section, row->name, error);
    free(value);
}

/* A key that is set twice in one file is an error. */
static void refuse_repeated(struct config_reading *reading, size_t index)
{
    const struct config_setting *setting = &reading->settings[index];
    for (size_t i = 0; i < index && setting->origin == CONFIG_FROM_FILE; i++) {
        const struct config_setting *earlier = &reading->settings[i];
        if (strcmp(earlier->section, setting->section) == 0 && strcmp(earlier->name, setting->name) == 0) {
            config_fault(reading, setting->place, "%s.%s was set before, at %s", setting->section, setting->name,
                         earlier->place);
            return;
        }
    }
}

/* False after an error; then members are missing. */
static bool take_defaults(struct config_reading *reading, struct config *config)
{
    char error[MESSAGE_BYTES];
    for (const struct config_row *row = config_rows; row->section; row++) {
        if (!config_value_store(config, row, row->default_text, false, error, sizeof(error))) {
            config_fault(reading, "config", "the default of %s.%s: %s", row->section, row->name, error);
            return false;
        }
    }
    return true;
}

/* A setting of the user replaces a default, in its own section or in [kafka] for all clients. */
static void add_kafka_defaults(struct config_reading *reading, struct config *config)
{
    for (const struct kafka_default *standard = kafka_defaults; standard->section; standard++) {
        struct kafka_setting **list = kafka_list(config, standard->section);
        if (!kafka_find(*list, standard->name) && !kafka_find(config->kafka, standard->name) &&
            !kafka_put(list, standard->name, strdup(standard->value)))
            config_no_memory(reading);
    }
}

static void take_settings(struct config_reading *reading, struct config *config)
{
    rd_kafka_conf_t *scratch = rd_kafka_conf_new();
    for (size_t i = 0; i < reading->count; i++) {
        refuse_repeated(reading, i);
        take_setting(reading, config, scratch, &reading->settings[i]);
    }
    rd_kafka_conf_destroy(scratch);
    add_kafka_defaults(reading, config);
    config_check(reading, config);
}

static void print_fault(void *listener, const char *place, const char *message)
{
    (void)listener;
    fprintf(stderr, "%s: %s\n", place, message);
}

static struct config_reading begin_reading(const struct config_sources *sources)
{
    return (struct config_reading){.take_fault = sources->take_fault ? sources->take_fault : print_fault,
                                   .listener = sources->listener};
}

struct config *config_read(const struct config_sources *sources)
{
    struct config_reading reading = begin_reading(sources);
    struct config *config = calloc(1, sizeof(*config));
    if (!config) {
        config_no_memory(&reading);
    } else if (take_defaults(&reading, config)) {
        config->from = *sources;
        config_collect(&reading, sources);
        take_settings(&reading, config);
    }
    if (reading.faults > 0) {
        config_free(config);
        config = NULL;
    }
    config_reading_close(&reading);
    return config;
}

bool config_limits_fit(const struct config *config, const struct config_sources *sources)
{
    struct config_reading reading = begin_reading(sources);
    config_collect(&reading, sources);
    config_check_limits(&reading, config);
    const bool fit = reading.faults == 0;
    config_reading_close(&reading);
    return fit;
}

static void kafka_free(struct kafka_setting *settings)
{
    while (settings) {
        struct kafka_setting *next = settings->next;
        free(settings->name);
        free(settings->value);
        free(settings);
        settings = next;
    }
}

void config_free(struct config *config)
{
    if (!config)
        return;
    for (const struct config_row *row = config_rows; row->section; row++)
        config_value_free(config, row);
    kafka_free(config->kafka);
    kafka_free(config->kafka_consumer);
    kafka_free(config->kafka_producer);
    free(config);
}

static const char *kafka_last(const struct kafka_setting *settings, const char *name)
{
    const char *value = NULL;
    for (; settings; settings = settings->next)
        if (strcmp(settings->name, name) == 0)
            value = settings->value;
    return value;
}

const char *config_kafka(const struct config *config, const struct kafka_setting *specific, const char *name)
{
    const char *value = kafka_last(specific, name);
    return value ? value : kafka_last(config->kafka, name);
}
