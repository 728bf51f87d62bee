/* replay_marks: prints what a dry run must not change in Kafka: for each partition of each topic, also of the internal
 * ones, its first and last offset and its last stable offset; and each group with its state and members.
 *
 *   replay_marks ADDRESS [TOPIC ...]
 *
 * With topics: of these alone, and of no group. */
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/quick_client.h"

#define REQUEST_MS 60000

static void expect_fine(const char *what, rd_kafka_resp_err_t code)
{
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    fprintf(stderr, "replay_marks: %s: %s\n", what, rd_kafka_err2str(code));
    exit(69);
}

static rd_kafka_t *client_new(const char *bootstrap, const char *isolation)
{
    char error[256];
    rd_kafka_conf_t *settings = quick_client_conf();
    if (rd_kafka_conf_set(settings, "bootstrap.servers", bootstrap, error, sizeof(error)) != RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(settings, "isolation.level", isolation, error, sizeof(error)) != RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(settings, "log_level", "2", error, sizeof(error)) != RD_KAFKA_CONF_OK)
        expect_fine(error, RD_KAFKA_RESP_ERR__INVALID_ARG);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, settings, error, sizeof(error));
    if (!client)
        expect_fine(error, RD_KAFKA_RESP_ERR__FAIL);
    return client;
}

static void print_topic(rd_kafka_t *all, rd_kafka_t *committed, const struct rd_kafka_metadata_topic *topic)
{
    for (int partition = 0; partition < topic->partition_cnt; partition++) {
        int64_t first, high, stable;
        expect_fine(topic->topic,
                    rd_kafka_query_watermark_offsets(all, topic->topic, partition, &first, &high, REQUEST_MS));
        expect_fine(topic->topic,
                    rd_kafka_query_watermark_offsets(committed, topic->topic, partition, &first, &stable, REQUEST_MS));
        printf("%s/%d %lld %lld %lld\n", topic->topic, partition, (long long)first, (long long)high, (long long)stable);
    }
}

static bool is_among(const char *name, char **names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Those of `names`, which must be there; or all, if there are none. */
static void print_topics(rd_kafka_t *all, rd_kafka_t *committed, char **names, int count)
{
    const struct rd_kafka_metadata *metadata;
    int printed = 0;
    expect_fine("metadata", rd_kafka_metadata(all, 1, NULL, &metadata, REQUEST_MS));
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (count == 0 || is_among(metadata->topics[i].topic, names, count)) {
            print_topic(all, committed, &metadata->topics[i]);
            printed++;
        }
    rd_kafka_metadata_destroy(metadata);
    if (printed < count)
        expect_fine("a topic", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
}

static void print_groups(rd_kafka_t *client)
{
    const struct rd_kafka_group_list *groups;
    expect_fine("groups", rd_kafka_list_groups(client, NULL, &groups, REQUEST_MS));
    for (int i = 0; i < groups->group_cnt; i++)
        printf("group %s %s %d\n", groups->groups[i].group, groups->groups[i].state, groups->groups[i].member_cnt);
    rd_kafka_group_list_destroy(groups);
}

int main(int count, char **arguments)
{
    if (count < 2) {
        fputs("usage: replay_marks ADDRESS [TOPIC ...]\n", stderr);
        return 64;
    }
    rd_kafka_t *all = client_new(arguments[1], "read_uncommitted");
    rd_kafka_t *committed = client_new(arguments[1], "read_committed");
    print_topics(all, committed, arguments + 2, count - 2);
    if (count == 2)
        print_groups(all);
    rd_kafka_destroy(all);
    rd_kafka_destroy(committed);
    return fflush(stdout) == 0 ? 0 : 69;
}
