/* otlp_answer: what the receiver's answer to a request means, as OTLP/HTTP says. */
#ifndef WORKER_TRACING_OTLP_ANSWER_H
#define WORKER_TRACING_OTLP_ANSWER_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"
#include "worker/config/config.h"

#define OTLP_MESSAGE_BYTES 256

enum otlp_verdict {
    OTLP_ACCEPTED, /* but for `rejected` of its spans; it is not sent again */
    OTLP_REFUSED,  /* it is not sent again, since that would have the same answer */
    OTLP_LATER     /* it may be sent again */
};

struct otlp_answer {
    enum otlp_verdict verdict;
    uint64_t rejected;                /* of OTLP_ACCEPTED */
    char message[OTLP_MESSAGE_BYTES]; /* of the receiver, perhaps cut; "": none, or it gives a secret away */
};

/* `body` may be anything. `config`: its tracing's secrets are left out (tracing_secret.h). */
struct otlp_answer otlp_answer_read(long status, struct span body, const struct config *config);

#endif
