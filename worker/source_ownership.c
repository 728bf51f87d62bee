/* That every partition of the command topic has an owner.
 *
 * Static members (group.instance.id) that come back get their old partitions without a rebalance. If they were killed
 * between the two halves of a cooperative one, after partitions were given up and before they were given out again, the
 * group rests with partitions that are nobody's, until something else makes it rebalance. So its members look. */
#include <string.h>

#include "worker/kafka_topic.h"
#include "worker/source_parts.h"

#define LOOK_EVERY_MS 5000
#define LOOK_WAIT_MS  500

/* Counts the partitions that the members were given; each has one owner. -1 if the group is not at rest. */
static int32_t owned_partitions(const rd_kafka_ConsumerGroupDescription_t *group, const char *topic)
{
    if (rd_kafka_ConsumerGroupDescription_error(group) ||
        rd_kafka_ConsumerGroupDescription_state(group) != RD_KAFKA_CONSUMER_GROUP_STATE_STABLE)
        return -1;
    int32_t owned = 0;
    for (size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(group); i++) {
        const rd_kafka_MemberAssignment_t *assignment =
            rd_kafka_MemberDescription_assignment(rd_kafka_ConsumerGroupDescription_member(group, i));
        const rd_kafka_topic_partition_list_t *partitions = rd_kafka_MemberAssignment_partitions(assignment);
        for (int j = 0; j < partitions->cnt; j++)
            owned += strcmp(partitions->elems[j].topic, topic) == 0;
    }
    return owned;
}

/* Asks the group's coordinator. -1 if it gave no answer in time, too. */
static int32_t ask_owned_partitions(rd_kafka_t *asker, const char *group, const char *topic)
{
    int32_t owned = -1;
    char why[256];
    rd_kafka_queue_t *answers = rd_kafka_queue_new(asker);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(asker, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    if (rd_kafka_AdminOptions_set_request_timeout(options, LOOK_WAIT_MS, why, sizeof(why)) ==
        RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_DescribeConsumerGroups(asker, &group, 1, options, answers);
    rd_kafka_event_t *event = rd_kafka_queue_poll(answers, LOOK_WAIT_MS);
    const rd_kafka_DescribeConsumerGroups_result_t *result =
        event ? rd_kafka_event_DescribeConsumerGroups_result(event) : NULL;
    if (result && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        size_t count;
        const rd_kafka_ConsumerGroupDescription_t **groups =
            rd_kafka_DescribeConsumerGroups_result_groups(result, &count);
        owned = count == 1 ? owned_partitions(groups[0], topic) : -1;
    }
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(answers);
    return owned;
}

/* How many partitions are nobody's: 0, too, if that is not known. */
static int32_t source_count_orphans(struct source *source)
{
    char why[512];
    rd_kafka_t *asker = source_surveyor(source, why, sizeof(why));
    const char *group = config_kafka(source->config, source->config->kafka_consumer, "group.id");
    int32_t owned = asker ? ask_owned_partitions(asker, group, source->topic) : -1;
    int32_t count = owned >= 0 ? kafka_topic_partitions(asker, source->topic, LOOK_WAIT_MS, why, sizeof(why)) : -1;
    return count > owned ? count - owned : 0;
}

/* Leaving makes the others share anew; whoever comes back is one of them. */
static void source_join_anew(struct source *source)
{
    rd_kafka_resp_err_t code = rd_kafka_unsubscribe(source->consumer);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = source_subscribe(source);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        source_log_error("joining anew failed", code);
}

void source_watch_ownership(struct source *source)
{
    int64_t now = source_now_ms();
    if (!config_kafka(source->config, source->config->kafka_consumer, "group.instance.id") || source->cut_off ||
        now - source->watched_ms < LOOK_EVERY_MS)
        return;
    source->watched_ms = now;
    int32_t orphans = source_count_orphans(source);
    /* Once is no proof: a rebalance may just have begun, or the topic just grown. */
    bool twice = orphans > 0 && orphans == source->orphans;
    source->orphans = twice ? 0 : orphans;
    if (!twice)
        return;
    log_warning("partitions are nobody's; the group shares them anew", LOG_INTEGER("partitions", orphans));
    source_join_anew(source);
}
