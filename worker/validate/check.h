/* check: judges one decoded command against its workspace's definitions, and normalizes it into a record.
 *
 * The orchestration: which member is judged by which rule, in document order, and what is said when it fails. The rules
 * themselves stand in client_*.c and field_*.c. Pure: no I/O, no heap, memory from the batch's arena. */
#ifndef WORKER_VALIDATE_CHECK_H
#define WORKER_VALIDATE_CHECK_H

#include "common/quote.h"
#include "worker/config/config.h"
#include "worker/model/batch.h"
#include "worker/validate/definitions.h"

#define CHECK_PATH_DEPTH 8 /* a path in a value has at most five tokens: /data/customFields/KEY/INDEX, and to spare */
#define PATH_TOKEN_BYTES 1024 /* a longer name ends a path at its parent */

struct check {
    const struct config *config;
    struct item *item;
    struct arena *arena;
    struct check_step {
        struct span name; /* at == NULL: an array index */
        uint32_t index;
    } path[CHECK_PATH_DEPTH];
    uint32_t depth;
    size_t compared; /* work done to find names for messages; see nearest_word.h */
};

/* Judges `item` as far as it can be judged without the store: sets outcome to OUTCOME_REJECTED with its error and
 * violations, or leaves OUTCOME_UNDECIDED and sets record and email_key. Does nothing for an item that is rejected
 * already. An item whose client a topic has refused (record_form is FORM_NONE) becomes too_large. item->definitions
 * must have been looked up.
 *
 * definitions_missing is said only of a command that is otherwise valid: it is retryable, and a command with other
 * faults would be rejected again however often it is retried. */
void check_item(struct item *item, const struct config *config, struct arena *arena);

/* The path on which violations are reported: enter a member or an array element, leave it again. */
void check_enter(struct check *check, struct span name);
void check_enter_index(struct check *check, uint32_t index);
void check_leave(struct check *check);

/* Adds a violation at the present path. The message says what is wrong and what would be right, without a capital or a
 * final stop, and repeats no more than QUOTE_BYTES of a value (use quote_of). Always returns false. */
bool check_fail(struct check *check, enum error code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* "must be a string, not a number" at the present path, for the node that was found. Always returns false. */
bool check_fail_type(struct check *check, const char *expected, enum json_type found);

/* "must not be missing or blank", for a value that is required. Always returns false. */
bool check_fail_required(struct check *check);

/* The value in quotes, for messages; see quote.h. The result lives in the arena; use it with "%s". Once no further
 * violation is listed it is "", so that a hostile command cannot fill the arena; the same holds for what suggest.h and
 * host_message.h give. */
const char *quote_of(struct check *check, struct span value);

/* A name that is not the sender's (the key of a field or option), as quote.h writes it without quotes. */
const char *name_of(struct check *check, struct span name);

/* The first character of `text`, which is not empty, for messages; see character_write. */
const char *character_of(struct check *check, struct span text);

/* True for null, "" and []: on a create they mean that an optional value is absent. */
bool value_is_absent(const struct json_document *document, uint32_t node);

/* True for null, "" and a string of white space only: no value where one is required. */
bool value_is_blank(const struct json_document *document, uint32_t node);

#endif
