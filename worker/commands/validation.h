/* validation: reads commands as lines of a file and writes their replies as lines, in the same order, on all cores.
 *
 * One thread reads lines into chunks, several threads evaluate the lines of a chunk each, and the caller's thread
 * writes the replies (common/pipeline.h). */
#ifndef WORKER_COMMANDS_VALIDATION_H
#define WORKER_COMMANDS_VALIDATION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/validate/definitions.h"

struct validation_job {
    const struct config *config;
    const struct definitions *definitions; /* for every workspace */
    int input, output;                     /* descriptors */
    const char *source;                    /* the input's name as replies show it */
    int64_t time_ms;                       /* creation time of every client */
    uint32_t threads;                      /* evaluating threads; 1 to PIPELINE_THREADS */
};

enum validation_result {
    VALIDATION_OK,
    VALIDATION_INPUT_FAILED,  /* errno has the reason; the lines before were replied to */
    VALIDATION_OUTPUT_FAILED, /* errno has the reason */
    VALIDATION_NO_MEMORY      /* or no thread */
};

/* Replies to every line of the input that is not blank. *any_rejected: at least one command was rejected. Each reply
 * is written as soon as it and those before it are complete, so that a program that pipes lines in one by one sees
 * each reply at once. */
MUST_CHECK enum validation_result validation_run(const struct validation_job *job, bool *any_rejected);

#endif
