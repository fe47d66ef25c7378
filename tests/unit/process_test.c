/* process_test.c - a started program receives its arguments unchanged, ends when told to, and its
 * exit code is reported.  The test program starts itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "port/process.h"
#include "port/system.h"

#define PATIENCE_MS 30000

static const char *self;

/* Arguments that a shell or Windows' parsing of a command line would change. */
static const char *const odd_words[] = {
    "plain",        "",          "two words", "tab\there", "\"quoted\"", "back\\slash",
    "end\\",        "end \\\\",  "\\\"",      "a\\\\\"b",  "$HOME",      "%PATH%",
    "*.c",          "a;b|c&d>e", "'single'",  "^caret",    "{path}",     "naïve Zürich 東京",
    "--option=x y", "`echo`",
};
enum { ODD_WORDS = sizeof odd_words / sizeof *odd_words };

static int check_words(int argc, char **argv) {
    if (argc != ODD_WORDS) return 2;
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], odd_words[i]) != 0) return 10 + i;
    return 0;
}

static int be_the_other(int argc, char **argv) {
    char byte;
    if (strcmp(argv[1], "exit") == 0) return atoi(argv[2]);
    if (strcmp(argv[1], "words") == 0) return check_words(argc - 2, argv + 2);
    if (strcmp(argv[1], "input") == 0) return stream_read(STREAM_INPUT, &byte, 1) == 0 ? 0 : 1;
    if (strcmp(argv[1], "sleep") == 0) system_sleep_ms(2 * PATIENCE_MS);
    return 1;
}

static int wait_for_end(struct process *process) {
    struct processes *processes = processes_of_system();
    const int64_t end_ns = system_now_ns() + PATIENCE_MS * INT64_C(1000000);
    int code = -1;
    while (!processes->ended(processes, process, &code)) {
        assert_true(system_now_ns() < end_ns);
        system_sleep_ms(2);
    }
    return code;
}

static int run(const char *const *words) {
    struct process process;
    struct processes *processes = processes_of_system();
    const int error = processes->start(processes, words, &process);
    return error ? error : wait_for_end(&process);
}

static void the_exit_code_is_returned(void **state) {
    (void)state;
    const char *const well[] = {self, "exit", "0", NULL}, *const badly[] = {self, "exit", "7",
                                                                            NULL};
    assert_int_equal(run(well), 0);
    assert_int_equal(run(badly), 7);
}

static void arguments_arrive_unchanged(void **state) {
    (void)state;
    const char *words[ODD_WORDS + 3] = {self, "words"};
    memcpy(words + 2, odd_words, sizeof odd_words);
    assert_int_equal(run(words), 0);
}

static void standard_input_is_empty(void **state) {
    (void)state;
    const char *const words[] = {self, "input", NULL};
    assert_int_equal(run(words), 0);
}

static void a_missing_program_is_an_error(void **state) {
    (void)state;
    const char *const words[] = {"no-such-program-anywhere", NULL};
    assert_int_equal(run(words), ERR_NOT_FOUND);
    const char *const folder[] = {"no/such/program", NULL};
    assert_int_equal(run(folder), ERR_NOT_FOUND);
}

static void a_running_program_can_be_ended(void **state) {
    (void)state;
    const char *const words[] = {self, "sleep", NULL};
    struct processes *processes = processes_of_system();
    for (int now = 0; now < 2; now++) {
        struct process process;
        int code;
        assert_int_equal(processes->start(processes, words, &process), 0);
        assert_false(processes->ended(processes, &process, &code));
        processes->end(processes, &process, now == 1);
        assert_true(wait_for_end(&process) >= 128);
    }
}

static void a_program_is_found_only_where_a_start_would_find_it(void **state) {
    (void)state;
    assert_true(process_program_found(self));
    assert_false(process_program_found(""));
    assert_false(process_program_found("."));
    assert_false(process_program_found("no-such-program-anywhere"));
    assert_false(process_program_found("./no/such/program"));
}

int program_main(int argc, char **argv) {
    system_name("process_test");
    self = argv[0];
    if (argc > 1) return be_the_other(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exit_code_is_returned),
        cmocka_unit_test(arguments_arrive_unchanged),
        cmocka_unit_test(standard_input_is_empty),
        cmocka_unit_test(a_missing_program_is_an_error),
        cmocka_unit_test(a_program_is_found_only_where_a_start_would_find_it),
        cmocka_unit_test(a_running_program_can_be_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
