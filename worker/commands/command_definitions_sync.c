/* definitions sync: fills Redis from the topic. */
#include <inttypes.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/commands/command_definitions.h"
#include "worker/definitions/definitions_sync.h"
#include "worker/definitions/json_line.h"

#define PROGRESS_EVERY_MS 100

/* The progress line, on a terminal only. */
struct progress_line {
    bool shown;
    int64_t written_ms;
};

static bool show_progress(void *listener, int64_t done, int64_t total)
{
    struct progress_line *line = listener;
    int64_t now = clock_now_ms();
    if (!line->shown || now - line->written_ms < PROGRESS_EVERY_MS)
        return true;
    line->written_ms = now;
    fprintf(stderr, "\rreading the topic: %3d %%", total > 0 ? (int)(done * 100 / total) : 100);
    fflush(stderr);
    return true;
}

int definitions_sync_all(const struct definitions_request *request, const struct config *config)
{
    char error[512];
    struct definitions_sync_result result;
    struct progress_line line = {.shown = isatty(STDERR_FILENO)};
    bool ok = definitions_sync(config, SYNC_ALL, NULL, show_progress, &line, &result, error, sizeof(error));
    if (line.shown && line.written_ms > 0)
        fprintf(stderr, "\r\033[K");
    if (!ok)
        return definitions_complain(COMMAND_UNAVAILABLE, "sync", error);
    if (request->json)
        json_line_print(json_line_pack("{s:I, s:I, s:I, s:I}", "stored", (json_int_t)result.stored, "removed",
                                       (json_int_t)result.removed, "same", (json_int_t)result.same, "passedOver",
                                       (json_int_t)result.passed_over));
    else
        printf("%" PRIu64 " stored, %" PRIu64 " removed, %" PRIu64 " unchanged\n", result.stored, result.removed,
               result.same);
    if (!request->json && result.passed_over > 0)
        printf("%" PRIu64 " messages skipped: their keys are not workspace ids\n", result.passed_over);
    return COMMAND_OK;
}
