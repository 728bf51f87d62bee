/* check: validates one decoded command against its workspace's definitions, and normalizes it into a record.
 *
 * The folder worker/validate holds the pure stages: decode, check and reply. It may use worker/config, worker/model and
 * common, and neither librdkafka nor hiredis.
 *
 * This file orchestrates: which rule checks which member, in document order, and which message follows. The rules
 * themselves are in client_*.c and field_*.c. Pure: no I/O, no heap, memory from the batch's arena. */
#ifndef WORKER_VALIDATE_CHECK_H
#define WORKER_VALIDATE_CHECK_H

#include <assert.h>

#include "common/must_check.h"
#include "common/quote.h"
#include "common/text.h"
#include "worker/config/config.h"
#include "worker/model/batch.h"
#include "worker/validate/definitions.h"

#define CHECK_PATH_DEPTH 8    /* a path in a value has at most five tokens: /data/customFields/KEY/INDEX */
#define PATH_TOKEN_BYTES 1024 /* a longer name ends a path at its parent */

struct check {
    const struct config *config;
    struct item *item;
    struct arena *arena;
    struct check_step {
        uint32_t node;  /* not 0: the member at this node of the item's document, whose name is read for a violation */
        uint32_t index; /* otherwise of an array element, if the name's `at` is NULL */
        struct span name; /* otherwise */
    } path[CHECK_PATH_DEPTH];
    uint32_t depth;
    size_t compared; /* work for suggestions; see nearest_word.h */
    size_t cased;    /* the same, for options in another case; see field_multi_select.c */
};

/* Checks `item` as far as possible without the index: sets outcome to OUTCOME_REJECTED with its error and
 * violations, or leaves OUTCOME_UNDECIDED and sets record, created and email_key. Does nothing for an item that is
 * rejected already. An item whose client a topic has refused (record_form is FORM_NONE) becomes too_large.
 * item->definitions must have been looked up.
 *
 * Only a command that is otherwise valid becomes definitions_missing. That error is retryable, and a retry cannot
 * help a command with other errors. */
void check_item(struct item *item, const struct config *config, struct arena *arena);

/* Checks the batch's items that are ours, in their order, until they and their replies take about `room` bytes of the
 * arena; the first one in any case. Returns how many were checked. A small command can have a reply that is a hundred
 * times as long, since each of its errors has a message. */
MUST_CHECK uint32_t check_batch(struct batch *batch, const struct config *config, size_t room);

/* The path on which violations are reported: enter a member by its name, the members of an object, or an array element,
 * and leave it again. */
static inline void check_enter(struct check *check, struct span name)
{
    assert(check->depth < CHECK_PATH_DEPTH && name.at);
    check->path[check->depth++] = (struct check_step){.name = name};
}

/* For all members of an object: the caller sets the `node` of the step for one after the other. */
static inline struct check_step *check_enter_members(struct check *check)
{
    assert(check->depth < CHECK_PATH_DEPTH);
    return &check->path[check->depth++];
}

static inline void check_enter_index(struct check *check, uint32_t index)
{
    assert(check->depth < CHECK_PATH_DEPTH);
    check->path[check->depth++] = (struct check_step){.index = index};
}

static inline void check_leave(struct check *check)
{
    check->depth--; /* check_item sees that all are left */
}

/* Adds a violation at the present path. The message says what is wrong and what would be right, without a capital or
 * a full stop, and repeats no more than QUOTE_BYTES of a value (use quote_of). Always returns false. */
bool check_fail(struct check *check, enum error code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Adds "must be a string, not a number" at the present path, with the type that was found. Always returns false. */
bool check_fail_type(struct check *check, const char *expected, enum json_type found);

/* Adds "must not be missing or blank", for a value that is required. Always returns false. */
bool check_fail_required(struct check *check);

/* The value in quotes, for messages; see quote.h. The result is in the arena; use it with "%s". Once no further
 * violation is listed it is "", so that a hostile command cannot fill the arena. The same holds for the results of
 * suggest.h and host_message.h. */
const char *quote_of(struct check *check, struct span value);

/* A name that the sender did not write (the key of a field or option), in quote.h's form without quotes. */
const char *name_of(struct check *check, struct span name);

/* The first character of `text`, which is not empty, for messages; see character_write. */
const char *character_of(struct check *check, struct span text);

/* True for null, "" and []: in a create command they mean that an optional value is absent. */
static inline bool value_is_absent(const struct json_document *document, uint32_t node)
{
    const struct json_node *value = &document->nodes[node];
    return value->type == NODE_NULL || (value->type == NODE_STRING && value->length == 0) ||
           (value->type == NODE_ARRAY && value->next == node + 1);
}

/* True for null, "" and a string of white space only: no value for a required member. */
static inline bool value_is_blank(const struct json_document *document, uint32_t node)
{
    const struct json_node *value = &document->nodes[node];
    return value->type == NODE_NULL || (value->type == NODE_STRING && text_is_blank(json_text(document, node)));
}

#endif
