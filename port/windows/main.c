/* main.c - wmain(): arguments in UTF-8, binary standard streams, and a crash that never exits 0. */
#include <fcntl.h>
#include <io.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#include "port/system.h"
#include "port/windows/output_queue.h"
#include "port/windows/text.h"

/* The exit code of abort(), too. */
#define EXIT_CRASHED 3

/* Without a filter of its own a crashing program starts the debugger, which under Wine may end
 * it with 0. */
static LONG WINAPI crashed(EXCEPTION_POINTERS *exception) {
    char line[80];
    const int length = snprintf(line, sizeof(line), "crashed: exception 0x%08lx at %p\n",
                                exception->ExceptionRecord->ExceptionCode,
                                exception->ExceptionRecord->ExceptionAddress);
    DWORD written;
    WriteFile(GetStdHandle(STD_ERROR_HANDLE), line, (DWORD)length, &written, NULL);
    TerminateProcess(GetCurrentProcess(), EXIT_CRASHED);
    return EXCEPTION_EXECUTE_HANDLER;
}

/* assert() writes its line, then raises SIGABRT; without this a message box could appear. */
static void aborted(int number) {
    (void)number;
    fflush(stderr);
    TerminateProcess(GetCurrentProcess(), EXIT_CRASHED);
}

static void make_crashes_fail(void) {
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    SetUnhandledExceptionFilter(crashed);
    _set_error_mode(_OUT_TO_STDERR);
    signal(SIGABRT, aborted);
}

/* ---- the console, if there is one ---- */

/* State of the process, as the console is: written once, before there are other threads. */
static UINT code_page_before;

static void code_page_restore(void) {
    SetConsoleOutputCP(code_page_before);
}

/* Enables escape sequences (colours) and UTF-8. */
static void console_prepare(void) {
    static const DWORD outputs[] = {STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    bool console = false;
    for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
        const HANDLE handle = GetStdHandle(outputs[i]);
        DWORD mode;
        if (!GetConsoleMode(handle, &mode)) continue;
        console = true;
        SetConsoleMode(handle, mode | ENABLE_PROCESSED_OUTPUT | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
    }
    if (!console) return;
    code_page_before = GetConsoleOutputCP();
    if (code_page_before != CP_UTF8 && SetConsoleOutputCP(CP_UTF8)) atexit(code_page_restore);
}

int wmain(int argc, wchar_t **argv);

int wmain(int argc, wchar_t **argv) {
    make_crashes_fail();
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
    /* stderr stays in text mode: say() does not use it, and in binary mode Wine's run-time
     * writes the lines of assert() in UTF-16. */
    console_prepare();

    char **arguments = calloc((size_t)argc + 1, sizeof(*arguments));
    bool converted = arguments != NULL;
    for (int i = 0; converted && i < argc; i++) {
        arguments[i] = text_of_wide(argv[i]);
        converted = arguments[i] != NULL;
    }
    if (!converted) {
        fputs("out of memory\n", stderr);
        return EXIT_CRASHED;
    }
    const int code = program_main(argc, arguments);
    output_queue_flush(1000);
    return code;
}
