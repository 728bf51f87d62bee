#include "tests/bench/measure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void fail(const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "%s: ", program_invocation_short_name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    _exit(69);
}

int64_t number_of(const char *text, int64_t least)
{
    char *end;

    errno = 0;
    const long long number = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < least)
        fail("%s is not a whole number from %lld", text, (long long)least);
    return number;
}

static int64_t clock_read(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t clock_ns(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

int64_t clock_thread_ns(void)
{
    return clock_read(CLOCK_THREAD_CPUTIME_ID);
}

static double microseconds(struct timeval time)
{
    return (double)time.tv_sec * 1e6 + (double)time.tv_usec;
}

double cpu_us_own(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
}

double memory_peak_own(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

double cpu_us_of(pid_t pid)
{
    char path[64], line[1024];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return -1;
    const size_t length = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    line[length] = '\0';

    /* The second word is the program's name in parentheses, which may hold anything. */
    const char *after_name = strrchr(line, ')');
    unsigned long long user, system;
    if (after_name == NULL ||
        sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
        return -1;
    return (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static double status_mib(pid_t pid, const char *name)
{
    char path[64], line[256];
    unsigned long long kib = 0;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtoull(line + strlen(name), NULL, 10);
    fclose(file);
    return (double)kib / 1024;
}

double memory_of(pid_t pid)
{
    return status_mib(pid, "VmRSS:");
}

double memory_peak_of(pid_t pid)
{
    return status_mib(pid, "VmHWM:");
}

static int by_value(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

double quantile(double *values, size_t count, double part)
{
    qsort(values, count, sizeof(*values), by_value);
    const size_t index = (size_t)(part * (double)count);
    return values[index < count ? index : count - 1];
}
