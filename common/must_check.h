/* must_check: marks a function whose result reports success. The compiler warns about every caller that ignores the
 * result. A caller that cannot react to a failure says why in a comment. */
#ifndef COMMON_MUST_CHECK_H
#define COMMON_MUST_CHECK_H

#define MUST_CHECK __attribute__((warn_unused_result))

#endif
