#include "common/crash_point.h"

/* Weak: a test that has its own wins. */
__attribute__((weak)) void crash_point(enum crash_point point)
{
    (void)point;
}
