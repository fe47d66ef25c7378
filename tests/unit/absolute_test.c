/* absolute_test.c - a command line whose paths do not depend on the current directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ingest/config/absolute.h"
#include "port/error.h"

#define WORDS 8

static int below_here(const char *path, char *absolute, size_t size) {
    if (strlen(path) > 100) return ERR_NAME_TOO_LONG;
    snprintf(absolute, size, "here-%s", path);
    return 0;
}

static const struct host host = {.absolute_path = below_here};

static void check(const char *const given[WORDS], const char *const expected[WORDS]) {
    char *argv[WORDS + 1] = {"logportd"};
    char **words, error[CONFIG_ERROR_MAX];
    int argc = 1;
    for (; given[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)given[argc - 1];
    assert_int_equal(absolute_words(&host, argc, argv, &words, error), 0);
    for (int i = 0; i < argc - 1; i++)
        assert_string_equal(words[i], expected[i]);
    assert_null(words[argc - 1]);
    absolute_words_free(words);
}

static void paths_become_absolute_and_all_else_stays(void **state) {
    (void)state;
    check((const char *[WORDS]){"--config", "a.json", "--dir=logs", "--schema", "s", "--schema=t"},
          (const char *[WORDS]){"--config", "here-a.json", "--dir=here-logs", "--schema", "here-s",
                                "--schema=here-t"});
    check((const char *[WORDS]){"--archive-dir", "x", "--archive_dir=y", "--zone-folder", "z"},
          (const char *[WORDS]){"--archive-dir", "here-x", "--archive_dir=here-y", "--zone-folder",
                                "here-z"});
    check((const char *[WORDS]){"--tcp", "a:1", "--protocol=relp", "--syslog-fields", "--flush-ms",
                                "1s"},
          (const char *[WORDS]){"--tcp", "a:1", "--protocol=relp", "--syslog-fields", "--flush-ms",
                                "1s"});
    check((const char *[WORDS]){NULL}, (const char *[WORDS]){NULL});
}

static void a_value_that_looks_like_an_option_is_a_value(void **state) {
    (void)state;
    check((const char *[WORDS]){"--dir", "--config", "--tcp", "--dir", "x"},
          (const char *[WORDS]){"--dir", "here---config", "--tcp", "--dir", "x"});
}

static void no_path_is_left_as_it_is(void **state) {
    (void)state;
    check((const char *[WORDS]){"--archive-dir", "none", "--unix-stream", "@name", "--dir="},
          (const char *[WORDS]){"--archive-dir", "none", "--unix-stream", "@name", "--dir="});
    check((const char *[WORDS]){"--no-such", "x", "word", "--dir"},
          (const char *[WORDS]){"--no-such", "x", "word", "--dir"});
}

static void a_path_that_cannot_be_made_absolute_is_named(void **state) {
    (void)state;
    char path[200], *argv[] = {"logportd", "--dir", path};
    char **words, error[CONFIG_ERROR_MAX];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(absolute_words(&host, 3, argv, &words, error), ERR_INVALID);
    assert_non_null(strstr(error, "xxx: name too long"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_become_absolute_and_all_else_stays),
        cmocka_unit_test(a_value_that_looks_like_an_option_is_a_value),
        cmocka_unit_test(no_path_is_left_as_it_is),
        cmocka_unit_test(a_path_that_cannot_be_made_absolute_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
