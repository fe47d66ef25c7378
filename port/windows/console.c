/* console.c - see console.h. */
#include "port/windows/console.h"

#include <stdbool.h>
#include <stdlib.h>
#include <windows.h>

/* State of the process, as the console is: written once, before there are other threads.  0: the
 * code page was not changed. */
static UINT code_page_before;

void console_restore(void) {
    if (code_page_before != 0) SetConsoleOutputCP(code_page_before);
}

/* Ctrl-C ends a program without its exit handlers.  Handlers that are installed later are called
 * first: a program that does not end leaves the code page as it is. */
static BOOL WINAPI interrupted(DWORD request) {
    (void)request;
    console_restore();
    return FALSE; /* the system ends the process */
}

void console_prepare(void) {
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
    const UINT before = GetConsoleOutputCP();
    if (before == CP_UTF8 || !SetConsoleOutputCP(CP_UTF8)) return;
    code_page_before = before;
    atexit(console_restore);
    SetConsoleCtrlHandler(interrupted, TRUE);
}
