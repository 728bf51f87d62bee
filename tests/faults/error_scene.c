#include "tests/faults/error_scene.h"

#include <check.h>
#include <stdio.h>

#include "tests/faults/error_traffic.h"
#include "common/stop.h"

#define STOP_LIMIT_MS 20000

const char *const error_topics[ERROR_TOPICS] = {"clients.commands", "clients.replies", "clients.records",
                                                "clients.dead-letters"};

void error_scene_lead(const char *topic, int32_t partition, int32_t broker)
{
    ck_assert_int_eq(rd_kafka_mock_partition_set_leader(scene.broker.cluster, topic, partition, broker), 0);
}

bool error_scene_check(char *why, size_t why_size)
{
    int number = 0;
    for (int i = 0; i < SCENE_PARTITIONS; i++)
        number = traffic_send();
    return traffic_await(number, ERROR_LIMIT_MS, why, why_size);
}

void error_scene_open(int brokers)
{
    scene_open_on(brokers);
    for (size_t i = 0; i < ERROR_TOPICS; i++)
        for (int32_t partition = 0; partition < SCENE_PARTITIONS; partition++)
            error_scene_lead(error_topics[i], partition, ERROR_OWN_BROKER);
    traffic_open();
}

bool error_scene_end(char *why, size_t why_size)
{
    stop_request();
    bool ended = !scene.workers || workers_join(scene.workers, STOP_LIMIT_MS);
    if (ended)
        scene.workers = NULL;
    else
        snprintf(why, why_size, "the worker did not stop within %d ms", STOP_LIMIT_MS);
    return ended;
}

void error_scene_close(void)
{
    traffic_close();
    scene_close();
}
