/* phone_advice: corrections for numbers that are not valid, for messages. */
#ifndef COMMON_PHONE_ADVICE_H
#define COMMON_PHONE_ADVICE_H

#include "common/phone.h"

/* Proposes a correction of `digits`, which do not have the level: without the national prefix, or as after the
 * plan's renumbering. A proposal has the level and matches the general pattern of its country. Returns false, and no
 * text, if there is no proposal or more than one. */
bool phone_advice(struct span digits, enum phone_level level, char advice[PHONE_MESSAGE_BYTES]);

#endif
