/* exponents_test.c - numbers with an exponent are found, and every spelling of a number has the same
 * digits before its point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/json/exponents.h"
#include "schema/json/number.h"
#include "writer/index/line_tokens.h"

#define TEXT_MAX 300

static const uint8_t *bytes_of(const char *text) {
    return (const uint8_t *)text;
}

/* The found numbers, joined by |. */
static void found_in(const char *text, size_t size, char *found, bool plain) {
    const uint8_t *p = bytes_of(text), *const end = p + size, *begin;
    found[0] = '\0';
    for (;;) { /* ends: p rises */
        p = plain ? exponents_next_plain(p, end, &begin) : exponents_next(p, end, &begin);
        if (p == NULL) return;
        strncat(found, (const char *)begin, (size_t)(p - begin));
        strcat(found, "|");
    }
}

static void numbers_with_an_exponent_are_found(void **state) {
    (void)state;
    static const char *const examples[][2] = {
        {"{\"a\":5e2}", "5e2|"},
        {"{\"a\":-1.5E+3,\"b\":[1e0, 20e-1 ,3]}", "-1.5E+3|1e0|20e-1|"},
        {"{\"a\":500,\"b\":5.0}", ""},
        {"{\"id\":\"93e51e2f5e6b\",\"u\":\"a-1e5-2\",\"v\":\"x1e5\"}", ""},
        {"{\"id\":\"1e5\"}", ""},
        {"{\"text\":\"took 1e5, then\"}", "1e5|"}, /* may be more, never less */
        {"1e5", "1e5|"},
        {"1e5\n2e5\n", "1e5|2e5|"},
        {"\t[\r1e5]", "1e5|"},
        {"{\"a\":1e,\"b\":1e+,\"c\":e5}", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        char found[TEXT_MAX];
        for (int plain = 0; plain < 2; plain++) {
            found_in(examples[i][0], strlen(examples[i][0]), found, plain);
            assert_string_equal(found, examples[i][1]);
        }
    }
}

static void they_are_found_wherever_they_are(void **state) {
    (void)state;
    static const char *const numbers[] = {"5e2", "-0.25E+10", "12345678901234567890e-3"};
    for (size_t n = 0; n < 3; n++)
        for (size_t before = 1; before < 80; before++)
            for (size_t after = 1; after < 80; after += 13) {
                char text[TEXT_MAX], found[TEXT_MAX], expected[TEXT_MAX];
                memset(text, ' ', sizeof text);
                memcpy(text + before, numbers[n], strlen(numbers[n]));
                text[before - 1] = ':';
                snprintf(expected, sizeof expected, "%s|", numbers[n]);
                found_in(text, before + strlen(numbers[n]) + after, found, false);
                assert_string_equal(found, expected);
            }
}

static void vectors_find_what_plain_code_finds(void **state) {
    (void)state;
    static const char alphabet[] = "0159eE+-. :,[]}\"x";
    uint32_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        char text[200], one[TEXT_MAX + 200], other[TEXT_MAX + 200];
        size_t size = 0;
        for (; size < sizeof text && size < (size_t)(round % 200); size++) {
            seed = seed * 1664525 + 1013904223;
            text[size] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        found_in(text, size, one, false);
        found_in(text, size, other, true);
        assert_string_equal(one, other);
    }
}

static void equal_numbers_have_the_same_integer_part(void **state) {
    (void)state;
    static const char *const same[][2] = {
        {"500", "500"},     {"500.0", "500"},    {"5e2", "500"},
        {"0.5E3", "500"},   {"50000e-2", "500"}, {"5.00e+2", "500"},
        {"0.005e5", "500"}, {"-5e2", "-500"},    {"334.9", "334"},
        {"3349e-1", "334"}, {"0", "0"},          {"0.5", "0"},
        {"-0.5", "-0"},     {"5e-3", "0"},       {"0e99", "0"},
        {"1e3", "1000"},    {"12.5e-400", "0"},  {"100e-2", "1"},
        {"1e-0", "1"},      {"0.00", "0"},       {"123456789", "123456789"},
    };
    char text[INTEGER_BYTES_MAX];
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        const size_t size = integer_part(bytes_of(same[i][0]), strlen(same[i][0]), text);
        assert_int_equal(size, strlen(same[i][1]));
        assert_memory_equal(text, same[i][1], size);
    }
}

static void too_many_digits_have_none(void **state) {
    (void)state;
    char text[INTEGER_BYTES_MAX];
    assert_int_equal(integer_part(bytes_of("1e39"), 4, text), 40);
    assert_int_equal(integer_part(bytes_of("1e40"), 4, text), 0);
    assert_int_equal(integer_part(bytes_of("-1e39"), 5, text), 0);
    assert_int_equal(integer_part(bytes_of("1e99999999999999999999"), 22, text), 0);
}

/* What a search for the number relies on. */
static void every_spelling_gives_the_filter_the_same_token(void **state) {
    (void)state;
    static const char *const lines[] = {"{\"n\":12300}\n", "{\"n\": 12300.00 }\n",
                                        "{\"n\":[1.23e4]}\n", "{\"n\":1230000E-2,\"m\":1}\n",
                                        "{\"n\":0.123e+5}\n"};
    uint64_t wanted;
    assert_int_equal(tokens_of_literal(bytes_of("\"12300\""), 7, &wanted, 1), 1);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct line_tokens room = {0};
        struct token_set set;
        bool found = false;
        assert_int_equal(tokens_open(&set, 100), 0);
        assert_int_equal(line_tokens_add(&room, &set, bytes_of(lines[i]), strlen(lines[i])), 0);
        for (uint32_t k = 0; k < set.count; k++)
            found = found || set.hashes[k] == wanted;
        if (!found) fail_msg("%s", lines[i]);
        tokens_close(&set);
        line_tokens_free(&room);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_with_an_exponent_are_found),
        cmocka_unit_test(they_are_found_wherever_they_are),
        cmocka_unit_test(vectors_find_what_plain_code_finds),
        cmocka_unit_test(equal_numbers_have_the_same_integer_part),
        cmocka_unit_test(too_many_digits_have_none),
        cmocka_unit_test(every_spelling_gives_the_filter_the_same_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
