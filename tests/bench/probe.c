#include "tests/bench/probe.h"

#include "tests/bench/example.h"
#include "tests/bench/measure.h"

#define WARM_UP 50
#define WAIT_MS 60000

static rd_kafka_t *reader_at_end(const struct probe *probe)
{
    const struct setting settings[] = {{"group.id", "bench-probe"},
                                       {"enable.auto.commit", "false"},
                                       {"isolation.level", "read_committed"},
                                       {NULL, NULL}};
    rd_kafka_t *reader = client_new(RD_KAFKA_CONSUMER, probe->bootstrap, settings, NULL, NULL);
    const int partitions = topic_partitions(reader, probe->replies);
    rd_kafka_topic_partition_list_t *from = rd_kafka_topic_partition_list_new(partitions);

    client_expect("redirecting events", rd_kafka_poll_set_consumer(reader));
    for (int partition = 0; partition < partitions; partition++)
        rd_kafka_topic_partition_list_add(from, probe->replies, partition)->offset =
            topic_end(reader, probe->replies, partition);
    client_expect("assign", rd_kafka_assign(reader, from));
    rd_kafka_topic_partition_list_destroy(from);
    return reader;
}

static void send_command(rd_kafka_t *writer, const struct probe *probe, int number)
{
    char workspace[EXAMPLE_BYTES], command[EXAMPLE_BYTES];
    const size_t workspace_length = example_workspace(workspace, 0);
    const size_t command_length = example_command(command, probe->run, number, 0);

    client_expect("produce", rd_kafka_producev(writer, RD_KAFKA_V_TOPIC(probe->commands),
                                               RD_KAFKA_V_KEY(workspace, workspace_length),
                                               RD_KAFKA_V_VALUE(command, command_length),
                                               RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END));
}

static void await_reply(rd_kafka_t *reader, int64_t deadline)
{
    for (;;) {
        rd_kafka_message_t *reply = rd_kafka_consumer_poll(reader, 100);
        if (reply != NULL) {
            client_expect("reading replies", reply->err);
            rd_kafka_message_destroy(reply);
            return;
        }
        if (clock_ns() > deadline)
            fail("no reply within %d ms", WAIT_MS);
    }
}

void probe_run(const struct probe *probe, double *milliseconds)
{
    const struct setting settings[] = {{"linger.ms", "0"}, {"acks", "all"}, {NULL, NULL}};
    rd_kafka_t *reader = reader_at_end(probe);
    rd_kafka_t *writer = client_new(RD_KAFKA_PRODUCER, probe->bootstrap, settings, NULL, NULL);

    for (int number = -WARM_UP; number < probe->count; number++) {
        const int64_t begin = clock_ns();
        send_command(writer, probe, number + WARM_UP);
        await_reply(reader, begin + WAIT_MS * INT64_C(1000000));
        if (number >= 0)
            milliseconds[number] = (double)(clock_ns() - begin) / 1e6;
        rd_kafka_poll(writer, 0);
    }
    client_expect("close", rd_kafka_consumer_close(reader));
    rd_kafka_destroy(reader);
    client_expect("flush", rd_kafka_flush(writer, 10000));
    rd_kafka_destroy(writer);
}
