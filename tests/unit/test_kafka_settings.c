/* config_kafka, kafka_log, nearest_word: the settings that librdkafka gets, and its log lines. */
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#include "common/nearest_word.h"
#include "worker/config/config.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/kafka/kafka_log.h"

static struct config *config_of(const char *const *settings)
{
    struct config *config = config_read(&(struct config_sources){.settings = settings});
    ck_assert_ptr_nonnull(config);
    return config;
}

START_TEST(librdkafka_takes_the_settings)
{
    char error[512] = "";
    struct config *config = config_of(NULL);
    rd_kafka_conf_t *conf = kafka_conf_new(config, config->kafka_consumer, error, sizeof(error));
    ck_assert_msg(conf != NULL, "%s", error);
    char value[128];
    size_t size = sizeof(value);
    ck_assert_int_eq(rd_kafka_conf_get(conf, "group.id", value, &size), RD_KAFKA_CONF_OK);
    ck_assert_str_eq(value, "client-intake");
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
    ck_assert_msg(consumer != NULL, "%s", error);
    rd_kafka_destroy(consumer);

    conf = kafka_conf_new(config, config->kafka_producer, error, sizeof(error));
    ck_assert_msg(conf != NULL, "%s", error);
    size = sizeof(value);
    ck_assert_msg(rd_kafka_conf_get(conf, "transactional.id", value, &size) != RD_KAFKA_CONF_OK || !value[0],
                  "the prefix was set: %s", value);
    ck_assert(kafka_conf_set(conf, "transactional.id", "client-intake-0", error, sizeof(error)));
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    ck_assert_msg(producer != NULL, "%s", error);
    rd_kafka_destroy(producer);
    config_free(config);
}
END_TEST

START_TEST(specific_setting_has_precedence)
{
    struct config *config = config_of((const char *const[]){"kafka.socket.timeout.ms=5000", "kafka.client.id=all",
                                                            "kafka.consumer.client.id=one", NULL});
    char error[512], value[128];
    size_t size = sizeof(value);
    ck_assert_str_eq(config_kafka(config, config->kafka_consumer, "client.id"), "one");
    ck_assert_str_eq(config_kafka(config, config->kafka_producer, "client.id"), "all");
    ck_assert_str_eq(config_kafka(config, NULL, "client.id"), "all");
    ck_assert_str_eq(config_kafka(config, config->kafka_consumer, "socket.timeout.ms"), "5000");
    ck_assert_ptr_null(config_kafka(config, config->kafka_consumer, "debug"));
    rd_kafka_conf_t *conf = kafka_conf_new(config, config->kafka_consumer, error, sizeof(error));
    ck_assert_int_eq(rd_kafka_conf_get(conf, "client.id", value, &size), RD_KAFKA_CONF_OK);
    ck_assert_str_eq(value, "one");
    rd_kafka_conf_destroy(conf);
    config_free(config);
}
END_TEST

/* The value of enable.metrics.push in a producer's configuration by these settings. */
static void expect_metrics_push(const char *const *settings, const char *expected)
{
    char error[512], value[128];
    size_t size = sizeof(value);
    struct config *config = config_of(settings);
    rd_kafka_conf_t *conf = kafka_conf_new(config, config->kafka_producer, error, sizeof(error));
    ck_assert_msg(conf != NULL, "%s", error);
    ck_assert_int_eq(rd_kafka_conf_get(conf, "enable.metrics.push", value, &size), RD_KAFKA_CONF_OK);
    ck_assert_str_eq(value, expected);
    rd_kafka_conf_destroy(conf);
    config_free(config);
}

START_TEST(librdkafka_pushes_no_metrics_unless_it_is_asked_to)
{
    if (rd_kafka_version() < 0x02050000)
        return; /* it has none */
    expect_metrics_push(NULL, "false");
    expect_metrics_push((const char *const[]){"kafka.enable.metrics.push=true", NULL}, "true");
    expect_metrics_push((const char *const[]){"kafka.producer.enable.metrics.push=true", NULL}, "true");
}
END_TEST

START_TEST(setting_that_is_refused_is_named_without_its_secret)
{
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    ck_assert(!kafka_conf_set(conf, "compression.type", "zip", error, sizeof(error)));
    ck_assert_ptr_nonnull(strstr(error, "compression.type: Invalid value \"zip\""));
    ck_assert(!kafka_conf_set(conf, "sasl.passwort", "hunter", error, sizeof(error)));
    ck_assert_ptr_null(strstr(error, "hunter"));
    rd_kafka_conf_destroy(conf);
}
END_TEST

START_TEST(log_levels_of_librdkafka_are_ours)
{
    static const enum log_level expected[] = {LOG_LEVEL_ERROR,   LOG_LEVEL_ERROR, LOG_LEVEL_ERROR, LOG_LEVEL_WARNING,
                                              LOG_LEVEL_WARNING, LOG_LEVEL_INFO,  LOG_LEVEL_INFO,  LOG_LEVEL_DEBUG};
    for (int level = 0; level < 8; level++)
        ck_assert_int_eq(kafka_log_level(level), expected[level]);
}
END_TEST

START_TEST(repeated_line_is_left_out_for_a_minute)
{
    struct kafka_log_memory memory = {0};
    int64_t left_out = -1;
    ck_assert(kafka_log_passes(&memory, "FAIL", "connect failed after 12 ms", 1000, &left_out));
    ck_assert_int_eq(left_out, 0);
    ck_assert(!kafka_log_passes(&memory, "FAIL", "connect failed after 7 ms", 2000, &left_out));
    ck_assert(!kafka_log_passes(&memory, "FAIL", "connect failed after 8 ms", 60999, &left_out));
    ck_assert(kafka_log_passes(&memory, "FAIL", "authentication failed", 2000, &left_out));
    ck_assert(kafka_log_passes(&memory, "ERROR", "connect failed after 7 ms", 2000, &left_out));
    ck_assert(kafka_log_passes(&memory, "FAIL", "connect failed after 9 ms", 61000, &left_out));
    ck_assert_int_eq(left_out, 2);
}
END_TEST

START_TEST(lines_beyond_those_remembered_still_pass)
{
    struct kafka_log_memory memory = {0};
    int64_t left_out;
    char text[] = "a line about x";
    for (int i = 0; i < 2 * KAFKA_LOG_REMEMBERED; i++) {
        text[sizeof(text) - 2] = (char)('A' + i);
        ck_assert(kafka_log_passes(&memory, "FAIL", text, 1000 + i, &left_out));
        ck_assert(!kafka_log_passes(&memory, "FAIL", text, 1000 + i, &left_out));
    }
}
END_TEST

START_TEST(nearest_name_is_found_if_it_is_near)
{
    static const struct {
        const char *written, *expected;
    } rows[] = {{"levl", "level"}, {"leevl", "level"}, {"level", "level"}, {"fromat", "format"},
                {"x", NULL},       {"weather", NULL},  {"", NULL}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct suggestion search = suggest_for(rows[i].written);
        suggest_offer(&search, "format");
        suggest_offer(&search, "level");
        ck_assert_pstr_eq(search.found, rows[i].expected);
    }
}
END_TEST

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    Suite *suite = suite_create("kafka_settings");
    TCase *kafka = tcase_create("librdkafka");
    tcase_add_test(kafka, librdkafka_takes_the_settings);
    tcase_add_test(kafka, specific_setting_has_precedence);
    tcase_add_test(kafka, librdkafka_pushes_no_metrics_unless_it_is_asked_to);
    tcase_add_test(kafka, setting_that_is_refused_is_named_without_its_secret);
    tcase_add_test(kafka, log_levels_of_librdkafka_are_ours);
    tcase_add_test(kafka, repeated_line_is_left_out_for_a_minute);
    tcase_add_test(kafka, lines_beyond_those_remembered_still_pass);
    tcase_add_test(kafka, nearest_name_is_found_if_it_is_near);
    suite_add_tcase(suite, kafka);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
