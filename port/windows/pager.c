/* pager.c - a pager between the program and the console.  See system.h.
 *
 * State of the process, as its standard output is: set by system_pager_start, before there are
 * other threads, and cleared by system_pager_end.  pager_ended does not read it. */
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "port/system.h"
#include "port/windows/console.h"
#include "port/windows/iocp.h"
#include "port/windows/programs.h"

#define PAGER_BYTES_MAX 1024

static HANDLE pager; /* its process; NULL: none */
static HANDLE wait_for_end;

/* A user who has quit the pager waits for the prompt, not for the end of a long scan. */
static void CALLBACK pager_ended(void *unused, BOOLEAN timed_out) {
    (void)unused;
    (void)timed_out;
    console_restore();
    TerminateProcess(GetCurrentProcess(), 0);
}

/* The length of the first word of a command line, its quotes included. */
static size_t first_word(const char *line) {
    const char *const quote = line[0] == '"' ? strchr(line + 1, '"') : NULL;
    return quote != NULL ? (size_t)(quote + 1 - line) : strcspn(line, " \t");
}

/* $PAGER as the shell reads it, or less if it is installed: more.com shows no colours.  The shell
 * would also look for the program in the current directory, where anyone may have put one, so it
 * gets an absolute path.  CreateProcess needs a writable command line. */
static wchar_t *command(struct program *shell) {
    struct program program;
    char name[PAGER_BYTES_MAX];
    const char *given = system_environment("PAGER");
    if (given == NULL) given = "less";
    while (*given == ' ')
        given++;
    const size_t size = first_word(given);
    if (size == 0 || strlen(given) >= sizeof name || strcmp(given, "cat") == 0) return NULL;
    const size_t quotes = given[0] == '"' && size > 1;
    memcpy(name, given + quotes, size - 2 * quotes);
    name[size - 2 * quotes] = '\0';
    if (program_find(name, &program) != 0 || program_find("cmd.exe", shell) != 0) return NULL;

    wchar_t *const rest = text_to_wide(given + size), *line = NULL;
    const size_t units = wcslen(shell->path) + wcslen(program.path) + PAGER_BYTES_MAX;
    if (rest != NULL) line = malloc(units * sizeof *line);
    if (line != NULL)
        swprintf(line, units, L"\"%ls\" /d /s /c \"\"%ls\"%ls\"", shell->path, program.path, rest);
    free(rest);
    return line;
}

static int run_pager(const wchar_t *shell, wchar_t *line, HANDLE input) {
    STARTUPINFOW startup = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION process;
    startup.hStdInput = input;
    startup.hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE);
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    console_use_utf8(); /* the pager writes bytes */
    /* For further commands in $PAGER, after a '|'. */
    SetEnvironmentVariableW(L"NoDefaultCurrentDirectoryInExePath", L"1");
    if (GetEnvironmentVariableW(L"LESS", NULL, 0) == 0) SetEnvironmentVariableW(L"LESS", L"FRX");
    if (!CreateProcessW(shell, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process))
        return last_error();
    CloseHandle(process.hThread);
    pager = process.hProcess;
    return 0;
}

int system_pager_start(void) {
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof inherited, .bInheritHandle = TRUE};
    HANDLE input, output;
    struct program shell;
    wchar_t *const line = command(&shell);
    if (line == NULL) return ERR_NOT_FOUND;
    int status = 0;
    if (!CreatePipe(&input, &output, &inherited, 0)) {
        status = last_error();
        free(line);
        return status;
    }
    SetHandleInformation(output, HANDLE_FLAG_INHERIT,
                         0); /* else the pager never sees the end of its input */
    status = run_pager(shell.path, line, input);
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
