/* json_string: what is inside the quotes of a JSON string (RFC 8259, section 7). Part of json.c's second pass. */
#ifndef COMMON_JSON_STRING_H
#define COMMON_JSON_STRING_H

#include <stdint.h>

#include "common/json.h"

/* The offset of the first byte of text[from..length) that is a backslash or no printable ASCII, or UINT32_MAX. Most
 * commands have few or none, so one fast look ahead spares a look into each string. Behind the text must stand
 * JSON_PADDING spaces. */
uint32_t json_string_special(const char *text, uint32_t from, uint32_t length);

/* Decodes [begin, end), of which the first pass knows that it is UTF-8 without raw controls, in place. Behind it must
 * stand a quote. Returns JSON_OK and sets *length to what remains and *flags to JSON_PLAIN and JSON_ASCII as they
 * apply; or returns JSON_SYNTAX or JSON_SURROGATE and sets *fault_at to the escape at fault. */
enum json_fault_code json_string_decode(char *begin, char *end, uint32_t *length, uint8_t *flags,
                                        const char **fault_at);

/* Where the first string that the first pass cannot read has its fault: a raw control character, a backslash before
 * something that is no printable ASCII, or the end of the text. Sets *opening to its opening quote. */
size_t json_string_broken(const char *text, size_t length, size_t *opening);

#endif
