/* json_string: the content of a JSON string (RFC 8259, section 7). Part of json.c's second pass. */
#ifndef COMMON_JSON_STRING_H
#define COMMON_JSON_STRING_H

#include <stdint.h>

#include "common/json.h"

/* The offset of the first byte of text[from..length) that is a backslash or not printable ASCII, or UINT32_MAX. Most
 * commands have few or none, so one fast scan saves a look into each string. JSON_PADDING spaces must follow the
 * text. */
uint32_t json_string_special(const char *text, uint32_t from, uint32_t length);

/* Decodes [begin, end) in place. The first pass has checked that it is UTF-8 without raw controls. A quote must
 * follow it. Returns JSON_OK and sets *length to the decoded length and *flags to JSON_PLAIN and JSON_ASCII as they
 * apply; or returns JSON_SYNTAX or JSON_SURROGATE and sets *fault_at to the faulty escape. */
enum json_fault_code json_string_decode(char *begin, char *end, uint32_t *length, uint8_t *flags,
                                        const char **fault_at);

/* The fault's position in the first string that the first pass cannot read: a raw control character, a backslash
 * before something that is not printable ASCII, or the end of the text. Sets *opening to its opening quote. */
size_t json_string_broken(const char *text, size_t length, size_t *opening);

#endif
