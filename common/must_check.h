/* must_check: stands before a function whose result tells whether it did what it should. The compiler names every
 * caller that does not look. A caller that has nothing to do about it says why in a comment. */
#ifndef COMMON_MUST_CHECK_H
#define COMMON_MUST_CHECK_H

#define MUST_CHECK __attribute__((warn_unused_result))

#endif
