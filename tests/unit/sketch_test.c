/* sketch_test.c - percentiles and numbers of different values keep the errors that sketch.h
 * promises, for numbers of several distributions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "schema/json/hash.h"
#include "tests/sim/chance.h"
#include "tools/query/sketch.h"

#define NUMBERS 20000

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double next_number(struct chance *chance, int distribution) {
    const double part = (double)(chance_next(chance) >> 11) / 9007199254740992.0;
    switch (distribution) {
    case 0: return part * 100;
    case 1: return exp(part * 40 - 20);
    case 2: return floor(part * 5) - 2;
    case 3: return -exp(part * 10);
    default: return part < 0.5 ? 0 : part * 1e12;
    }
}

static void percentiles_are_right_to_one_percent(void **state) {
    (void)state;
    static const double parts[] = {0.0001, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.9999, 1};
    double *numbers = malloc(NUMBERS * sizeof *numbers);
    assert_non_null(numbers);
    for (int distribution = 0; distribution < 5; distribution++) {
        struct quantiles quantiles = {0};
        struct chance chance = {(uint64_t)distribution + 1};
        for (int i = 0; i < NUMBERS; i++)
            quantiles_add(&quantiles, numbers[i] = next_number(&chance, distribution));
        qsort(numbers, NUMBERS, sizeof *numbers, compare);
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            const double right = numbers[(int)ceil(parts[i] * NUMBERS) - 1];
            const double found = quantiles_at(&quantiles, parts[i]);
            if (fabs(found - right) > 0.01 * fabs(right) + 1e-12)
                fail_msg("distribution %d, part %g: %g, not %g", distribution, parts[i], found,
                         right);
        }
        quantiles_free(&quantiles);
    }
    free(numbers);
}

static void different_values_are_counted_exactly_at_first_and_then_to_some_percent(void **state) {
    (void)state;
    struct distinct distinct = {0};
    uint64_t next = 100;
    for (uint64_t i = 1; i <= 3000000; i++) {
        for (int twice = 0; twice < 2; twice++)
            distinct_add(&distinct, hash_bytes((const char *)&i, sizeof i));
        if (i != next) continue;
        next += next / 4;
        const double found = (double)distinct_count(&distinct), right = (double)i;
        if (i <= DISTINCT_EXACT_MAX) assert_true(found == right);
        if (fabs(found - right) > 0.04 * right) fail_msg("%g, not %g", found, right);
    }
    distinct_free(&distinct);
}

/* However the numbers are divided, and in any order of the parts. */
static void joined_parts_are_the_whole(void **state) {
    (void)state;
    for (int distribution = 0; distribution < 5; distribution++) {
        struct quantiles whole = {0}, parts[3] = {0}, joined = {0};
        struct distinct all = {0}, some[3] = {0}, both = {0};
        struct chance chance = {(uint64_t)distribution + 9};
        for (int i = 0; i < NUMBERS; i++) {
            const double number = floor(next_number(&chance, distribution) * 8) / 8;
            const uint64_t hash = hash_bytes((const char *)&number, sizeof number);
            quantiles_add(&whole, number);
            distinct_add(&all, hash);
            quantiles_add(&parts[i % 7 % 3], number);
            distinct_add(&some[i < 100 ? 0 : i < 900 ? 1 : 2], hash);
        }
        for (int i = 2; i >= 0; i--) {
            quantiles_join(&joined, &parts[i]);
            distinct_join(&both, &some[i]);
            quantiles_free(&parts[i]);
            distinct_free(&some[i]);
        }
        for (int percent = 1; percent <= 100; percent++)
            assert_true(quantiles_at(&joined, percent / 100.0) ==
                        quantiles_at(&whole, percent / 100.0));
        assert_int_equal(distinct_count(&both), distinct_count(&all));
        quantiles_free(&whole);
        quantiles_free(&joined);
        distinct_free(&all);
        distinct_free(&both);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joined_parts_are_the_whole),
        cmocka_unit_test(percentiles_are_right_to_one_percent),
        cmocka_unit_test(different_values_are_counted_exactly_at_first_and_then_to_some_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
