/* json_line: prints a value for --output json as one line on standard output, with jansson. */
#ifndef WORKER_DEFINITIONS_JSON_LINE_H
#define WORKER_DEFINITIONS_JSON_LINE_H

#include <jansson.h>

#include "common/must_check.h"

/* A string of free text, such as a path: where it is not UTF-8, its bytes beyond ASCII become '?'. Ends the program
 * when out of memory. */
MUST_CHECK json_t *json_line_text(const char *text);

/* An object from the arguments of json_pack. Ends the program when out of memory; use json_line_text for a text that
 * may not be UTF-8. */
MUST_CHECK json_t *json_line_pack(const char *format, ...);

/* Prints `value` without spaces, members in the order in which they were set, and frees it. Ends the program when
 * out of memory. The caller that flushes standard output checks for write errors. */
void json_line_print(json_t *value);

#endif
