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

int main(void)
{
    Suite *suite = suite_create("reload");
    TCase *tests = tcase_create("reload");
    tcase_add_checked_fixture(tests, make_file, remove_file);
    tcase_add_loop_test(tests, errors_of_a_config_are_events, 0, 2);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
