#include "common/failpoint.h"

/* Weak: a test that links its own definition replaces it. */
__attribute__((weak)) void failpoint(enum failpoint point)
{
    (void)point;
}
