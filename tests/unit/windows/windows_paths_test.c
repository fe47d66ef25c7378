/* windows_paths_test.c - paths as people type them on Windows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "port/error.h"
#include "port/files.h"
#include "port/system.h"

#define ROOT "windows_paths_test.scratch"

static void remove_all(struct files *files) {
    static const char *const paths[] = {ROOT "/a/f", ROOT "/a/b", ROOT "/a", ROOT};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        file_remove(files, paths[i]);
}

static void a_directory_is_made_with_its_parents_by_either_separator(void **state) {
    (void)state;
    struct files *files = files_of_system();
    struct file_status status;
    remove_all(files);
    assert_int_equal(directory_make(files, ROOT "\\a\\b"), 0);
    assert_int_equal(file_status_of(files, ROOT "/a/b", &status), 0);
    assert_true(status.directory);
    assert_int_equal(directory_make(files, ROOT "\\a/b\\"), 0);
    remove_all(files);
    assert_int_equal(directory_make(files, ROOT "/a\\b"), 0);
    assert_int_equal(file_replace(files, ROOT "\\a\\f", "x", 1, false), 0);
    assert_int_equal(file_replace(files, ROOT "\\none\\f", "x", 1, false), ERR_NOT_FOUND);
    remove_all(files);
}

static void a_name_follows_either_separator_or_a_drive(void **state) {
    (void)state;
    assert_string_equal(path_name("C:\\a\\b"), "b");
    assert_string_equal(path_name("C:\\a/b"), "b");
    assert_string_equal(path_name("C:b"), "b");
    assert_string_equal(path_name("C:\\"), "");
    assert_true(path_separates('\\'));
}

static void a_path_is_within_a_folder_in_either_case_and_with_either_separator(void **state) {
    (void)state;
    assert_true(path_is_within("C:/Logs", "c:\\logs"));
    assert_true(path_is_within("C:/Logs", "c:\\LOGS\\main"));
    assert_true(path_is_within("C:/gr\xc3\xbc\xc3\x9f", "C:/GR\xc3\x9c\xc3\x9f/main"));
    assert_true(path_is_within("C:/", "c:\\logs"));
    assert_true(path_is_within("//server/share/logs", "\\\\SERVER\\share\\Logs\\main"));
    assert_false(path_is_within("C:/logs", "C:/logs2"));
    assert_false(path_is_within("C:/logs", "D:/logs"));
    assert_false(path_is_within("C:/logs", "C:/"));
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_is_made_with_its_parents_by_either_separator),
        cmocka_unit_test(a_name_follows_either_separator_or_a_drive),
        cmocka_unit_test(a_path_is_within_a_folder_in_either_case_and_with_either_separator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
