/* pattern_test.c - JSON Schema's regular expressions: what matches, what is refused, what is given
 * up.  tests/e2e/test_leaves.py compares random ones with JavaScript. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "schema/regex/pattern.h"

static struct pattern_scratch *scratch;

static struct pattern *compiled(const char *ecma) {
    struct pattern *pattern = NULL;
    struct pattern_problem problem;
    if (pattern_compile(ecma, strlen(ecma), &pattern, &problem) != 0)
        fail_msg("%s: %s", ecma, problem.sentence);
    assert_true(pattern_is_ecma(ecma, strlen(ecma)));
    return pattern;
}

static int matches_bytes(const char *ecma, const char *text, size_t size) {
    struct pattern *const pattern = compiled(ecma);
    const int found = pattern_match(pattern, scratch, text, size);
    pattern_free(pattern);
    return found;
}

static int matches(const char *ecma, const char *text) {
    return matches_bytes(ecma, text, strlen(text));
}

#define CHECK(ecma, text, expected)                                                                \
    do {                                                                                           \
        if (matches(ecma, text) != (expected)) fail_msg("%s and %s", ecma, text);                  \
    } while (0)

static void a_pattern_is_not_anchored_and_its_anchors_are_the_text_s_ends(void **state) {
    (void)state;
    CHECK("b", "abc", 1);
    CHECK("", "", 1);
    CHECK("^b", "abc", 0);
    CHECK("^abc$", "abc", 1);
    CHECK("^abc$", "abc\n", 0); /* unlike Perl's */
    CHECK("^b", "a\nb", 0);
    CHECK("a$", "a\nb", 0);
    assert_int_equal(matches_bytes("^a.b$", "a\0b", 3), 1);
}

static void a_dot_is_one_character_and_no_line_terminator(void **state) {
    (void)state;
    CHECK("^.$", "\xF0\x9F\x90\xB2", 1);
    CHECK("^.$", "\n", 0);
    CHECK("^.$", "\r", 0);
    CHECK("^.$", "\xE2\x80\xA8", 0);
    CHECK("^.$", "\xE2\x80\xA9", 0);
    CHECK("^.$", "\xC2\x85", 1); /* NEL is none in ECMAScript */
    CHECK("^[^]$", "\n", 1);
    CHECK("[]", "", 0);
    CHECK("^\xF0\x9F\x90\xB2*$", "\xF0\x9F\x90\xB2\xF0\x9F\x90\xB2", 1);
    CHECK("^\xF0\x9F\x90\xB2*$", "\xF0\x9F\x90\xB2\xF0\x9F\x90\x89", 0);
}

static void digits_and_words_are_ASCII_and_spaces_are_not(void **state) {
    (void)state;
    CHECK("^\\d$", "0", 1);
    CHECK("^\\d$", "\xE0\xA7\xAA", 0); /* BENGALI DIGIT FOUR */
    CHECK("^\\D$", "\xE0\xA7\xAA", 1);
    CHECK("^\\p{digit}$", "\xE0\xA7\xAA", 1);
    CHECK("^\\w$", "\xC3\xA9", 0);
    CHECK("^\\W$", "\xC3\xA9", 1);
    CHECK("\\b\xC3\xA9", "\xC3\xA9", 0);
    CHECK("^\\s$", "\xEF\xBB\xBF", 1);
    CHECK("^\\s$", "\xC2\xA0", 1);
    CHECK("^\\s$", "\v", 1);
    CHECK("^\\s$", "\xE2\x80\x83", 1);
    CHECK("^\\s$", "\xE2\x80\x8B", 0); /* ZERO WIDTH SPACE is none */
    CHECK("^\\s$", "\xC2\x85", 0);
    CHECK("^[^\\S]$", "\xEF\xBB\xBF", 1);
    /* PCRE2 10.42 alone gets these wrong. */
    CHECK("[^\\W\\p{Lu}]", "\xE2\x82\xAC", 0);
    CHECK("[^\\D\\p{Lu}]", "\xE2\x82\xAC", 0);
    CHECK("[^\\W\\p{Lu}]", "a", 1);
}

static void properties_have_their_long_names(void **state) {
    (void)state;
    CHECK("^\\p{Letter}+$", "l\xC3\xA9ttre", 1);
    CHECK("^\\p{Lowercase_Letter}$", "\xC3\xA9", 1);
    CHECK("^\\p{Lowercase_Letter}$", "\xC3\x89", 0);
    CHECK("^\\P{Letter}$", "1", 1);
    CHECK("^\\p{Script=Greek}$", "\xCE\xB1", 1);
    CHECK("^\\p{sc=Cyrl}$", "\xCE\xB1", 0);
    CHECK("^\\p{gc=Lu}[\\p{L}\\p{Nd}]$", "A1", 1);
    CHECK("^\\p{Alphabetic}\\p{Emoji_Presentation}$", "a\xF0\x9F\x98\x80", 1);
    CHECK("^\\p{ASCII}\\p{Any}\\p{Assigned}$",
          "a\xF0\x9F\x98\x80"
          "b",
          1);
}

static void escapes_are_code_points(void **state) {
    (void)state;
    CHECK("^\\cC\\cz\\t\\x41\\u00e9\\u{1F600}\\ud83d\\ude00\\/\\0?$",
          "\x03\x1A\tA\xC3\xA9\xF0\x9F\x98\x80\xF0\x9F\x98\x80/", 1);
    CHECK("^[\\b\\-\\u{1F600}-\\u{1F64F}]{3}$", "\b-\xF0\x9F\x98\x81", 1);
    CHECK("^\\ud83d$", "\xED\xA0\xBD", 1); /* half a pair, as text_decode writes it */
    CHECK("\\ud83d", "\xF0\x9F\x98\x80", 0);
    CHECK("^[\\ud800-\\udfff]$", "\xED\xA0\xBD", 1);
    CHECK("^(?<year>\\d{4})-\\k<year>\\1$", "2026-20262026", 1);
    CHECK("^(a)?b\\1$", "b", 1); /* a group that took no part matches the empty text */
}

static void large_counts_are_counted(void **state) {
    (void)state;
    static char text[200001];
    memset(text, 'x', sizeof text);
    static const struct {
        const char *ecma;
        size_t size;
        int expected;
    } cases[] = {
        {"^x{65536}$", 65536, 1},          {"^x{65536}$", 65535, 0},
        {"^x{65536}$", 65537, 0},          {"^x{1,100000}$", 100000, 1},
        {"^x{1,100000}$", 100001, 0},      {"^[x-z]{100000,}$", 99999, 0},
        {"^[x-z]{100000,}$", 100000, 1},   {"^x{0,70000}?$", 70000, 1},
        {"^.{131070,131071}$", 131069, 0}, {"^.{131070,131071}$", 131071, 1},
        {"^.{131070,131071}$", 131072, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (matches_bytes(cases[i].ecma, text, cases[i].size) != cases[i].expected)
            fail_msg("%s and %u", cases[i].ecma, (unsigned)cases[i].size);
}

static void what_repeats_zero_times_is_removed(void **state) {
    (void)state;
    CHECK("^a{0}b{0,0}?$", "", 1);
    CHECK("(?:(?:^a{0})+(b{2}c{2}a?)){0}d", "d", 1); /* which PCRE2 10.42 misses */
    CHECK("^(a(b)){0}(c)\\3\\1$", "cc", 1);
    CHECK("^(a(b)){0}(c)\\3\\2d$", "ccbd", 0);
    CHECK("^[^]{0}x$", "ax", 0);
}

static void repetitions_of_negated_properties_backtrack(void **state) {
    (void)state;
    CHECK("\\P{Uppercase_Letter}{0,1}?\\P{No}", "-", 1); /* where PCRE2 10.42 errs */
    CHECK("^\\P{Pf}?\\P{Lu}{2}$", "ab", 1);
    CHECK("^a*a$", "aaa", 1);
    CHECK("^[a-c]{1,3}b?c$", "abc", 1);
    CHECK("^[^x]+\\D$", "ab", 1);
}

/* These are matched without PCRE2 (quick.h). */
static void simple_patterns_match_as_all_others_do(void **state) {
    (void)state;
    CHECK("^[A-Z]{2,5}-\\d+$", "PROJ-12345", 1);
    CHECK("^[A-Z]{2,5}-\\d+$", "P-12345", 0);
    CHECK("^[A-Z]{2,5}-\\d+$", "PROJECT-1", 0);
    CHECK("^[A-Z]{2,5}-\\d+$", "PROJ-", 0);
    CHECK("^[A-Z]{2,5}-\\d+$", "PROJ-1\xC3\xA4", 0);
    CHECK("^[A-Z]{2,5}-\\d+", "PROJ-1 and more", 1);
    CHECK("^\\/api\\/v\\d", "/api/v1/x", 1);
    CHECK("^\\/api\\/v\\d", "/api/w1/x", 0);
    CHECK("^\xC3\xA4$", "\xC3\xA4", 1);
    CHECK("^ab?$", "a", 1);
    CHECK("^a{0,2}$", "aaa", 0);
    CHECK("^[^@]+@[^@]{2,}$", "a@bc", 1);
    CHECK("^[^@]+@[^@]{2,}$", "a@b", 0);
    CHECK("^[^@]{2}$", "\xC3\xA4\xC3\xB6", 1); /* two characters, four bytes */
    CHECK("^[^@]{2}$", "\xC3\xA4", 0);
    CHECK("^.{1,3}$", "\xE2\x80\xA8", 0);
    CHECK("^.{3}", "ab\n", 0);
    CHECK("^[\\w.-]+$", "a_1.-", 1);
    CHECK("^[\\w.-]+$", "a/b", 0);
    CHECK("^[^\\D]+$", "12", 1);
    CHECK("^[\\D]+$", "\xC3\xA4", 1);
    CHECK("^[-a]+[\\]b]$", "-a]", 1);
    CHECK("^$", "", 1);
    CHECK("^$", "a", 0);
    CHECK("^a$$", "a", 1);
    assert_int_equal(matches_bytes("^[^b]{3}$", "a\0\x7F", 3), 1);
}

static void refused(const char *ecma, size_t offset) {
    struct pattern *pattern = NULL;
    struct pattern_problem problem = {0};
    if (pattern_compile(ecma, strlen(ecma), &pattern, &problem) != ERR_INVALID)
        fail_msg("%s is accepted", ecma);
    assert_null(pattern);
    assert_true(problem.sentence[0] != '\0');
    if (problem.offset != offset) fail_msg("%s: at %u", ecma, (unsigned)problem.offset);
}

static void what_ECMA_262_does_not_know_is_refused_where_it_stands(void **state) {
    (void)state;
    static const struct {
        const char *ecma;
        size_t offset;
    } cases[] = {
        {"^\\S(|(.|\\n)*\\S)\\Z", 15},
        {"\\a", 0},
        {"ab\\A", 2},
        {"\\_", 0},
        {"\\-", 0},
        {"a++", 2},
        {"a{1}+", 4},
        {"(?>a)", 0},
        {"(?i)a", 0},
        {"(?i:a)", 0},
        {"(?P<n>a)", 0},
        {"(?#c)", 0},
        {"(?R)", 0},
        {"(*FAIL)", 1},
        {"*a", 0},
        {"^*", 1},
        {"(?=a)*", 5},
        {"\\b+", 2},
        {"a|*", 2},
        {"(", 1},
        {"a)", 1},
        {"[a", 0},
        {"]", 0},
        {"a{", 1},
        {"a{1", 1},
        {"a{,2}", 1},
        {"{", 0},
        {"}", 0},
        {"a{2,1}", 1},
        {"a**", 2},
        {"\\", 0},
        {"\\1", 0},
        {"(a)\\2", 3},
        {"\\01", 0},
        {"\\k<n>", 0},
        {"\\k", 0},
        {"(?<n>a)(?<n>b)", 7},
        {"(?<1>a)", 3},
        {"(?<>a)", 3},
        {"(?<n", 3},
        {"\\x4", 0},
        {"\\x{41}", 0},
        {"\\u123", 0},
        {"\\u{110000}", 0},
        {"\\u{}", 0},
        {"\\c1", 0},
        {"[z-a]", 1},
        {"[\\d-z]", 1},
        {"[a-\\w]", 1},
        {"[\\B]", 1},
        {"[\\_]", 1},
        {"\\p{letter}", 0},
        {"\\p{Greek}", 0},
        {"\\p{Script=greek}", 0},
        {"\\pL", 0},
        {"\\p{L", 0},
        {"\\p{}", 0},
        {"\\p{^L}", 0},
        {"\\p{Script=Nowhere}", 0},
        {"\\p{L=Lu}", 0},
        {"[\\p{IsGreek}]", 1},
        {"a\xFFz", 1},
        {"\xE2\x82", 0},
        {"\\\xC3\xA9", 0},
        {"\\Qa\\E", 0},
        {"\\h", 0},
        {"\\R", 0},
        {"\\K", 0},
        {"\\G", 0},
        {"\\e", 0},
        {"\\N", 0},
        {"\\X", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refused(cases[i].ecma, cases[i].offset);
        if (pattern_is_ecma(cases[i].ecma, strlen(cases[i].ecma)))
            fail_msg("%s is ECMA-262's", cases[i].ecma);
    }
}

static void what_is_fine_but_too_much_for_PCRE2_is_refused_too(void **state) {
    (void)state;
    static const char *const cases[] = {
        "(?<=a+)b",   "\\p{Changes_When_NFKC_Casefolded}", "(a){70000}",
        "a{9999999}", "((((a{100}){100}){100}){100})",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pattern_problem problem = {0};
        struct pattern *pattern = NULL;
        assert_int_equal(pattern_compile(cases[i], strlen(cases[i]), &pattern, &problem),
                         ERR_INVALID);
        assert_true(pattern_is_ecma(cases[i], strlen(cases[i])));
    }
}

static void depth_and_length_have_limits(void **state) {
    (void)state;
    static char text[PATTERN_BYTES_MAX + 1];
    memset(text, '(', 200);
    memset(text + 200, ')', 200);
    assert_true(pattern_is_ecma(text, 400));
    memset(text, '(', 201);
    memset(text + 201, ')', 201);
    assert_false(pattern_is_ecma(text, 402));
    memset(text, 'a', sizeof text);
    assert_true(pattern_is_ecma(text, sizeof text - 1));
    assert_false(pattern_is_ecma(text, sizeof text));
}

static void a_match_that_takes_too_long_is_given_up_soon(void **state) {
    (void)state;
    static char text[100001];
    memset(text, 'a', sizeof text);
    text[50] = 'b';
    assert_int_equal(matches_bytes("^(a+)+$", text, 51), ERR_TOO_LARGE);
    assert_int_equal(matches_bytes("^(a|aa)+$", text, 51), ERR_TOO_LARGE);
    text[50] = 'a';
    assert_int_equal(matches_bytes("^(a+)+$", text, 50), 1);
    assert_int_equal(matches_bytes("^a*$", text, sizeof text), 1);
    assert_int_equal(matches_bytes("^[ab]*c$", text, sizeof text), 0);
}

/* Without the limit this test would run for hours. */
static void so_is_one_that_is_looked_for_at_too_many_places(void **state) {
    (void)state;
    const size_t size = 1 << 20;
    char *const text = malloc(size);
    assert_non_null(text);
    memset(text, 'a', size);
    assert_int_equal(matches_bytes("(?=.*b)(?=.*c)", text, size), ERR_TOO_LARGE);
    assert_int_equal(matches_bytes("(?:a*)*b?c|d", text, size), ERR_TOO_LARGE);
    assert_int_equal(matches_bytes("[a-z]+[^a-z]", text, size), ERR_TOO_LARGE);
    for (size_t i = 0; i < size; i += 19)
        text[i] = '\n';
    assert_int_equal(matches_bytes("(a+a+)+b|c", text, size), ERR_TOO_LARGE);
    /* Less costly matches complete. */
    assert_int_equal(matches_bytes("needle", text, size), 0);
    assert_int_equal(matches_bytes("\\S{19}", text, size), 0);
    memcpy(text + size - 6, "needle", 6);
    assert_int_equal(matches_bytes("needle", text, size), 1);
    assert_int_equal(matches_bytes("[m-z]e{2}d", text, size), 1);
    assert_int_equal(matches_bytes("^(?:[a-z]+\\s|\\s)*[a-z]+$", text, size), 1);
    free(text);
}

static void PCRE2_s_own_patterns_say_where_they_match(void **state) {
    (void)state;
    struct pattern *pattern;
    struct pattern_problem problem;
    size_t begin, end;
    assert_int_equal(pattern_compile_plain("^\\w++\\Z", true, &pattern, &problem), 0);
    assert_int_equal(pattern_find(pattern, scratch, "1 2\nab", 6, 0, &begin, &end), 1);
    assert_int_equal(begin, 4);
    assert_int_equal(end, 6);
    assert_int_equal(pattern_find(pattern, scratch, "1 2", 3, 0, &begin, &end), 0);
    pattern_free(pattern);
    assert_int_equal(pattern_compile_plain("a(b", false, &pattern, &problem), ERR_INVALID);
    assert_int_equal(problem.offset, 3);
}

static int make_scratch(void **state) {
    (void)state;
    return pattern_scratch_make(&scratch);
}

static int free_scratch(void **state) {
    (void)state;
    pattern_scratch_free(scratch);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_is_not_anchored_and_its_anchors_are_the_text_s_ends),
        cmocka_unit_test(a_dot_is_one_character_and_no_line_terminator),
        cmocka_unit_test(digits_and_words_are_ASCII_and_spaces_are_not),
        cmocka_unit_test(properties_have_their_long_names),
        cmocka_unit_test(escapes_are_code_points),
        cmocka_unit_test(large_counts_are_counted),
        cmocka_unit_test(what_repeats_zero_times_is_removed),
        cmocka_unit_test(repetitions_of_negated_properties_backtrack),
        cmocka_unit_test(simple_patterns_match_as_all_others_do),
        cmocka_unit_test(what_ECMA_262_does_not_know_is_refused_where_it_stands),
        cmocka_unit_test(what_is_fine_but_too_much_for_PCRE2_is_refused_too),
        cmocka_unit_test(depth_and_length_have_limits),
        cmocka_unit_test(a_match_that_takes_too_long_is_given_up_soon),
        cmocka_unit_test(so_is_one_that_is_looked_for_at_too_many_places),
        cmocka_unit_test(PCRE2_s_own_patterns_say_where_they_match),
    };
    return cmocka_run_group_tests(tests, make_scratch, free_scratch);
}
