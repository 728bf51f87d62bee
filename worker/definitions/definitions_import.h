/* definitions_import: converts the public API's responses to the form in which definitions are stored. List Custom
 * Fields lists the fields; List Custom Field Options, one response per field, lists the options of a multiSelect.
 *
 * common/json.h reads both, since it knows the position of every value in the bytes. jansson does not: it would rewrite
 * numbers and escapes, and refuse integers beyond 64 bits. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_IMPORT_H
#define WORKER_DEFINITIONS_DEFINITIONS_IMPORT_H

#include "common/must_check.h"
#include "common/span.h"

/* Puts the options of a response ({"data": [...]}, or the bare array) into the field `key` of `fields`, in place of
 * its present options, and leaves every other byte of `fields` unchanged. New, of *length bytes, to be freed; or
 * NULL with the reason in `error`: no such field, or not JSON of that form. The compiler of definitions checks the
 * options themselves. */
MUST_CHECK char *definitions_import_options(struct span fields, struct span key, struct span options, size_t *length,
                                            char *error, size_t error_size);

#endif
