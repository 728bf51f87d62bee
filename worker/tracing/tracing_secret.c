#include "worker/tracing/tracing_secret.h"

#include <ctype.h>

/* OTLP's own path is known to all, and receivers name it. */
static const char own_path[] = "/v1/traces";

static bool has_part(struct span text, struct span secret)
{
    for (size_t i = 0; i + TRACING_SECRET_BYTES <= secret.length; i++)
        if (memmem(text.at, text.length, secret.at + i, TRACING_SECRET_BYTES) &&
            !memmem(own_path, strlen(own_path), secret.at + i, TRACING_SECRET_BYTES))
            return true;
    return false;
}

static bool is_edge(struct span text, const char *at)
{
    return at < text.at || at >= text.at + text.length || !isalnum((unsigned char)*at);
}

static bool has_word(struct span text, struct span word)
{
    const char *found = text.at, *end = text.at + text.length;
    while (word.length > 0 && (found = memmem(found, (size_t)(end - found), word.at, word.length))) {
        if (is_edge(text, found - 1) && is_edge(text, found + word.length))
            return true;
        found++;
    }
    return false;
}

/* A short secret may stand behind the name of a scheme, such as Bearer. */
static bool has_value(struct span text, const char *value)
{
    const char *space = strrchr(value, ' ');
    const struct span whole = span_of_text(value), last = span_of_text(space ? space + 1 : value);
    return has_part(text, whole) || (last.length < TRACING_SECRET_BYTES && has_word(text, last)) ||
           (whole.length < TRACING_SECRET_BYTES && has_word(text, whole));
}

bool tracing_secret_is_in(const struct config *config, struct span text)
{
    const struct text_list *headers = &config->tracing.headers;
    const char *host = strstr(config->tracing.endpoint, "://");
    if (text.length == 0)
        return false;
    if (host && has_part(text, span_of_text(host + 3 + strcspn(host + 3, "/?"))))
        return true;
    for (size_t i = 0; i < headers->count; i++)
        if (has_value(text, strchr(headers->items[i], '=') + 1))
            return true;
    return false;
}
