#include "tests/bench/client.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "tests/bench/measure.h"

#define TRIES        100
#define TRY_EVERY_MS 100

void tuning_add(struct tuning *tuning, char *text)
{
    struct setting *list;

    if (strncmp(text, "consumer.", 9) == 0)
        list = tuning->consumer;
    else if (strncmp(text, "producer.", 9) == 0)
        list = tuning->producer;
    else
        fail("%s begins neither with consumer. nor with producer.", text);

    char *equals = strchr(text, '=');
    if (equals == NULL)
        fail("%s has no value", text);
    *equals = '\0';

    int count = 0;
    while (list[count].name != NULL)
        count++;
    if (count + 1 == SETTINGS_MOST)
        fail("more than %d settings", SETTINGS_MOST - 1);
    list[count] = (struct setting){text + 9, equals + 1};
}

static void configure(rd_kafka_conf_t *configuration, const struct setting *settings)
{
    char error[256];

    for (; settings != NULL && settings->name != NULL; settings++)
        if (rd_kafka_conf_set(configuration, settings->name, settings->value, error, sizeof(error)) != RD_KAFKA_CONF_OK)
            fail("%s", error);
}

rd_kafka_t *client_new(rd_kafka_type_t type, const char *bootstrap, const struct setting *settings,
                       const struct setting *tuned, void (*delivered)(rd_kafka_t *, const rd_kafka_message_t *, void *))
{
    char error[256];
    const struct setting common[] = {{"bootstrap.servers", bootstrap}, {"socket.nagle.disable", "true"}, {NULL, NULL}};
    rd_kafka_conf_t *configuration = rd_kafka_conf_new();

    configure(configuration, common);
    configure(configuration, settings);
    configure(configuration, tuned);
    if (delivered != NULL)
        rd_kafka_conf_set_dr_msg_cb(configuration, delivered);
    rd_kafka_t *client = rd_kafka_new(type, configuration, error, sizeof(error));
    if (client == NULL)
        fail("%s", error);
    return client;
}

void client_expect(const char *what, rd_kafka_resp_err_t error)
{
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("%s: %s", what, rd_kafka_err2str(error));
}

void client_expect_none(const char *what, rd_kafka_error_t *error)
{
    if (error != NULL)
        fail("%s: %s", what, rd_kafka_error_string(error));
}

void topic_create(rd_kafka_t *client, const char *name, int partitions)
{
    char error[256];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, 1, error, sizeof(error));
    if (topic == NULL)
        fail("%s", error);

    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_CreateTopics(client, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 60000);
    if (event == NULL)
        fail("no answer when %s was created", name);
    client_expect(name, rd_kafka_event_error(event));
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    const rd_kafka_resp_err_t result = rd_kafka_topic_result_error(results[0]);
    if (result != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        client_expect(name, result);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(topic);
}

/* False once `tries` are used up; otherwise waits a little. */
static bool may_try_again(int *tries)
{
    nanosleep(&(struct timespec){.tv_nsec = TRY_EVERY_MS * 1000000}, NULL);
    return --*tries > 0;
}

int topic_partitions(rd_kafka_t *client, const char *name)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t error;
    int count = 0, tries = TRIES;

    do {
        error = rd_kafka_metadata(client, 0, topic, &metadata, 30000);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        error = metadata->topics[0].err;
        count = metadata->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(metadata);
    } while (error != RD_KAFKA_RESP_ERR_NO_ERROR && may_try_again(&tries));
    client_expect(name, error);
    rd_kafka_topic_destroy(topic);
    return count;
}

int64_t topic_end(rd_kafka_t *client, const char *name, int partition)
{
    int64_t low, high;
    rd_kafka_resp_err_t error;
    int tries = TRIES;

    do
        error = rd_kafka_query_watermark_offsets(client, name, partition, &low, &high, 30000);
    while (error != RD_KAFKA_RESP_ERR_NO_ERROR && may_try_again(&tries));
    client_expect(name, error);
    return high;
}
