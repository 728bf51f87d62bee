#include "worker/daemon/reload.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "worker/config/config_kafka.h"
#include "worker/config/config_table.h"
#include "worker/config/config_value.h"

struct reload {
    const struct config *start;
    struct config **made; /* all of them, since threads may still use an older one; their texts belong to `start` */
    size_t count;
};

static atomic_bool requested;

static void on_hangup(int number)
{
    (void)number;
    atomic_store(&requested, true);
}

struct reload *reload_open(const struct config *config)
{
    struct reload *reload = calloc(1, sizeof(*reload));
    if (!reload)
        return NULL;
    reload->start = config;
    struct sigaction ask = {.sa_handler = on_hangup, .sa_flags = SA_RESTART};
    sigemptyset(&ask.sa_mask);
    sigaction(SIGHUP, &ask, NULL);
    return reload;
}

void reload_close(struct reload *reload)
{
    if (!reload)
        return;
    for (size_t i = 0; i < reload->count; i++)
        free(reload->made[i]);
    free(reload->made);
    free(reload);
}

bool reload_is_requested(void)
{
    return atomic_exchange(&requested, false);
}

static void log_waiting_key(const char *section, const char *name)
{
    char key[128];
    snprintf(key, sizeof(key), "%s.%s", section, name);
    log_warning("a changed key takes effect at the next start", LOG_TEXT("key", key));
}

static const struct kafka_setting *find_setting(const struct kafka_setting *settings, const char *name)
{
    while (settings && strcmp(settings->name, name) != 0)
        settings = settings->next;
    return settings;
}

/* A default comes and goes with settings in other sections, so it is no change of its own. */
static void log_waiting_settings(const char *section, const struct kafka_setting *start,
                                 const struct kafka_setting *fresh)
{
    for (const struct kafka_setting *setting = fresh; setting; setting = setting->next) {
        const struct kafka_setting *before = find_setting(start, setting->name);
        if (before ? strcmp(before->value, setting->value) != 0 : !kafka_setting_is_default(section, setting))
            log_waiting_key(section, setting->name);
    }
    for (const struct kafka_setting *setting = start; setting; setting = setting->next)
        if (!find_setting(fresh, setting->name) && !kafka_setting_is_default(section, setting))
            log_waiting_key(section, setting->name);
}

static void log_waiting_keys(const struct config *start, const struct config *fresh)
{
    for (const struct config_row *row = config_rows; row->section; row++)
        if (!(row->flags & CONFIG_MAY_RELOAD) && !config_value_is_same(row, start, fresh))
            log_waiting_key(row->section, row->name);
    log_waiting_settings("kafka", start->kafka, fresh->kafka);
    log_waiting_settings("kafka.consumer", start->kafka_consumer, fresh->kafka_consumer);
    log_waiting_settings("kafka.producer", start->kafka_producer, fresh->kafka_producer);
}

/* The config of the start with the values of `fresh` that may be reloaded. New, kept in `reload`; or NULL when out of
 * memory. */
static struct config *combine(struct reload *reload, const struct config *fresh)
{
    struct config **grown = realloc(reload->made, (reload->count + 1) * sizeof(struct config *));
    if (grown)
        reload->made = grown;
    struct config *combined = grown ? malloc(sizeof(*combined)) : NULL;
    if (!combined)
        return NULL;
    reload->made[reload->count++] = combined;
    *combined = *reload->start;
    for (const struct config_row *row = config_rows; row->section; row++) {
        if (!(row->flags & CONFIG_MAY_RELOAD))
            continue;
        assert(config_value_size(row) > 0);
        memcpy((char *)combined + row->offset, (const char *)fresh + row->offset, config_value_size(row));
    }
    return combined;
}

/* An event like all others, so the log holds nothing but events. */
static void log_fault(void *listener, const char *place, const char *message)
{
    char *error = NULL;
    (void)listener;
    if (asprintf(&error, "%s: %s", place, message) < 0)
        error = NULL;
    log_error("the config has an error", LOG_TEXT("error", error ? error : place));
    free(error);
}

/* What is in effect after the reload, or NULL after the reason was logged. The limits of the file must also fit the
 * threads, batches and queues of the start. */
static const struct config *take(struct reload *reload, const struct config *fresh,
                                 const struct config_sources *sources)
{
    struct config *combined = combine(reload, fresh);
    if (!combined)
        return NULL;
    log_waiting_keys(reload->start, fresh);
    return config_limits_fit(combined, sources) ? combined : NULL;
}

const struct config *reload_read(struct reload *reload)
{
    struct config_sources sources = reload->start->from;
    sources.take_fault = log_fault;
    struct config *fresh = config_read(&sources);
    const struct config *taken = fresh ? take(reload, fresh, &sources) : NULL;
    config_free(fresh);
    if (!taken) {
        log_error("the config is not reloaded; the one in use stays");
        return NULL;
    }
    log_set_level(taken->log.level);
    log_info("the config is reloaded");
    return taken;
}
