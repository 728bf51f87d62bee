/* Finds partitions of the command topic that have no owner.
 *
 * A static member (group.instance.id) that joins again gets its old partitions without a rebalance. If members were
 * killed between the two halves of a cooperative rebalance, after partitions were revoked and before they were assigned
 * again, the group is stable with unassigned partitions until something else triggers a rebalance. So a static member
 * looks for them after it has joined, and rejoins the group if there are any. */
#include "worker/source/source_ownership.h"

#include <string.h>

#include "common/clock.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/source/source_fill.h"
#include "worker/source/source_offsets.h"
#include "worker/source/source_open.h"

#define LOOK_FIRST_MS 2500
#define LOOK_LAST_MS  300000 /* while the broker does not answer */
#define LOOK_WAIT_MS  500

/* A member's assignment in the format of the consumer protocol: a version, then each topic with its partitions, in big
 * endian. Librdkafka's admin API decodes it too, but may abort the process while the coordinator is away (seen with
 * 2.0.2). */
struct assignment {
    const unsigned char *at;
    size_t left;
};

/* The number in the next `bytes` bytes; -1 after the end. */
static int64_t take_number(struct assignment *assignment, size_t bytes)
{
    if (assignment->left < bytes) {
        assignment->left = 0;
        return -1;
    }
    int64_t number = 0;
    for (size_t i = 0; i < bytes; i++)
        number = number * 256 + assignment->at[i];
    assignment->at += bytes;
    assignment->left -= bytes;
    return number;
}

static int32_t count_assigned(struct assignment assignment, const char *topic)
{
    int32_t assigned = 0;
    take_number(&assignment, 2);
    for (int64_t topics = take_number(&assignment, 4); topics > 0 && assignment.left > 0; topics--) {
        int64_t length = take_number(&assignment, 2);
        if (length < 0 || (size_t)length > assignment.left)
            break;
        bool is_ours = (size_t)length == strlen(topic) && memcmp(assignment.at, topic, (size_t)length) == 0;
        assignment.at += length;
        assignment.left -= (size_t)length;
        for (int64_t partitions = take_number(&assignment, 4); partitions > 0 && assignment.left > 0; partitions--) {
            take_number(&assignment, 4);
            assigned += is_ours;
        }
    }
    return assigned;
}

/* How many partitions the members have together. -1 if there was no answer, or the group is not stable. */
static int32_t ask_assigned(rd_kafka_t *observer, const char *name, const char *topic, int wait_ms)
{
    const struct rd_kafka_group_list *groups;
    rd_kafka_resp_err_t code = rd_kafka_list_groups(observer, name, &groups, wait_ms);
    /* __PARTIAL: some brokers did not answer, but the group's coordinator may have. */
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR__PARTIAL)
        return -1;
    int32_t assigned = -1;
    if (groups->group_cnt == 1 && !groups->groups[0].err && strcmp(groups->groups[0].state, "Stable") == 0) {
        const struct rd_kafka_group_info *group = &groups->groups[0];
        assigned = 0;
        for (int i = 0; i < group->member_cnt; i++)
            assigned += count_assigned((struct assignment){group->members[i].member_assignment,
                                                           (size_t)group->members[i].member_assignment_size},
                                       topic);
    }
    rd_kafka_group_list_destroy(groups);
    return assigned;
}

/* How many partitions have no owner. -1 if that is not known. */
static int32_t source_count_unassigned(struct source *source)
{
    struct ownership *ownership = &source->ownership;
    char error[512];
    if (!ownership->observer)
        ownership->observer = source_observer_new(source, error, sizeof(error));
    if (!ownership->observer)
        return -1;
    const char *group = config_kafka(source->config, source->config->kafka_consumer, "group.id");
    const int wait_ms = kafka_patience_ms(&source->patience, LOOK_WAIT_MS);
    int32_t count = kafka_topic_partitions(ownership->observer, source->topic, wait_ms, error, sizeof(error));
    int32_t assigned = ask_assigned(ownership->observer, group, source->topic, wait_ms);
    if (count < 0 || assigned < 0)
        return -1;
    return count > assigned ? count - assigned : 0;
}

/* Leaves the group, which makes it rebalance, and joins it again. A consumer that left and cannot subscribe would never
 * consume again, so the source must be reopened then. */
static void source_rejoin(struct source *source)
{
    rd_kafka_resp_err_t code = rd_kafka_unsubscribe(source->consumer);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = source_subscribe(source);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    source_log_error("rejoining the group failed", code);
    source->broken = true;
}

void source_end_watch(struct source *source)
{
    source->ownership.is_whole = true;
    if (source->ownership.observer)
        rd_kafka_destroy(source->ownership.observer);
    source->ownership.observer = NULL;
}

static void ownership_pause(struct ownership *ownership, int64_t now_ms, int64_t pause_ms)
{
    ownership->pause_ms = pause_ms < LOOK_LAST_MS ? pause_ms : LOOK_LAST_MS;
    ownership->look_ms = now_ms + ownership->pause_ms;
}

static void source_look_at_ownership(struct source *source, int64_t now_ms)
{
    struct ownership *ownership = &source->ownership;
    int32_t unassigned = source_count_unassigned(source);
    /* One look is no proof: a rebalance may be about to begin. */
    bool twice = unassigned > 0 && unassigned == ownership->unassigned;
    ownership->unassigned = twice ? -1 : unassigned;
    ownership_pause(ownership, now_ms, unassigned >= 0 ? LOOK_FIRST_MS : ownership->pause_ms * 2);
    if (unassigned == 0)
        source_end_watch(source);
    if (!twice)
        return;
    log_warning("unassigned partitions found; rejoining the group", LOG_INTEGER("partitions", unassigned));
    source_rejoin(source);
}

void source_watch_ownership(struct source *source)
{
    int64_t now = clock_now_ms();
    if (source->ownership.is_whole || source->cut_off || now < source->ownership.look_ms)
        return;
    if (!config_kafka(source->config, source->config->kafka_consumer, "group.instance.id"))
        source_end_watch(source);
    else if (source->ownership.look_ms == 0)
        ownership_pause(&source->ownership, now, LOOK_FIRST_MS);
    else
        source_look_at_ownership(source, now);
}
