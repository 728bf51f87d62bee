/* letter_retrying: sends letters to their command topic again, some in each transaction, or says what it would do. */
#ifndef WORKER_LETTERS_LETTER_RETRYING_H
#define WORKER_LETTERS_LETTER_RETRYING_H

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/letters/letter_command.h"
#include "worker/letters/letter_selection.h"

/* What became of one letter. */
struct letter_verdict {
    struct letter_place place;
    enum letter_fate {
        FATE_WOULD_SEND, /* without `apply` */
        FATE_SENT,       /* committed */
        FATE_REFUSED
    } fate;
    const char *reason;                   /* of FATE_REFUSED, otherwise NULL */
    const struct letter_command *command; /* NULL if refused */
};

typedef void letter_tell(void *listener, const struct letter_verdict *verdict);

struct retrying_request {
    const struct letter_place *named; /* sorted, each once; NULL: the selection */
    size_t named_count;
    struct letter_selection selection; /* its limit counts letters that are sent; 0: no limit */
    bool again;                        /* also what was retried */
    const struct span *mended;         /* the value in place of the only named letter's; NULL: none */
    bool apply;
    int64_t rate;      /* letters a second; 0: no limit */
    int wait_ms;       /* for each answer of Kafka */
    letter_tell *tell; /* for each letter, in their order; after the commit */
    void *listener;
};

struct retrying_counts {
    int64_t sent; /* or would be */
    int64_t refused, passed_over;
    bool has_holes; /* part of the topic could not be read; standard error has named it */
};

enum retrying_result {
    RETRYING_DONE,
    RETRYING_STOPPED,  /* by a signal, between two transactions */
    RETRYING_FAILED,   /* the reason is in `error`; what was told as sent was sent, and nothing else */
    RETRYING_UNCERTAIN /* the same, but it is not known whether the last transaction was committed */
};

MUST_CHECK enum retrying_result letter_retrying_run(const struct config *config, const struct retrying_request *request,
                                                    struct retrying_counts *counts, char *error, size_t error_size);

#endif
