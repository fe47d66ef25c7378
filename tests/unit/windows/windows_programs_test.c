/* windows_programs_test.c - programs are found where Windows and PATH say, never in the current
 * directory, and command lines keep every argument whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <wchar.h>

#include <cmocka.h>

#include "port/error.h"
#include "port/files.h"
#include "port/process.h"
#include "port/system.h"
#include "port/windows/programs.h"

#define FOLDER "windows_programs_test.scratch"

static void put_file(const char *path) {
    assert_int_equal(file_replace(files_of_system(), path, "x", 1, false), 0);
}

/* The current directory is FOLDER, which has programs of these names. */
static int enter(void **state) {
    (void)state;
    directory_make(files_of_system(), FOLDER "/sub");
    assert_true(SetCurrentDirectoryW(L"" FOLDER));
    put_file("less.exe");
    put_file("cmd.exe");
    put_file("own.exe");
    put_file("batch.cmd");
    put_file("sub/script.ps1");
    put_file("no-ending");
    return 0;
}

static int leave(void **state) {
    (void)state;
    static const char *const names[] = {"less.exe",       "cmd.exe",   "own.exe", "batch.cmd",
                                        "sub/script.ps1", "no-ending", "sub"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        file_remove(files_of_system(), names[i]);
    SetCurrentDirectoryW(L"..");
    return file_remove(files_of_system(), FOLDER);
}

static void a_program_in_the_current_directory_needs_a_path(void **state) {
    (void)state;
    struct program found;
    assert_int_equal(program_find("own", &found), ERR_NOT_FOUND);
    assert_int_equal(program_find("own.exe", &found), ERR_NOT_FOUND);
    assert_false(process_program_found("own.exe"));
    assert_int_equal(program_find(".\\own", &found), 0);
    assert_int_equal(program_find("./own.exe", &found), 0);
    assert_int_equal(found.kind, PROGRAM_IMAGE);
    assert_int_equal(program_find("cmd", &found), 0);
    assert_null(wcsstr(found.path, L"" FOLDER));
}

static void relative_entries_of_path_are_passed_over(void **state) {
    (void)state;
    struct program found;
    wchar_t here[MAX_PATH], path[MAX_PATH + 16];
    GetCurrentDirectoryW(MAX_PATH, here);
    SetEnvironmentVariableW(L"PATH", L".;;..\\" FOLDER L";C:");
    assert_int_equal(program_find("own", &found), ERR_NOT_FOUND);
    wcscpy(path, L".;\"");
    wcscat(wcscat(path, here), L"\"");
    SetEnvironmentVariableW(L"PATH", path);
    assert_int_equal(program_find("own", &found), 0);
    assert_int_equal(program_find("batch", &found), 0);
    assert_int_equal(found.kind, PROGRAM_BATCH);
    SetEnvironmentVariableW(L"PATH", L"");
}

static void only_files_with_an_ending_of_programs_are_programs(void **state) {
    (void)state;
    struct program found;
    assert_int_equal(program_find("./no-ending", &found), ERR_NOT_FOUND);
    assert_int_equal(program_find("./sub", &found), ERR_NOT_FOUND);
    assert_int_equal(program_find("sub\\script", &found), 0);
    assert_int_equal(found.kind, PROGRAM_POWERSHELL);
    assert_int_equal(program_find("./batch.cmd. .", &found), 0); /* Windows ignores the rest */
    assert_int_equal(found.kind, PROGRAM_BATCH);
    assert_int_equal(program_find("", &found), ERR_INVALID);
}

static void a_pager_in_the_current_directory_is_not_started(void **state) {
    (void)state;
    SetEnvironmentVariableW(L"PAGER", NULL);
    SetEnvironmentVariableW(L"PATH", L".");
    assert_int_equal(system_pager_start(), ERR_NOT_FOUND);
    SetEnvironmentVariableW(L"PAGER", L"own -R");
    assert_int_equal(system_pager_start(), ERR_NOT_FOUND);
}

static void batch_files_get_only_words_that_cmd_keeps(void **state) {
    (void)state;
    struct program found;
    wchar_t *line;
    assert_int_equal(program_find("./batch", &found), 0);
    const char *const plain[] = {"./batch", "a b&c|<>^", "", "C:\\x\\", NULL};
    assert_int_equal(program_line(&found, plain, &line), 0);
    assert_non_null(wcsstr(line, L"\\cmd.exe\" /d /e:on /v:off /s /c \""));
    assert_non_null(wcsstr(line, L"batch.cmd\" \"a b&c|<>^\" \"\" \"C:\\x\\\\\"\""));
    free(line);
    static const char *const wrong[] = {"%PATH%", "a\"b", "a\nb"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *const words[] = {"./batch", wrong[i], NULL};
        assert_int_equal(program_line(&found, words, &line), ERR_UNSUPPORTED);
        assert_false(process_word_allowed("./batch", wrong[i]));
        assert_true(process_word_allowed("./own.exe", wrong[i]));
    }
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_program_in_the_current_directory_needs_a_path, enter,
                                        leave),
        cmocka_unit_test_setup_teardown(relative_entries_of_path_are_passed_over, enter, leave),
        cmocka_unit_test_setup_teardown(only_files_with_an_ending_of_programs_are_programs, enter,
                                        leave),
        cmocka_unit_test_setup_teardown(a_pager_in_the_current_directory_is_not_started, enter,
                                        leave),
        cmocka_unit_test_setup_teardown(batch_files_get_only_words_that_cmd_keeps, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
