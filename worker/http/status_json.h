/* status_json: /status.json, which docs/operations.md describes. */
#ifndef WORKER_HTTP_STATUS_JSON_H
#define WORKER_HTTP_STATUS_JSON_H

#include <stdio.h>

#include "common/must_check.h"
#include "worker/http/status.h"
#include "worker/http/verdict.h"

/* Writes one JSON object and a line end: ASCII only, without '<', '>' and '&', so that no text of a stranger can leave
 * its place. False when out of memory; then nothing is written. */
MUST_CHECK bool status_json_write(FILE *out, const struct status *status, const struct verdict *verdict);

#endif
