#include "worker/tracing/otlp_answer.h"

#include <jansson.h>
#include <stdlib.h>

#include "worker/tracing/tracing_secret.h"

static enum otlp_verdict verdict_of(long status)
{
    if (status >= 200 && status < 300)
        return OTLP_ACCEPTED;
    return status == 429 || status == 502 || status == 503 || status == 504 ? OTLP_LATER : OTLP_REFUSED;
}

/* A message that gives a secret away is left out. It is looked at before it is cut, since the end of what is shown may
 * be the beginning of a secret. */
static void take_message(struct otlp_answer *answer, const json_t *text, const struct config *config)
{
    size_t length = json_string_length(text);
    if (!json_is_string(text))
        return;
    const size_t looked_at = sizeof(answer->message) + TRACING_SECRET_BYTES;
    if (tracing_secret_is_in(config, span_of(json_string_value(text), length < looked_at ? length : looked_at)))
        return;
    if (length >= sizeof(answer->message))
        length = sizeof(answer->message) - 1;
    const char *bytes = json_string_value(text);
    while (length > 0 && length < json_string_length(text) && ((unsigned char)bytes[length] & 0xc0) == 0x80)
        length--; /* not within a character */
    memcpy(answer->message, bytes, length);
    answer->message[length] = '\0';
}

/* The count is a text, as 64-bit integers are, or a number. */
static uint64_t count_of(const json_t *value)
{
    long long count = json_is_string(value) ? atoll(json_string_value(value)) : json_integer_value(value);
    return count > 0 ? (uint64_t)count : 0;
}

struct otlp_answer otlp_answer_read(long status, struct span body, const struct config *config)
{
    struct otlp_answer answer = {.verdict = verdict_of(status)};
    json_t *root = body.length > 0 ? json_loadb(body.at, body.length, 0, NULL) : NULL;
    if (answer.verdict == OTLP_ACCEPTED) {
        const json_t *partial = json_object_get(root, "partialSuccess");
        answer.rejected = count_of(json_object_get(partial, "rejectedSpans"));
        take_message(&answer, json_object_get(partial, "errorMessage"), config);
    } else {
        take_message(&answer, json_object_get(root, "message"), config);
    }
    json_decref(root);
    return answer;
}
