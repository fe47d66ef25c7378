/* text_test.c - JSON strings in their raw form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/json/text.h"

static void decodes_as(const char *raw, const char *decoded, size_t decoded_size, size_t points) {
    const size_t size = strlen(raw);
    char *exact = malloc(size + 1), *out = malloc(size + 1); /* sanitizers see what is beyond */
    exact = realloc(exact, size > 0 ? size : 1);
    memcpy(exact, raw, size);
    const size_t out_size = text_decode(exact, size, out);
    if (out_size != decoded_size || memcmp(out, decoded, decoded_size) != 0)
        fail_msg("%s became %.*s", raw, (int)out_size, out);
    assert_int_equal(text_length(exact, size), points);
    assert_true(text_equals_decoded(exact, size, decoded, decoded_size));
    assert_false(text_equals_decoded(exact, size, "no", 2));
    assert_false(text_equals_decoded(exact, size, decoded, decoded_size - 1));
    assert_true(text_hash(exact, size) == text_hash_decoded(decoded, decoded_size));
    free(exact);
    free(out);
}

#define DECODES_AS(raw, decoded, points) decodes_as(raw, decoded, sizeof decoded - 1, points)

static void escapes_become_what_they_stand_for(void **state) {
    (void)state;
    DECODES_AS("plain", "plain", 5);
    DECODES_AS("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", 3);
    DECODES_AS("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t", 8);
    DECODES_AS("a\\u0000b", "a\0b", 3);
    DECODES_AS("\\u00e4\\u20AC", "\xC3\xA4\xE2\x82\xAC", 2);
    DECODES_AS("one long text \\u00fcber eight bytes, with an escape",
               "one long text \xC3\xBC"
               "ber eight bytes, with an escape",
               46);
}

static void a_pair_of_surrogates_is_one_code_point_and_half_a_pair_is_one_too(void **state) {
    (void)state;
    DECODES_AS("\\ud83d\\ude00", "\xF0\x9F\x98\x80", 1);
    DECODES_AS("\\uD83D\\uDE00!", "\xF0\x9F\x98\x80!", 2);
    DECODES_AS("\\ud83d", "\xED\xA0\xBD", 1);
    DECODES_AS("\\ude00", "\xED\xB8\x80", 1);
    DECODES_AS("\\ude00\\ud83d", "\xED\xB8\x80\xED\xA0\xBD", 2);
    DECODES_AS("\\ud83d\\ud83d\\ude00", "\xED\xA0\xBD\xF0\x9F\x98\x80", 2);
    DECODES_AS("\\ud83d\\n", "\xED\xA0\xBD\n", 2);
    DECODES_AS("\\ud83dude00", "\xED\xA0\xBDude00", 6);
    DECODES_AS("\\ud83d\\u0041",
               "\xED\xA0\xBD"
               "A",
               2);
}

static bool equal(const char *a, const char *b) {
    const bool one = text_equal(a, strlen(a), b, strlen(b));
    assert_true(text_equal(b, strlen(b), a, strlen(a)) == one);
    if (one) assert_true(text_hash(a, strlen(a)) == text_hash(b, strlen(b)));
    return one;
}

static void texts_are_equal_after_decoding(void **state) {
    (void)state;
    assert_true(equal("", ""));
    assert_true(equal("abc", "abc"));
    assert_true(equal("abc", "\\u0061b\\u0063"));
    assert_true(equal("a/b", "a\\/b"));
    assert_true(equal("\xF0\x9F\x98\x80", "\\ud83d\\ude00"));
    assert_true(equal("\\n", "\\u000a"));
    assert_false(equal("abc", "abd"));
    assert_false(equal("abc", "ab"));
    assert_false(equal("", "\\u0000"));
    assert_false(equal("\\u0061", "\\\\u0061"));
    assert_false(equal("\\ud83d", "\\ude00"));
}

static void a_name_becomes_a_reference_token(void **state) {
    (void)state;
    char out[32];
    assert_int_equal(text_write_token("a/b~c\\u002f", 11, out, sizeof out), 9);
    assert_memory_equal(out, "a~1b~0c~1", 9);
    assert_int_equal(text_write_token("", 0, out, sizeof out), 0);
    /* A code point that does not fit as a whole is omitted. */
    assert_int_equal(text_write_token("ab/", 3, out, 3), 2);
    assert_int_equal(text_write_token("a\xE2\x82\xAC", 4, out, 3), 1);
    assert_int_equal(text_write_token("abc", 3, out, 0), 0);
}

static void a_reference_token_becomes_a_name(void **state) {
    (void)state;
    char out[32];
    assert_int_equal(text_read_token("a~1b~0c~01", 10, out), 7);
    assert_memory_equal(out, "a/b~c~1", 7);
    assert_int_equal(text_read_token("", 0, out), 0);
    assert_true(text_read_token("~", 1, out) == SIZE_MAX);
    assert_true(text_read_token("a~2", 3, out) == SIZE_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_become_what_they_stand_for),
        cmocka_unit_test(a_pair_of_surrogates_is_one_code_point_and_half_a_pair_is_one_too),
        cmocka_unit_test(texts_are_equal_after_decoding),
        cmocka_unit_test(a_name_becomes_a_reference_token),
        cmocka_unit_test(a_reference_token_becomes_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
