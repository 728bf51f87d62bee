/* replay_changes: whether the changes of a diff line are those between the two outcomes. */
#ifndef TESTS_LIVE_REPLAY_CHANGES_H
#define TESTS_LIVE_REPLAY_CHANGES_H

#include <jansson.h>

/* Between two clients. NULL if the changes are right: each names a value that differs, as near to it as objects lead,
 * with both values; and made to the one client, all of them give the other. Otherwise what is wrong. */
const char *client_changes_fault(const json_t *changes, const json_t *then, const json_t *now);

/* Between two lists of errors, each NULL or an array of {path, code}. NULL if the changes are right: one for each
 * (path, code) that the other list lacks, two of one path taken together. */
const char *error_changes_fault(const json_t *changes, const json_t *then, const json_t *now);

#endif
