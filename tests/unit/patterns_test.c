/* patterns_test.c - which parts of messages are variable, how patterns are counted and joined, and
 * how changes are marked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tools/query/compare.h"
#include "tools/query/template.h"
#include "tools/render/patterns.h"

static void is_made(const char *message, const char *expected) {
    struct text made = {0};
    template_make((const uint8_t *)message, strlen(message), &made);
    text_add_byte(&made, '\0');
    assert_string_equal((const char *)made.bytes, expected);
    text_free(&made);
}

static void numbers_are_variable_with_their_units(void **state) {
    (void)state;
    is_made("took 12ms, 3.5 s or 1m30s", "took <*>, <*> s or <*>");
    is_made("-5 of +7 (99%) 1,204 1e-5", "<*> of <*> (<*>) <*> <*>");
    is_made("x=-3 y=0x1f z=17\xc2\xb5s", "x=<*> y=<*> z=<*>");
    is_made("2026-11-30T07:24:01.120Z 2026-11-30 07:24:01,5 +0100", "<*> <*> <*> <*>");
    is_made("Mon, 30 Nov 2026 07:24:01 GMT", "<*>, <*> <*> <*> <*> GMT");
    is_made("[30/Nov/2026:07:24:01 +0000]", "[<*>/<*>/<*> <*>]");
    is_made("Nov 3 07:24:01 started", "<*> <*> <*> started");
    is_made("May I go", "May I go");
    is_made("node12 v1.2.3 db-7", "node<*> v<*> db-<*>");
    is_made("user_12_name", "user_<*>_name");
}

static void ids_and_addresses_are_variable(void **state) {
    (void)state;
    is_made("id e4bc6e82-9439-c746-d8dd-d2efcaf078b0.", "id <*>.");
    is_made("deadbeef cafe 4a2f20aaf3c64af7 ABCDEF0123", "<*> cafe <*> <*>");
    is_made("pod web-7d4b9c6f5d-x2k9p", "pod web-<*>-<*>");
    is_made("token mlXfKus33Sjv11VBxGYChzJ/s/MSjAsrCqQaqN1F==", "token <*>");
    is_made("10.0.0.1:5170 10.0.0.0/16 fe80::1%eth0 ::1 [2001:db8::8]:443",
            "<*> <*> <*> <*> [<*>]:<*>");
    is_made("aa:bb:cc:dd:ee:ff std::vector a::b", "<*> std::vector a::b");
    is_made("ann.b+x@example.co.uk said user@host", "<*> said user@host");
}

static void numbers_in_paths_are_variable_and_words_are_not(void **state) {
    (void)state;
    is_made("GET /api/users/324/orders/7?page=2 HTTP/1.1",
            "GET /api/users/<*>/orders/<*>?page=<*> HTTP/<*>");
    is_made("/a/12/34", "/a/<*>/<*>");
    is_made("/api/getUserById/listAll/Orders", "/api/getUserById/listAll/Orders");
}

static void quoted_text_is_variable(void **state) {
    (void)state;
    is_made("open \"a \\\" b\": no such file", "open \"<*>\": no such file");
    is_made("can't read 'it's' or `x`", "can't read '<*>' or `<*>`");
    is_made("say \"hi", "say \"hi");
    is_made("level=info msg=\"user 7 left\" by=\"ann\"",
            "level=info msg=\"user <*> left\" by=\"<*>\"");
}

static void white_space_and_colours_do_not_count(void **state) {
    (void)state;
    is_made("  a\n\tb  \x1b[31mred\x1b[0m ", "a b red");
    is_made("", "");
    is_made("\x1b", "");
    is_made("\x1b[", "");
}

static void long_messages_are_cut_at_a_character(void **state) {
    (void)state;
    char message[4 * TEMPLATE_BYTES_MAX];
    struct text made = {0};
    memset(message, 'x', sizeof message);
    for (size_t i = 0; i + 1 < sizeof message; i += 2)
        memcpy(message + i, "\xc3\xbc", 2);
    message[0] = ' ';
    message[1] = 'y';
    template_make((const uint8_t *)message, sizeof message, &made);
    assert_int_equal(made.used, TEMPLATE_BYTES_MAX - 1);
    text_free(&made);
}

/* ---- patterns ---- */

static void add(struct patterns *patterns, const char *text, int64_t time_ns, uint32_t window) {
    const struct pattern_message message = {.text = (const uint8_t *)text,
                                            .size = strlen(text),
                                            .level = 17,
                                            .timed = true,
                                            .time_ns = time_ns,
                                            .window = window};
    patterns_add(patterns, &message);
}

static void is_pattern(const struct patterns *patterns, uint32_t i, const char *text,
                       uint64_t count) {
    const struct pattern *pattern = patterns_at(patterns, i);
    assert_int_equal(pattern->size, strlen(text));
    assert_memory_equal(pattern->text, text, pattern->size);
    assert_int_equal(pattern->counts[0] + pattern->counts[1], count);
}

static void what_is_known_of_a_pattern(void **state) {
    (void)state;
    struct patterns *patterns = patterns_open();
    add(patterns, "left 7", 20, 0);
    add(patterns, "left 8", 10, 0);
    add(patterns, "left 9", 30, 1);
    add(patterns, "came", 5, 1);
    assert_int_equal(patterns_sort(patterns), 2);
    is_pattern(patterns, 0, "left <*>", 3);
    is_pattern(patterns, 1, "came", 1);
    const struct pattern *left = patterns_at(patterns, 0);
    assert_int_equal(left->counts[0], 2);
    assert_true(left->first_ns == 10 && left->last_ns == 30);
    assert_int_equal(left->levels[5], 3);
    assert_memory_equal(left->example, "left 7", left->example_size);
    assert_int_equal(patterns_total(patterns, 0), 2);
    assert_int_equal(patterns_total(patterns, 1), 2);
    patterns_close(patterns);
}

/* A word without digits. */
static const char *word_of(uint32_t number, char *word) {
    char *p = word;
    do
        *p++ = (char)('g' + number % 20);
    while ((number /= 20) > 0);
    *p = '\0';
    return word;
}

static void add_names(struct patterns *patterns, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        char word[16], text[64];
        snprintf(text, sizeof text, "user %s left", word_of(i, word));
        add(patterns, text, i, 0);
    }
    add(patterns, "user list is empty", 0, 0);
}

static void many_patterns_that_differ_in_one_word_are_joined(void **state) {
    (void)state;
    struct patterns *patterns = patterns_open();
    add_names(patterns, PATTERNS_JOINED_MIN);
    assert_int_equal(patterns_sort(patterns), PATTERNS_JOINED_MIN + 1);
    patterns_close(patterns);
    patterns = patterns_open();
    add_names(patterns, PATTERNS_JOINED_MIN + 1);
    assert_int_equal(patterns_sort(patterns), 2);
    is_pattern(patterns, 0, "user <*> left", PATTERNS_JOINED_MIN + 1);
    is_pattern(patterns, 1, "user list is empty", 1);
    patterns_close(patterns);
}

static void more_patterns_than_are_kept_are_joined_early(void **state) {
    (void)state;
    struct patterns *patterns = patterns_open();
    add_names(patterns, 3 * PATTERNS_MAX);
    assert_false(patterns_are_approximate(patterns));
    assert_int_equal(patterns_sort(patterns), 2);
    is_pattern(patterns, 0, "user <*> left", 3 * PATTERNS_MAX);
    patterns_close(patterns);
}

/* Texts of which no two differ in one word only, and some that are more frequent. */
static void add_unlike(struct patterns *patterns, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        char a[16], text[64];
        word_of(i, a);
        snprintf(text, sizeof text, "%s and %s", a, a);
        add(patterns, text, i, 0);
        if (i % 40 == 39) add(patterns, "disk is full", i, 0);
        if (i > count / 2 && i % 80 == 0) add(patterns, "late but often", i, 0);
    }
}

static void a_second_reading_counts_the_frequent_ones_exactly(void **state) {
    (void)state;
    const uint32_t count = 3 * PATTERNS_MAX;
    uint32_t late = 0;
    for (uint32_t i = count / 2 + 1; i < count; i++)
        late += i % 80 == 0;
    struct patterns *patterns = patterns_open();
    add_unlike(patterns, count);
    assert_true(patterns_are_approximate(patterns));
    patterns_recount(patterns, 10);
    add_unlike(patterns, count);
    assert_true(patterns_sort(patterns) >= 2);
    is_pattern(patterns, 0, "disk is full", count / 40);
    is_pattern(patterns, 1, "late but often", late);
    uint64_t listed = patterns_others(patterns, 0);
    for (uint32_t i = 0; i < 1024; i++)
        listed += patterns_at(patterns, i)->counts[0];
    assert_int_equal(listed, patterns_total(patterns, 0));
    assert_true(patterns_bound(patterns) < 10);
    patterns_close(patterns);
}

/* ---- changes ---- */

static void is_change(uint64_t now, uint64_t before, double scale, const char *name) {
    assert_string_equal(compare_change(now, before, scale).name, name);
}

static void changes_are_marked_and_ranked(void **state) {
    (void)state;
    is_change(5, 0, 1, "new");
    is_change(0, 5, 1, "gone");
    is_change(6, 5, 1, "more");
    is_change(4, 5, 1, "fewer");
    is_change(5, 5, 1, "same");
    is_change(5, 50, 0.1, "same");
    is_change(1, 7, 1.0 / 7, "same");
    is_change(6, 50, 0.1, "more");
    assert_true(compare_change(100, 50, 1).significance > compare_change(10, 5, 1).significance);
    assert_true(compare_change(10, 0, 1).significance > compare_change(20, 15, 1).significance);
    assert_true(compare_change(5, 5, 1).significance == 0);
    /* 2 (20 ln(20/15) + 10 ln(10/15)) */
    const double significance = compare_change(20, 10, 1).significance;
    assert_true(significance > 3.397 && significance < 3.399);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_variable_with_their_units),
        cmocka_unit_test(ids_and_addresses_are_variable),
        cmocka_unit_test(numbers_in_paths_are_variable_and_words_are_not),
        cmocka_unit_test(quoted_text_is_variable),
        cmocka_unit_test(white_space_and_colours_do_not_count),
        cmocka_unit_test(long_messages_are_cut_at_a_character),
        cmocka_unit_test(what_is_known_of_a_pattern),
        cmocka_unit_test(many_patterns_that_differ_in_one_word_are_joined),
        cmocka_unit_test(more_patterns_than_are_kept_are_joined_early),
        cmocka_unit_test(a_second_reading_counts_the_frequent_ones_exactly),
        cmocka_unit_test(changes_are_marked_and_ranked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
