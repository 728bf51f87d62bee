/* host_bidi: names with labels that are written from right to left. */
#ifndef COMMON_HOST_BIDI_H
#define COMMON_HOST_BIDI_H

#include "common/span.h"

/* True if the label holds a character that is written from right to left, or an Arabic number. Then the name is a
 * "Bidi domain name", and the rule below applies to each of its labels. */
bool bidi_is_right_to_left(struct span label);

/* The Bidi rule of RFC 5893, §2, for a label of Unicode characters. */
bool bidi_rule_holds(struct span label);

#endif
