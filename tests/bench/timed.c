/* timed: runs a program and prints what it took, as a JSON line in a file.
 *
 *   timed NAME FILE COMMAND [ARGUMENT ...]
 *         appends {"name": NAME, "seconds": ..., "cpu_s": ..., "peak_mb": ..., "status": ...} to FILE; the program
 * keeps standard input, output and error */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/measure.h"

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int count, char **arguments)
{
    struct rusage usage;
    int status;
    if (count < 4) {
        fputs("usage: timed NAME FILE COMMAND [ARGUMENT ...]\n", stderr);
        return 64;
    }
    const int64_t begin = clock_ns();
    const pid_t child = fork();
    if (child == 0) {
        execvp(arguments[3], arguments + 3);
        fprintf(stderr, "timed: %s: %s\n", arguments[3], strerror(errno));
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child)
        fail("%s: %s", arguments[3], strerror(errno));
    const int64_t end = clock_ns();
    FILE *file = fopen(arguments[2], "a");
    if (!file)
        fail("%s: %s", arguments[2], strerror(errno));
    fprintf(file, "{\"name\":\"%s\",\"seconds\":%.3f,\"cpu_s\":%.3f,\"peak_mb\":%.1f,\"status\":%d}\n", arguments[1],
            (double)(end - begin) / 1e9, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime),
            (double)usage.ru_maxrss / 1024, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    if (fclose(file) != 0)
        fail("%s: %s", arguments[2], strerror(errno));
    return 0;
}
