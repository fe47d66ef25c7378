/* windows_service_test.c - the text files in which a service stores its messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

#include <cmocka.h>

#include "port/system.h"
#include "port/windows/output_queue.h"
#include "port/windows/service_parts.h"

enum {
    FILES = 5,
    FILE_BYTES = 1 << 20,
    LINE_BYTES = 3500,
    LINES = 2 * FILES * FILE_BYTES / LINE_BYTES
};

static wchar_t folder[MAX_PATH];

static void path_of(int number, wchar_t path[MAX_PATH]) {
    if (number == 0)
        swprintf(path, MAX_PATH, L"%ls\\messages.log", folder);
    else
        swprintf(path, MAX_PATH, L"%ls\\messages.%d.log", folder, number);
}

static void say_lines(unsigned first, unsigned count) {
    static char padding[LINE_BYTES];
    memset(padding, 'x', sizeof padding - 1);
    for (unsigned i = first; i < first + count; i++)
        say("number %u %s", i, padding);
    output_queue_flush(60000);
}

/* -1: there is no such file. */
static int64_t size_of(int number) {
    WIN32_FILE_ATTRIBUTE_DATA found;
    wchar_t path[MAX_PATH];
    path_of(number, path);
    if (!GetFileAttributesExW(path, GetFileExInfoStandard, &found)) return -1;
    return (int64_t)found.nFileSizeHigh << 32 | found.nFileSizeLow;
}

/* The number of the last line in a file, or of its first one. */
static unsigned number_in(int file, bool last) {
    wchar_t path[MAX_PATH];
    char *text = calloc(1, 3 * FILE_BYTES);
    const char *found = NULL;
    path_of(file, path);
    FILE *const stream = _wfopen(path, L"rb");
    assert_non_null(stream);
    assert_true(fread(text, 1, 3 * FILE_BYTES - 1, stream) > 0);
    fclose(stream);
    for (const char *p = strstr(text, "Z warning number "); p != NULL;
         p = last ? strstr(p + 1, "Z warning number ") : NULL)
        found = p;
    assert_non_null(found);
    const unsigned number = (unsigned)strtoul(found + strlen("Z warning number "), NULL, 10);
    free(text);
    return number;
}

static void old_messages_are_deleted_and_no_other_is_lost(void **state) {
    (void)state;
    say_lines(0, LINES);
    for (int i = 0; i < FILES; i++)
        assert_in_range(size_of(i), 1, FILE_BYTES + LINE_BYTES + 200);
    assert_int_equal(size_of(FILES), -1);
    assert_int_equal(number_in(0, true), LINES - 1);
    for (int i = 0; i + 1 < FILES; i++)
        assert_int_equal(number_in(i, false), number_in(i + 1, true) + 1);
}

static void a_file_that_is_held_is_bounded_too(void **state) {
    (void)state;
    wchar_t path[MAX_PATH];
    path_of(0, path);
    const HANDLE held =
        CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0,
                    NULL); /* as an editor: it cannot be renamed */
    assert_true(held != INVALID_HANDLE_VALUE);
    say_lines(0, LINES);
    assert_in_range(size_of(0), 1, 2 * FILE_BYTES + LINE_BYTES + 200);
    assert_int_equal(number_in(0, true), LINES - 1);
    CloseHandle(held);

    say_lines(LINES, LINES);
    assert_in_range(size_of(0), 1, FILE_BYTES + LINE_BYTES + 200);
    assert_int_equal(number_in(0, true), 2 * LINES - 1);
    assert_int_equal(size_of(FILES), -1);
}

int main(void) {
    wchar_t path[MAX_PATH];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_messages_are_deleted_and_no_other_is_lost),
        cmocka_unit_test(a_file_that_is_held_is_bounded_too),
    };
    GetTempPathW(MAX_PATH - 32, folder);
    swprintf(folder + wcslen(folder), 32, L"logport-%lu", GetCurrentProcessId());
    CreateDirectoryW(folder, NULL);
    path_of(0, path);
    system_name("logportd");
    service_log_open(L"logportd", path);
    system_messages_with_severity();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (int i = 0; i <= FILES; i++) {
        path_of(i, path);
        DeleteFileW(path);
    }
    return failed;
}
