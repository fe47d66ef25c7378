/* number_test.c - numbers by their exact decimal value.  tests/e2e/test_leaves.py compares them
 * with Python's fractions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/json/number.h"

static int compare(const char *a, const char *b) {
    return number_compare(a, strlen(a), b, strlen(b));
}

static uint64_t hash(const char *text) {
    struct number number;
    number_read(text, strlen(text), &number);
    return number_hash(&number);
}

static bool multiple(const char *number, const char *divisor) {
    return number_is_multiple(number, strlen(number), divisor, strlen(divisor));
}

static void equal_numbers_are_equal_however_they_are_written(void **state) {
    (void)state;
    static const char *const same[][2] = {
        {"1", "1.0"},
        {"1", "1e0"},
        {"1", "10e-1"},
        {"1", "0.1E+1"},
        {"100", "1e2"},
        {"0", "-0"},
        {"0", "0.000"},
        {"0", "-0.0e99999999999999999999999"},
        {"120", "1.20e2"},
        {"-0.5", "-5E-1"},
        {"123456789012345678901234567890", "1.2345678901234567890123456789e29"},
        {"1000000000000000000000", "1e21"},
        {"0.000000000000000000000000001", "1e-27"},
        {"100000000000000000000.5", "1000000000000000000005e-1"},
        {"1e400", "10e399"},
        {"999999999999999999", "999999999999999999.0"},
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        if (compare(same[i][0], same[i][1]) != 0 || compare(same[i][1], same[i][0]) != 0)
            fail_msg("%s is %s", same[i][0], same[i][1]);
        if (hash(same[i][0]) != hash(same[i][1])) fail_msg("hash of %s", same[i][0]);
    }
}

static void the_smaller_comes_first(void **state) {
    (void)state;
    static const char *const rising[] = {
        "-1e999999999",
        "-1e308",
        "-9007199254740993",
        "-9007199254740992.5",
        "-9007199254740992",
        "-10",
        "-9.9999999999999999999999999",
        "-9",
        "-1e-999999999",
        "0",
        "1e-999999999999999999999999",
        "1e-999999999",
        "0.1",
        "0.10000000000000000000000001",
        "0.2",
        "1",
        "9.99",
        "10",
        "99",
        "100",
        "999999999999999999",
        "1000000000000000000",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551616.00000000000000000000000000000001",
        "1e308",
        "1e309",
        "1e999999999",
    };
    const size_t count = sizeof rising / sizeof *rising;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            const int order = compare(rising[i], rising[j]);
            if ((order > 0) - (order < 0) != (i > j) - (i < j))
                fail_msg("%s and %s: %d", rising[i], rising[j], order);
        }
}

static void integers_are_known_by_value(void **state) {
    (void)state;
    static const char *const whole[] = {"0",    "-0",     "1",         "-17",   "1.0",   "1e2",
                                        "1e99", "10e-1",  "100.50e2",  "0e-5",  "0.0",   "1.5e1",
                                        "12E0", "1e1000", "123450e-1", "2.000", "-1.0e5"};
    static const char *const broken[] = {"0.5",
                                         "1e-1",
                                         "1.05e1",
                                         "-2.25",
                                         "12345e-3",
                                         "100000000000000000000000.1",
                                         "1e-999999999999999999999999"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (!number_is_integer(whole[i], strlen(whole[i]))) fail_msg("%s", whole[i]);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        if (number_is_integer(broken[i], strlen(broken[i]))) fail_msg("%s", broken[i]);
}

static void multiples_are_exact(void **state) {
    (void)state;
    static const char *const yes[][2] = {
        {"10", "2"},
        {"0", "7"},
        {"0.0", "0.01"},
        {"19.99", "0.01"},
        {"0.0075", "0.0001"},
        {"1e308", "0.5"},
        {"4.5", "1.5"},
        {"-9", "3"},
        {"1e2", "4"},
        {"12391239123", "1e-8"},
        {"3", "1.5"},
        {"1000000000000000000000000000000", "2"},
        {"340282366920938463463374607431768211456", "18446744073709551616"},
        {"340282366920938463463374607431768211456e50", "18446744073709551616e50"},
        {"1e1000000000", "18446744073709551616"}, /* a power of two divides enough tens */
        {"1", "1e-99999999999"},
        {"121932631112635269", "123456789"},
        {"1.21932631112635269", "1.23456789e-9"},
    };
    static const char *const no[][2] = {
        {"7", "2"},
        {"0.00751", "0.0001"},
        {"35", "1.5"},
        {"1", "10"},
        {"1e308", "0.123456789"}, /* what doubles overflow at: 123456789 = 3 * 3 * 3607 * 3803 */
        {"9007199254740993", "2"},
        {"0.3", "0.2"},
        {"1e-5", "1"},
        {"340282366920938463463374607431768211457", "18446744073709551616"},
        {"1e1000000000", "18446744073709551617"},
        {"1e-99999999999", "1"},
    };
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!multiple(yes[i][0], yes[i][1])) fail_msg("%s of %s", yes[i][0], yes[i][1]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (multiple(no[i][0], no[i][1])) fail_msg("%s of %s", no[i][0], no[i][1]);
}

static void a_divisor_is_above_zero_and_not_too_long(void **state) {
    (void)state;
    static char digits[NUMBER_DIVISOR_DIGITS_MAX + 1];
    memset(digits, '7', sizeof digits);
    struct number n;
    number_read(digits, NUMBER_DIVISOR_DIGITS_MAX, &n);
    assert_true(number_is_divisor(&n));
    number_read(digits, NUMBER_DIVISOR_DIGITS_MAX + 1, &n);
    assert_false(number_is_divisor(&n));
    number_read("0.0", 3, &n);
    assert_false(number_is_divisor(&n));
    number_read("-1", 2, &n);
    assert_false(number_is_divisor(&n));
    number_read("1e-7", 4, &n);
    assert_true(number_is_divisor(&n));
}

/* number = factor * divisor + 0 or 1, all of them long, computed by long multiplication. */
static void long_divisors_divide_their_products_and_nothing_else(void **state) {
    (void)state;
    static char divisor[NUMBER_DIVISOR_DIGITS_MAX], factor[2000], product[3001];
    srand(20261124);
    for (int round = 0; round < 200; round++) {
        const size_t d = 19 + (size_t)rand() % (NUMBER_DIVISOR_DIGITS_MAX - 18);
        const size_t f = 1 + (size_t)rand() % 2000;
        for (size_t i = 0; i < d; i++)
            divisor[i] = (char)(rand() % 4 == 0 ? '9' : rand() % 3 == 0 ? '0' : '0' + rand() % 10);
        divisor[0] = '1';
        divisor[d - 1] = '3'; /* prime to 10, so that one more is never a multiple */
        for (size_t i = 0; i < f; i++)
            factor[i] = (char)('0' + rand() % 10);
        memset(product, 0, sizeof product);
        for (size_t i = f; i-- > 0;) {
            int carry = 0;
            for (size_t j = d; j-- > 0;) {
                carry += product[i + j + 1] + (factor[i] - '0') * (divisor[j] - '0');
                product[i + j + 1] = (char)(carry % 10);
                carry /= 10;
            }
            product[i] = (char)carry;
        }
        for (size_t i = 0; i < f + d; i++)
            product[i] = (char)(product[i] + '0');
        assert_true(number_is_multiple(product, f + d, divisor, d));
        product[f + d - 1] = (char)(product[f + d - 1] == '9' ? '8' : product[f + d - 1] + 1);
        assert_false(number_is_multiple(product, f + d, divisor, d));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_numbers_are_equal_however_they_are_written),
        cmocka_unit_test(the_smaller_comes_first),
        cmocka_unit_test(integers_are_known_by_value),
        cmocka_unit_test(multiples_are_exact),
        cmocka_unit_test(a_divisor_is_above_zero_and_not_too_long),
        cmocka_unit_test(long_divisors_divide_their_products_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
