/* http: the daemon's HTTP server on http.listen: /livez, /readyz, /metrics, /version, /status.json and a page at /.
 * Read-only, without login. It uses the config, the metrics and what threads show (worker/metrics) only, and no other
 * part of the daemon. */
#ifndef WORKER_HTTP_HTTP_H
#define WORKER_HTTP_HTTP_H

#include "worker/config/config.h"
#include "worker/metrics/metrics.h"

struct http;

/* Binds the address before any work begins, so that a failure shows at once; logs the address. Connections wait
 * until http_serve. Returns a new server, also if http.listen is empty (then there is no socket); or NULL after the
 * reason was logged. `config` must outlive it. */
struct http *http_open(const struct config *config);

/* Serves requests in a thread of its own until http_close, which must precede the end of the metrics. False after
 * the reason was logged. */
bool http_serve(struct http *http, struct metrics *const *threads, size_t count);

void http_close(struct http *http);

/* The port, which differs from the config's if that is 0; or 0 if http.listen is empty. */
int http_port(const struct http *http);

#endif
