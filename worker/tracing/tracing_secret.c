#include "worker/tracing/tracing_secret.h"

#include <ctype.h>
#include <stdio.h>

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

/* What follows the host in the endpoint; its end if nothing does. */
static const char *rest_of(const char *endpoint)
{
    const char *host = strstr(endpoint, "://");
    return host ? host + 3 + strcspn(host + 3, "/?") : endpoint + strlen(endpoint);
}

bool tracing_secret_is_in(const struct config *config, struct span text)
{
    const struct text_list *headers = &config->tracing.headers;
    if (text.length == 0)
        return false;
    if (has_part(text, span_of_text(rest_of(config->tracing.endpoint))))
        return true;
    for (size_t i = 0; i < headers->count; i++)
        if (has_value(text, strchr(headers->items[i], '=') + 1))
            return true;
    return false;
}

void tracing_secret_hide(const struct config *config, char *shown, size_t size)
{
    const char *endpoint = config->tracing.endpoint, *rest = rest_of(endpoint);
    const bool is_open = rest[0] == '\0' || strcmp(rest, "/") == 0 || strcmp(rest, own_path) == 0;
    snprintf(shown, size, "%.*s%s", (int)(rest - endpoint), endpoint, is_open ? rest : "/...");
}
