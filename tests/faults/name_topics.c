/* name_topics: sends commands, each of which names a reply topic of its own. See `usage`. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/quick_client.h"

static const char usage[] =
    "name_topics ADDRESS TOPIC PREFIX COUNT [SUFFIX]\n"
    "Sends COUNT commands, ids PREFIX0 and so on, to TOPIC; each names the reply topic that its id with SUFFIX is.\n"
    "Exit status: 0; 64 usage; 69 if Kafka is away.\n";

static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "name_topics: %s: %s\n", what, why);
    exit(69);
}

static void send_one(rd_kafka_t *client, const char *topic, const char *id, const char *suffix)
{
    char value[1024], name[512];
    snprintf(name, sizeof(name), "%s%s", id, suffix);
    int length = snprintf(value, sizeof(value),
                          "{\"commandId\":\"%s\",\"workspaceId\":\"ws-1\",\"givenName\":\"A\",\"familyName\":\"B\","
                          "\"email\":\"%s@example.com\"}",
                          id, id);
    rd_kafka_resp_err_t code;
    while ((code = rd_kafka_producev(client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                     RD_KAFKA_V_KEY("ws-1", 4), RD_KAFKA_V_VALUE(value, (size_t)length),
                                     RD_KAFKA_V_HEADER("reply-topic", name, strlen(name)), RD_KAFKA_V_END)) ==
           RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(client, 100);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up("sending", rd_kafka_err2str(code));
}

int main(int count, char **arguments)
{
    char why[256], id[256];
    if (count < 5 || count > 6) {
        fputs(usage, stderr);
        return 64;
    }
    rd_kafka_conf_t *conf = quick_client_conf();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", arguments[1], why, sizeof(why)) != RD_KAFKA_CONF_OK)
        give_up(arguments[1], why);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!client)
        give_up("starting", why);
    for (long i = 0, last = strtol(arguments[4], NULL, 10); i < last; i++) {
        snprintf(id, sizeof(id), "%s%ld", arguments[3], i);
        send_one(client, arguments[2], id, count == 6 ? arguments[5] : "");
    }
    if (rd_kafka_flush(client, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR || rd_kafka_outq_len(client) > 0)
        give_up("sending", "not everything was stored");
    rd_kafka_destroy(client);
    return 0;
}
