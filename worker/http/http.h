/* http: what the daemon tells about itself, on http.listen: /livez, /readyz, /metrics, /version and a page at /. Read
 * only, without login. */
#ifndef WORKER_HTTP_HTTP_H
#define WORKER_HTTP_HTTP_H

#include "worker/config/config.h"
#include "worker/metrics/metrics.h"

struct http;

/* Takes the address, so that it is known before any work begins whether it can be had; logs which it is. Whoever
 * connects waits until http_serve. New, also if http.listen is empty: then nobody can connect; or NULL after the reason
 * was logged. `config` must outlive it. */
struct http *http_open(const struct config *config);

/* Answers in a thread of its own from now on until http_close, which must come before the metrics are freed. False
 * after the reason was logged. */
bool http_serve(struct http *http, struct metrics *const *threads, size_t count);

void http_close(struct http *http);

/* The port, which differs from the config's if that is 0; or 0 if http.listen is empty. */
int http_port(const struct http *http);

#endif
