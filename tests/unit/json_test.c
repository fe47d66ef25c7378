/* json_test.c - which lines are JSON, and which error the others have.  Written from RFC 8259. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/json_checks.h"

/* ---- tables ---- */

static void objects_are_records_and_nothing_else_is(void **state) {
    (void)state;
    static const struct expectation table[] = {
        {"{}", JSON_OK, 0},
        {"{ }", JSON_OK, 0},
        {"{\"a\":1}", JSON_OK, 0},
        {"{\"\":\"\"}", JSON_OK, 0},
        {"{\"a\":1,\"a\":2}", JSON_OK, 0}, /* duplicate names */
        {"{\"a\" :\t[ 1 , {\r} ] }", JSON_OK, 0},
        {"{\"a\":{},\"b\":[],\"c\":[[]],\"d\":[{},{}]}", JSON_OK, 0},
        {"{\"a\":true,\"b\":false,\"c\":null}", JSON_OK, 0},
        {"[1]", JSON_NOT_OBJECT, 0},
        {"\"text\"", JSON_NOT_OBJECT, 0},
        {"42", JSON_NOT_OBJECT, 0},
        {"null", JSON_NOT_OBJECT, 0},
        {"<134>1 2026", JSON_NOT_OBJECT, 0},
        {"\xEF\xBB\xBF{}", JSON_NOT_OBJECT, 0}, /* a byte order mark */
        {"\f{}", JSON_NOT_OBJECT, 0},
    };
    MEETS(table, false);
}

static void any_value_is_a_record_where_any_is_allowed(void **state) {
    (void)state;
    static const struct expectation table[] = {
        {"[1]", JSON_OK, 0},
        {"[]", JSON_OK, 0},
        {"\"text\"", JSON_OK, 0},
        {"\"\"", JSON_OK, 0},
        {"42", JSON_OK, 0},
        {"null", JSON_OK, 0},
        {"true", JSON_OK, 0},
        {"false", JSON_OK, 0},
        {"{}", JSON_OK, 0},
        {"1 2", JSON_TRAILING, 2},
        {"[] []", JSON_TRAILING, 3},
        {"\"a\"b", JSON_TRAILING, 3},
        {"nul", JSON_TRUNCATED, 3},
        {"\"", JSON_TRUNCATED, 1},
        {"-", JSON_TRUNCATED, 1},
        {"01", JSON_BAD_NUMBER, 1},
        {"]", JSON_UNEXPECTED, 0},
        {"truefalse", JSON_BAD_LITERAL, 4},
        {"<134>", JSON_UNEXPECTED, 0},
        {"NaN", JSON_BAD_LITERAL, 0},
    };
    MEETS(table, true);
}

static void numbers_are_spelled_as_json_spells_them(void **state) {
    (void)state;
    static const struct expectation table[] = {
        {"0", JSON_OK, 0},
        {"-0", JSON_OK, 0},
        {"-0.0e-0", JSON_OK, 0},
        {"10", JSON_OK, 0},
        {"123456789012345678901234567890", JSON_OK, 0},
        {"0.5", JSON_OK, 0},
        {"1.25", JSON_OK, 0},
        {"1e5", JSON_OK, 0},
        {"1E5", JSON_OK, 0},
        {"1e+5", JSON_OK, 0},
        {"1e-05", JSON_OK, 0},
        {"0e0", JSON_OK, 0},
        {"1.5E+300", JSON_OK, 0},
        {"1e400", JSON_OK, 0},
        {"01", JSON_BAD_NUMBER, 1},
        {"-01", JSON_BAD_NUMBER, 2},
        {"00", JSON_BAD_NUMBER, 1},
        {"1.", JSON_BAD_NUMBER, 2},
        {"1.e5", JSON_BAD_NUMBER, 2},
        {".5", JSON_BAD_NUMBER, 0},
        {"-.5", JSON_BAD_NUMBER, 1},
        {"+1", JSON_BAD_NUMBER, 0},
        {"-", JSON_BAD_NUMBER, 1},
        {"--1", JSON_BAD_NUMBER, 1},
        {"1e", JSON_BAD_NUMBER, 2},
        {"1e+", JSON_BAD_NUMBER, 3},
        {"1e5.5", JSON_BAD_NUMBER, 3},
        {"1.2.3", JSON_BAD_NUMBER, 3},
        {"1-2", JSON_BAD_NUMBER, 1},
        {"0x10", JSON_BAD_NUMBER, 1},
        {"1_000", JSON_BAD_NUMBER, 1},
        {"1f", JSON_BAD_NUMBER, 1},
        {"-Infinity", JSON_BAD_NUMBER, 1},
        {"1 2", JSON_UNEXPECTED, 2},
    };
    struct expectation wrapped[sizeof table / sizeof *table];
    char texts[sizeof table / sizeof *table][64];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        snprintf(texts[i], sizeof texts[i], "{\"a\":%s}", table[i].text);
        wrapped[i] = (struct expectation){texts[i], table[i].reason, table[i].bad + 5};
    }
    MEETS(wrapped, false);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        snprintf(texts[i], sizeof texts[i], "[null,%s ,1]", table[i].text);
        wrapped[i].bad = table[i].bad + 6;
    }
    MEETS(wrapped, true);
}

static void only_three_literals_exist(void **state) {
    (void)state;
    static const struct expectation table[] = {
        {"{\"a\":True}", JSON_BAD_LITERAL, 5},     {"{\"a\":NaN}", JSON_BAD_LITERAL, 5},
        {"{\"a\":Infinity}", JSON_BAD_LITERAL, 5}, {"{\"a\":undefined}", JSON_BAD_LITERAL, 5},
        {"{\"a\":nil}", JSON_BAD_LITERAL, 6},      {"{\"a\":tru}", JSON_BAD_LITERAL, 8},
        {"{\"a\":fals,", JSON_BAD_LITERAL, 9},     {"{\"a\":nullx}", JSON_BAD_LITERAL, 9},
        {"{\"a\":true1}", JSON_BAD_LITERAL, 9},    {"{\"a\":truE}", JSON_BAD_LITERAL, 8},
        {"{\"a\":'b'}", JSON_UNEXPECTED, 5},       {"{\"a\":null null}", JSON_UNEXPECTED, 10},
    };
    MEETS(table, false);
}

static void strings_hold_known_escapes_and_no_control_characters(void **state) {
    (void)state;
    static const struct expectation table[] = {
        {"{\"a\":\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t\"}", JSON_OK, 0},
        {"{\"a\":\"\\u0000\\u00e9\\uABCD\\uabcd\"}", JSON_OK, 0},
        {"{\"a\":\"\\ud800\"}", JSON_OK, 0}, /* a lone surrogate is legal syntax */
        {"{\"\\u0061\":\"\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"}", JSON_OK, 0},
        {"{\"a\":\"\x7F\"}", JSON_OK, 0},
        {"{\"a\":\"http:\\/\\/x\\\\\"}", JSON_OK, 0},
        {"{\"a\":\"\\x\"}", JSON_BAD_ESCAPE, 7},
        {"{\"a\":\"\\'\"}", JSON_BAD_ESCAPE, 7},
        {"{\"a\":\"\\U0041\"}", JSON_BAD_ESCAPE, 7},
        {"{\"a\":\"\\u004\"}", JSON_BAD_ESCAPE, 11},
        {"{\"a\":\"\\uG000\"}", JSON_BAD_ESCAPE, 8},
        {"{\"a\":\"\\u00/0\"}", JSON_BAD_ESCAPE, 10},
        {"{\"a\":\"\\u00:0\"}", JSON_BAD_ESCAPE, 10},
        {"{\"a\":\"\\u00@0\"}", JSON_BAD_ESCAPE, 10},
        {"{\"a\":\"\\u00`0\"}", JSON_BAD_ESCAPE, 10},
        {"{\"a\":\"\\u00\x10\x10\"}", JSON_BAD_ESCAPE, 10},
        {"{\"a\":\"x\ty\"}", JSON_CONTROL, 7},
        {"{\"a\":\"x\ry\"}", JSON_CONTROL, 7},
        {"{\"a\x1F\":1}", JSON_CONTROL, 3},
        {"{\"a\":\"0123456789abcdef0123456789abcdef\x01\"}", JSON_CONTROL, 38},
    };
    MEETS(table, false);
}

static void a_nul_is_a_byte_like_others(void **state) {
    (void)state;
    struct verdict verdict = validate("{\"a\":\"x\0\"}", 10, false);
    assert_int_equal(verdict.reason, JSON_CONTROL);
    assert_int_equal(verdict.bad, 7);
    verdict = validate("{\"a\":\0 1}", 9, false);
    assert_int_equal(verdict.reason, JSON_UNEXPECTED);
    assert_int_equal(verdict.bad, 5);
    verdict = validate("{}\0", 3, false);
    assert_int_equal(verdict.reason, JSON_TRAILING);
    assert_int_equal(verdict.next, 4);
    verdict = validate("\0{}", 3, false);
    assert_int_equal(verdict.reason, JSON_NOT_OBJECT);
}

static void what_stands_in_the_wrong_place_is_pointed_at(void **state) {
    (void)state;
    static const struct expectation table[] = {
        {"{\"a\":1}x", JSON_TRAILING, 7},
        {"{\"a\":1} {\"b\":2}", JSON_TRAILING, 8},
        {"{\"a\":1}{\"b\":2}", JSON_TRAILING, 7},
        {"{\"a\":1}}", JSON_TRAILING, 7},
        {"{\"a\":1},", JSON_TRAILING, 7},
        {"{a:1}", JSON_UNEXPECTED, 1},
        {"{'a':1}", JSON_UNEXPECTED, 1},
        {"{1:1}", JSON_UNEXPECTED, 1},
        {"{\"a\" 1}", JSON_UNEXPECTED, 5},
        {"{\"a\"=1}", JSON_UNEXPECTED, 4},
        {"{\"a\"}", JSON_UNEXPECTED, 4},
        {"{\"a\":}", JSON_UNEXPECTED, 5},
        {"{\"a\":,}", JSON_UNEXPECTED, 5},
        {"{\"a\":1,}", JSON_UNEXPECTED, 7},
        {"{,}", JSON_UNEXPECTED, 1},
        {"{\"a\":1;\"b\":2}", JSON_UNEXPECTED, 6},
        {"{\"a\":[1,]}", JSON_UNEXPECTED, 8},
        {"{\"a\":[,1]}", JSON_UNEXPECTED, 6},
        {"{\"a\":[1}}", JSON_UNEXPECTED, 7},
        {"{\"a\":{\"b\":1]}", JSON_UNEXPECTED, 11},
        {"{\"a\":\"b\" \"c\"}", JSON_UNEXPECTED, 9},
        {"{]", JSON_UNEXPECTED, 1},
        {"{\"a\":1/*c*/}", JSON_UNEXPECTED, 6},
        {"{\"a\":\v1}", JSON_UNEXPECTED, 5},
        {"{\"a\":\f1}", JSON_UNEXPECTED, 5},
        {"{\"a\":\xC2\xA0\x31}", JSON_UNEXPECTED, 5},
        {"{\"a\":\"b\"c}", JSON_UNEXPECTED, 8},
    };
    MEETS(table, false);
}

static void white_space_around_a_record_is_cut_off(void **state) {
    (void)state;
    const char text[] = "\t\r  {\"a\" : 1} \t\r";
    const struct verdict verdict = validate(text, strlen(text), false);
    assert_int_equal(verdict.reason, JSON_OK);
    assert_int_equal(verdict.begin, 4);
    assert_int_equal(verdict.end, 13);
    static const struct expectation table[] = {
        {"", JSON_BLANK, 0},
        {" ", JSON_BLANK, 0},
        {"\r", JSON_BLANK, 0},
        {"\t \r", JSON_BLANK, 0},
        {"{}\r", JSON_OK, 0},
        {"{} \f", JSON_TRAILING, 3},
        {"{\"a\r", JSON_TRUNCATED, 3},
        {"{\"a\":\"b  \t\r", JSON_TRUNCATED, 7}, /* the record ends before the white space */
        {"{\"a\":1 \r", JSON_TRUNCATED, 6},
    };
    MEETS(table, false);
    const struct verdict bad = validate("  {\"a\":x} \r", 11, false);
    assert_int_equal(bad.begin, 2);
    assert_int_equal(bad.end, 9);
}

/* ---- limits ---- */

static void nesting_ends_at_256_levels(void **state) {
    (void)state;
    char text[8 * 300];
    for (size_t levels = JSON_DEPTH_MAX - 1; levels <= JSON_DEPTH_MAX + 1; levels++) {
        const bool good = levels <= JSON_DEPTH_MAX;
        memset(text, '[', levels);
        memset(text + levels, ']', levels);
        struct verdict verdict = validate(text, 2 * levels, true);
        assert_int_equal(verdict.reason, good ? JSON_OK : JSON_TOO_DEEP);
        if (!good) assert_int_equal(verdict.bad, JSON_DEPTH_MAX);
        assert_int_equal(verdict.next, 2 * levels + 1);

        size_t size = 0;
        for (size_t i = 0; i < levels; i++) {
            const char *open = i % 2 == 0 ? "{\"\":" : "[";
            memcpy(text + size, open, strlen(open));
            size += strlen(open);
        }
        text[size++] = '0';
        for (size_t i = levels; i-- > 0;) {
            text[size++] = i % 2 == 0 ? '}' : ']';
        }
        verdict = validate(text, size, false);
        assert_int_equal(verdict.reason, good ? JSON_OK : JSON_TOO_DEEP);
    }
    size_t size = 0; /* breadth is no depth */
    for (size_t i = 0; i < 300; i++) {
        memcpy(text + size, i == 0 ? "[[]" : ",{}", 3);
        size += 3;
    }
    text[size++] = ']';
    assert_int_equal(validate(text, size, true).reason, JSON_OK);
}

static void a_closer_of_the_wrong_kind_is_seen_at_every_depth(void **state) {
    (void)state;
    char text[4 * JSON_DEPTH_MAX];
    for (size_t wrong = 0; wrong < JSON_DEPTH_MAX; wrong++) {
        memset(text, '[', JSON_DEPTH_MAX);
        memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
        text[JSON_DEPTH_MAX + wrong] = '}';
        const struct verdict verdict = validate(text, 2 * (size_t)JSON_DEPTH_MAX, true);
        assert_int_equal(verdict.reason, JSON_UNEXPECTED);
        assert_int_equal(verdict.bad, JSON_DEPTH_MAX + wrong);
    }
}

static void a_text_is_walked_line_by_line_whatever_the_lines_hold(void **state) {
    (void)state;
    const char text[] = "{\"a\":1}\n"
                        "\n"
                        "  \r\n"
                        "{\"a\":\"cut\n" /* a string does not go on in the next line */
                        "\"}\n"
                        "{\"b\":2}\r\n"
                        "[1,2\n"
                        "{\"c\":\"\\\n"
                        "\xFF\xFF\n"
                        "{\"d\":4} trailing\n"
                        "{\"e\":[5]}\n";
    static const enum json_reason reasons[] = {
        JSON_OK,         JSON_BLANK,     JSON_BLANK,      JSON_TRUNCATED, JSON_NOT_OBJECT, JSON_OK,
        JSON_NOT_OBJECT, JSON_TRUNCATED, JSON_NOT_OBJECT, JSON_TRAILING,  JSON_OK};
    const size_t size = sizeof text - 1;
    uint8_t *copy = calloc(1, size + JSON_PADDING);
    assert_non_null(copy);
    memcpy(copy, text, size);
    const uint8_t *p = copy;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        struct json_line line;
        const uint8_t *newline = memchr(p, '\n', (size_t)(copy + size - p));
        json_check_line(p, copy + size, false, &line);
        assert_int_equal(line.reason, reasons[i]);
        assert_ptr_equal(line.next, newline + 1);
        p = line.next;
    }
    assert_ptr_equal(p, copy + size);
    free(copy);
}

static void reasons_have_names_of_their_own(void **state) {
    (void)state;
    for (int i = 0; i < JSON_REASONS; i++) {
        const char *name = json_reason_name((enum json_reason)i);
        assert_true(strlen(name) > 0 && strlen(name) < 32);
        assert_true(strlen(json_reason_sentence((enum json_reason)i)) > 0);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(name, json_reason_name((enum json_reason)j));
        }
    }
    assert_string_equal(json_reason_name(JSON_CONTROL), "control_character");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_records_and_nothing_else_is),
        cmocka_unit_test(any_value_is_a_record_where_any_is_allowed),
        cmocka_unit_test(numbers_are_spelled_as_json_spells_them),
        cmocka_unit_test(only_three_literals_exist),
        cmocka_unit_test(strings_hold_known_escapes_and_no_control_characters),
        cmocka_unit_test(a_nul_is_a_byte_like_others),
        cmocka_unit_test(what_stands_in_the_wrong_place_is_pointed_at),
        cmocka_unit_test(white_space_around_a_record_is_cut_off),
        cmocka_unit_test(nesting_ends_at_256_levels),
        cmocka_unit_test(a_closer_of_the_wrong_kind_is_seen_at_every_depth),
        cmocka_unit_test(a_text_is_walked_line_by_line_whatever_the_lines_hold),
        cmocka_unit_test(reasons_have_names_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
