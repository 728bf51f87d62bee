/* send_lines: sends messages with given timestamps, so that every run makes the same history. See `usage`. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/quick_client.h"

static const char usage[] =
    "send_lines ADDRESS TOPIC\n"
    "Sends a message for each line of standard input: PARTITION TIMESTAMP KEY VALUE, one blank between them. The\n"
    "timestamp is in milliseconds since 1970.\n"
    "Exit status: 0 all are stored; 64 usage; 65 a line that is not one; 69 Kafka is away.\n";

static void give_up(int status, const char *what, const char *why)
{
    fprintf(stderr, "send_lines: %s: %s\n", what, why);
    exit(status);
}

static void send_line(rd_kafka_t *client, const char *topic, char *line)
{
    char *partition = strsep(&line, " "), *timestamp = strsep(&line, " "), *key = strsep(&line, " ");
    if (!key || !line)
        give_up(65, partition, "a line has four parts");
    const rd_kafka_resp_err_t code = rd_kafka_producev(
        client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(atoi(partition)), RD_KAFKA_V_KEY(key, strlen(key)),
        RD_KAFKA_V_VALUE(line, strlen(line)), RD_KAFKA_V_TIMESTAMP(strtoll(timestamp, NULL, 10)),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up(69, "sending", rd_kafka_err2str(code));
}

static void note_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    (void)opaque;
    if (message->err)
        give_up(69, "sending", rd_kafka_err2str(message->err));
}

int main(int count, char **arguments)
{
    char why[256], *line = NULL;
    size_t room = 0;
    if (count != 3) {
        fputs(usage, stderr);
        return 64;
    }
    rd_kafka_conf_t *conf = quick_client_conf();
    rd_kafka_conf_set_dr_msg_cb(conf, note_delivery);
    if (rd_kafka_conf_set(conf, "bootstrap.servers", arguments[1], why, sizeof(why)) != RD_KAFKA_CONF_OK)
        give_up(69, arguments[1], why);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!client)
        give_up(69, "starting", why);
    for (ssize_t length; (length = getline(&line, &room, stdin)) > 0;) {
        line[strcspn(line, "\n")] = '\0';
        send_line(client, arguments[2], line);
    }
    free(line);
    if (rd_kafka_flush(client, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up(69, "sending", "not everything was stored");
    rd_kafka_destroy(client);
    return 0;
}
