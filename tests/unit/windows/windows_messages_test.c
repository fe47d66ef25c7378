/* windows_messages_test.c - messages to a pipe that is not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <cmocka.h>

#include "port/error.h"
#include "port/system.h"
#include "port/thread.h"

enum { MESSAGES = 300, MESSAGE_BYTES = 3000 }; /* more than the queue and the pipe hold */

struct reading {
    HANDLE pipe;
    char *text;
    size_t size;
    volatile LONG done;
};

static void read_all(void *context) {
    struct reading *r = context;
    DWORD got;
    while (ReadFile(r->pipe, r->text + r->size, MESSAGE_BYTES, &got, NULL) && got > 0)
        r->size += got;
    InterlockedExchange(&r->done, 1);
}

static void messages_to_a_pipe_that_is_not_read_are_counted_and_never_wait(void **state) {
    (void)state;
    static char text[MESSAGE_BYTES];
    HANDLE out;
    struct reading reading = {.text = calloc(MESSAGES + 2, MESSAGE_BYTES + 100)};
    assert_true(CreatePipe(&reading.pipe, &out, NULL, 4096));
    const HANDLE before = GetStdHandle(STD_ERROR_HANDLE);
    SetStdHandle(STD_ERROR_HANDLE, out);
    system_name("name");
    system_messages_never_wait();
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < MESSAGES; i++)
        say("%s", text);
    assert_int_equal(stream_write_within(STREAM_ERROR, "late\n", 5, 50), ERR_TIMED_OUT);

    assert_int_equal(thread_start(read_all, &reading, THREAD_NORMAL, "reader"), 0);
    while (stream_write_within(STREAM_ERROR, "read\n", 5, 1000) != 0) {
    } /* ends when the reader has caught up */
    say("last");
    assert_int_equal(stream_write_within(STREAM_ERROR, "end\n", 4, 60000), 0);
    SetStdHandle(STD_ERROR_HANDLE, before);
    CloseHandle(out);
    while (!reading.done)
        system_sleep_ms(1);

    uint32_t whole = 0;
    for (const char *p = reading.text; (p = strstr(p, "name: xxx")) != NULL; p++)
        whole++;
    assert_in_range(whole, 10, MESSAGES - 10);
    const char *const notice = strstr(reading.text, " messages were not printed");
    assert_non_null(notice);
    const char *number = notice;
    while (number[-1] != ' ')
        number--;
    assert_int_equal(whole + strtoul(number, NULL, 10), MESSAGES);
    assert_non_null(strstr(notice, "\nname: last\nend\n"));
    free(reading.text);
}

int program_main(int argc, char **argv) {
    (void)argc, (void)argv;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_to_a_pipe_that_is_not_read_are_counted_and_never_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
