/* phone_advice: how a number that is none was probably meant, for messages. */
#ifndef COMMON_PHONE_ADVICE_H
#define COMMON_PHONE_ADVICE_H

#include "common/phone.h"

/* Says what would be right of `digits`, which do not have the grade: without the digit that is dialled only inside a
 * country, or as the plan has been since it was renumbered. Only what has the grade itself, and fits the general
 * pattern of its country in any case, is proposed, and nothing where two proposals are possible. Returns false, and no
 * text, if there is no proposal. */
bool phone_advice(struct span digits, enum phone_grade grade, char advice[PHONE_MESSAGE_BYTES]);

#endif
