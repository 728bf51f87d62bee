#include "worker/replay/raw_reply.h"

#include <string.h>

#include "worker/kafka/message_headers.h"
#include "worker/replay/presumed_reply.h"

/* To read the headers takes as long as to read a reply, so only a reply that needs them is asked. */
static bool is_duplicate(const rd_kafka_message_t *message)
{
    struct span value;
    return message_header_last(message, "duplicate", &value);
}

static bool is_in_message(const rd_kafka_message_t *message, struct span content)
{
    const uintptr_t first = (uintptr_t)message->payload, at = (uintptr_t)content.at;
    return at >= first && at < first + message->len;
}

static struct span copy_of(struct span content, struct arena *arena)
{
    char *copy = arena_alloc(arena, content.length + 1);
    if (content.length > 0)
        memcpy(copy, content.at, content.length);
    return span_of(copy, content.length);
}

void raw_reply_read(struct raw_reply *reply, const struct reply_reading *reading,
                    const struct recorded_replies *replies, struct reply_scratch *scratch, struct arena *arena)
{
    struct reply_content content;
    rd_kafka_timestamp_type_t type;
    const rd_kafka_message_t *message = reply->message;
    const struct span value = span_of(message->payload, message->len);
    const struct span commands = span_of_text(reading->config->commands.topic);
    const bool is_presumed = reading->presumes && presumed_reply_read(value, commands, &content);
    arena_reset(&scratch->arena, 0);
    if ((!is_presumed && !reply_content_read(value, scratch->parser, &scratch->arena, &content)) ||
        !span_equal(content.topic, commands) || !recorded_replies_covers(replies, content.partition, content.offset))
        return;
    reply->is_kept = true;
    reply->command_partition = content.partition;
    reply->content = reading->without_contents                 ? SPAN("")
                     : is_in_message(message, content.content) ? content.content
                                                               : copy_of(content.content, arena);
    reply->entry = (struct recorded_reply){.command = content.offset,
                                           .timestamp_ms = rd_kafka_message_timestamp(message, &type),
                                           .offset = message->offset,
                                           .partition = message->partition,
                                           .topic = reply->topic,
                                           .kind = (uint8_t)content.kind,
                                           .error = (uint8_t)content.error,
                                           .is_whole = content.is_whole,
                                           .is_refused_client = content.is_refused_client,
                                           .names_version = content.version.at != NULL,
                                           .is_presumed = is_presumed,
                                           .digest = outcome_digest_of(content.content)};
    if (content.kind == RECORDED_CREATED && is_duplicate(message))
        reply->entry.kind = RECORDED_DUPLICATE;
    if (content.version.length == HASH_LENGTH)
        memcpy(reply->entry.version, content.version.at, HASH_LENGTH);
    else
        memset(reply->entry.version, '-', HASH_LENGTH); /* no definitions have such a version */
}
