/* windows_errors_test.c - no code of Windows is lost in a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "port/error.h"
#include "port/system.h"
#include "port/windows/iocp.h"

static void a_known_code_has_the_text_of_its_error(void **state) {
    (void)state;
    assert_int_equal(error_of_windows(ERROR_DISK_FULL), ERR_NO_SPACE);
    assert_int_equal(error_of_windows(WSAECONNREFUSED), ERR_REFUSED);
}

static void a_code_without_an_error_of_its_own_keeps_its_number_and_text(void **state) {
    (void)state;
    static const DWORD codes[] = {ERROR_TOO_MANY_NAMES, ERROR_BAD_LENGTH, ERROR_SERVICE_DISABLED};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        const int error = error_of_windows(codes[i]);
        char begin[64];
        snprintf(begin, sizeof begin, "Windows error %lu: ", codes[i]);
        assert_true(error < ERR_NONE_);
        assert_memory_equal(error_text(error), begin, strlen(begin));
        assert_in_range(strlen(error_text(error)), strlen(begin) + 5, 255);
        const char last = error_text(error)[strlen(error_text(error)) - 1];
        assert_true(last != '.' && last != '\n' && last != ' ');
    }
    assert_string_equal(error_text(error_of_windows(1000000)), "Windows error 1000000: unknown");
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_code_has_the_text_of_its_error),
        cmocka_unit_test(a_code_without_an_error_of_its_own_keeps_its_number_and_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
