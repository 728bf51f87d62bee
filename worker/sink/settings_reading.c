#include "worker/sink/settings_reading.h"

#include <assert.h>
#include <string.h>

#define ANSWER_ROOM_MS 1000 /* librdkafka ends a request a moment after its time */

static void reading_take(struct settings_reading *reading, const rd_kafka_ConfigResource_t *resource)
{
    switch (rd_kafka_ConfigResource_error(resource)) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        reading->result = SETTINGS_READ;
        if (!marker_limit_find(resource, &reading->limit))
            reading->limit = (struct marker_limit){0};
        break;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        reading->result = SETTINGS_DENIED;
        break;
    default:
        reading->result = SETTINGS_SILENT;
    }
}

/* Usually the answer has the order of the request. */
static void readings_take(struct settings_reading *readings, size_t count, rd_kafka_event_t *event)
{
    size_t answers;
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &answers);
    for (size_t i = 0; i < answers; i++) {
        const char *name = rd_kafka_ConfigResource_name(resources[i]);
        for (size_t j = 0; j < count; j++) {
            struct settings_reading *reading = &readings[(i + j) % count];
            if (strcmp(reading->topic, name) != 0)
                continue;
            reading_take(reading, resources[i]);
            break;
        }
    }
}

/* Without a broker librdkafka would wait for the controller, which may be away, or may not be there at all. */
static rd_kafka_AdminOptions_t *options_new(rd_kafka_t *client, int32_t broker, int wait_ms)
{
    char error[256];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    if (rd_kafka_AdminOptions_set_request_timeout(options, wait_ms, error, sizeof(error)) ==
            RD_KAFKA_RESP_ERR_NO_ERROR &&
        rd_kafka_AdminOptions_set_broker(options, broker, error, sizeof(error)) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return options;
    rd_kafka_AdminOptions_destroy(options);
    return NULL;
}

void settings_read(rd_kafka_t *client, int32_t broker, struct settings_reading *readings, size_t count, int wait_ms)
{
    rd_kafka_ConfigResource_t *resources[SETTINGS_AT_ONCE];
    rd_kafka_event_t *event = NULL;
    assert(count <= SETTINGS_AT_ONCE);
    for (size_t i = 0; i < count; i++) {
        readings[i].result = SETTINGS_SILENT;
        readings[i].limit = (struct marker_limit){0};
        resources[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, readings[i].topic);
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = options_new(client, broker, wait_ms);
    if (count > 0 && options) {
        rd_kafka_DescribeConfigs(client, resources, count, options, queue);
        event = rd_kafka_queue_poll(queue, wait_ms + ANSWER_ROOM_MS);
    }
    const rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        readings_take(readings, count, event);
    for (size_t i = 0; i < count && code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE; i++)
        readings[i].result = SETTINGS_UNSUPPORTED;
    if (event)
        rd_kafka_event_destroy(event);
    if (options)
        rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy_array(resources, count);
}
