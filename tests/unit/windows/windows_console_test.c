/* windows_console_test.c - text on the console: whole characters in UTF-16, however the bytes are
 * divided.  The console's calls come here, so the test needs no console. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>
#include <windows.h>

#include "port/error.h"
#include "port/system.h"

#define CONSOLE   ((HANDLE)(uintptr_t)0x777)
#define UNITS_MAX 100000

static wchar_t shown[UNITS_MAX];
static size_t units;
static DWORD units_each; /* the console takes so many with one call */
static DWORD refusal;

static BOOL WINAPI is_console(HANDLE handle, DWORD *mode) {
    *mode = 0;
    return handle == CONSOLE;
}
__typeof__(&GetConsoleMode) __imp_GetConsoleMode = is_console;

static BOOL WINAPI show(HANDLE handle, const void *text, DWORD size, DWORD *written, void *unused) {
    (void)unused;
    assert_ptr_equal(handle, CONSOLE);
    if (refusal != 0) {
        SetLastError(refusal);
        return FALSE;
    }
    *written = size < units_each ? size : units_each;
    assert_true(units + *written < UNITS_MAX);
    memcpy(shown + units, text, *written * sizeof *shown);
    units += *written;
    return TRUE;
}
__typeof__(&WriteConsoleW) __imp_WriteConsoleW = show;

static void expect(const wchar_t *text) {
    assert_int_equal(units, wcslen(text));
    assert_memory_equal(shown, text, units * sizeof *text);
    units = 0;
}

static void write_to(enum system_stream stream, const char *bytes) {
    assert_int_equal(stream_write(stream, bytes, strlen(bytes)), 0);
}

static void characters_are_shown_whatever_the_code_page_is(void **state) {
    (void)state;
    write_to(STREAM_OUTPUT, "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\n");
    expect(L"caf\u00E9 \u20AC \xD83D\xDE00\n");
    units_each = 2;
    write_to(STREAM_OUTPUT, "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E");
    expect(L"\u65E5\u672C\u8A9E");
    units_each = UNITS_MAX;
}

static void a_character_may_be_divided_between_two_writes(void **state) {
    (void)state;
    static const char text[] = "\xF0\x9F\x98\x80";
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(stream_write(STREAM_OUTPUT, text + i, 1), 0);
    expect(L"\xD83D\xDE00");
    write_to(STREAM_OUTPUT, "a\xE2\x82"); /* each stream keeps its own beginning */
    write_to(STREAM_ERROR, "b\xC3");
    write_to(STREAM_OUTPUT, "\xAC");
    write_to(STREAM_ERROR, "\xA9");
    expect(L"ab\u20AC\u00E9");
}

static void bytes_that_are_not_utf8_are_marked_and_hold_nothing_up(void **state) {
    (void)state;
    write_to(STREAM_OUTPUT, "\xFF|\x80|");
    expect(L"\uFFFD|\uFFFD|");
    write_to(STREAM_OUTPUT, "\xE2\x82");
    write_to(STREAM_OUTPUT, "|\n");
    assert_true(units >= 3);
    assert_memory_equal(shown + units - 2, L"|\n", 2 * sizeof *shown);
    units = 0;
}

static void long_text_is_whole(void **state) {
    (void)state;
    enum { CHARACTERS = 30000 };
    char *text = malloc(3 * CHARACTERS + 2);
    text[0] = '.'; /* so that pieces end inside of characters */
    for (size_t i = 0; i < CHARACTERS; i++)
        memcpy(text + 1 + 3 * i, "\xE2\x82\xAC", 3);
    assert_int_equal(stream_write(STREAM_OUTPUT, text, 3 * CHARACTERS + 1), 0);
    assert_int_equal(units, CHARACTERS + 1);
    for (size_t i = 1; i < units; i++)
        assert_int_equal(shown[i], 0x20AC);
    units = 0;
    free(text);
}

static void a_console_that_fails_is_an_error(void **state) {
    (void)state;
    refusal = ERROR_ACCESS_DENIED;
    assert_int_equal(stream_write(STREAM_OUTPUT, "x", 1), ERR_DENIED);
    refusal = 0;
}

/* cmocka writes to the streams of C, which are not changed. */
static int to_console(void **state) {
    (void)state;
    units_each = UNITS_MAX;
    return !SetStdHandle(STD_OUTPUT_HANDLE, CONSOLE) || !SetStdHandle(STD_ERROR_HANDLE, CONSOLE);
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_are_shown_whatever_the_code_page_is),
        cmocka_unit_test(a_character_may_be_divided_between_two_writes),
        cmocka_unit_test(bytes_that_are_not_utf8_are_marked_and_hold_nothing_up),
        cmocka_unit_test(long_text_is_whole),
        cmocka_unit_test(a_console_that_fails_is_an_error),
    };
    return cmocka_run_group_tests(tests, to_console, NULL);
}
