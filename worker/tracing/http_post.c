#include "worker/tracing/http_post.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"

#define BODY_BYTES ((size_t)64 << 10) /* that are kept */
#define BODY_MOST  ((size_t)1 << 20)  /* that are read; of a longer body the beginning is the answer */
#define LOOK_MS    100                /* how soon the deadline is noticed */

struct http_post {
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers;
    size_t body_length, body_read;
    char body[BODY_BYTES];
};

/* Keeps the first bytes, and passes over the others. Ends the transfer of a body that has too many. */
static size_t take_body(char *bytes, size_t size, size_t count, void *opaque)
{
    struct http_post *post = opaque;
    size_t room = BODY_BYTES - post->body_length, length = size * count;
    memcpy(post->body + post->body_length, bytes, length < room ? length : room);
    post->body_length += length < room ? length : room;
    post->body_read += length;
    return post->body_read > BODY_MOST ? CURL_WRITEFUNC_ERROR : length;
}

static bool add_header(struct http_post *post, const char *name, size_t name_length, const char *value)
{
    char *line = NULL;
    if (asprintf(&line, "%.*s: %s", (int)name_length, name, value) < 0)
        return false;
    struct curl_slist *longer = curl_slist_append(post->headers, line);
    free(line);
    if (longer)
        post->headers = longer;
    return longer != NULL;
}

static bool add_headers(struct http_post *post, const struct text_list *headers)
{
    bool ok = add_header(post, "Content-Type", strlen("Content-Type"), "application/json") &&
              add_header(post, "Expect", strlen("Expect"), ""); /* sends the text at once */
    for (size_t i = 0; ok && i < headers->count; i++) {
        const char *equals = strchr(headers->items[i], '=');
        ok = equals && add_header(post, headers->items[i], (size_t)(equals - headers->items[i]), equals + 1);
    }
    return ok;
}

static bool set_options(struct http_post *post, const char *url, const char *authorities, int64_t timeout_ms)
{
    CURL *easy = post->easy;
    const long timeout = (long)timeout_ms;
    return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout) == CURLE_OK &&
           /* Not longer for a name server: the thread that waits for it ends by itself. */
           curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, post->headers) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "client-intake/" CLIENT_INTAKE_VERSION) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, post) == CURLE_OK &&
           (!*authorities || curl_easy_setopt(easy, CURLOPT_CAINFO, authorities) == CURLE_OK);
}

struct http_post *http_post_open(const char *url, const struct text_list *headers, const char *authorities,
                                 int64_t timeout_ms)
{
    struct http_post *post = calloc(1, sizeof(*post));
    if (!post)
        return NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        post->easy = curl_easy_init();
        post->multi = curl_multi_init();
    }
    if (post->easy && post->multi && add_headers(post, headers) && set_options(post, url, authorities, timeout_ms))
        return post;
    http_post_close(post);
    return NULL;
}

void http_post_close(struct http_post *post)
{
    if (!post)
        return;
    curl_easy_cleanup(post->easy);
    curl_multi_cleanup(post->multi);
    curl_slist_free_all(post->headers);
    free(post);
}

/* Runs the transfer. False if the deadline came first. */
static bool transfer(struct http_post *post, int64_t deadline_ms(void *context), void *context, CURLcode *result)
{
    for (;;) {
        int running = 0, left = 0;
        CURLMcode code = curl_multi_perform(post->multi, &running);
        const CURLMsg *message = curl_multi_info_read(post->multi, &left);
        if (message && message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return true;
        }
        if (code == CURLM_OK)
            code = curl_multi_poll(post->multi, NULL, 0, LOOK_MS, NULL);
        if (code != CURLM_OK) {
            *result = CURLE_OUT_OF_MEMORY;
            return true;
        }
        if (clock_now_ms() >= deadline_ms(context))
            return false;
    }
}

struct http_answer http_post_send(struct http_post *post, struct span body, int64_t deadline_ms(void *context),
                                  void *context)
{
    struct http_answer answer = {0};
    char said[CURL_ERROR_SIZE] = "";
    CURLcode result = CURLE_OK;
    curl_off_t retry_after = 0;
    post->body_length = post->body_read = 0;
    curl_easy_setopt(post->easy, CURLOPT_POSTFIELDS, body.at);
    curl_easy_setopt(post->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.length);
    curl_easy_setopt(post->easy, CURLOPT_ERRORBUFFER, said);
    const CURLMcode added = curl_multi_add_handle(post->multi, post->easy);
    const bool ended = added != CURLM_OK || transfer(post, deadline_ms, context, &result);
    if (added != CURLM_OK)
        result = CURLE_OUT_OF_MEMORY;
    if (ended && (result == CURLE_OK || post->body_read > BODY_MOST)) {
        curl_easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &answer.status);
        curl_easy_getinfo(post->easy, CURLINFO_RETRY_AFTER, &retry_after);
    } else if (ended) {
        snprintf(answer.error, sizeof(answer.error), "%s", said[0] ? said : curl_easy_strerror(result));
    }
    curl_multi_remove_handle(post->multi, post->easy);
    curl_easy_setopt(post->easy, CURLOPT_ERRORBUFFER, NULL);
    answer.retry_after_ms = retry_after < INT32_MAX ? (int64_t)retry_after * 1000 : (int64_t)INT32_MAX * 1000;
    answer.body = span_of(post->body, post->body_length);
    return answer;
}
