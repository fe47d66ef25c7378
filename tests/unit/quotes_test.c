/* quotes_test.c - all methods find the same quotes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/json/json.h"
#include "schema/json/quotes.h"

#define TEXT_BYTES_MAX 400

/* In an exact copy, so that sanitizers detect reads beyond it. */
static void each_way_finds_the_same(const char *text, size_t size) {
    char *copy = malloc(size + JSON_PADDING);
    uint32_t *plain = malloc(QUOTES_MAX(size) * sizeof *plain);
    uint32_t *other = malloc(QUOTES_MAX(size) * sizeof *other);
    assert_true(copy && plain && other);
    memcpy(copy, text, size);
    memset(copy + size, '"', JSON_PADDING);
    const size_t count = quotes_find_by(QUOTES_PLAIN, copy, size, plain);
    for (int method = QUOTES_PLAIN; method <= QUOTES_METHODS; method++) {
        if (method < QUOTES_METHODS && !quotes_possible((enum quotes_method)method)) continue;
        const size_t found = method == QUOTES_METHODS
                                 ? quotes_find(copy, size, other)
                                 : quotes_find_by((enum quotes_method)method, copy, size, other);
        if (found != count || memcmp(plain, other, count * sizeof *plain) != 0)
            fail_msg("method %d: %zu quotes, not %zu, in %.*s", method, found, count, (int)size,
                     text);
    }
    free(other);
    free(plain);
    free(copy);
}

static void quotes_are_found_and_escaped_ones_are_not(void **state) {
    (void)state;
    uint32_t quotes[QUOTES_MAX(40)];
    const char text[40 + JSON_PADDING] = "{\"a\\\"\":\"\\\\\"}";
    const uint32_t wanted[] = {1, 5, 7, 10};
    assert_int_equal(quotes_find(text, strlen(text), quotes), 4);
    assert_memory_equal(quotes, wanted, sizeof wanted);
}

static void a_run_of_backslashes_may_lie_across_any_border(void **state) {
    (void)state;
    char text[TEXT_BYTES_MAX];
    for (size_t before = 50; before < 70; before++) {
        for (size_t run = 0; run < 70; run++) {
            size_t size = 0;
            text[size++] = '"';
            while (size < before)
                text[size++] = 'x';
            for (size_t i = 0; i < run; i++)
                text[size++] = '\\';
            if (run % 2) text[size++] = '"';
            text[size++] = '"';
            each_way_finds_the_same(text, size);
        }
    }
}

static void lines_as_full_of_quotes_as_can_be_fit(void **state) {
    (void)state;
    char text[TEXT_BYTES_MAX];
    for (size_t count = 1; count < 130; count++) {
        size_t size = 0;
        text[size++] = '[';
        for (size_t i = 0; i < count; i++) {
            memcpy(text + size, "\"\",", 3);
            size += 3;
        }
        text[size - 1] = ']';
        each_way_finds_the_same(text, size);
    }
}

/* Strings, some with escapes, and the bytes between them. */
static void random_lines_are_read_alike(void **state) {
    (void)state;
    uint64_t seed = 88172645463325252u;
    char text[TEXT_BYTES_MAX];
    for (int round = 0; round < 20000; round++) {
        size_t size = 0;
        const size_t wanted = (size_t)(seed >> 33) % (TEXT_BYTES_MAX - 40) + 1;
        while (size < wanted) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            text[size++] = '"';
            for (uint64_t left = seed % 30; left > 0; left--) {
                text[size++] = left % 7 == seed / 64 % 9 ? '\\' : 'a';
                if (text[size - 1] == '\\') text[size++] = seed & left ? '"' : '\\';
                if (size > TEXT_BYTES_MAX - 10) break;
            }
            text[size++] = '"';
            text[size++] = ',';
            if (size > TEXT_BYTES_MAX - 40) break;
        }
        each_way_finds_the_same(text, size);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_are_found_and_escaped_ones_are_not),
        cmocka_unit_test(a_run_of_backslashes_may_lie_across_any_border),
        cmocka_unit_test(lines_as_full_of_quotes_as_can_be_fit),
        cmocka_unit_test(random_lines_are_read_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
