/* status_json_internal: shared by the files that write /status.json. No other file includes it. */
#ifndef WORKER_HTTP_STATUS_JSON_INTERNAL_H
#define WORKER_HTTP_STATUS_JSON_INTERNAL_H

#include <jansson.h>

#include "worker/http/status.h"

/* Where memory is missing, jansson returns NULL and takes NULL. An object that lacks a member is noticed here. */
struct json_build {
    bool complete;
};

/* Both own `value`. */
void json_build_set(struct json_build *build, json_t *object, const char *name, json_t *value);
void json_build_append(struct json_build *build, json_t *array, json_t *value);

/* A text of any bytes: those that are not UTF-8 become '?'. */
json_t *json_build_text(struct span text);

json_t *json_build_count(uint64_t count);

/* A number with few digits; null if it is below 0, which tells that there is none. */
json_t *json_build_number(double number);

/* A second; 0 while there was no time. */
double status_rate(uint64_t count, const struct status_period *period);

/* Below 0 if nothing was observed. */
double status_mean(const struct seconds_histogram *histogram);

/* The names of enum batch_stage. */
extern const char *const status_stages[BATCH_STAGES];

/* ---- status_json_workspaces.c ---- */

/* null if there is none. */
json_t *status_json_note(struct json_build *build, const struct command_note *note);
json_t *status_json_waiting(struct json_build *build, const struct status *status);
json_t *status_json_workspaces(struct json_build *build, const struct status_workspaces *workspaces);
json_t *status_json_noisy(struct json_build *build, const struct status *status);

/* ---- status_json_history.c ---- */

/* The member `history`. */
json_t *status_json_history(struct json_build *build, const struct status *status);

#endif
