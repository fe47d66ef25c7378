/* wildcards_test.c - which names a pattern matches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "port/system.h"
#include "tools/query/wildcards.h"

static void a_star_is_any_text_and_a_question_mark_one_character(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *name;
        bool matches;
    } cases[] = {
        {"*", "a", true},
        {"*.lz4", "main.lz4", true},
        {"*.lz4", "main.lz4.tmp", false},
        {"*.LZ4", "main.lz4", true},
        {"main-*-2026*", "main-0001-20261130.lz4", true},
        {"a*b*c", "aXbXbc", true},
        {"a*b*c", "aXbXb", false},
        {"?", "\xc3\xbc", true},
        {"?", "", false},
        {"??", "a", false},
        {"a?c", "abc", true},
        {"*.*", "no-dot", true},
        {"", "", true},
        {"", "a", false},
        {"**", "", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(wildcard_matches(cases[i].pattern, cases[i].name), cases[i].matches);
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_star_is_any_text_and_a_question_mark_one_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
