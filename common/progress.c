#include "common/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"

#define INTERVAL_MS 200

void progress_open(struct progress *progress)
{
    const int64_t now = clock_now_ms();
    *progress =
        (struct progress){.shown = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO), .begin_ms = now, .printed_ms = now};
}

static void print(const struct progress *progress, int64_t now)
{
    const double seconds = now > progress->begin_ms ? (double)(now - progress->begin_ms) / 1000 : 0.001;
    fprintf(stderr, "\r%lld lines, %.1f MB, %.0f lines/s, %.1f MB/s\033[K", (long long)progress->lines,
            (double)progress->bytes / 1e6, (double)progress->lines / seconds, (double)progress->bytes / 1e6 / seconds);
}

void progress_add(struct progress *progress, int64_t lines, int64_t bytes)
{
    progress->lines += lines;
    progress->bytes += bytes;
    if (!progress->shown)
        return;
    const int64_t now = clock_now_ms();
    if (now - progress->printed_ms < INTERVAL_MS)
        return;
    progress->printed_ms = now;
    print(progress, now);
}

void progress_close(struct progress *progress)
{
    if (!progress->shown)
        return;
    print(progress, clock_now_ms());
    fputc('\n', stderr);
}
