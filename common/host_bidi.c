#include "common/host_bidi.h"

#include <stdint.h>
#include <unictype.h>

#include "common/text.h"

/* Sets of bidirectional categories. */
#define SET(category) ((uint32_t)1 << UC_BIDI_##category)
#define ANY_SIDE      (SET(EN) | SET(ES) | SET(CS) | SET(ET) | SET(ON) | SET(BN) | SET(NSM))

struct categories {
    uint32_t all, first, last; /* sets; `last` is that of the last character that is not a non-spacing mark */
};

static struct categories categories_of(struct span label)
{
    struct categories found = {0};
    for (size_t at = 0, size; at < label.length; at += size) {
        const uint32_t category = (uint32_t)1 << uc_bidi_category(text_code_point(label, at, &size));
        found.all |= category;
        if (at == 0)
            found.first = category;
        if (category != SET(NSM))
            found.last = category;
    }
    return found;
}

bool bidi_is_right_to_left(struct span label)
{
    return categories_of(label).all & (SET(R) | SET(AL) | SET(AN));
}

bool bidi_rule_holds(struct span label)
{
    const struct categories found = categories_of(label);
    if (found.first == SET(L))
        return !(found.all & ~(SET(L) | ANY_SIDE)) && (found.last & (SET(L) | SET(EN)));
    if (found.first != SET(R) && found.first != SET(AL))
        return false;
    const bool mixes_numbers = (found.all & SET(EN)) && (found.all & SET(AN));
    return !mixes_numbers && !(found.all & ~(SET(R) | SET(AL) | SET(AN) | ANY_SIDE)) &&
           (found.last & (SET(R) | SET(AL) | SET(EN) | SET(AN)));
}
