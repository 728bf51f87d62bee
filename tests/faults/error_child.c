#include "tests/faults/error_child.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/faults/error_fixture.h"

static const struct job *job; /* of this process */
static size_t first_step;
static int report_fd;

/* One line, whole, since a pipe takes so much at once. */
static void report(const char *what, size_t step, const char *why)
{
    char line[512];
    int length = snprintf(line, sizeof(line), "%s %zu %.400s\n", what, step, why);
    ssize_t written = write(report_fd, line, (size_t)length);
    ck_assert_int_eq(written, length);
}

static bool job_step(size_t step, char *why, size_t error_size)
{
    if (step == job->count)
        return error_fixture_end(why, error_size);
    return job->move ? error_moves_run(job->move, why, error_size) : error_run_case(&job->cases[step], why, error_size);
}

START_TEST(job_run)
{
    char why[400] = "";
    report("begins", first_step, "");
    bool fine =
        job->move ? error_moves_begin(why, sizeof(why)) : error_run_begin(&job->cases[first_step], why, sizeof(why));
    if (!fine)
        report("useless", first_step, why);
    for (size_t step = first_step; fine && step <= job->count; step++) {
        report("begins", step, "");
        fine = job_step(step, why, sizeof(why));
        if (fine)
            report("passed", step, "");
        else
            report("failed", step, why);
    }
    if (!fine)
        _exit(1); /* the worker may still be running */
    error_fixture_close();
}
END_TEST

/* In Check's frame, but without its fork, so that an assertion ends the job. */
void child_run(const struct job *its_job, size_t step, int fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    job = its_job;
    first_step = step;
    report_fd = fd;
    Suite *suite = suite_create("error codes");
    TCase *tcase = tcase_create("job");
    tcase_add_test(tcase, job_run);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    fflush(NULL);
    _exit(srunner_ntests_failed(runner) ? 1 : 0);
}
