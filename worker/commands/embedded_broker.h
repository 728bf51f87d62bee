/* embedded_broker: librdkafka's mock cluster, in this process, for the demo and the tests. Nothing is durable, and
 * there are no real transactions: run the worker with delivery.mode = at-least-once. Only this file uses the mock
 * API, which librdkafka calls experimental. */
#ifndef WORKER_COMMANDS_EMBEDDED_BROKER_H
#define WORKER_COMMANDS_EMBEDDED_BROKER_H

#include <stdbool.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "common/must_check.h"

struct embedded_broker {
    rd_kafka_t *owner;
    rd_kafka_mock_cluster_t *cluster;
    const char *address; /* for bootstrap.servers; reachable from this machine only */
};

/* Starts a cluster with this many brokers, numbered from 1. False with the reason in `error`. */
MUST_CHECK bool embedded_broker_start(struct embedded_broker *broker, int brokers, char *error, size_t error_size);

/* False if the cluster refused. */
MUST_CHECK bool embedded_broker_topic(struct embedded_broker *broker, const char *name, int partitions);

void embedded_broker_stop(struct embedded_broker *broker);

#endif
