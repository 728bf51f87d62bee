/* record_view: which clients the record topic holds, as a read_committed reader sees it. It reads the whole topic once,
 * and then what has come since. A tombstone means that the client has no record.
 *
 * Memory: that of record_places.h, 40 to 60 bytes for each client. */
#ifndef WORKER_REPLAY_RECORD_VIEW_H
#define WORKER_REPLAY_RECORD_VIEW_H

#include "common/must_check.h"
#include "worker/kafka/topic_reader.h"

struct record_view;

/* New, empty, or NULL when out of memory. `keep_going` is called while a call below reads or waits, several times a
 * second; false ends that call. `config` must outlive the view. */
MUST_CHECK struct record_view *record_view_new(const struct config *config, topic_keep_going *keep_going,
                                               void *listener);
void record_view_free(struct record_view *view);

/* Reads up to the present end of the topic, and waits until that is not before `least`, which may be NULL. A
 * transaction that was committed a moment ago may not be visible yet. False with the reason in `error`, or with "" if
 * keep_going ended it: call again. */
MUST_CHECK bool record_view_update(struct record_view *view, const struct offsets *least, char *error,
                                   size_t error_size);

/* The same, and waits until every transaction has ended that has written a record by now. */
MUST_CHECK bool record_view_await(struct record_view *view, char *error, size_t error_size);

/* False until an update has read the topic, and again after one has failed: then the view has no records. */
bool record_view_is_read(const struct record_view *view);

/* Whether the workspace's client has a record, as of the last update. */
bool record_view_has(const struct record_view *view, struct span workspace, struct span id);

/* The offsets that the first reading has done, of how many: for progress. */
int64_t record_view_done(const struct record_view *view, int64_t *total);

#endif
