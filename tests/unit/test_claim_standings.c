/* The standing of a claim in an applied replay. No Kafka is there. */
#include <check.h>
#include <stdlib.h>

#include "common/log.h"
#include "worker/replay/replay_apply_internal.h"

static struct config *config;
static struct apply apply;
static struct batch batch;
static struct item items[2];

static bool goes_on(void *listener)
{
    (void)listener;
    return true;
}

static void open_apply(void)
{
    config = config_read(&(struct config_sources){
        .settings = (const char *const[]){"kafka.bootstrap.servers=127.0.0.1:1", "log.level=error", NULL}});
    ck_assert_ptr_nonnull(config);
    log_set_level(config->log.level);
    apply = (struct apply){.config = *config, .fault = {"the replay waits", "the replay goes on", 0}};
    apply.view = record_view_new(config, goes_on, NULL);
    ck_assert_ptr_nonnull(apply.view);
    for (uint32_t i = 0; i < 2; i++) {
        items[i].workspace = SPAN("acme");
        items[i].from.offset = 5 + i;
    }
    batch = (struct batch){.items = items, .count = 2};
}

static void close_apply(void)
{
    record_view_free(apply.view);
    config_free(config);
}

/* Otherwise a client that has a record would count as the claim of a run that was killed. */
START_TEST(no_claim_is_without_a_record_while_the_records_cannot_be_read)
{
    static const char line[] = "clients.commands/0/6 00000000000000000000000000000000\n";
    const enum claim_standing standing =
        standing_of_claim(&apply, &batch, 0, SPAN("id"), span_of(line, sizeof(line) - 1));
    ck_assert_int_eq(standing, CLAIM_UNKNOWN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("claim_standings");
    TCase *test_case = tcase_create("standings");
    tcase_add_checked_fixture(test_case, open_apply, close_apply);
    tcase_set_timeout(test_case, 60);
    tcase_add_test(test_case, no_claim_is_without_a_record_while_the_records_cannot_be_read);
    suite_add_tcase(suite, test_case);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
