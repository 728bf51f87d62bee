/* hexadecimal: every byte at every place. */
#include "tests/unit/evaluating.h"

#include "common/hexadecimal.h"

START_TEST(each_byte_has_its_digits_at_each_place)
{
    for (size_t place = 0; place < HEXADECIMAL_BYTES; place++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            unsigned char bytes[HEXADECIMAL_BYTES];
            char digits[HEXADECIMAL_DIGITS], expected[HEXADECIMAL_DIGITS + 1];
            for (size_t i = 0; i < HEXADECIMAL_BYTES; i++) {
                bytes[i] = (unsigned char)(i == place ? byte : 17 * i);
                snprintf(expected + 2 * i, 3, "%02x", bytes[i]);
            }
            hexadecimal_write(bytes, digits);
            ck_assert_mem_eq(digits, expected, HEXADECIMAL_DIGITS);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hexadecimal");
    TCase *tests = tcase_create("hexadecimal");
    tcase_add_test(tests, each_byte_has_its_digits_at_each_place);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
