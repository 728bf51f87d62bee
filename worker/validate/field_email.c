/* The type email, and the client's own address: the pattern of HTML's <input type=email>, but stricter where it
 * accepts addresses that no mail server accepts. */
#include "common/host.h"
#include "common/text.h"
#include "worker/validate/email_plain.h"
#include "worker/validate/field.h"
#include "worker/validate/host_message.h"

#define EMAIL_BYTES       254  /* RFC 5321, §4.5.3.1.3: a path of 256 octets with its angle brackets */
#define EMAIL_INPUT_BYTES 2048 /* longest input: a Unicode domain may take more bytes than its A-labels */

static bool controls_hold(struct check *check, struct span text)
{
    const uint32_t control = text_find_control(text, "\t\n\r");
    if (control == 0)
        return true;
    return check_fail(check, ERROR_CONTROL_CHARACTER, "holds the control character U+%04X, must hold none",
                      control == UINT32_MAX ? 0 : control);
}

/* Atoms with single dots between them. */
static bool local_part_holds(struct check *check, struct span local)
{
    if (local.length == 0)
        return check_fail(check, ERROR_EMAIL_SYNTAX, "has nothing before the @, must be like ada@example.com");
    for (size_t i = 0; i < local.length; i++) {
        if (email_atom_bytes[(unsigned char)local.at[i]])
            continue;
        if (local.at[i] != '.')
            return check_fail(check, ERROR_EMAIL_SYNTAX,
                              "%s has no place before the @, where must be ASCII letters, digits and "
                              "!#$%%&'*+-/=?^_`{|}~. only",
                              character_of(check, span_from(local, i)));
        if (i == 0 || i + 1 == local.length || local.at[i + 1] == '.')
            return check_fail(check, ERROR_EMAIL_SYNTAX,
                              "%s has a dot at an end or two in a row before the @, must have neither",
                              quote_of(check, local));
    }
    if (local.length > LOCAL_PART_BYTES)
        return check_fail(check, ERROR_TOO_LONG, "is longer than %d bytes before the @, must have at most that",
                          LOCAL_PART_BYTES);
    return true;
}

static bool email_fail_length(struct check *check)
{
    return check_fail(check, ERROR_TOO_LONG, "is longer than %d bytes once normalized, must have at most that",
                      EMAIL_BYTES);
}

/* Reads the domain of an address that has `before` bytes before it. */
static bool domain_holds(struct check *check, struct span domain, size_t before, struct host *host)
{
    /* An ASCII domain keeps its length, so its length is reported before anything else that is wrong. */
    if (text_is_printable_ascii(domain) && before + domain.length > EMAIL_BYTES)
        return email_fail_length(check);
    const enum host_fault fault = host_read_name(domain, host);
    if (fault == HOST_NAME_LENGTH || (fault == HOST_OK && before + host->length > EMAIL_BYTES))
        return email_fail_length(check);
    if (fault != HOST_OK)
        return check_fail(check, ERROR_EMAIL_DOMAIN, "the domain %s",
                          host_message(check, domain, fault, HOST_OF_EMAIL));
    if (host->labels < 2)
        return check_fail(check, ERROR_EMAIL_DOMAIN,
                          "the domain %s is a single label, must have two or more, like example.com",
                          quote_of(check, domain));
    return true;
}

bool email_normalize_any(struct check *check, struct span text, struct span *normal)
{
    if (text_is_blank(text))
        return check_fail(check, ERROR_REQUIRED, "is required, must hold more than white space");
    if (!controls_hold(check, text))
        return false;

    text = text_trim(text);
    if (text.length > EMAIL_INPUT_BYTES)
        return email_fail_length(check);
    const char *at = memchr(text.at, '@', text.length);
    if (!at)
        return check_fail(check, ERROR_EMAIL_SYNTAX, "%s holds no @, must be like ada@example.com",
                          quote_of(check, text));
    if (memchr(at + 1, '@', text.length - (size_t)(at + 1 - text.at)))
        return check_fail(check, ERROR_EMAIL_SYNTAX, "%s holds more than one @, must be like ada@example.com",
                          quote_of(check, text));
    const struct span local = span_of(text.at, (size_t)(at - text.at)), domain = span_from(text, local.length + 1);
    struct host host;
    if (!local_part_holds(check, local) || !domain_holds(check, domain, local.length + 1, &host))
        return false;

    if (span_equal(domain, span_of(host.text, host.length))) {
        *normal = text;
        return true;
    }
    char *address = arena_alloc(check->arena, local.length + 1 + host.length);
    memcpy(address, text.at, local.length + 1);
    memcpy(address + local.length + 1, host.text, host.length);
    *normal = span_of(address, local.length + 1 + host.length);
    return true;
}

bool email_normalize(struct check *check, struct span text, struct span *normal)
{
    if (!email_is_plain(text))
        return email_normalize_any(check, text, normal);
    *normal = text;
    return true;
}

bool field_email_evaluate(struct check *check, const struct field *field, const struct json_document *document,
                          uint32_t node, struct span *normal)
{
    if (document->nodes[node].type != NODE_STRING)
        return check_fail_type(check, "a string", document->nodes[node].type);
    const struct span text = json_text(document, node);
    if (!field->rules.required && text_is_blank(text))
        return check_fail(check, ERROR_EMAIL_SYNTAX, "holds nothing but white space, must be an email address");

    struct span address;
    if (!email_normalize(check, text, &address) || !field_length_holds(check, field, address))
        return false;
    *normal = field_string_token(check, document, node, address);
    return true;
}
