/* tracing_secret: what the receiver gets with each request and no log may show: the values of `tracing.headers`, and
 * what follows the host in `tracing.endpoint`. */
#ifndef WORKER_TRACING_TRACING_SECRET_H
#define WORKER_TRACING_TRACING_SECRET_H

#include "common/span.h"
#include "worker/config/config.h"

/* So many bytes of a secret in a row give it away. */
#define TRACING_SECRET_BYTES 8

/* True if `text` gives a secret away: it has TRACING_SECRET_BYTES of it in a row, or a shorter value of a header as a
 * word. */
bool tracing_secret_is_in(const struct config *config, struct span text);

/* `tracing.endpoint` without its secrets: up to its host and port, and then OTLP's own path, or "/..." for anything
 * else. */
void tracing_secret_hide(const struct config *config, char *shown, size_t size);

#endif
