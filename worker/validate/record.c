#include "worker/validate/record.h"

#include <assert.h>

#include "common/text.h"

#define LITERAL_BYTES 512 /* at most, of a record's names and constant values, its id and times */

struct companies {
    const struct span *ids; /* JSON strings */
    uint32_t count;
};

/* companyId alone gives companyIds with this one id. */
static struct companies companies_of(const struct client *client)
{
    if (client->company_count > 0)
        return (struct companies){client->company_ids, client->company_count};
    return (struct companies){&client->company_id, client->company_id.at ? 1 : 0};
}

/* Room for the whole record, so that its pieces are copied without further checks. */
static size_t bytes_at_most(const struct client *client, struct companies companies,
                            const struct definitions *definitions)
{
    size_t bytes = LITERAL_BYTES + client->given_name.length + client->family_name.length + client->email.length;
    if (companies.count > 0)
        bytes += companies.ids[0].length;
    for (uint32_t i = 0; i < companies.count; i++)
        bytes += companies.ids[i].length + 1;
    const uint32_t fields = client->custom_fields ? definitions->count : 0;
    for (uint32_t i = 0; i < fields; i++)
        if (client->custom_fields[i].at)
            bytes += definitions->fields[i].label_token.length + client->custom_fields[i].length + 1;
    return bytes;
}

static char *companies_copy(char *to, struct companies companies)
{
    if (companies.count == 0)
        return to;
    to = span_copy_literal(to, ",\"companyId\":");
    to = span_copy(to, companies.ids[0]);
    to = span_copy_literal(to, ",\"companyIds\":[");
    for (uint32_t i = 0; i < companies.count; i++) {
        if (i > 0)
            *to++ = ',';
        to = span_copy(to, companies.ids[i]);
    }
    *to++ = ']';
    return to;
}

static char *custom_fields_copy(char *to, const struct definitions *definitions, const struct span *values)
{
    const uint32_t fields = values ? definitions->count : 0;
    to = span_copy_literal(to, ",\"customFields\":{");
    char *const first = to;
    for (uint32_t i = 0; i < fields; i++) {
        if (!values[i].at)
            continue;
        to = span_copy(to, definitions->fields[i].label_token);
        to = span_copy(to, values[i]);
        *to++ = ',';
    }
    if (to > first)
        to--; /* the last comma */
    *to++ = '}';
    return to;
}

struct span record_compose(const struct item *item, const struct client *client, struct arena *arena)
{
    assert(item->has_identity);
    const struct companies companies = companies_of(client);
    const size_t room = bytes_at_most(client, companies, item->definitions);
    char *const begin = arena_room(arena, room), *to = begin;
    const struct span created = span_of(item->time, TIME_LENGTH);
    to = span_copy_literal(to, "{\"id\":\"");
    to = span_copy(to, span_of(item->client_id, CLIENT_ID_LENGTH));
    to = span_copy_literal(to, "\",\"object\":\"client\",\"createdAt\":\"");
    to = span_copy(to, created);
    to = span_copy_literal(to, "\",\"updatedAt\":\"");
    to = span_copy(to, created);
    to = span_copy_literal(to, "\",\"givenName\":");
    to = span_copy(to, client->given_name);
    to = span_copy_literal(to, ",\"familyName\":");
    to = span_copy(to, client->family_name);
    to = span_copy_literal(to, ",\"email\":\"");
    to = span_copy(to, client->email); /* it holds nothing that JSON escapes */
    to = span_copy_literal(to, "\"");
    to = companies_copy(to, companies);
    if (client->invited)
        to = span_copy_literal(to, ",\"status\":\"invited\",\"creationMethod\":\"internalUser\"");
    else
        to = span_copy_literal(to, ",\"status\":\"notInvited\",\"creationMethod\":\"internalUser\"");
    to = custom_fields_copy(to, item->definitions, client->custom_fields);
    *to++ = '}';
    assert((size_t)(to - begin) <= room);
    arena->used += (size_t)(to - begin);
    return span_of(begin, (size_t)(to - begin));
}

/* Found by its position in the text: an email has neither quotes nor escapes, and the names before it cannot hold an
 * unescaped quote. */
struct span record_email(struct span record, struct arena *arena)
{
    struct span mark = SPAN("\"email\":\"");
    const char *found = record.at ? memmem(record.at, record.length, mark.at, mark.length) : NULL;
    if (!found)
        return SPAN_NONE;
    struct span rest = span_from(record, (size_t)(found - record.at) + mark.length);
    const char *end = memchr(rest.at, '"', rest.length);
    return end ? text_ascii_lower(span_of(rest.at, (size_t)(end - rest.at)), arena) : SPAN_NONE;
}
