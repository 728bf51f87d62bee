/* transactions: sends messages in transactions of one producer. See `usage`. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/quick_client.h"

#define WAIT_MS 30000

static const char usage[] =
    "transactions ADDRESS TOPIC TRANSACTIONAL_ID\n"
    "Standard input has a message in each line, as \"PARTITION TEXT\". A line without one "
    "commits those before it; so does\n"
    "the end. A line \"abort\" aborts them. Exit status: 0; 64 usage; 69 if Kafka refuses or is away.\n";

static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "transactions: %s: %s\n", what, why);
    exit(69);
}

static void expect_fine(const char *what, rd_kafka_error_t *error)
{
    if (error)
        give_up(what, rd_kafka_error_string(error));
}

static rd_kafka_t *producer_new(const char *address, const char *id)
{
    char why[256];
    rd_kafka_conf_t *settings = quick_client_conf();
    if (rd_kafka_conf_set(settings, "bootstrap.servers", address, why, sizeof(why)) != RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(settings, "transactional.id", id, why, sizeof(why)) != RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(settings, "linger.ms", "0", why, sizeof(why)) != RD_KAFKA_CONF_OK)
        give_up(address, why);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, settings, why, sizeof(why));
    if (!producer)
        give_up(address, why);
    expect_fine("initializing", rd_kafka_init_transactions(producer, WAIT_MS));
    return producer;
}

/* A message "PARTITION TEXT". */
static void send_message(rd_kafka_t *producer, const char *topic, const char *line)
{
    char *text;
    const int32_t partition = (int32_t)strtol(line, &text, 10);
    if (*text != ' ') {
        fputs(usage, stderr);
        exit(64);
    }
    const rd_kafka_resp_err_t code = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_VALUE(text + 1, strlen(text + 1)), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up("sending", rd_kafka_err2str(code));
}

/* What is to be aborted is in the log before. */
static void abort_transaction(rd_kafka_t *producer, int open)
{
    if (!open)
        return;
    const rd_kafka_resp_err_t code = rd_kafka_flush(producer, WAIT_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up("sending", rd_kafka_err2str(code));
    expect_fine("aborting", rd_kafka_abort_transaction(producer, WAIT_MS));
}

int main(int count, char **arguments)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    int open = 0;
    if (count != 4) {
        fputs(usage, stderr);
        return 64;
    }
    rd_kafka_t *producer = producer_new(arguments[1], arguments[3]);
    while ((length = getline(&line, &room, stdin)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "abort") == 0) {
            abort_transaction(producer, open);
            open = 0;
        } else if (line[0] != '\0') {
            if (!open)
                expect_fine("beginning", rd_kafka_begin_transaction(producer));
            send_message(producer, arguments[2], line);
            open = 1;
        } else if (open) {
            expect_fine("committing", rd_kafka_commit_transaction(producer, WAIT_MS));
            open = 0;
        }
    }
    if (open)
        expect_fine("committing", rd_kafka_commit_transaction(producer, WAIT_MS));
    free(line);
    rd_kafka_destroy(producer);
    return 0;
}
