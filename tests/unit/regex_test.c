/* regex_test.c - the literal derived from a regular expression occurs in every match. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "tools/query/regex.h"

static struct regex_state state;

static int set_up(void **unused) {
    (void)unused;
    return regex_state_open(&state);
}

static int tear_down(void **unused) {
    (void)unused;
    regex_state_close(&state);
    return 0;
}

/* literals: joined by spaces. */
static void assert_literals(const char *pattern, bool ignore_case, const char *literals,
                            bool only) {
    struct regex regex;
    char error[REGEX_ERROR_MAX], found[200] = "";
    if (regex_open(&regex, pattern, ignore_case, error)) fail_msg("%s: %s", pattern, error);
    for (uint32_t i = 0; i < regex.literal_count; i++) {
        if (i > 0) strcat(found, " ");
        strncat(found, (const char *)regex.literals[i].bytes, regex.literals[i].size);
    }
    if (strcmp(found, literals) != 0) fail_msg("%s: %s instead of %s", pattern, found, literals);
    if (regex.only_literals != only) fail_msg("%s: only literals: %d", pattern, !only);
    regex_close(&regex);
}

static void assert_literal(const char *pattern, const char *literal) {
    struct regex regex;
    char error[REGEX_ERROR_MAX];
    if (regex_open(&regex, pattern, false, error)) fail_msg("%s: %s", pattern, error);
    const bool only = regex.only_literals;
    regex_close(&regex);
    assert_literals(pattern, false, literal, only);
}

static void every_alternative_has_its_literal(void **unused) {
    (void)unused;
    assert_literals("timeout", false, "timeout", true);
    assert_literals("a|bc|d", false, "a bc d", true);
    assert_literals("(?:ab|cd)", false, "ab cd", true);
    assert_literals("(ab|cd)", false, "ab cd", true);
    assert_literals("a\\|b|c", false, "a|b c", true);
    assert_literals("[|]x|c", false, "x c", false);
    assert_literals("ab+|c.d|(x|y)zz", false, "ab c zz", false);
    assert_literals("^ab|cd", false, "ab cd", false);
    assert_literals("ab|cd?", false, "ab c", false);
    assert_literals("ab|cd?e?", true, "ab c", false);
    assert_literals("ab|d*", false, "", false);
    assert_literals("ab|", false, "", false);
    assert_literals("(ab|cd)?", false, "", false);
    assert_literals("(ab)|(cd)", false, "", false);
    assert_literals("AB|cd", true, "AB cd", true);
    assert_literals("abk|cd", true, "ab cd", false); /* k is also the Kelvin sign */
    assert_literals("(?i)ab|cd", false, "", false);
}

static void the_longest_run_that_cannot_be_missing_is_the_literal(void **unused) {
    (void)unused;
    assert_literal("timeout", "timeout");
    assert_literal("time[d-]? ?out", "time");
    assert_literal("conn(ection)? refused", " refused");
    assert_literal("ab+c", "ab");
    assert_literal("\\[error\\] .*disk", "[error] ");
    assert_literal("a{3}bcd", "bcd");
    assert_literal("^level=warn$", "level=warn");
    assert_literal("x[[:digit:]]yz", "yz");
    assert_literal("x[[:^digit:]]yz", "yz");
}

static void what_may_be_missing_is_none(void **unused) {
    (void)unused;
    static const char *const patterns[] = {"a|b*", "(abc)?", "(abc)*", "[abc]+",
                                           "\\d+", ".*",     "a?",     "x*y*z*"};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        assert_literal(patterns[i], "");
}

static void finds(const char *pattern, const char *text) {
    struct regex regex;
    char error[REGEX_ERROR_MAX];
    size_t begin, end;
    if (regex_open(&regex, pattern, false, error)) fail_msg("%s: %s", pattern, error);
    assert_int_equal(
        regex_find(&regex, &state, (const uint8_t *)text, strlen(text), 0, &begin, &end), 1);
    char *match = malloc(end - begin + 1);
    memcpy(match, text + begin, end - begin);
    match[end - begin] = '\0';
    bool holds = regex.literal_count == 0;
    for (uint32_t i = 0; i < regex.literal_count && !holds; i++) {
        char literal[100] = "";
        strncat(literal, (const char *)regex.literals[i].bytes, regex.literals[i].size);
        holds = strstr(match, literal) != NULL;
    }
    if (!holds) fail_msg("%s matches %s in which there is no literal", pattern, match);
    free(match);
    regex_close(&regex);
}

/* PCRE2 takes a bracket inside a class as a nested class only in the form [:name:]. */
static void a_bracket_inside_a_class_does_not_move_its_end(void **unused) {
    (void)unused;
    finds("xyz[[:x]foo:]|bar]", "bar]");
    finds("xyz[[.x]foo.]|bar]", "bar]");
    finds("xyz[[=x]foo=]|bar]", "bar]");
    finds("[[:alpha:]x]yz|bar", "bar");
}

static uint64_t random_state;

static uint32_t draw(uint32_t below) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

static void add_atom(char *pattern, int depth) {
    static const char *const atoms[] = {
        "a", "b", "ab",  "abc",         "c",        ".",    "[ab]", "[^c]",   "\\.",   "\\x61",
        "^", "$", "\\b", "[[:alpha:]]", "\\Qa.\\E", "(?i)", "a{2}", "b{1,2}", "(?=a)", "(?!b)"};
    static const char *const quantifiers[] = {"",  "",      "",    "?",  "*",
                                              "+", "{0,2}", "{2}", "+?", "*+"};
    if (depth < 3 && draw(4) == 0) {
        strcat(pattern, draw(2) ? "(" : "(?:");
        for (uint32_t i = draw(3) + 1; i > 0; i--)
            add_atom(pattern, depth + 1);
        if (draw(3) == 0) {
            strcat(pattern, "|");
            add_atom(pattern, depth + 1);
        }
        strcat(pattern, ")");
    } else {
        strcat(pattern, atoms[draw(sizeof atoms / sizeof *atoms)]);
    }
    strcat(pattern, quantifiers[draw(sizeof quantifiers / sizeof *quantifiers)]);
}

static bool holds_one(const struct regex *regex, const char *text, size_t size) {
    for (uint32_t i = 0; i < regex->literal_count; i++) {
        const struct regex_literal *literal = &regex->literals[i];
        for (size_t at = 0; at + literal->size <= size; at++) {
            size_t same = 0;
            while (
                same < literal->size &&
                ((uint8_t)text[at + same] == literal->bytes[same] ||
                 (regex->ignore_case && (text[at + same] | 0x20) == (literal->bytes[same] | 0x20))))
                same++;
            if (same == literal->size) return true;
        }
    }
    return false;
}

static void every_match_of_any_expression_holds_its_literal(void **unused) {
    (void)unused;
    uint64_t matches = 0;
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        char pattern[4096] = "", text[65], error[REGEX_ERROR_MAX];
        struct regex regex;
        random_state = seed;
        for (uint32_t i = draw(5) + 1; i > 0; i--)
            add_atom(pattern, 0);
        if (draw(6) == 0) {
            strcat(pattern, "|");
            add_atom(pattern, 0);
        }
        if (regex_open(&regex, pattern, draw(4) == 0, error)) continue;
        for (int round = 0; round < 4; round++) {
            size_t begin, end, size = draw(64);
            for (size_t i = 0; i < size; i++)
                text[i] = "aabbcAB. x"[draw(10)];
            text[size] = '\0';
            const bool found =
                regex_find(&regex, &state, (const uint8_t *)text, size, 0, &begin, &end) == 1;
            if (regex.only_literals && found != holds_one(&regex, text, size))
                fail_msg("seed %llu: %s and its literals differ in %s", (unsigned long long)seed,
                         pattern, text);
            if (!found) continue;
            matches++;
            if (regex.literal_count > 0 && !holds_one(&regex, text, size))
                fail_msg("seed %llu: %s matches in %s, without its literals",
                         (unsigned long long)seed, pattern, text);
        }
        regex_close(&regex);
    }
    assert_true(matches > 10000);
}

static void what_is_no_expression_says_why(void **unused) {
    (void)unused;
    struct regex regex;
    char error[REGEX_ERROR_MAX];
    assert_int_equal(regex_open(&regex, "a(b", false, error), ERR_INVALID);
    assert_non_null(strstr(error, "parenthes"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_run_that_cannot_be_missing_is_the_literal),
        cmocka_unit_test(every_alternative_has_its_literal),
        cmocka_unit_test(what_may_be_missing_is_none),
        cmocka_unit_test(a_bracket_inside_a_class_does_not_move_its_end),
        cmocka_unit_test(every_match_of_any_expression_holds_its_literal),
        cmocka_unit_test(what_is_no_expression_says_why),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
