#include "tests/live/observations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/lib/quick_client.h"
#include "tests/live/report.h"

#define REQUEST_MS 60000

static rd_kafka_t *group_reader_new(const char *bootstrap, const char *group)
{
    const char *const settings[][2] = {{"bootstrap.servers", bootstrap},
                                       {"group.id", group},
                                       {"enable.auto.commit", "false"},
                                       {"isolation.level", "read_committed"},
                                       {"log_level", "2"}};
    rd_kafka_conf_t *configuration = quick_client_conf();
    char error[256];
    rd_kafka_conf_res_t result = RD_KAFKA_CONF_OK;
    for (size_t i = 0; result == RD_KAFKA_CONF_OK && i < sizeof(settings) / sizeof(settings[0]); i++)
        result = rd_kafka_conf_set(configuration, settings[i][0], settings[i][1], error, sizeof(error));
    rd_kafka_t *reader =
        result == RD_KAFKA_CONF_OK ? rd_kafka_new(RD_KAFKA_CONSUMER, configuration, error, sizeof(error)) : NULL;
    if (!reader) {
        fprintf(stderr, "%s: %s\n", group, error);
        exit(69);
    }
    return reader;
}

/* An open transaction makes the offsets unstable: then the broker asks for a retry. */
static rd_kafka_resp_err_t ask_committed(rd_kafka_t *reader, rd_kafka_topic_partition_list_t *list, int wait_seconds)
{
    const struct timespec pause = {.tv_nsec = 200000000};
    rd_kafka_resp_err_t code;
    for (time_t deadline = time(NULL) + wait_seconds;; nanosleep(&pause, NULL)) {
        code = rd_kafka_committed(reader, list, REQUEST_MS);
        for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++)
            code = list->elems[i].err;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR || time(NULL) > deadline)
            return code;
    }
}

void observations_read_committed(struct observations *observations, const char *bootstrap, const char *group,
                                 int wait_seconds)
{
    rd_kafka_t *reader = group_reader_new(bootstrap, group);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(observations->commands.partitions);
    for (int32_t partition = 0; partition < observations->commands.partitions; partition++)
        rd_kafka_topic_partition_list_add(list, observations->commands.topic, partition);
    rd_kafka_resp_err_t code = ask_committed(reader, list, wait_seconds);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "%s: committed offsets: %s\n", group, rd_kafka_err2str(code));
        exit(69);
    }
    for (int i = 0; i < list->cnt; i++)
        observations->committed[list->elems[i].partition] = list->elems[i].offset < 0 ? 0 : list->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(reader);
}

void check_committed(const struct observations *observations, long command, const struct message *seen)
{
    if (report_leaves_out(CHECK_COMMITTED) || command == NO_COMMAND)
        return;
    const struct message *source = observations->commands.messages[command];
    int64_t committed = observations->committed[source->partition];
    if (source->offset >= committed)
        violation(CHECK_COMMITTED, command, "%s is seen, but the group has %s only up to %lld", place(seen),
                  place(source), (long long)committed);
}

void observations_free(struct observations *observations)
{
    history_close(&observations->commands);
    history_close(&observations->records);
    history_close(&observations->dead_letters);
    for (size_t i = 0; i < observations->reply_topics; i++)
        history_close(&observations->replies[i]);
    free(observations->records_by_key);
    free(observations->records_by_command);
    free(observations->records_by_email);
    free(observations->answers);
    arena_free(&observations->arena);
}
