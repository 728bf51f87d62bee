/* side_by_side: runs the test cases of a suite at the same time, each in a process of its own. Tests on the embedded
 * broker mostly wait: a group alone takes three seconds to form. */
#ifndef TESTS_SIDE_BY_SIDE_H
#define TESTS_SIDE_BY_SIDE_H

#include <check.h>

/* Runs the cases of these names, ended by NULL, and prints the output of each in one piece, in this order. If
 * CK_RUN_CASE names one, that one runs alone. Takes the suite. Returns main's exit status: 0 if all passed, else 1. */
int side_by_side(Suite *suite, const char *const *cases);

#endif
