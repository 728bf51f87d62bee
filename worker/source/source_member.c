/* Whether the consumer is still the member of the group whose partitions it has.
 *
 * Kafka removes a member whose session has ended, and others get its partitions. The member joins again under a new
 * member id. librdkafka then calls back with partitions that are lost, except in one case (up to 2.15 at least): a
 * static member that hears that it was removed in the answer to its request to join. It joins under the new id with
 * the partitions and positions that it had. Kafka would accept a commit by the new metadata of what was fetched by the
 * old member, and another worker may have answered that.
 *
 * So the group's metadata, by which Kafka knows the member of a commit, are read in librdkafka's callbacks. librdkafka
 * joins no other generation before a callback has returned, so what is in hand then is of partitions that are ours in
 * this generation. After a commit that failed they are read again, if the member is still the same: a generation that
 * begins without a callback would end its commits otherwise.
 *
 * Partitions may be lost before they are assigned: the topic is deleted while the assignment waits for our next poll.
 * The callback about the assignment then tells of a loss, which librdkafka forgets once they are taken. It says in
 * another callback that they are gone. Between the two, and if that one stayed away, Kafka would refuse all commits. */
#include "worker/source/source_member.h"

#include <stdlib.h>
#include <string.h>

#include "worker/source/source_group.h"

/* Drops what is in hand and held of all partitions. Returns how many partitions there are, -1 if librdkafka does not
 * say. */
static int source_drop_all(struct source *source)
{
    rd_kafka_topic_partition_list_t *partitions = source_assignment(source);
    const int count = partitions ? partitions->cnt : -1;
    if (partitions) {
        source_drop(source, partitions);
        rd_kafka_topic_partition_list_destroy(partitions);
    }
    return count;
}

/* True if the consumer has partitions that were not assigned to this member, or may have some: the next callback would
 * take this member for the one that has them. */
static bool source_is_renewed(struct source *source, const char *member)
{
    const bool is_same = source->member && member && strcmp(member, source->member) == 0;
    return member && !is_same && source_drop_all(source) != 0;
}

/* True if the consumer has partitions that were lost before they were assigned. If librdkafka does not say, it is asked
 * again: Kafka refuses commits until then. */
static bool source_has_lost(struct source *source)
{
    return !source->member && !rd_kafka_assignment_lost(source->consumer) && source_drop_all(source) > 0;
}

static void member_free(struct source *source, char *member)
{
    if (member)
        rd_kafka_mem_free(source->consumer, member);
}

static void source_set_next_group(struct source *source, rd_kafka_consumer_group_metadata_t *group)
{
    if (source->next_group)
        rd_kafka_consumer_group_metadata_destroy(source->next_group);
    source->next_group = group;
}

void source_note_member(struct source *source)
{
    char *member = rd_kafka_memberid(source->consumer);
    if (source_is_renewed(source, member)) {
        log_warning("a member with partitions was removed from the group; its consumer is opened again");
        source->broken = true;
    }
    member_free(source, source->member);
    source->member = member;
    if (!source->broken)
        source_set_next_group(source, rd_kafka_consumer_group_metadata(source->consumer));
}

void source_forget_member(struct source *source)
{
    member_free(source, source->member);
    source->member = NULL;
    source_set_next_group(source, NULL);
}

void source_follow_generation(struct source *source)
{
    /* A member id does not come back: metadata that were read before it are those of the same member. */
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(source->consumer);
    char *member = rd_kafka_memberid(source->consumer);
    const bool is_same = member && member[0] != '\0' && source->member && strcmp(member, source->member) == 0;
    if (group && is_same && !source->next_group && !source->broken && !rd_kafka_assignment_lost(source->consumer))
        source_set_next_group(source, group);
    else if (group)
        rd_kafka_consumer_group_metadata_destroy(group);
    member_free(source, member);
    source_refresh_group(source);
    if (!source->broken && source_has_lost(source)) {
        log_warning("partitions were lost before they were assigned; the consumer is opened again");
        source->broken = true;
    }
}

void source_refresh_group(struct source *source)
{
    if (!source->next_group)
        return;
    rd_kafka_consumer_group_metadata_destroy(source->group);
    source->group = source->next_group;
    source->next_group = NULL;
}

rd_kafka_consumer_group_metadata_t *source_no_group(const struct config *config)
{
    return rd_kafka_consumer_group_metadata_new_with_genid(config_kafka(config, config->kafka_consumer, "group.id"), 0,
                                                           "", NULL);
}

const rd_kafka_consumer_group_metadata_t *source_group(const struct source *source)
{
    return source->group;
}
