#include "tests/faults/error_fixture.h"

#include <check.h>
#include <stdio.h>

#include "common/stop.h"
#include "tests/faults/error_traffic.h"

const char *const error_topics[ERROR_TOPICS] = {"clients.commands", "clients.replies", "clients.records",
                                                "clients.dead-letters"};

void error_fixture_lead(const char *topic, int32_t partition, int32_t broker)
{
    ck_assert_int_eq(rd_kafka_mock_partition_set_leader(fixture.broker.cluster, topic, partition, broker), 0);
}

bool error_fixture_check(char *why, size_t error_size)
{
    int number = 0;
    for (int i = 0; i < FIXTURE_PARTITIONS; i++)
        number = traffic_send();
    return traffic_await(number, ERROR_LIMIT_MS, why, error_size);
}

void error_fixture_open(int brokers)
{
    fixture_open_on(brokers);
    for (size_t i = 0; i < ERROR_TOPICS; i++)
        for (int32_t partition = 0; partition < FIXTURE_PARTITIONS; partition++)
            error_fixture_lead(error_topics[i], partition, ERROR_OWN_BROKER);
    traffic_open();
}

bool error_fixture_end(char *why, size_t error_size)
{
    stop_request();
    int64_t limit_ms = fixture.config ? fixture.config->shutdown.timeout_ms : 0;
    bool ended = !fixture.workers || workers_join(fixture.workers, limit_ms);
    if (ended)
        fixture.workers = NULL;
    else
        snprintf(why, error_size, "the worker did not stop within %lld ms", (long long)limit_ms);
    return ended;
}

void error_fixture_close(void)
{
    traffic_close();
    fixture_close();
}
