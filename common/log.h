/* log: one line per event on standard error, as logfmt or JSON. Levels error, warning, info, debug.
 *
 * An event is a short text that never changes, followed by named values:
 *     log_info("batch committed", LOG_INTEGER("commands", count), LOG_TEXT("topic", topic));
 * Never pass a field's value or a secret. errno is kept. Threads may log at once; lines do not mix. */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdint.h>

#include "common/span.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

struct log_value {
    const char *name; /* NULL ends the list */
    enum { LOG_VALUE_TEXT, LOG_VALUE_INTEGER } kind;
    struct span text;
    int64_t integer;
};

#define LOG_TEXT(name, value)    ((struct log_value){(name), LOG_VALUE_TEXT, span_of_text(value), 0})
#define LOG_SPAN(name, value)    ((struct log_value){(name), LOG_VALUE_TEXT, (value), 0})
#define LOG_INTEGER(name, value) ((struct log_value){(name), LOG_VALUE_INTEGER, SPAN_NONE, (int64_t)(value)})

void log_set_level(enum log_level level);
void log_set_format(enum log_format format);
bool log_is_on(enum log_level level);

void log_event(enum log_level level, const char *event, const struct log_value *values);

#define LOG_LIST(...)           ((const struct log_value[]){__VA_ARGS__ __VA_OPT__(, ){0}})
#define log_error(event, ...)   log_event(LOG_LEVEL_ERROR, (event), LOG_LIST(__VA_ARGS__))
#define log_warning(event, ...) log_event(LOG_LEVEL_WARNING, (event), LOG_LIST(__VA_ARGS__))
#define log_info(event, ...)    log_event(LOG_LEVEL_INFO, (event), LOG_LIST(__VA_ARGS__))
#define log_debug(event, ...)                                                                                          \
    do {                                                                                                               \
        if (log_is_on(LOG_LEVEL_DEBUG))                                                                                \
            log_event(LOG_LEVEL_DEBUG, (event), LOG_LIST(__VA_ARGS__));                                                \
    } while (0)

struct complaint; /* common/complaint.h */

/* A fault that may repeat. It is logged when it starts and, with its duration, when it ends. */
struct log_fault {
    const char *event;      /* "Redis is away" */
    const char *ended;      /* "Redis is back" */
    int64_t began_ms;       /* CLOCK_MONOTONIC; 0: not active */
    struct complaint *told; /* hears of it, too; NULL: none. Borrowed */
    int64_t quiet_ms; /* so long it must not have begun again before its end is logged; 0: the end is logged at once */
    int64_t well_ms;  /* CLOCK_MONOTONIC: when it ended, if that is not logged yet; otherwise 0 */
    uint32_t words;   /* a checksum of its values `error`, `reason` and `topic` */
};

/* Logs `event` as a warning unless the fault is active already. While its end is not logged yet, another error is
 * another fault. */
void log_fault_begin(struct log_fault *fault, const struct log_value *values);
/* Logs `ended` with the duration in seconds, if the fault was active. With `quiet_ms`, log_fault_look does that later;
 * `told` hears of it at once. */
void log_fault_end(struct log_fault *fault);
/* For a fault with `quiet_ms`, to be called about once a second: logs the end for which the time has come. */
void log_fault_look(struct log_fault *fault);

#endif
