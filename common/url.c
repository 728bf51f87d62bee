#include "common/url.h"

#include <stdint.h>
#include <stdio.h>

#include "common/text.h"

/* The parts of a URL as given, without the characters between them. */
struct parts {
    struct span scheme, host, port, path; /* the path with its first slash, or empty */
    struct span query, fragment;          /* at == NULL: none */
};

/* The normalized URL while it is written. */
struct output {
    size_t length;
    char text[3 * URL_INPUT_BYTES + HOST_NAME_BYTES + 16]; /* every byte encoded, plus scheme, host and port */
};

/* Classes of bytes. */
enum {
    LETTER = 1,
    DIGIT = 2,
    HEXADECIMAL = 4,
    SCHEME = 8,        /* in a scheme */
    PATH = 16,         /* unencoded in path, query and fragment: RFC 3986's pchar and the slash */
    AUTHORITY_END = 32 /* after host and port; browsers take the backslash for a slash */
};

static const unsigned char byte_uses[256] = {
    ['0' ... '9'] = DIGIT | HEXADECIMAL | SCHEME | PATH,
    ['A' ... 'F'] = LETTER | HEXADECIMAL | SCHEME | PATH,
    ['G' ... 'Z'] = LETTER | SCHEME | PATH,
    ['a' ... 'f'] = LETTER | HEXADECIMAL | SCHEME | PATH,
    ['g' ... 'z'] = LETTER | SCHEME | PATH,
    ['-'] = SCHEME | PATH,
    ['.'] = SCHEME | PATH,
    ['+'] = SCHEME | PATH,
    ['/'] = AUTHORITY_END | PATH,
    ['?'] = AUTHORITY_END,
    ['#'] = AUTHORITY_END,
    ['\\'] = AUTHORITY_END,
    ['_'] = PATH,
    ['~'] = PATH,
    ['!'] = PATH,
    ['$'] = PATH,
    ['&'] = PATH,
    ['\''] = PATH,
    ['('] = PATH,
    [')'] = PATH,
    ['*'] = PATH,
    [','] = PATH,
    [';'] = PATH,
    ['='] = PATH,
    [':'] = PATH,
    ['@'] = PATH,
};

static bool is(char byte, unsigned uses)
{
    return byte_uses[(unsigned char)byte] & uses;
}

/* The index of the first `mark` in `text`, or its length. */
static size_t find(struct span text, char mark)
{
    const char *at = text.length > 0 ? memchr(text.at, mark, text.length) : NULL;
    return at ? (size_t)(at - text.at) : text.length;
}

/* Removes the first `length` bytes of *rest and returns them. */
static struct span take(struct span *rest, size_t length)
{
    const struct span taken = span_of(rest->at, length);
    *rest = span_from(*rest, length);
    return taken;
}

/* Removes everything from the first `mark` on from *rest and returns it. at == NULL if there is none. */
static struct span take_tail(struct span *rest, char mark)
{
    const size_t at = find(*rest, mark);
    if (at == rest->length)
        return SPAN_NONE;
    const struct span tail = span_from(*rest, at + 1);
    rest->length = at;
    return tail;
}

static bool scheme_is(struct span scheme, struct span lower)
{
    if (scheme.length != lower.length)
        return false;
    for (size_t i = 0; i < scheme.length; i++)
        if ((scheme.at[i] | 0x20) != lower.at[i])
            return false;
    return true;
}

/* Splits off "scheme://". */
static enum url_fault_code split_scheme(struct span *rest, struct parts *parts)
{
    size_t length = 0;
    while (length < rest->length && is(rest->at[length], SCHEME))
        length++;
    if (length == 0 || length == rest->length || rest->at[length] != ':' || !is(rest->at[0], LETTER))
        return URL_NO_SCHEME;
    parts->scheme = take(rest, length);
    take(rest, 1);
    if (!scheme_is(parts->scheme, SPAN("http")) && !scheme_is(parts->scheme, SPAN("https")))
        return URL_SCHEME;
    if (!span_begins_with(*rest, SPAN("//")))
        return URL_SLASHES;
    take(rest, 2);
    return URL_OK;
}

/* Splits the authority into host and port. The colon before the port is the first one after the brackets of an
 * address. */
static enum url_fault_code split_authority(struct span authority, struct parts *parts)
{
    if (find(authority, '@') < authority.length)
        return URL_CREDENTIALS;
    const size_t bracket = authority.length > 0 && authority.at[0] == '[' ? find(authority, ']') : 0;
    parts->host = take(&authority, bracket + find(span_from(authority, bracket), ':'));
    parts->port = span_from(authority, 1);
    return URL_OK;
}

static enum url_fault_code split(struct span rest, struct parts *parts)
{
    enum url_fault_code code = split_scheme(&rest, parts);
    if (code != URL_OK)
        return code;
    size_t end = 0;
    while (end < rest.length && !is(rest.at[end], AUTHORITY_END))
        end++;
    const struct span authority = take(&rest, end);
    parts->fragment = take_tail(&rest, '#');
    parts->query = take_tail(&rest, '?');
    parts->path = rest;
    if (find(parts->path, '\\') < parts->path.length)
        return URL_BACKSLASH;
    return split_authority(authority, parts);
}

static void write_bytes(struct output *output, struct span bytes)
{
    if (bytes.length > 0)
        memcpy(output->text + output->length, bytes.at, bytes.length);
    output->length += bytes.length;
}

/* Writes bytes of path, query or fragment, and encodes those that may not appear unencoded. */
static void write_encoded(struct output *output, struct span bytes, bool may_hold_question_mark)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < bytes.length; i++) {
        const char byte = bytes.at[i];
        const bool is_triplet =
            byte == '%' && i + 2 < bytes.length && is(bytes.at[i + 1], HEXADECIMAL) && is(bytes.at[i + 2], HEXADECIMAL);
        if (is_triplet || is(byte, PATH) || (byte == '?' && may_hold_question_mark)) {
            output->text[output->length++] = byte;
        } else {
            output->text[output->length++] = '%';
            output->text[output->length++] = digits[(unsigned char)byte >> 4];
            output->text[output->length++] = digits[byte & 15];
        }
    }
}

/* The number of dots if the path segment consists of dots only ("%2e" is one), otherwise 0. */
static unsigned dots_of(struct span segment)
{
    unsigned dots = 0;
    for (size_t i = 0; i < segment.length; dots++) {
        const bool is_encoded =
            segment.length - i >= 3 && memcmp(segment.at + i, "%2", 2) == 0 && (segment.at[i + 2] | 0x20) == 'e';
        if (segment.at[i] != '.' && !is_encoded)
            return 0;
        i += is_encoded ? 3 : 1;
    }
    return dots;
}

/* RFC 3986, §5.2.4, segment by segment; each is written with the slash before it. */
static void write_path(struct output *output, struct span path)
{
    const size_t root = output->length;
    while (path.length > 0) {
        take(&path, 1);
        const struct span segment = take(&path, find(path, '/'));
        const unsigned dots = dots_of(segment);
        if (dots == 2) {
            while (output->length > root && output->text[--output->length] != '/')
                ;
        }
        if (dots != 1 && dots != 2) {
            write_bytes(output, SPAN("/"));
            write_encoded(output, segment, false);
        } else if (path.length == 0) {
            write_bytes(output, SPAN("/"));
        }
    }
    if (output->length == root)
        write_bytes(output, SPAN("/"));
}

/* Writes ":port" unless it is empty or the scheme's default. */
static enum url_fault_code write_port(struct output *output, const struct parts *parts)
{
    uint32_t port = 0;
    for (size_t i = 0; i < parts->port.length; i++) {
        if (!is(parts->port.at[i], DIGIT))
            return URL_PORT;
        port = port * 10 + (uint32_t)(parts->port.at[i] - '0');
        if (port > UINT16_MAX)
            return URL_PORT;
    }
    const uint32_t usual = parts->scheme.length == strlen("https") ? 443 : 80;
    if (parts->port.length > 0 && port != usual)
        output->length += (size_t)snprintf(output->text + output->length, sizeof(":65535"), ":%u", port);
    return URL_OK;
}

static enum url_fault_code write_url(struct output *output, const struct parts *parts, struct url_fault *fault)
{
    struct host host;
    fault->host = host_read(parts->host, &host);
    if (fault->host == HOST_INVISIBLE)
        fault->invisible = host.invisible;
    if (fault->host != HOST_OK)
        return URL_HOST;
    write_bytes(output, parts->scheme.length == strlen("https") ? SPAN("https://") : SPAN("http://"));
    write_bytes(output, span_of(host.text, host.length));
    if (write_port(output, parts) != URL_OK)
        return URL_PORT;
    write_path(output, parts->path);
    if (parts->query.at) {
        write_bytes(output, SPAN("?"));
        write_encoded(output, parts->query, true);
    }
    if (parts->fragment.at) {
        write_bytes(output, SPAN("#"));
        write_encoded(output, parts->fragment, true);
    }
    return output->length > URL_BYTES ? URL_LENGTH : URL_OK;
}

static enum url_fault_code check_whole(struct span text)
{
    if (text.length > URL_INPUT_BYTES)
        return URL_INPUT_LENGTH;
    if (text_find_control(text, "") != 0)
        return URL_CONTROL;
    if (text_trim(text).length != text.length)
        return URL_OUTER_SPACE;
    return URL_OK;
}

bool url_normalize(struct span text, struct arena *arena, struct span *normal, struct url_fault *fault)
{
    struct parts parts = {0};
    struct output output;
    output.length = 0;
    *fault = (struct url_fault){.code = check_whole(text)};
    if (fault->code == URL_OK)
        fault->code = split(text, &parts);
    if (fault->code == URL_OK)
        fault->code = write_url(&output, &parts, fault);
    if (fault->code != URL_OK)
        return false;
    const struct span written = span_of(output.text, output.length);
    *normal = span_equal(written, text) ? text : arena_copy(arena, written);
    return true;
}
