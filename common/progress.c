#include "common/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"

#define INTERVAL_MS 200

static bool is_shown(bool prints_along)
{
    return isatty(STDERR_FILENO) && !(prints_along && isatty(STDOUT_FILENO));
}

void progress_open(struct progress *progress)
{
    const int64_t now = clock_now_ms();
    *progress = (struct progress){.shown = is_shown(true), .begin_ms = now, .printed_ms = now};
}

static double seconds_of(const struct progress *progress, int64_t now)
{
    return now > progress->begin_ms ? (double)(now - progress->begin_ms) / 1000 : 0.001;
}

static void print_lines(const struct progress *progress, int64_t now)
{
    const double seconds = seconds_of(progress, now);
    fprintf(stderr, "\r%lld lines, %.1f MB, %.0f lines/s, %.1f MB/s\033[K", (long long)progress->lines,
            (double)progress->bytes / 1e6, (double)progress->lines / seconds, (double)progress->bytes / 1e6 / seconds);
}

static void print_unit(const struct progress *progress, int64_t now)
{
    const double seconds = seconds_of(progress, now), rate = (double)progress->done / seconds;
    if (progress->total <= 0) {
        fprintf(stderr, "\r%lld %s, %.0f/s\033[K", (long long)progress->done, progress->unit, rate);
        return;
    }
    fprintf(stderr, "\r%lld of %lld %s (%.0f%%), %.0f/s", (long long)progress->done, (long long)progress->total,
            progress->unit, 100 * (double)progress->done / (double)progress->total, rate);
    if (rate > 0 && progress->done < progress->total)
        fprintf(stderr, ", %.0f s left", (double)(progress->total - progress->done) / rate);
    fputs("\033[K", stderr);
}

static void print(const struct progress *progress, int64_t now)
{
    if (progress->unit)
        print_unit(progress, now);
    else
        print_lines(progress, now);
}

void progress_begin(struct progress *progress, const char *unit, int64_t total, bool prints_along)
{
    const int64_t now = clock_now_ms();
    *progress = (struct progress){
        .shown = is_shown(prints_along), .begin_ms = now, .printed_ms = now, .unit = unit, .total = total};
}

static void print_again(struct progress *progress)
{
    if (!progress->shown)
        return;
    const int64_t now = clock_now_ms();
    if (now - progress->printed_ms < INTERVAL_MS)
        return;
    progress->printed_ms = now;
    print(progress, now);
}

void progress_move(struct progress *progress, int64_t done)
{
    progress->done = done;
    print_again(progress);
}

void progress_add(struct progress *progress, int64_t lines, int64_t bytes)
{
    progress->lines += lines;
    progress->bytes += bytes;
    print_again(progress);
}

void progress_clear(struct progress *progress)
{
    if (progress->shown && progress->printed_ms != progress->begin_ms)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}

void progress_close(struct progress *progress)
{
    if (!progress->shown)
        return;
    print(progress, clock_now_ms());
    fputc('\n', stderr);
}
