#include "worker/daemon/reload.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "worker/config/config_table.h"
#include "worker/config/config_value.h"

struct reload {
    const struct config *start;
    struct config **read; /* all of them, since threads may still use an older one */
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
        config_free(reload->read[i]);
    free(reload->read);
    free(reload);
}

bool reload_is_requested(void)
{
    return atomic_exchange(&requested, false);
}

static void log_waiting_keys(const struct config *start, const struct config *fresh)
{
    for (const struct config_row *row = config_rows; row->section; row++) {
        if ((row->flags & CONFIG_MAY_RELOAD) || config_value_is_same(row, start, fresh))
            continue;
        char key[128];
        snprintf(key, sizeof(key), "%s.%s", row->section, row->name);
        log_warning("a changed key takes effect at the next start", LOG_TEXT("key", key));
    }
}

static bool keep(struct reload *reload, struct config *fresh)
{
    struct config **grown = realloc(reload->read, (reload->count + 1) * sizeof(struct config *));
    if (!grown)
        return false;
    reload->read = grown;
    reload->read[reload->count++] = fresh;
    return true;
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

/* New, or NULL after its errors were logged. */
static struct config *read_again(const struct config_sources *sources)
{
    struct config_sources again = *sources;
    again.take_fault = log_fault;
    struct config *fresh = config_read(&again);
    if (fresh)
        fresh->from = *sources;
    return fresh;
}

const struct config *reload_read(struct reload *reload)
{
    struct config *fresh = read_again(&reload->start->from);
    char *workspace = fresh ? strdup(reload->start->commands.workspace) : NULL;
    if (!fresh || !workspace || !keep(reload, fresh)) {
        log_error("the config is not reloaded; the one in use stays");
        config_free(fresh);
        free(workspace);
        return NULL;
    }
    log_waiting_keys(reload->start, fresh);
    /* The one key of validation that may not be reloaded. */
    free(fresh->commands.workspace);
    fresh->commands.workspace = workspace;
    log_set_level(fresh->log.level);
    log_info("the config is reloaded");
    return fresh;
}
