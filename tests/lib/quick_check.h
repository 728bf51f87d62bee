/* quick_check: assertions of the Check library for tests that make hundreds of thousands of them. Check writes the
 * place of each assertion that holds to a file, which takes longer than most of what is tested. Here it writes the
 * place of one that fails. So where such a test crashes, Check names its beginning in place of its last assertion. */
#ifndef TESTS_LIB_QUICK_CHECK_H
#define TESTS_LIB_QUICK_CHECK_H

#include <check.h>

/* The other assertions of integers, pointers, text and memory are made of this one. */
#undef ck_assert_msg
#define ck_assert_msg(expr, ...)                                                                                       \
    ((expr) ? (void)0 : _ck_assert_failed(__FILE__, __LINE__, "Assertion '" #expr "' failed", ##__VA_ARGS__))

#endif
