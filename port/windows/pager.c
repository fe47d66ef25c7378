/* pager.c - a pager between the program and the console.  See system.h.
 *
 * State of the process, as its standard output is: set by system_pager_start, before there are
 * other threads, and cleared by system_pager_end.  pager_ended does not read it. */
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "port/windows/iocp.h"
#include "port/windows/text.h"

static HANDLE pager; /* its process; NULL: none */
static HANDLE wait_for_end;

/* A user who has quit the pager waits for the prompt, not for the end of a long scan. */
static void CALLBACK pager_ended(void *unused, BOOLEAN timed_out) {
    (void)unused;
    (void)timed_out;
    TerminateProcess(GetCurrentProcess(), 0);
}

/* $PAGER as the shell reads it, or less if it is installed: more.com shows no colours.
 * CreateProcess needs a writable command line. */
static wchar_t *command(void) {
    static const char prefix[] = "cmd.exe /d /c ";
    wchar_t found[MAX_PATH];
    char line[1024];
    const char *const given = system_environment("PAGER");
    if (given == NULL && SearchPathW(NULL, L"less", L".exe", MAX_PATH, found, NULL) == 0)
        return NULL;
    const char *const what = given != NULL ? given : "less.exe";
    if (*what == '\0' || strcmp(what, "cat") == 0 || strlen(what) + sizeof prefix > sizeof line)
        return NULL;
    strcpy(line, prefix);
    strcat(line, what);
    return text_to_wide(line);
}

static int run_pager(wchar_t *line, HANDLE input) {
    STARTUPINFOW startup = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION process;
    startup.hStdInput = input;
    startup.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    if (GetEnvironmentVariableW(L"LESS", NULL, 0) == 0) SetEnvironmentVariableW(L"LESS", L"FRX");
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process))
        return last_error();
    CloseHandle(process.hThread);
    pager = process.hProcess;
    return 0;
}

int system_pager_start(void) {
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof inherited, .bInheritHandle = TRUE};
    HANDLE input, output;
    wchar_t *const line = command();
    if (line == NULL) return ERR_NOT_FOUND;
    int status = 0;
    if (!CreatePipe(&input, &output, &inherited, 0)) {
        status = last_error();
        free(line);
        return status;
    }
    SetHandleInformation(output, HANDLE_FLAG_INHERIT,
                         0); /* else the pager never sees the end of its input */
    status = run_pager(line, input);
    free(line);
    CloseHandle(input);
    if (status < 0) {
        CloseHandle(output);
        return status;
    }
    SetConsoleCtrlHandler(NULL, TRUE); /* Ctrl-C is for the pager */
    SetStdHandle(STD_OUTPUT_HANDLE, output);
    if (!RegisterWaitForSingleObject(&wait_for_end, pager, pager_ended, NULL, INFINITE,
                                     WT_EXECUTEONLYONCE))
        wait_for_end = NULL; /* then the next write fails when it has ended */
    return 0;
}

void system_pager_end(void) {
    if (pager == NULL) return;
    if (wait_for_end != NULL) UnregisterWaitEx(wait_for_end, INVALID_HANDLE_VALUE);
    CloseHandle(GetStdHandle(STD_OUTPUT_HANDLE));
    SetStdHandle(STD_OUTPUT_HANDLE, NULL);
    WaitForSingleObject(pager, INFINITE);
    CloseHandle(pager);
    pager = NULL;
}
