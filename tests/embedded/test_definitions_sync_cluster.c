/* `definitions sync` on made-up masters of a cluster that hear of a failover while it writes.
 * tests/live/definitions_cluster.sh does it with real ones. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "tests/embedded/fake_redis.h"
#include "worker/commands/embedded_broker.h"
#include "worker/definitions/definitions_sync.h"
#include "worker/redis/redis_slot.h"

#define NODES   3
#define SET     "[{\"key\":\"k\",\"type\":\"text\"}]"
#define EPOCH_6 "$41\r\ncluster_state:ok\r\ncluster_current_epoch:6\r\n"
#define EPOCH_7 "$41\r\ncluster_state:ok\r\ncluster_current_epoch:7\r\n"

static struct embedded_broker broker;
static struct fake_redis nodes[NODES];
static char ids[NODES][64], map_text[1024];
static struct config *config;

static const int last_slots[NODES] = {5000, 10000, REDIS_SLOTS - 1};

static void start_nodes(void)
{
    char *to = map_text + sprintf(map_text, "*%d\r\n", NODES);
    for (int i = 0; i < NODES; i++) {
        snprintf(ids[i], sizeof(ids[i]), "$40\r\n%040d\r\n", i);
        nodes[i].id = ids[i];
        nodes[i].state = EPOCH_6;
        nodes[i].later = EPOCH_7;
        nodes[i].eval = ":1\r\n";
        ck_assert(fake_redis_start(&nodes[i], "127.0.0.1", 0));
        to += sprintf(to, "*3\r\n:%d\r\n:%d\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n%s", i == 0 ? 0 : last_slots[i - 1] + 1,
                      last_slots[i], nodes[i].port, ids[i]);
    }
    for (int i = 0; i < NODES; i++)
        nodes[i].slots = map_text;
}

static void open_config(void)
{
    static char address[256], servers[256];
    const char *settings[] = {"redis.kind=cluster", address, servers, "log.level=error", "redis.timeout=1s", NULL};
    snprintf(address, sizeof(address), "redis.address=%s,%s,%s", nodes[0].address, nodes[1].address, nodes[2].address);
    snprintf(servers, sizeof(servers), "kafka.bootstrap.servers=%s", broker.address);
    config = config_read(&(struct config_sources){.settings = settings});
    ck_assert_ptr_nonnull(config);
}

/* A set for one workspace of each node. */
static void fill_topic(void)
{
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    ck_assert_int_eq(rd_kafka_conf_set(conf, "bootstrap.servers", broker.address, error, sizeof(error)),
                     RD_KAFKA_CONF_OK);
    rd_kafka_t *const producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    ck_assert_ptr_nonnull(producer);
    for (int node = 0, number = 0; node < NODES; number++) {
        char key[32];
        snprintf(key, sizeof(key), "w-%d", number);
        const int slot = redis_slot_of(span_of_text(key));
        if (slot > last_slots[node] || (node > 0 && slot <= last_slots[node - 1]))
            continue;
        ck_assert_int_eq(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(config->definitions.topic),
                                           RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                           RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(SET, strlen(SET)),
                                           RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
        node++;
    }
    ck_assert_int_eq(rd_kafka_flush(producer, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(producer);
}

static void open_all(void)
{
    char error[512];
    log_set_level(LOG_LEVEL_ERROR);
    signal(SIGPIPE, SIG_IGN); /* as main does */
    ck_assert_msg(embedded_broker_start(&broker, 1, error, sizeof(error)), "%s", error);
    start_nodes();
    open_config();
    ck_assert(embedded_broker_topic(&broker, config->definitions.topic, 1));
    fill_topic();
}

static void close_all(void)
{
    for (int i = 0; i < NODES; i++)
        fake_redis_stop(&nodes[i]);
    embedded_broker_stop(&broker);
    config_free(config);
}

static void ck_evaluated(int count)
{
    for (int i = 0; i < NODES; i++)
        ck_assert_int_eq(atomic_load(&nodes[i].evaluated), count);
}

/* The made-up masters keep nothing, so that what is compared again is written again. A sync that goes on by a newer map
 * without doing so would not know that the master of the one before had been replaced. */
START_TEST(what_was_written_before_a_failover_is_compared_again)
{
    char error[512];
    struct definitions_sync_result result;
    ck_assert_msg(definitions_sync(config, SYNC_ALL, NULL, NULL, NULL, &result, error, sizeof(error)), "%s", error);
    ck_evaluated(2);
    ck_assert_uint_eq(result.stored, NODES);
}
END_TEST

START_TEST(what_is_confirmed_is_written_once)
{
    char error[512];
    struct definitions_sync_result result;
    for (int i = 0; i < NODES; i++)
        nodes[i].later = NULL;
    ck_assert_msg(definitions_sync(config, SYNC_ALL, NULL, NULL, NULL, &result, error, sizeof(error)), "%s", error);
    ck_evaluated(1);
    ck_assert_uint_eq(result.stored, NODES);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sync of definitions on a cluster");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, open_all, close_all);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, what_was_written_before_a_failover_is_compared_again);
    tcase_add_test(all, what_is_confirmed_is_written_once);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
