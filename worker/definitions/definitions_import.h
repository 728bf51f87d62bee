/* definitions_import: from the public API's responses to the form in which definitions are stored. List Custom Fields
 * names the fields; what a multiSelect offers comes from List Custom Field Options, one response per field.
 *
 * Both are read by common/json.h, which knows the place of every value in the bytes. jansson knows no places: it would
 * write numbers and escapes in its own way, and refuses integers beyond 64 bits. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_IMPORT_H
#define WORKER_DEFINITIONS_DEFINITIONS_IMPORT_H

#include "common/must_check.h"
#include "common/span.h"

/* Puts the options of a response ({"data": [...]}, or the bare array) into the field `key` of `fields`, in place of
 * those that it has, and leaves every other byte of `fields` as it is. New, of *length bytes, to be freed; or NULL with
 * the reason in `why`: no such field, or not JSON of that form. What the options themselves look like is left to the
 * compiler of definitions. */
MUST_CHECK char *definitions_import_options(struct span fields, struct span key, struct span options, size_t *length,
                                            char *why, size_t error_size);

#endif
