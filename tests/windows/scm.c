/* scm.c - asks the service control manager and the Event Log's registry about the service logportd, for
 * tests/e2e/test_service.py.
 *
 *   control N          sends this control                       sent, or Windows' error code
 *   watch              waits until the service neither starts nor stops, and prints each status:
 *                      STATE CHECKPOINT ACCEPTED WIN32_CODE SERVICE_CODE
 *   query              prints the status once
 *   message ID TEXT    the message ID of the file that is registered for the Event Log, for TEXT
 *   source             that file
 *   failures           the number of recovery actions, and the time for a shutdown in ms
 *   sid NAME           the SID of the service of that name
 *   pipe NAME          a named pipe: "opened" for each client, which gets the next line of stdin
 *   says PATH          stores a message of each severity as a service does, with text files at PATH */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

#include "port/system.h"
#include "port/windows/service_parts.h"
#include "port/windows/text.h"

#define PATIENCE_MS 60000

static SC_HANDLE open_it(void) {
    const SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    return OpenServiceW(manager, L"logportd", SERVICE_ALL_ACCESS);
}

static int control(DWORD number) {
    SERVICE_STATUS status;
    if (ControlService(open_it(), number, &status))
        puts("sent");
    else
        printf("%lu\n", GetLastError());
    return 0;
}

static bool is_pending(DWORD state) {
    return state == SERVICE_START_PENDING || state == SERVICE_STOP_PENDING;
}

static int watch(bool once) {
    SERVICE_STATUS_PROCESS now, before = {0};
    DWORD needed;
    const SC_HANDLE service = open_it();
    const int64_t end_ns = system_now_ns() + (int64_t)PATIENCE_MS * 1000000;
    do {
        if (!QueryServiceStatusEx(service, SC_STATUS_PROCESS_INFO, (BYTE *)&now, sizeof now,
                                  &needed))
            return 1;
        if (now.dwCurrentState != before.dwCurrentState || now.dwCheckPoint != before.dwCheckPoint)
            printf("%lu %lu %lu %lu %lu\n", now.dwCurrentState, now.dwCheckPoint,
                   now.dwControlsAccepted, now.dwWin32ExitCode, now.dwServiceSpecificExitCode);
        fflush(stdout);
        before = now;
        Sleep(5);
    } while (!once && is_pending(now.dwCurrentState) && system_now_ns() < end_ns);
    return 0;
}

static bool source(wchar_t path[PATH_WIDE_MAX]) {
    DWORD size = PATH_WIDE_MAX * sizeof *path;
    return RegGetValueW(HKEY_LOCAL_MACHINE,
                        L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\logportd",
                        L"EventMessageFile", RRF_RT_ANY, NULL, path, &size) == ERROR_SUCCESS;
}

static int message(DWORD id, const char *given) {
    static wchar_t path[PATH_WIDE_MAX], text[1024];
    if (!source(path)) return 1;
    const HMODULE file = LoadLibraryExW(path, NULL, LOAD_LIBRARY_AS_DATAFILE);
    DWORD_PTR arguments[] = {(DWORD_PTR)text_to_wide(given)};
    if (FormatMessageW(FORMAT_MESSAGE_FROM_HMODULE | FORMAT_MESSAGE_ARGUMENT_ARRAY, file, id, 0,
                       text, sizeof text / sizeof *text, (va_list *)arguments) == 0)
        printf("%lu\n", GetLastError());
    else
        printf("%s", text_of_wide(text));
    return 0;
}

static int failures(void) {
    static uint8_t room[8192];
    DWORD needed, timeout = 0;
    const SC_HANDLE service = open_it();
    const SERVICE_FAILURE_ACTIONSW *actions = (void *)room;
    if (!QueryServiceConfig2W(service, SERVICE_CONFIG_FAILURE_ACTIONS, room, sizeof room, &needed))
        printf("unknown");
    else
        printf("%lu", actions->cActions);
    QueryServiceConfig2W(service, SERVICE_CONFIG_PRESHUTDOWN_INFO, (BYTE *)&timeout, sizeof timeout,
                         &needed);
    printf(" %lu\n", timeout);
    return 0;
}

static int serve_pipe(const char *name) {
    static char line[65536];
    for (;;) { /* until the end of stdin */
        DWORD written;
        const HANDLE pipe =
            CreateNamedPipeW(text_to_wide(name), PIPE_ACCESS_OUTBOUND, PIPE_TYPE_BYTE | PIPE_WAIT,
                             PIPE_UNLIMITED_INSTANCES, sizeof line, 0, 0, NULL);
        puts("waits");
        fflush(stdout);
        if (!ConnectNamedPipe(pipe, NULL) && GetLastError() != ERROR_PIPE_CONNECTED) return 1;
        puts("opened");
        fflush(stdout);
        if (fgets(line, sizeof line, stdin) == NULL) return 0;
        WriteFile(pipe, line, (DWORD)strlen(line), &written, NULL);
        FlushFileBuffers(pipe);
        DisconnectNamedPipe(pipe);
        CloseHandle(pipe);
    }
}

static int says(const char *path) {
    system_name("logportd");
    service_log_open(L"logportd", text_to_wide(path));
    system_messages_with_severity();
    say_error("an error of [2001:db8::%%1]");
    say("a warning");
    say_info("all is well");
    stream_write(STREAM_ERROR, "{\"received\":0}\n", 15);
    return 0;
}

int program_main(int count, char **words) {
    const char *const what = count > 1 ? words[1] : "";
    if (strcmp(what, "control") == 0 && count == 3) return control((DWORD)atoi(words[2]));
    if (strcmp(what, "watch") == 0) return watch(false);
    if (strcmp(what, "query") == 0) return watch(true);
    if (strcmp(what, "message") == 0 && count == 4)
        return message((DWORD)strtoul(words[2], NULL, 0), words[3]);
    if (strcmp(what, "failures") == 0) return failures();
    if (strcmp(what, "source") == 0) {
        wchar_t path[PATH_WIDE_MAX];
        puts(source(path) ? text_of_wide(path) : "none");
        return 0;
    }
    if (strcmp(what, "pipe") == 0 && count == 3) return serve_pipe(words[2]);
    if (strcmp(what, "says") == 0 && count == 3) return says(words[2]);
    if (strcmp(what, "sid") == 0 && count == 3) {
        wchar_t sid[SERVICE_SID_UNITS];
        service_sid(text_to_wide(words[2]), sid);
        puts(text_of_wide(sid));
        return 0;
    }
    return 2;
}
