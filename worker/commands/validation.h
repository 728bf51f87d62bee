/* validation: commands as lines of a file in, their replies as lines out, in the same order, on all cores.
 *
 * One thread reads lines into chunks, several judge the lines of a chunk each, one (the caller's) writes the replies.
 * The chunks go round on a ordered_queue, so memory does not grow with the input. What is written does not depend on
 * the number of threads. */
#ifndef WORKER_COMMANDS_VALIDATION_H
#define WORKER_COMMANDS_VALIDATION_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/config/config.h"
#include "worker/validate/definitions.h"

#define VALIDATION_THREADS 256 /* at most */

struct validation_job {
    const struct config *config;
    const struct definitions *definitions; /* of every workspace */
    int input, output;                     /* descriptors */
    const char *source;                    /* the input's name as replies show it */
    int64_t time_ms;                       /* of every command */
    uint32_t threads;                      /* that judge; 1 to VALIDATION_THREADS */
};

enum validation_result {
    VALIDATION_OK,
    VALIDATION_INPUT_FAILED,  /* errno tells why; the lines before were answered */
    VALIDATION_OUTPUT_FAILED, /* errno tells why */
    VALIDATION_NO_MEMORY      /* or no thread */
};

/* Answers every line of the input that is not blank. *any_rejected: whether a command was. Each reply is written as
 * soon as it and those before it are there, so that whoever pipes lines in one by one sees each answer at once. */
enum validation_result validation_run(const struct validation_job *job, bool *any_rejected);

#endif
