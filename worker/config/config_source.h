/* config_source: the sources of settings (the file, the environment, --set), as unchecked texts. */
#ifndef WORKER_CONFIG_CONFIG_SOURCE_H
#define WORKER_CONFIG_CONFIG_SOURCE_H

#include "worker/config/config.h"

/* A later origin overrides an earlier one. */
enum config_origin { CONFIG_FROM_FILE, CONFIG_FROM_ENVIRONMENT, CONFIG_FROM_COMMAND_LINE };

struct config_setting {
    char *section, *name, *value;
    char *place; /* "FILE:LINE", "CLIENT_INTAKE_NAME", "--set" */
    enum config_origin origin;
};

/* Settings in the order in which they were found, and the number of errors told so far. */
struct config_reading {
    struct config_setting *settings;
    size_t count, capacity;
    config_take_fault *take_fault;
    void *listener;
    int faults;
    bool no_memory; /* out of memory was reported */
};

/* Tells an error. */
void config_fault(struct config_reading *reading, const char *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Out of memory: a fault like any other, printed once. */
void config_no_memory(struct config_reading *reading);

/* Collects every setting of every source. A setting that cannot be split into section, name and value is an error. */
void config_collect(struct config_reading *reading, const struct config_sources *sources);
void config_reading_close(struct config_reading *reading);

#endif
