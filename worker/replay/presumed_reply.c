#include "worker/replay/presumed_reply.h"

#include <string.h>

#include "common/text.h"

/* What is left of a reply's beginning if its strings are empty and its numbers 0. */
#define BEGINNING                                                                                                      \
    SPAN("{\"type\":\"client.created\",\"commandId\":\"\",\"workspaceId\":\"\",\"source\":{\"topic\":\"\","            \
         "\"partition\":0,\"offset\":0},\"definitions\":\"\",\"client\":")

/* Each function takes a part of the text from its beginning, and returns false if that begins in another way. */

static bool take(struct span *rest, struct span part)
{
    if (!span_begins_with(*rest, part))
        return false;
    *rest = span_from(*rest, part.length);
    return true;
}

/* A string of printable ASCII without an escape, and the quote behind it. */
static bool take_plain(struct span *rest, struct span *text)
{
    const char *end = memchr(rest->at, '"', rest->length);
    if (!end)
        return false;
    *text = span_of(rest->at, (size_t)(end - rest->at));
    *rest = span_from(*rest, text->length + 1);
    return text_is_printable_ascii(*text) && !memchr(text->at, '\\', text->length);
}

/* A number from 0 to `most`, as JSON writes it. */
static bool take_number(struct span *rest, int64_t most, int64_t *number)
{
    size_t length = 0;
    int64_t sum = 0;
    for (; length < rest->length && rest->at[length] >= '0' && rest->at[length] <= '9'; length++) {
        const int digit = rest->at[length] - '0';
        if (sum > (most - digit) / 10 || (length == 1 && sum == 0))
            return false;
        sum = 10 * sum + digit;
    }
    *rest = span_from(*rest, length);
    *number = sum;
    return length > 0;
}

bool presumed_reply_read(struct span value, struct span topic, struct reply_content *content)
{
    struct span rest = value, unused;
    int64_t partition;
    *content = (struct reply_content){.kind = RECORDED_CREATED, .is_whole = true, .topic = topic};
    if (!take(&rest, SPAN("{\"type\":\"client.created\",\"commandId\":\"")) || !take_plain(&rest, &unused) ||
        !take(&rest, SPAN(",\"workspaceId\":\"")) || !take_plain(&rest, &unused) ||
        !take(&rest, SPAN(",\"source\":{\"topic\":\"")) || !take(&rest, topic) ||
        !take(&rest, SPAN("\",\"partition\":")) || !take_number(&rest, INT32_MAX, &partition) ||
        !take(&rest, SPAN(",\"offset\":")) || !take_number(&rest, INT64_MAX, &content->offset) ||
        !take(&rest, SPAN("},\"definitions\":\"")) || !take_plain(&rest, &content->version) ||
        content->version.length != HASH_LENGTH || !take(&rest, SPAN(",\"client\":")))
        return false;
    content->partition = (int32_t)partition;
    content->content = span_of(rest.at, rest.length > 0 ? rest.length - 1 : 0);
    return rest.length >= sizeof("{}}") - 1 && rest.at[0] == '{' && rest.at[rest.length - 2] == '}' &&
           rest.at[rest.length - 1] == '}';
}

size_t presumed_reply_bytes(const struct recorded_reply *reply)
{
    return BEGINNING.length + reply->length + 1;
}

enum presumed_finding presumed_reply_check(struct recorded_reply *reply, struct spill *spill,
                                           struct json_parser *parser, struct arena *arena)
{
    struct reply_content content;
    const struct span value = span_of(arena_alloc(arena, presumed_reply_bytes(reply)), presumed_reply_bytes(reply));
    char *client = (char *)value.at + BEGINNING.length;
    memcpy((char *)value.at, BEGINNING.at, BEGINNING.length);
    if (!spill_read(spill, reply->at, client, reply->length))
        return PRESUMED_FAILED;
    client[reply->length] = '}';
    if (!reply_content_read(value, parser, arena, &content))
        return PRESUMED_WRONG;
    /* There may be other members behind the client. */
    reply->length = (uint32_t)content.content.length;
    reply->digest = outcome_digest_of(content.content);
    reply->is_presumed = false;
    return PRESUMED_RIGHT;
}
