#include "worker/tracing/tracing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/quiet_thread.h"
#include "common/quote.h"
#include "worker/tracing/http_post.h"
#include "worker/tracing/otlp.h"
#include "worker/tracing/otlp_answer.h"
#include "worker/tracing/trace_queue.h"

#define DELAY_MS      1000 /* longest wait of a span for others, to be sent with them */
#define REQUEST_SPANS 512  /* they wait no longer when there are so many */
#define QUEUE_BYTES   ((size_t)16 << 20)

/* What one request takes at most, with one trace more: a link of 600 bytes has 2 KiB in JSON. The receiver may refuse
 * more than 20 MiB (OTLP). */
#define REQUEST_TRACES_BYTES ((size_t)2 << 20)
#define REQUEST_BYTES        ((size_t)64 << 20)

/* Between two tries of a request: longer each time, but for what the receiver asks for, and with up to a quarter more
 * by chance. A request is dropped when it was tried for so long. */
#define RETRY_FIRST_MS 1000
#define RETRY_LAST_MS  16000
#define RETRY_MOST_MS  60000
#define RETRY_AFTER_MS 600000 /* the longest that a receiver may ask for */

struct tracing {
    const struct config *config;
    struct trace_queue queue;
    struct http_post *post;
    struct arena arena; /* of one request */
    struct otlp_source source;
    char host[256];
    pthread_t thread;
    bool started, ended;   /* of the thread; used by the thread that opened it */
    int64_t retry_ms;      /* the next wait; 0: the last request had an answer */
    int64_t not_before_ms; /* of the next request */
    uint64_t full_before;  /* dropped for want of room when the last request was sent */
    struct log_fault away, refused, full;
    _Atomic uint64_t counts[SPAN_RESULTS];
};

static void count(struct tracing *tracing, enum span_result result, uint64_t spans)
{
    atomic_fetch_add_explicit(&tracing->counts[result], spans, memory_order_relaxed);
}

/* ---- the thread ---- */

static int64_t deadline_of(void *context)
{
    return trace_queue_deadline_ms(&((struct tracing *)context)->queue);
}

static void note_later(struct tracing *tracing, const struct http_answer *http, const struct otlp_answer *answer)
{
    if (http->status == 0)
        log_fault_begin(&tracing->away, LOG_LIST(LOG_TEXT("error", http->error)));
    else
        log_fault_begin(&tracing->away,
                        LOG_LIST(LOG_INTEGER("status", http->status), LOG_TEXT("error", answer->message)));
}

static void note_refused(struct tracing *tracing, const struct http_answer *http, const struct otlp_answer *answer)
{
    log_fault_begin(&tracing->refused,
                    LOG_LIST(LOG_INTEGER("status", http->status), LOG_TEXT("error", answer->message)));
}

/* Plans the next try. */
static void back_off(struct tracing *tracing, int64_t retry_after_ms)
{
    int64_t wait_ms = tracing->retry_ms ? tracing->retry_ms : RETRY_FIRST_MS;
    tracing->retry_ms = wait_ms * 2 < RETRY_LAST_MS ? wait_ms * 2 : RETRY_LAST_MS;
    wait_ms += arc4random_uniform((uint32_t)wait_ms / 4);
    if (retry_after_ms > 0)
        wait_ms = retry_after_ms < RETRY_AFTER_MS ? retry_after_ms : RETRY_AFTER_MS;
    tracing->not_before_ms = clock_now_ms() + wait_ms;
}

/* One try. False: it may be tried again. */
static bool tracing_try(struct tracing *tracing, struct span request, uint32_t spans)
{
    const struct http_answer http = http_post_send(tracing->post, request, deadline_of, tracing);
    struct otlp_answer answer = {.verdict = OTLP_LATER};
    if (http.status > 0)
        answer = otlp_answer_read(http.status, http.body, tracing->config);
    if (answer.verdict == OTLP_LATER) {
        if (http.status > 0 || http.error[0])
            note_later(tracing, &http, &answer);
        back_off(tracing, http.retry_after_ms);
        return false;
    }
    tracing->retry_ms = 0;
    log_fault_end(&tracing->away);
    uint64_t lost = answer.verdict == OTLP_REFUSED || answer.rejected > spans ? spans : answer.rejected;
    count(tracing, SPAN_SENT, spans - lost);
    count(tracing, SPAN_REFUSED, lost);
    if (lost > 0)
        note_refused(tracing, &http, &answer);
    else
        log_fault_end(&tracing->refused);
    return true;
}

/* Spans were dropped for want of room since the last look. */
static bool was_full(struct tracing *tracing)
{
    const uint64_t before = tracing->full_before;
    tracing->full_before = tracing_count(tracing, SPAN_QUEUE_FULL);
    return tracing->full_before != before;
}

/* Tries until there is an answer, for as long as a request is tried. */
static void tracing_send(struct tracing *tracing, struct span request, uint32_t spans)
{
    const int64_t last_ms = clock_now_ms() + RETRY_MOST_MS;
    for (;;) {
        if (!trace_queue_pause(&tracing->queue, tracing->not_before_ms) || clock_now_ms() >= deadline_of(tracing)) {
            count(tracing, SPAN_UNSENT, spans);
            return;
        }
        const bool is_answered = tracing_try(tracing, request, spans);
        if (was_full(tracing))
            log_fault_begin(&tracing->full, LOG_LIST());
        else if (is_answered)
            log_fault_end(&tracing->full);
        if (is_answered)
            return;
        if (tracing->not_before_ms > last_ms && tracing->not_before_ms < deadline_of(tracing)) {
            count(tracing, SPAN_UNREACHABLE, spans);
            return;
        }
    }
}

static void *tracing_main(void *argument)
{
    struct tracing *tracing = argument;
    struct trace *traces[REQUEST_SPANS];
    size_t taken;
    while ((taken = trace_queue_take(&tracing->queue, DELAY_MS, REQUEST_TRACES_BYTES, traces, REQUEST_SPANS)) > 0) {
        uint32_t spans = 0;
        for (size_t i = 0; i < taken; i++)
            spans += trace_spans(traces[i]);
        arena_reset(&tracing->arena, 0);
        tracing_send(tracing, otlp_request(&tracing->arena, &tracing->source, traces, taken), spans);
        for (size_t i = 0; i < taken; i++)
            free(traces[i]);
    }
    const uint64_t unsent = tracing_count(tracing, SPAN_UNSENT);
    if (unsent > 0)
        log_warning("spans were left unsent", LOG_INTEGER("spans", unsent));
    return NULL;
}

/* ---- for other threads ---- */

uint32_t tracing_links(const struct tracing *tracing)
{
    return (uint32_t)tracing->config->tracing.links;
}

void tracing_put(struct tracing *tracing, const struct trace *trace)
{
    struct trace *copy = trace_copy(trace);
    if (copy && trace_queue_put(&tracing->queue, copy))
        return;
    free(copy);
    count(tracing, SPAN_QUEUE_FULL, trace_spans(trace));
}

uint64_t tracing_count(const struct tracing *tracing, enum span_result result)
{
    return atomic_load_explicit(&tracing->counts[result], memory_order_relaxed);
}

/* ---- opening, ending ---- */

static struct span short_text(const char *text)
{
    const size_t length = text ? strlen(text) : 0;
    const struct span shown = span_of(text, length < OTLP_TEXT_BYTES ? length : OTLP_TEXT_BYTES);
    return text_is_utf8(shown) ? shown : SPAN_NONE;
}

static void describe_source(struct tracing *tracing)
{
    const struct config *config = tracing->config;
    if (gethostname(tracing->host, sizeof(tracing->host) - 1) != 0)
        tracing->host[0] = '\0';
    tracing->source = (struct otlp_source){
        .service = short_text(config->tracing.service),
        .instance = short_text(config_kafka(config, config->kafka_producer, "transactional.id")),
        .host = short_text(tracing->host),
        .process = getpid(),
        .topic = short_text(config->commands.topic),
        .group = short_text(config_kafka(config, config->kafka_consumer, "group.id")),
    };
}

/* The URL of the endpoint; without a path, OTLP's is added. NULL when out of memory. */
static char *url_of(const char *endpoint)
{
    const char *host = strstr(endpoint, "://") + 3, *path = strchr(host, '/');
    char *url = NULL;
    const int length = path ? (int)(path - endpoint) : (int)strlen(endpoint);
    if (asprintf(&url, "%.*s%s", length, endpoint, !path || path[1] == '\0' ? "/v1/traces" : path) < 0)
        return NULL;
    return url;
}

/* New, or NULL when out of memory. */
static struct http_post *post_open(const struct config *config)
{
    struct http_post *post = NULL;
    char *url = url_of(config->tracing.endpoint);
    if (url)
        post = http_post_open(url, &config->tracing.headers, config->tracing.tls_ca, config->tracing.timeout_ms);
    free(url);
    return post;
}

static int64_t no_deadline(void *context)
{
    (void)context;
    return INT64_MAX;
}

enum tracing_answer tracing_probe(const struct config *config, char *text, size_t size)
{
    struct http_post *post = post_open(config);
    if (!post) {
        snprintf(text, size, "out of memory");
        return TRACING_AWAY;
    }
    const struct http_answer http = http_post_send(post, SPAN("{\"resourceSpans\":[]}"), no_deadline, NULL);
    const enum otlp_verdict verdict = otlp_answer_read(http.status, http.body, config).verdict;
    if (http.status == 0)
        snprintf(text, size, "%s", http.error);
    else
        snprintf(text, size, "HTTP status %ld", http.status);
    http_post_close(post);
    if (http.status == 0 || verdict == OTLP_LATER)
        return TRACING_AWAY;
    return verdict == OTLP_ACCEPTED ? TRACING_ACCEPTS : TRACING_REFUSES;
}

static bool tracing_start(struct tracing *tracing)
{
    const struct config *config = tracing->config;
    const size_t places = (size_t)config->tracing.queue;
    tracing->post = post_open(config);
    if (!tracing->post || arena_open(&tracing->arena, REQUEST_BYTES) != 0 ||
        trace_queue_open(&tracing->queue, places, QUEUE_BYTES,
                         places / 2 < REQUEST_SPANS ? places / 2 : REQUEST_SPANS) != 0) {
        log_error("traces cannot be sent: out of memory");
        return false;
    }
    const int error = quiet_thread_start(&tracing->thread, tracing_main, tracing);
    if (error != 0)
        log_error("traces cannot be sent", LOG_TEXT("error", strerror(error)));
    tracing->started = error == 0;
    return tracing->started;
}

bool tracing_open(const struct config *config, struct tracing **tracing)
{
    *tracing = NULL;
    if (!config->tracing.endpoint[0])
        return true;
    struct tracing *made = calloc(1, sizeof(*made));
    if (!made) {
        log_error("traces cannot be sent: out of memory");
        return false;
    }
    made->config = config;
    made->away = (struct log_fault){"spans cannot be sent", "spans can be sent again", .told = NULL};
    made->refused = (struct log_fault){"spans are refused", "spans are accepted again", .told = NULL};
    made->full =
        (struct log_fault){"spans are dropped, since their queue is full", "no more spans are dropped", .told = NULL};
    describe_source(made);
    if (!tracing_start(made)) {
        tracing_free(made);
        return false;
    }
    *tracing = made;
    return true;
}

void tracing_finish(struct tracing *tracing, int64_t within_ms)
{
    if (tracing)
        trace_queue_end(&tracing->queue, clock_now_ms() + within_ms);
}

bool tracing_end(struct tracing *tracing, const struct timespec *deadline)
{
    if (!tracing || !tracing->started || tracing->ended)
        return true;
    tracing->ended = thread_join_until(tracing->thread, deadline);
    return tracing->ended;
}

void tracing_free(struct tracing *tracing)
{
    if (!tracing)
        return;
    http_post_close(tracing->post);
    if (tracing->arena.base)
        arena_close(&tracing->arena);
    trace_queue_close(&tracing->queue);
    free(tracing);
}
