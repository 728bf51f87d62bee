/* The type url: an absolute http or https URL, normalized by common/url.h. */
#include <stdint.h>

#include "common/text.h"
#include "common/url.h"
#include "worker/validate/field.h"
#include "worker/validate/host_message.h"

static bool outer_space_fail(struct check *check, struct span text)
{
    const struct span trimmed = text_trim(text);
    if (trimmed.length == 0)
        return check_fail(check, ERROR_URL_SYNTAX, "holds nothing but white space, must be a URL");
    if (trimmed.at > text.at)
        return check_fail(check, ERROR_URL_SYNTAX, "begins with white space, must begin with http:// or https://");
    return check_fail(check, ERROR_URL_SYNTAX, "ends with white space, must end without");
}

/* The host of a URL that was refused because of it: after the slashes, up to port, path, query or fragment. */
static struct span host_of(struct span text)
{
    const char *const colon = memchr(text.at, ':', text.length);
    struct span host = span_from(text, (size_t)(colon - text.at) + strlen("://"));
    bool is_in_brackets = host.length > 0 && host.at[0] == '[';
    size_t length = 0;
    for (; length < host.length && !memchr("/?#\\", host.at[length], 4); length++) {
        if (host.at[length] == ':' && !is_in_brackets)
            break;
        is_in_brackets &= host.at[length] != ']';
    }
    return span_of(host.at, length);
}

static bool url_fail(struct check *check, struct span text, struct url_fault fault)
{
    switch (fault.code) {
    case URL_OK:
        break;
    case URL_INPUT_LENGTH:
        return check_fail(check, ERROR_TOO_LONG, "has %zu bytes, must have at most %d, and %d once normalized",
                          text.length, URL_INPUT_BYTES, URL_BYTES);
    case URL_LENGTH:
        return check_fail(check, ERROR_TOO_LONG, "is longer than %d bytes once normalized, must have at most that",
                          URL_BYTES);
    case URL_CONTROL: {
        const uint32_t control = text_find_control(text, "");
        return check_fail(check, ERROR_CONTROL_CHARACTER, "holds the control character U+%04X, must hold none",
                          control == UINT32_MAX ? 0 : control);
    }
    case URL_OUTER_SPACE:
        return outer_space_fail(check, text);
    case URL_NO_SCHEME:
        return check_fail(check, ERROR_URL_SYNTAX, "%s is not an absolute URL, must begin with http:// or https://",
                          quote_of(check, text));
    case URL_SCHEME:
        return check_fail(check, ERROR_URL_SCHEME,
                          "%s is neither an http nor an https URL, must begin with http:// or https://",
                          quote_of(check, text));
    case URL_SLASHES:
        return check_fail(check, ERROR_URL_SYNTAX,
                          "%s must have two slashes after its scheme, as in https://example.com/",
                          quote_of(check, text));
    case URL_BACKSLASH:
        return check_fail(check, ERROR_URL_SYNTAX, "holds a back slash before query and fragment, must be / or %%5C");
    case URL_CREDENTIALS:
        return check_fail(check, ERROR_URL_CREDENTIALS,
                          "holds a user name, a password or an @ before its host, "
                          "must hold none");
    case URL_PORT:
        return check_fail(check, ERROR_URL_SYNTAX, "the port must be a decimal number from 0 to %d", UINT16_MAX);
    case URL_HOST:
        return check_fail(check, ERROR_URL_HOST, "the host %s",
                          host_message(check, host_of(text), fault.host, HOST_OF_URL));
    }
    return false;
}

bool field_url_evaluate(struct check *check, const struct field *field, const struct json_document *document,
                        uint32_t node, struct span *normal)
{
    if (document->nodes[node].type != NODE_STRING)
        return check_fail_type(check, "a string", document->nodes[node].type);
    const struct span text = json_text(document, node);
    if (field->rules.required && text_is_blank(text))
        return check_fail(check, ERROR_REQUIRED, "is required, must hold more than white space");

    struct url_fault fault;
    struct span url;
    if (!url_normalize(text, check->arena, &url, &fault))
        return url_fail(check, text, fault);
    if (!field_length_holds(check, field, url))
        return false;
    *normal = field_string_token(check, document, node, url);
    return true;
}
