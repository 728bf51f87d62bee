#include "tests/embedded/side_by_side.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 16

struct running {
    pid_t process;
    FILE *output;
};

static int run(Suite *suite, const char *name)
{
    SRunner *runner = srunner_create(suite);
    srunner_run(runner, NULL, name, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

/* Check ends its test when a signal ends it; the signal here is the end of this program. */
static void become_case(Suite *suite, const char *name, FILE *output, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || dup2(fileno(output), STDOUT_FILENO) < 0 || dup2(fileno(output), STDERR_FILENO) < 0)
        _exit(1);
    exit(run(suite, name));
}

static void begin(Suite *suite, const char *name, struct running *running)
{
    pid_t parent = getpid();
    running->output = tmpfile();
    if (!running->output)
        give_up("tmpfile");
    fflush(NULL);
    running->process = fork();
    if (running->process < 0)
        give_up("fork");
    if (running->process == 0)
        become_case(suite, name, running->output, parent);
}

static void show(FILE *output)
{
    char bytes[65536];
    size_t size;
    rewind(output);
    while ((size = fread(bytes, 1, sizeof(bytes), output)) > 0)
        fwrite(bytes, 1, size, stdout);
    fflush(stdout);
    fclose(output);
}

int side_by_side(Suite *suite, const char *const *cases)
{
    struct running running[MOST];
    size_t count = 0;
    int result = 0;
    if (getenv("CK_RUN_CASE"))
        return run(suite, NULL);
    for (; cases[count] && count < MOST; count++)
        begin(suite, cases[count], &running[count]);
    if (cases[count])
        return 1;
    for (size_t i = 0; i < count; i++) {
        int status;
        if (waitpid(running[i].process, &status, 0) < 0)
            give_up("waitpid");
        show(running[i].output);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            result = 1;
    }
    srunner_free(srunner_create(suite));
    return result;
}
