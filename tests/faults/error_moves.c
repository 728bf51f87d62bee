#include <check.h>
#include <time.h>

#include "tests/faults/error_fixture.h"
#include "tests/faults/error_run.h"
#include "tests/faults/error_traffic.h"

#define BROKERS  3
#define ROUNDS   12
#define COMMANDS 25 /* in a round */
#define PAUSE_MS 4  /* between two of them */

const char *const move_names[MOVES] = {
    [MOVE_COORDINATORS] = "the coordinators of group and transaction move under load",
    [MOVE_LEADERS] = "the leaders of all partitions move under load",
};

bool error_moves_begin(char *why, size_t error_size)
{
    const char *settings[] = {"log.level=info", NULL};
    error_fixture_open(BROKERS);
    fixture_start("exactly-once", settings);
    return error_fixture_check(why, error_size);
}

static void move_coordinator(const char *type, const char *key, int32_t broker)
{
    ck_assert_int_eq(rd_kafka_mock_coordinator_set(fixture.broker.cluster, type, key, broker), 0);
}

/* The two coordinators and the partitions of a topic never go to the same broker together. */
static void move_all(enum move move, int round)
{
    if (move == MOVE_COORDINATORS) {
        move_coordinator("transaction", "client-intake-0", round % BROKERS + 1);
        move_coordinator("group", "client-intake", (round / 2) % BROKERS + 1);
        return;
    }
    for (size_t i = 0; i < ERROR_TOPICS; i++)
        for (int32_t partition = 0; partition < FIXTURE_PARTITIONS; partition++)
            error_fixture_lead(error_topics[i], partition, (round + (int32_t)i + partition) % BROKERS + 1);
}

bool error_moves_run(enum move move, char *why, size_t error_size)
{
    int number = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < COMMANDS; i++) {
            number = traffic_send();
            traffic_read(PAUSE_MS);
            if (i == COMMANDS / 2)
                move_all(move, round);
        }
    }
    return traffic_await(number, ERROR_LIMIT_MS, why, error_size) && error_fixture_check(why, error_size);
}
