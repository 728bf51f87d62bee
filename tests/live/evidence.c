#include "tests/live/evidence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/live/report.h"

#define REQUEST_MS 10000

static rd_kafka_t *group_reader_new(const char *bootstrap, const char *group)
{
    const char *const settings[][2] = {{"bootstrap.servers", bootstrap},
                                       {"group.id", group},
                                       {"enable.auto.commit", "false"},
                                       {"isolation.level", "read_committed"},
                                       {"log_level", "2"}};
    rd_kafka_conf_t *configuration = rd_kafka_conf_new();
    char why[256];
    rd_kafka_conf_res_t result = RD_KAFKA_CONF_OK;
    for (size_t i = 0; result == RD_KAFKA_CONF_OK && i < sizeof(settings) / sizeof(settings[0]); i++)
        result = rd_kafka_conf_set(configuration, settings[i][0], settings[i][1], why, sizeof(why));
    rd_kafka_t *reader =
        result == RD_KAFKA_CONF_OK ? rd_kafka_new(RD_KAFKA_CONSUMER, configuration, why, sizeof(why)) : NULL;
    if (!reader) {
        fprintf(stderr, "%s: %s\n", group, why);
        exit(69);
    }
    return reader;
}

/* An open transaction makes the offsets unstable: then the broker says to come again. */
static rd_kafka_resp_err_t ask_committed(rd_kafka_t *reader, rd_kafka_topic_partition_list_t *list,
                                         int patience_seconds)
{
    const struct timespec pause = {.tv_nsec = 200000000};
    rd_kafka_resp_err_t code;
    for (time_t deadline = time(NULL) + patience_seconds;; nanosleep(&pause, NULL)) {
        code = rd_kafka_committed(reader, list, REQUEST_MS);
        for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++)
            code = list->elems[i].err;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR || time(NULL) > deadline)
            return code;
    }
}

void evidence_read_committed(struct evidence *evidence, const char *bootstrap, const char *group, int patience_seconds)
{
    rd_kafka_t *reader = group_reader_new(bootstrap, group);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(evidence->commands.partitions);
    for (int32_t partition = 0; partition < evidence->commands.partitions; partition++)
        rd_kafka_topic_partition_list_add(list, evidence->commands.topic, partition);
    rd_kafka_resp_err_t code = ask_committed(reader, list, patience_seconds);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "%s: committed offsets: %s\n", group, rd_kafka_err2str(code));
        exit(69);
    }
    for (int i = 0; i < list->cnt; i++)
        evidence->committed[list->elems[i].partition] = list->elems[i].offset < 0 ? 0 : list->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(reader);
}

void judge_committed(const struct evidence *evidence, long command, const struct message *seen)
{
    if (report_leaves_out(CHECK_COMMITTED) || command == NO_COMMAND)
        return;
    const struct message *source = evidence->commands.messages[command];
    int64_t committed = evidence->committed[source->partition];
    if (source->offset >= committed)
        breach(CHECK_COMMITTED, command, "%s is seen, but the group has %s only up to %lld", place(seen), place(source),
               (long long)committed);
}

void evidence_free(struct evidence *evidence)
{
    history_close(&evidence->commands);
    history_close(&evidence->records);
    history_close(&evidence->dead_letters);
    for (size_t i = 0; i < evidence->reply_topics; i++)
        history_close(&evidence->replies[i]);
    free(evidence->records_by_key);
    free(evidence->records_by_command);
    free(evidence->records_by_email);
    free(evidence->answers);
    arena_free(&evidence->arena);
}
