#include "common/failpoint.h"

/* Weak: a test that has its own wins. */
__attribute__((weak)) void failpoint(enum failpoint point)
{
    (void)point;
}
