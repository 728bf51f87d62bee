/* number_shortest: the shortest decimal of a binary64 value, by the C++ library's std::to_chars. No heap, no locale. */
#ifndef COMMON_NUMBER_SHORTEST_H
#define COMMON_NUMBER_SHORTEST_H

#ifdef __cplusplus
#include <cstddef>
extern "C" {
#else
#include <stddef.h>
#endif

#define NUMBER_SHORTEST_BYTES 32 /* the longest takes 24, such as -1.7976931348623157e+308 */

/* Writes the shortest decimal that converts back to a finite `value`, and of several the nearest, in scientific
 * form: "1.25e-07". Returns its length. It is not NUL-terminated. */
size_t number_shortest(double value, char text[NUMBER_SHORTEST_BYTES]);

#ifdef __cplusplus
}
#endif

#endif
