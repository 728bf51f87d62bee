/* reload: a config with errors changes nothing, and each of its errors is an event of the log. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/daemon/reload.h"

static char path[] = "/tmp/client-intake-reload.XXXXXX";

static void write_config(const char *text)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void make_file(void)
{
    int file = mkstemp(path);
    ck_assert_int_ge(file, 0);
    close(file);
}

static void remove_file(void)
{
    unlink(path);
}

/* The output on standard error while the config is read again. */
static char *what_reload_says(struct reload *reload, const struct config **fresh)
{
    static char said[8192];
    FILE *captured = tmpfile();
    ck_assert_ptr_nonnull(captured);
    int real = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(fileno(captured), STDERR_FILENO), 0);
    *fresh = reload_read(reload);
    dup2(real, STDERR_FILENO);
    close(real);
    rewind(captured);
    said[fread(said, 1, sizeof(said) - 1, captured)] = '\0';
    fclose(captured);
    return said;
}

START_TEST(errors_of_a_config_are_events)
{
    const char *begin = _i == 0 ? "time=" : "{\"time\":\"";
    const char *first = _i == 0 ? " level=error event=\"the config has an error\" error=\"/tmp/"
                                : "\"level\":\"error\",\"event\":\"the config has an error\",\"error\":\"/tmp/";
    write_config("[log]\nlevel = info\n");
    const char *const settings[] = {_i == 0 ? "log.format=logfmt" : "log.format=json", NULL};
    struct config *start = config_read(&(struct config_sources){.path = path, .settings = settings});
    ck_assert_ptr_nonnull(start);
    log_set_format(start->log.format);
    struct reload *reload = reload_open(start);
    ck_assert_ptr_nonnull(reload);

    write_config("[log]\nlevel = loud\n[limits]\ncommand_bytes = none\n[nowhere]\nkey = \"1\"\n");
    const struct config *fresh;
    char *said = what_reload_says(reload, &fresh);
    ck_assert_ptr_null(fresh);
    ck_assert_ptr_nonnull(strstr(said, first));
    unsigned lines = 0;
    for (char *line; (line = strsep(&said, "\n")) && line[0] != '\0'; lines++)
        ck_assert_msg(strncmp(line, begin, strlen(begin)) == 0, "no event: %s", line);
    ck_assert_uint_eq(lines, 4); /* three errors, and that the config in use stays */

    write_config("[log]\nlevel = warning\n");
    what_reload_says(reload, &fresh);
    ck_assert_ptr_nonnull(fresh);
    ck_assert_int_eq(fresh->log.level, LOG_LEVEL_WARNING);
    reload_close(reload);
    config_free(start);
}
END_TEST

/* What the log says when a daemon that was started with `first` reads `second`. *fresh: the config then, or NULL. */
static char *what_change_says(const char *first, const char *second, void look(const struct config *fresh))
{
    const struct config *fresh;
    write_config(first);
    struct config *start = config_read(&(struct config_sources){.path = path});
    ck_assert_ptr_nonnull(start);
    struct reload *reload = reload_open(start);
    ck_assert_ptr_nonnull(reload);
    write_config(second);
    char *said = what_reload_says(reload, &fresh);
    look(fresh);
    reload_close(reload);
    config_free(start);
    return said;
}

static void is_refused(const struct config *fresh)
{
    ck_assert_ptr_null(fresh);
}

static void is_taken(const struct config *fresh)
{
    ck_assert_ptr_nonnull(fresh);
}

#define TWO_THREADS "[worker]\nthreads = 2\n"
#define ONE_THREAD  "[worker]\nthreads = 1\n[limits]\ncommand_bytes = 64 MiB\n"

START_TEST(limits_must_fit_the_threads_that_run)
{
    char *said = what_change_says(TWO_THREADS, ONE_THREAD "memory_bytes = 101 MiB\n", is_refused);
    ck_assert_msg(strstr(said, ":5: limits.memory_bytes must be at least 168 MiB"), "%s", said);
    ck_assert_msg(strstr(said, "key=worker.threads"), "%s", said);
    ck_assert_msg(strstr(said, "the config is not reloaded"), "%s", said);
    said = what_change_says(TWO_THREADS, ONE_THREAD "memory_bytes = 201 MiB\n", is_taken);
    ck_assert_msg(strstr(said, "the config is reloaded"), "%s", said);
}
END_TEST

static void has_only_new_limits(const struct config *fresh)
{
    ck_assert_ptr_nonnull(fresh);
    ck_assert_int_eq(fresh->limits.command_bytes, 4096);
    ck_assert_int_eq(fresh->batch.commands, 7);
    ck_assert_str_eq(fresh->commands.workspace, "acme");
    ck_assert_str_eq(fresh->replies.topic, "clients.replies");
    ck_assert_str_eq(config_kafka(fresh, fresh->kafka_consumer, "group.id"), "mine");
}

START_TEST(other_keys_keep_the_value_of_the_start)
{
    char *said =
        what_change_says("[commands]\nworkspace = acme\n[batch]\ncommands = 7\n[kafka.consumer]\ngroup.id = mine\n",
                         "[limits]\ncommand_bytes = 4 KiB\n[replies]\ntopic = others\n", has_only_new_limits);
    static const char *const keys[] = {"commands.workspace", "batch.commands", "replies.topic",
                                       "kafka.consumer.group.id"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        ck_assert_msg(strstr(said, keys[i]) != NULL, "%s in %s", keys[i], said);
    ck_assert_ptr_null(strstr(said, "key=limits"));
}
END_TEST

static unsigned times(const char *text, const char *part)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        count++;
    return count;
}

/* A key that is removed, one that is added, one in another section than its default, and one that has changed. */
START_TEST(changed_keys_of_kafka_are_named)
{
    char *said = what_change_says(
        "[kafka]\nbootstrap.servers = one:9092\nsasl.password = old\n[kafka.producer]\nlinger.ms = 9\nretries = 3\n",
        "[kafka]\nbootstrap.servers = two:9092\nsasl.password = new\nsession.timeout.ms = 45000\n"
        "[kafka.producer]\nlinger.ms = 9\n[kafka.consumer]\nfetch.min.bytes = 2\n",
        is_taken);
    static const char *const keys[] = {"kafka.bootstrap.servers", "kafka.sasl.password", "kafka.session.timeout.ms",
                                       "kafka.producer.retries", "kafka.consumer.fetch.min.bytes"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "key=%s\n", keys[i]);
        ck_assert_msg(times(said, text) == 1, "%s in %s", keys[i], said);
    }
    ck_assert_uint_eq(times(said, "takes effect at the next start"), 5);
    ck_assert_ptr_null(strstr(said, "old"));
    ck_assert_ptr_null(strstr(said, "new "));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reload");
    TCase *tests = tcase_create("reload");
    tcase_add_checked_fixture(tests, make_file, remove_file);
    tcase_add_loop_test(tests, errors_of_a_config_are_events, 0, 2);
    tcase_add_test(tests, limits_must_fit_the_threads_that_run);
    tcase_add_test(tests, other_keys_keep_the_value_of_the_start);
    tcase_add_test(tests, changed_keys_of_kafka_are_named);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
