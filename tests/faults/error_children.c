#include "tests/faults/error_children.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/folder.h"
#include "tests/faults/error_child.h"

#define MOST_AT_ONCE  32
#define STEP_LIMIT_MS 120000 /* the step's own limits come first */
#define LOG_LINES     12     /* shown of what a job that failed has logged */

struct child {
    struct job *job; /* NULL: a free place */
    pid_t process;
    int fd;
    char log[600];
    size_t step; /* in which it is */
    bool failed; /* and said so */
    int64_t heard_ms;
    char text[1024]; /* of reports, up to an incomplete line */
    size_t length;
};

static struct child children[MOST_AT_ONCE];
static char folder[512];
static unsigned passed, failed;

static void on_end(int number)
{
    for (size_t i = 0; i < MOST_AT_ONCE; i++)
        if (children[i].job)
            kill(children[i].process, SIGKILL);
    folder_remove(folder);
    _exit(128 + number);
}

static void step_name(const struct job *job, size_t step, char *text, size_t size)
{
    if (step == job->count)
        snprintf(text, size, "%s: the worker stops in time", job->move ? move_names[job->move] : job->lane->name);
    else if (job->move)
        snprintf(text, size, "%s", move_names[job->move]);
    else
        error_case_name(&job->cases[step], text, size);
}

static void child_start(struct child *child, struct job *job, size_t step)
{
    int ends[2];
    if (pipe(ends) != 0)
        abort();
    *child = (struct child){.job = job, .step = step, .fd = ends[0], .heard_ms = clock_now_ms()};
    snprintf(child->log, sizeof(child->log), "%s/log-%zu", folder, (size_t)(child - children));
    fflush(NULL);
    child->process = fork();
    if (child->process < 0)
        abort();
    if (child->process == 0) {
        int log = open(child->log, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
        signal(SIGTERM, SIG_DFL);
        signal(SIGINT, SIG_DFL);
        close(ends[0]);
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        child_run(job, step, ends[1]);
    }
    close(ends[1]);
}

/* The last lines of what the process has logged. */
static void child_show_log(const struct child *child)
{
    char command[700];
    snprintf(command, sizeof(command), "tail -n %d '%s' | cut -c 1-300 | sed 's/^/    | /'", LOG_LINES, child->log);
    fflush(stdout);
    if (system(command) != 0)
        printf("    its log cannot be shown\n");
}

static void child_fail(struct child *child, const char *why)
{
    char name[256];
    step_name(child->job, child->step, name, sizeof(name));
    printf("NOT OK: %s: %s\n", name, why);
    child_show_log(child);
    child->failed = true;
    failed++;
}

static void child_pass(struct child *child)
{
    char name[256];
    passed++;
    child->job->passed++;
    if (!getenv("VERBOSE"))
        return;
    step_name(child->job, child->step, name, sizeof(name));
    printf("ok: %s (%lld ms)\n", name, (long long)(clock_now_ms() - child->heard_ms));
}

/* A report: "begins N", "passed N", "failed N WHY", or "useless N WHY" if not even the beginning went well. */
static void child_hear(struct child *child, const char *line)
{
    char what[16] = "";
    int length = 0;
    size_t step = 0;
    sscanf(line, "%15s %zu %n", what, &step, &length);
    child->step = step;
    if (strcmp(what, "passed") == 0)
        child_pass(child);
    else if (strcmp(what, "begins") != 0)
        child_fail(child, line + length);
    if (strcmp(what, "useless") == 0)
        child->step = child->job->count;
    if (strcmp(what, "begins") != 0)
        child->step++;
    child->heard_ms = clock_now_ms();
}

static bool child_read(struct child *child)
{
    ssize_t got = read(child->fd, child->text + child->length, sizeof(child->text) - child->length - 1);
    if (got <= 0)
        return false;
    child->length += (size_t)got;
    child->text[child->length] = '\0';
    char *line = child->text, *end;
    while ((end = strchr(line, '\n'))) {
        *end = '\0';
        child_hear(child, line);
        line = end + 1;
    }
    child->length = strlen(line);
    memmove(child->text, line, child->length + 1);
    return true;
}

/* The process has closed its reports, or has been silent for too long. The next begins behind the step it was in. */
static void child_end(struct child *child, bool hangs)
{
    struct job *job = child->job;
    int status = 0;
    char why[128];
    if (hangs)
        kill(child->process, SIGKILL);
    waitpid(child->process, &status, 0);
    close(child->fd);
    bool died = !WIFEXITED(status) || (WEXITSTATUS(status) != 0 && !child->failed);
    if (hangs || died) {
        snprintf(why, sizeof(why), "the process ended with %s %d", WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        child->step = child->step < job->count ? child->step : job->count;
        child_fail(child, hangs ? "it hangs" : why);
        child->step++;
    }
    child->job = NULL;
    if (child->step <= job->count)
        child_start(child, job, child->step);
    else
        printf("%s: %s: %zu of %zu\n", job->passed == job->count + 1 ? "ok" : "NOT OK",
               job->move ? move_names[job->move] : job->lane->name, job->passed, job->count + 1);
    fflush(stdout);
}

/* Waits for a report or an end. */
static void children_turn(void)
{
    struct pollfd fds[MOST_AT_ONCE];
    for (size_t i = 0; i < MOST_AT_ONCE; i++)
        fds[i] = (struct pollfd){.fd = children[i].job ? children[i].fd : -1, .events = POLLIN};
    if (poll(fds, MOST_AT_ONCE, 1000) < 0 && errno != EINTR)
        abort();
    for (size_t i = 0; i < MOST_AT_ONCE; i++) {
        struct child *child = &children[i];
        if (!child->job)
            continue;
        if (fds[i].revents && !child_read(child))
            child_end(child, false);
        else if (clock_now_ms() - child->heard_ms > STEP_LIMIT_MS)
            child_end(child, true);
    }
}

void children_run(struct job *jobs, size_t count, size_t at_once, unsigned *all_passed, unsigned *all_failed)
{
    size_t next = 0, busy;
    signal(SIGTERM, on_end);
    signal(SIGINT, on_end);
    if (!folder_make_temporary("client-intake-error-codes", folder, sizeof(folder)))
        abort();
    setenv("TMPDIR", folder, 1); /* so that nothing is left of a fixture that was given up */
    do {
        busy = 0;
        for (size_t i = 0; i < at_once && i < MOST_AT_ONCE; i++) {
            if (!children[i].job && next < count)
                child_start(&children[i], &jobs[next++], 0);
            busy += children[i].job != NULL;
        }
        if (busy > 0)
            children_turn();
    } while (busy > 0);
    folder_remove(folder);
    *all_passed += passed;
    *all_failed += failed;
}
