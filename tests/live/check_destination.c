/* Checks that a reply is where its command wants it. */
#include <string.h>

#include "tests/live/observations.h"
#include "tests/live/report.h"

/* The hash by which Java clients choose the partition of a key: MurmurHash2, 32 bits, seed 0x9747b28c. */
static uint32_t murmur2(struct bytes key)
{
    const uint32_t factor = 0x5bd1e995;
    const unsigned char *at = (const unsigned char *)key.at;
    size_t left = key.length;
    uint32_t hash = 0x9747b28cu ^ (uint32_t)left;
    for (; left >= 4; left -= 4, at += 4) {
        uint32_t word = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        word *= factor;
        word ^= word >> 24;
        hash = hash * factor ^ word * factor;
    }
    if (left == 3)
        hash ^= (uint32_t)at[2] << 16;
    if (left >= 2)
        hash ^= (uint32_t)at[1] << 8;
    if (left >= 1)
        hash = (hash ^ at[0]) * factor;
    hash ^= hash >> 13;
    hash *= factor;
    return hash ^ hash >> 15;
}

/* The reply topic that a command requests if it is one of ours, otherwise the default one. */
static size_t wanted_topic(const struct observations *observations, const struct message *command)
{
    const char *name = message_has_header(command, "kafka_replyTopic") ? "kafka_replyTopic" : "reply-topic";
    for (size_t i = 1; i < observations->reply_topics; i++)
        if (bytes_are(message_header(command, name), observations->replies[i].topic))
            return i;
    return 0;
}

void check_destination(const struct observations *observations, size_t topic, long index, const struct message *reply,
                       const char *workspace)
{
    const struct message *command = observations->commands.messages[index];
    struct bytes key = command->key;
    if (!key.at && workspace[0])
        key = (struct bytes){workspace, strlen(workspace)};
    if (!bytes_equal(key, reply->key))
        violation(CHECK_REPLY_PLACE, index, "%s: not the key of %s", place(reply), place(command));
    if (wanted_topic(observations, command) != topic)
        violation(CHECK_REPLY_PLACE, index, "%s: not the topic that %s asks for", place(reply), place(command));

    int32_t partitions = observations->replies[topic].partitions, partition = command->partition % partitions;
    if (key.at)
        partition = (int32_t)((murmur2(key) & 0x7fffffffu) % (uint32_t)partitions);
    struct bytes wanted = message_header(command, "kafka_replyPartition");
    if (topic != 0 && wanted.length == 4)
        partition = (unsigned char)wanted.at[3]; /* a big-endian int, as Java writes it; ours are small */
    if ((!key.at || key.length > 0) && reply->partition != partition)
        violation(CHECK_REPLY_PLACE, index, "%s: not partition %d, where the reply to %s belongs", place(reply),
                  partition, place(command));
}
