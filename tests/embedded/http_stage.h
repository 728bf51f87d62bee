/* http_stage: the fixture's worker with its HTTP server, and a client that asks it. */
#ifndef TESTS_HTTP_STAGE_H
#define TESTS_HTTP_STAGE_H

#include <check.h>
#include <stdbool.h>

#include "worker/http/http.h"

/* A new test case of the suite. Each of its tests has the fixture, and may serve. */
TCase *http_case(Suite *suite, const char *name);

/* ---- the server ---- */

/* The mock cluster loses a consumer that joins the group once more because metadata came just while it was elected. */
#define CALM "kafka.consumer.topic.metadata.refresh.interval.ms=300000"
/* Where it loses one all the same, as on a busy machine, the others wait for the end of its session. */
#define SHORT_SESSION "kafka.consumer.session.timeout.ms=10000"

extern struct http *http;

/* Starts the worker as fixture_start does, and the server where the settings say (http.listen). */
void serve_with(const char *mode, const char *const *settings);

/* The same at a free port of 127.0.0.1, with one further setting. */
void serve(const char *mode, const char *setting);

/* ---- the client ---- */

struct answer {
    int status;
    char *text;       /* headers and body; to be freed */
    const char *body; /* inside text */
};

/* A connection to the loopback address of the family, AF_INET or AF_INET6. */
int connect_to(int family, int port);

/* One request without a body. `ask` is for the server above. */
struct answer ask_family(int family, int port, const char *method, const char *path);
struct answer ask(const char *method, const char *path);

/* `header`: a whole line. */
bool answer_has_header(const struct answer *answer, const char *header);

/* The value of a sample as it stands in the metrics ("name{labels}"); -1 if there is none. */
double metric(const char *sample);

/* Wait until it is this, or at least this. */
void wait_for_metric(const char *sample, double value);
void wait_for_metric_from(const char *sample, double least);

/* Waits until /readyz answers so. `reason` NULL: that it is ready. */
void wait_for_readiness(const char *reason);

#endif
