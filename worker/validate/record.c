#include "worker/validate/record.h"

#include <assert.h>

#include "common/json_writer.h"
#include "common/text.h"
#include "common/timestamp.h"

static void write_companies(struct json_writer *writer, const struct client *client)
{
    /* companyId alone gives companyIds with this one id. */
    const struct span *ids = client->company_count > 0 ? client->company_ids : &client->company_id;
    uint32_t count = client->company_count > 0 ? client->company_count : client->company_id.at ? 1 : 0;
    if (count == 0)
        return;
    writer_literal(writer, ",\"companyId\":");
    writer_raw(writer, ids[0]);
    writer_literal(writer, ",\"companyIds\":[");
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            writer_literal(writer, ",");
        writer_raw(writer, ids[i]);
    }
    writer_literal(writer, "]");
}

static void write_custom_fields(struct json_writer *writer, const struct definitions *definitions,
                                const struct span *values)
{
    writer_literal(writer, ",\"customFields\":{");
    bool first = true;
    for (uint32_t i = 0; values && i < definitions->count; i++) {
        if (!values[i].at)
            continue;
        if (!first)
            writer_literal(writer, ",");
        first = false;
        writer_raw(writer, definitions->fields[i].label_token);
        writer_raw(writer, values[i]);
    }
    writer_literal(writer, "}");
}

struct span record_compose(const struct item *item, const struct client *client, struct arena *arena)
{
    assert(item->has_identity);
    char created[TIME_LENGTH];
    time_text(item->from.timestamp_ms, created);
    struct json_writer writer;
    writer_open(&writer, arena);
    writer_literal(&writer, "{\"id\":\"");
    writer_raw(&writer, span_of(item->client_id, CLIENT_ID_LENGTH));
    writer_literal(&writer, "\",\"object\":\"client\",\"createdAt\":\"");
    writer_raw(&writer, span_of(created, TIME_LENGTH));
    writer_literal(&writer, "\",\"updatedAt\":\"");
    writer_raw(&writer, span_of(created, TIME_LENGTH));
    writer_literal(&writer, "\",\"givenName\":");
    writer_raw(&writer, client->given_name);
    writer_literal(&writer, ",\"familyName\":");
    writer_raw(&writer, client->family_name);
    writer_literal(&writer, ",\"email\":");
    writer_string(&writer, client->email);
    write_companies(&writer, client);
    writer_literal(&writer, ",\"status\":\"");
    if (client->invited)
        writer_literal(&writer, "invited");
    else
        writer_literal(&writer, "notInvited");
    writer_literal(&writer, "\",\"creationMethod\":\"internalUser\"");
    write_custom_fields(&writer, item->definitions, client->custom_fields);
    writer_literal(&writer, "}");
    return writer_close(&writer);
}

/* Found by its position in the text: an email has neither quotes nor escapes, and the names before it cannot hold an
 * unescaped quote. */
struct span record_email(struct span record, struct arena *arena)
{
    struct span mark = SPAN("\"email\":\"");
    const char *found = memmem(record.at, record.length, mark.at, mark.length);
    if (!found)
        return SPAN_NONE;
    struct span rest = span_from(record, (size_t)(found - record.at) + mark.length);
    const char *end = memchr(rest.at, '"', rest.length);
    return end ? text_ascii_lower(span_of(rest.at, (size_t)(end - rest.at)), arena) : SPAN_NONE;
}
