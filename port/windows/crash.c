/* crash.c - see crash.h. */
#include "port/windows/crash.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "port/windows/console.h"

/* Longer than a reader of standard error that is at work needs. */
#define LAST_LINE_MS 1000

/* The line is written by a thread of its own: a pipe that is not read must not keep a crashed process
 * from ending. */
static DWORD WINAPI write_line(void *line) {
    DWORD written;
    WriteFile(GetStdHandle(STD_ERROR_HANDLE), line, (DWORD)strlen(line), &written, NULL);
    return 0;
}

static void crash(char *line) {
    const HANDLE thread = CreateThread(NULL, 0, write_line, line, 0, NULL);
    if (thread != NULL) WaitForSingleObject(thread, LAST_LINE_MS);
    console_restore();
    TerminateProcess(GetCurrentProcess(), EXIT_CRASHED);
}

/* Without a filter of its own a crashing program starts the debugger, which under Wine may end
 * it with 0. */
static LONG WINAPI crashed(EXCEPTION_POINTERS *exception) {
    static char line[80];
    snprintf(line, sizeof(line), "crashed: exception 0x%08lx at %p\n",
             exception->ExceptionRecord->ExceptionCode,
             exception->ExceptionRecord->ExceptionAddress);
    crash(line);
    return EXCEPTION_EXECUTE_HANDLER;
}

static __attribute__((noreturn)) void assertion_failed(const char *what, const char *file,
                                                       unsigned line) {
    static char text[400];
    snprintf(text, sizeof(text), "Assertion failed: %s, file %s, line %u\n", what, file, line);
    crash(text);
    abort(); /* not reached */
}

/* The pointer through which assert() calls its function of the run-time library, which would write
 * the line itself.  The linker takes this one, because it comes first. */
void (*const __imp__assert)(const char *what, const char *file, unsigned line) = assertion_failed;

static void aborted(int number) {
    (void)number;
    console_restore();
    TerminateProcess(GetCurrentProcess(), EXIT_CRASHED);
}

void crashes_end_the_process(void) {
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    SetUnhandledExceptionFilter(crashed);
    _set_error_mode(_OUT_TO_STDERR); /* abort() could show a message box */
    signal(SIGABRT, aborted);
}
