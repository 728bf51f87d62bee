/* outcome: what was decided of a command, in a form in which two decisions can be compared: the recorded one, parsed
 * from its reply, and the present one, taken from the item. */
#ifndef WORKER_REPLAY_OUTCOME_H
#define WORKER_REPLAY_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/must_check.h"
#include "common/span.h"
#include "worker/model/batch.h"

#define DIGEST_BYTES 16 /* XXH3-128 */

enum recorded_kind {
    RECORDED_CREATED,
    RECORDED_DUPLICATE, /* created, with the header `duplicate` */
    RECORDED_REJECTED
};

struct outcome_digest {
    unsigned char bytes[DIGEST_BYTES];
};

/* What a reply says. Spans point into its text or into the arena. */
struct reply_content {
    struct span topic; /* of its source */
    int32_t partition;
    int64_t offset;
    enum recorded_kind kind; /* RECORDED_DUPLICATE needs a header, so it is the caller's to set */
    enum error error;        /* ERROR_NONE unless rejected */
    bool is_whole;           /* false: a minimal reply, without its list of errors */
    bool is_refused_client;  /* too_large because the client did not fit into its topic */
    struct span version;     /* of the definitions; at == NULL: it names none */
    struct span content;     /* the client as it stands in the reply, or the errors as error_pairs_write does */
};

/* Reads a reply's value. `value` is not changed; the arena holds a copy. False if it is no reply of this program: not
 * JSON, without a source, of another type, or with an error code that this version does not know. */
MUST_CHECK bool reply_content_read(struct span value, struct json_parser *parser, struct arena *arena,
                                   struct reply_content *content);

/* The item's errors as JSON, [["PATH","CODE"],...], in their order; `[]` for an error that lists none. */
struct span error_pairs_write(const struct item *item, struct arena *arena);

/* The content to which a recorded one is compared: the client of a valid item, or the errors of a rejected one. */
struct span item_content(const struct item *item, struct arena *arena);

struct outcome_digest outcome_digest_of(struct span content);

#endif
