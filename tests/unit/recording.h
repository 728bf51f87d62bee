/* recording: a composed reply as a recorded one, and differences as text. */
#ifndef TESTS_UNIT_RECORDING_H
#define TESTS_UNIT_RECORDING_H

#include <check.h>
#include <stdio.h>

#include "worker/replay/json_difference.h"
#include "worker/replay/recorded_replies.h"

#define DIFFERENCES_BYTES 4096

/* "PATH THEN NOW|..."; a missing value is a hyphen. */
static inline const char *differences_text(const struct json_difference *each)
{
    static char text[DIFFERENCES_BYTES];
    size_t length = 0;
    text[0] = '\0';
    for (; each && length < sizeof(text); each = each->next) {
        const struct span left = each->then.at ? each->then : SPAN("-"), right = each->now.at ? each->now : SPAN("-");
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%.*s %.*s %.*s", length > 0 ? "|" : "",
                                   SPAN_FORMAT(each->path), SPAN_FORMAT(left), SPAN_FORMAT(right));
    }
    return text;
}

/* The recorded form of a reply's value, with its content in the spill. */
static inline struct recorded_reply recorded_of(struct span value, bool is_duplicate, struct spill *spill,
                                                struct json_parser *parser, struct arena *arena)
{
    struct reply_content content;
    ck_assert(reply_content_read(value, parser, arena, &content));
    struct recorded_reply reply = {.command = content.offset,
                                   .kind = (uint8_t)(is_duplicate ? RECORDED_DUPLICATE : content.kind),
                                   .error = (uint8_t)content.error,
                                   .is_whole = content.is_whole,
                                   .is_refused_client = content.is_refused_client,
                                   .names_version = content.version.at != NULL,
                                   .digest = outcome_digest_of(content.content),
                                   .length = (uint32_t)content.content.length};
    if (content.version.length == HASH_LENGTH)
        memcpy(reply.version, content.version.at, HASH_LENGTH);
    ck_assert(spill_append(spill, content.content, &reply.at));
    return reply;
}

#endif
