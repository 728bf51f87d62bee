/* verdict_internal: shared by the files of the verdict. No other file includes it. */
#ifndef WORKER_HTTP_VERDICT_INTERNAL_H
#define WORKER_HTTP_VERDICT_INTERNAL_H

#include "worker/http/since.h"
#include "worker/http/verdict.h"

/* Adds a finding with its text. Returns it; its time is not known yet, and its advice is empty. */
__attribute__((format(printf, 3, 4))) struct finding *verdict_add(struct verdict *verdict, enum finding_kind kind,
                                                                  const char *format, ...);

__attribute__((format(printf, 2, 3))) void finding_advise(struct finding *finding, const char *format, ...);

/* It holds since then, as the samples tell. */
void finding_holds_since(struct finding *finding, const struct status *status, since_holds *holds);

/* The threads' seconds with Kafka's transactions, and with Redis. */
double period_kafka_seconds(const struct status_period *period);
double period_redis_seconds(const struct status_period *period);

/* True while a missing connection is no fault yet. */
bool status_begins(const struct status *status);

/* ---- verdict_servers.c ---- */

void verdict_find_redis(struct verdict *verdict, const struct status *status);
void verdict_find_kafka(struct verdict *verdict, const struct status *status);
void verdict_find_slow_redis(struct verdict *verdict, const struct status *status);

/* ---- verdict_senders.c ---- */

void verdict_find_senders(struct verdict *verdict, const struct status *status);

#endif
