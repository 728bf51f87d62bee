#include "common/log_output.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "common/clock.h"

#define WAIT_MS 1000

static bool is_stuck; /* the last line was not taken */
static uint64_t lost;

/* A pipe or a socket is writable if it has room for a line, and a file always is. */
static bool is_writable(int wait_ms)
{
    const int64_t until_ms = clock_now_ms() + wait_ms;
    for (;;) {
        struct pollfd output = {.fd = STDERR_FILENO, .events = POLLOUT};
        const int64_t left_ms = until_ms - clock_now_ms();
        const int ready = poll(&output, 1, left_ms > 0 ? (int)left_ms : 0);
        if (ready >= 0 || errno != EINTR)
            return ready != 0;
    }
}

bool log_output_takes_line(void)
{
    is_stuck = !is_writable(is_stuck ? 0 : WAIT_MS);
    lost += is_stuck;
    return !is_stuck;
}

void log_output_write(const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* stderr is gone; nothing to do */
        bytes += written;
        length -= (size_t)written;
    }
}

uint64_t log_output_lost(void)
{
    const uint64_t lines = lost;
    lost = 0;
    return lines;
}
