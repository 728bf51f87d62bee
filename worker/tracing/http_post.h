/* http_post: sends a text to a URL by HTTP or HTTPS, over a connection that is kept. */
#ifndef WORKER_TRACING_HTTP_POST_H
#define WORKER_TRACING_HTTP_POST_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"
#include "worker/config/config.h"

#define HTTP_ERROR_BYTES 256

struct http_post;

struct http_answer {
    long status;                  /* 0: there was no answer, see `error` */
    int64_t retry_after_ms;       /* of the header Retry-After; 0: none */
    struct span body;             /* its first 64 KiB; valid until the next call */
    char error[HTTP_ERROR_BYTES]; /* without an answer: why; "" after the deadline */
};

/* New, or NULL when out of memory. `headers`: texts NAME=VALUE in addition; `authorities`: a file of certificates, ""
 * for the system's. No other thread may run yet: it prepares libcurl for the whole process. */
MUST_CHECK struct http_post *http_post_open(const char *url, const struct text_list *headers, const char *authorities,
                                            int64_t timeout_ms);
void http_post_close(struct http_post *post);

/* Sends, and waits for the answer until the timeout, or until `deadline_ms(context)` (CLOCK_MONOTONIC), which is asked
 * several times a second. A body that goes on after 1 MiB is read no further: its beginning is the answer. After the
 * timeout a thread of libcurl may still wait for a name server; it ends by itself. */
struct http_answer http_post_send(struct http_post *post, struct span body, int64_t deadline_ms(void *context),
                                  void *context);

#endif
