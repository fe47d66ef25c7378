/* service_control.c - installs, removes, starts, stops and queries the service.  See service.h. */
#include "port/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "port/error.h"
#include "port/system.h"
#include "port/windows/iocp.h"
#include "port/windows/programs.h"
#include "port/windows/service_parts.h"

/* Where the Event Log finds the messages of a source. */
#define WIDE_NAME     L"" SERVICE_NAME
#define EVENT_SOURCE  L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\" SERVICE_NAME
#define MESSAGES_FILE "\\" SERVICE_NAME ".log"

#define POLL_MS          50
/* A service that raises no checkpoint for this long, or for its own hint, has hung. */
#define HUNG_MS          30000
/* How long the process may take to end after the service has. */
#define EXIT_MS          10000
/* The recovery actions: start it again after these times; the last one repeats. */
#define RESTART_1_MS     5000
#define RESTART_2_MS     30000
#define RESTART_3_MS     120000
#define FAILURES_RESET_S 86400
/* What a shutdown of the system grants at least, and more than stop_ms. */
#define PRESHUTDOWN_MS   180000
#define STOP_MARGIN_MS   15000

#define FALLBACK_ACCOUNT L"NT AUTHORITY\\LocalService"

bool service_here(const char **advice) {
    *advice = NULL;
    return true;
}

/* ---- messages ---- */

/* Says what Windows refused, and what to do about it; returns the ERR_. */
static int refused(const char *what, DWORD code) {
    const int error = error_of_windows(code);
    switch (code) {
    case ERROR_ACCESS_DENIED:
        say_error(
            "service %s: access denied; run it as administrator (in a terminal that was opened "
            "with \"Run as administrator\")",
            what);
        break;
    case ERROR_SERVICE_DOES_NOT_EXIST:
        say_error("the service " SERVICE_NAME " is not installed; to install it: " SERVICE_NAME
                  " service install");
        return ERR_NOT_FOUND;
    case ERROR_SERVICE_EXISTS:
    case ERROR_DUPLICATE_SERVICE_NAME:
        say_error("the service " SERVICE_NAME
                  " is installed already; to install it anew, remove it "
                  "first: " SERVICE_NAME " service uninstall (its configuration and logs stay)");
        return ERR_EXISTS;
    case ERROR_SERVICE_MARKED_FOR_DELETE:
        say_error("the service " SERVICE_NAME " is being removed; close services.msc and other "
                  "programs that display it, then try again");
        break;
    case ERROR_SERVICE_DISABLED:
        say_error("the service " SERVICE_NAME
                  " is disabled; to enable it: sc.exe config " SERVICE_NAME " start= delayed-auto");
        break;
    case ERROR_SERVICE_LOGON_FAILED:
        say_error("the account of the service " SERVICE_NAME
                  " may not log on as a service; see its "
                  "properties in services.msc");
        break;
    case ERROR_SERVICE_REQUEST_TIMEOUT:
        say_error("the process of the service " SERVICE_NAME
                  " did not connect to the service control "
                  "manager in time");
        break;
    default: say_error("service %s: %s", what, error_text(error));
    }
    return error;
}

/* ---- names and paths ---- */

/* %ProgramData%, from where the system keeps it: a service may lack the variable, and a user may
 * change it. */
int service_home(char home[PATH_BYTES_MAX]) {
    static const wchar_t key[] = L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList";
    wchar_t wide[MAX_PATH] = L"";
    DWORD size = sizeof wide;
    const LSTATUS code =
        RegGetValueW(HKEY_LOCAL_MACHINE, key, L"ProgramData", RRF_RT_REG_SZ, NULL, wide, &size);
    char *const data = code == ERROR_SUCCESS ? text_of_wide(wide) : NULL;
    const int used = data != NULL ? snprintf(home, PATH_BYTES_MAX, "%s\\" SERVICE_FOLDER, data) : 0;
    free(data);
    if (used > 0 && used < PATH_BYTES_MAX) return 0;
    say_error("cannot find %%ProgramData%%: %s", error_text(error_of_windows((DWORD)code)));
    return ERR_NOT_FOUND;
}

int service_messages(char path[PATH_BYTES_MAX]) {
    const int error = service_home(path);
    if (error) return error;
    const size_t used = strlen(path);
    if (used + sizeof MESSAGES_FILE > PATH_BYTES_MAX) return ERR_NAME_TOO_LONG;
    memcpy(path + used, MESSAGES_FILE, sizeof MESSAGES_FILE);
    return 0;
}

static int wide_home(struct wide_path *wide) {
    char home[PATH_BYTES_MAX];
    const int error = service_home(home);
    return error ? error : path_to_wide(home, wide);
}

const char *service_hint(char text[SERVICE_HINT_MAX]) {
    struct wide_path home, logs;
    text[0] = '\0';
    if (wide_home(&home) != 0) return text;
    swprintf(logs.text, PATH_WIDE_MAX, L"%ls\\" SERVICE_LOGS, home.text);
    const bool there = GetFileAttributesW(logs.text) != INVALID_FILE_ATTRIBUTES;
    const bool denied = !there && GetLastError() == ERROR_ACCESS_DENIED;
    if (there || denied)
        snprintf(text, SERVICE_HINT_MAX, "; the service " SERVICE_NAME " writes to %ls%s",
                 logs.text, denied ? ", which only administrators may read" : "");
    return text;
}

int service_enter_home(void) {
    struct wide_path home;
    const int error = wide_home(&home);
    if (error) return error;
    return SetCurrentDirectoryW(home.text) ? 0 : last_error();
}

/* ---- the service control manager ---- */

struct opened {
    SC_HANDLE manager, service;
};

static void close_all(struct opened *opened) {
    if (opened->service != NULL) CloseServiceHandle(opened->service);
    if (opened->manager != NULL) CloseServiceHandle(opened->manager);
}

/* Returns Windows' code; nothing is open after an error. */
static DWORD open_service(DWORD access, struct opened *opened) {
    memset(opened, 0, sizeof *opened);
    opened->manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    if (opened->manager != NULL) opened->service = OpenServiceW(opened->manager, WIDE_NAME, access);
    if (opened->service != NULL) return ERROR_SUCCESS;
    const DWORD code = GetLastError();
    close_all(opened);
    return code;
}

static bool process_is_gone(DWORD id) {
    if (id == 0) return true;
    const HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, id);
    if (process == NULL) return GetLastError() == ERROR_INVALID_PARAMETER;
    const bool ended = WaitForSingleObject(process, 0) == WAIT_OBJECT_0;
    CloseHandle(process);
    return ended;
}

/* Wine 8 does not notice the end of a killed process: the service still runs (test_service:
 * a_crash_is_reported).  Windows reports it as stopped, with this code. */
static DWORD query_process(SC_HANDLE service, SERVICE_STATUS_PROCESS *status) {
    DWORD needed;
    for (int look = 1;; look++) { /* two at most: it may have stopped since the first */
        if (!QueryServiceStatusEx(service, SC_STATUS_PROCESS_INFO, (BYTE *)status, sizeof *status,
                                  &needed))
            return GetLastError();
        if (status->dwCurrentState != SERVICE_RUNNING || !process_is_gone(status->dwProcessId))
            return ERROR_SUCCESS;
        if (look == 2) break;
    }
    status->dwCurrentState = SERVICE_STOPPED;
    status->dwProcessId = 0;
    status->dwWin32ExitCode = ERROR_PROCESS_ABORTED;
    return ERROR_SUCCESS;
}

/* ---- installing: its files ---- */

int service_prepare(void) {
    wchar_t sid[SERVICE_SID_UNITS];
    struct wide_path home;
    bool made;
    const SC_HANDLE manager =
        OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE);
    if (manager == NULL) return refused("install", GetLastError());
    const SC_HANDLE service = OpenServiceW(manager, WIDE_NAME, SERVICE_QUERY_STATUS);
    if (service != NULL) CloseServiceHandle(service);
    CloseServiceHandle(manager);
    if (service != NULL) return refused("install", ERROR_SERVICE_EXISTS);

    int error = wide_home(&home);
    if (error) return error;
    service_sid(WIDE_NAME, sid);
    error = service_directory(home.text, sid, &made);
    if (error == ERR_EXISTS)
        say_error(
            "%ls: belongs to a user who is no administrator, or is a link; delete it, or make "
            "Administrators its owner, then try again",
            home.text);
    else if (error)
        say_error("%ls: %s", home.text, error_text(error));
    return error ? error : service_enter_home();
}

/* It was not there before: an empty directory has no other use. */
void service_unprepare(void) {
    struct wide_path home;
    wchar_t above[PATH_WIDE_MAX];
    if (wide_home(&home) != 0) return;
    GetSystemDirectoryW(above, PATH_WIDE_MAX);
    SetCurrentDirectoryW(above); /* the current directory cannot be removed */
    RemoveDirectoryW(home.text);
}

static int grant(const char *path, const wchar_t *sid, bool writes) {
    struct wide_path wide;
    int error = path_to_wide(path, &wide);
    if (!error) error = service_grant(wide.text, sid, writes);
    if (error)
        say_error("%s: cannot let the service %s it: %s", path, writes ? "write to" : "read",
                  error_text(error));
    return error;
}

static int grant_all(const struct service_plan *plan) {
    wchar_t sid[SERVICE_SID_UNITS];
    int error = 0;
    service_sid(WIDE_NAME, sid);
    if (plan->written != NULL) {
        error = directory_make(files_of_system(), plan->written);
        if (error) say_error("%s: %s", plan->written, error_text(error));
        if (!error) error = grant(plan->written, sid, true);
    }
    for (const char *const *path = plan->read; !error && path != NULL && *path != NULL; path++)
        error = grant(*path, sid, false);
    return error;
}

/* ---- installing: the Event Log ---- */

static DWORD set_text(HKEY key, const wchar_t *name, const wchar_t *text) {
    return (DWORD)RegSetValueExW(key, name, 0, REG_EXPAND_SZ, (const BYTE *)text,
                                 (DWORD)((wcslen(text) + 1) * sizeof *text));
}

static DWORD register_source(const wchar_t *program) {
    static const DWORD types =
        EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE;
    HKEY key;
    DWORD code = (DWORD)RegCreateKeyExW(HKEY_LOCAL_MACHINE, EVENT_SOURCE, 0, NULL, 0, KEY_SET_VALUE,
                                        NULL, &key, NULL);
    if (code != ERROR_SUCCESS) return code;
    code = set_text(key, L"EventMessageFile", program);
    if (code == ERROR_SUCCESS)
        code = (DWORD)RegSetValueExW(key, L"TypesSupported", 0, REG_DWORD, (const BYTE *)&types,
                                     sizeof types);
    RegCloseKey(key);
    return code;
}

/* ---- installing: the service ---- */

static int command_line(const struct service_plan *plan, struct program *program, wchar_t **line) {
    const char *words[256] = {SERVICE_NAME};
    size_t count = 1;
    program->kind = PROGRAM_IMAGE;
    const DWORD units = GetModuleFileNameW(NULL, program->path, PATH_WIDE_MAX);
    if (units == 0 || units == PATH_WIDE_MAX) return ERR_NAME_TOO_LONG;
    wcscpy(program->runner, program->path);
    for (; plan->words[count - 1] != NULL; count++) {
        if (count + 1 == sizeof words / sizeof *words) return ERR_TOO_LARGE;
        words[count] = plan->words[count - 1];
    }
    return program_line(program, words, line);
}

/* A service has this account to itself, and nobody knows a password for it.  Where there are none of
 * this kind, it is one that it shares; the files are the service's alone in either case. */
static SC_HANDLE create_service(SC_HANDLE manager, const struct service_plan *plan,
                                const wchar_t *line) {
    static const wchar_t account[] = L"NT SERVICE\\" SERVICE_NAME;
    wchar_t *const title = text_to_wide(plan->title);
    SC_HANDLE service = NULL;
    for (const wchar_t *user = account; title != NULL; user = FALLBACK_ACCOUNT) {
        service = CreateServiceW(manager, WIDE_NAME, title, SERVICE_ALL_ACCESS,
                                 SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START,
                                 SERVICE_ERROR_NORMAL, line, NULL, NULL, NULL, user, NULL);
        const DWORD code = GetLastError();
        if (service != NULL || user != account ||
            (code != ERROR_INVALID_SERVICE_ACCOUNT && code != ERROR_INVALID_ACCOUNT_NAME &&
             code != ERROR_NONE_MAPPED))
            break;
        say("the account %ls is not available on this system; the service runs as %ls", account,
            FALLBACK_ACCOUNT);
    }
    free(title);
    return service;
}

/* Wine, for one, does not know them all; the service works without. */
static void set(SC_HANDLE service, DWORD level, void *value, const char *what) {
    if (ChangeServiceConfig2W(service, level, value)) return;
    const DWORD code = GetLastError();
    say("this system does not take %s: %s; the service is installed without", what,
        code == ERROR_INVALID_LEVEL ? "unknown here" : error_text(error_of_windows(code)));
}

static void set_up(SC_HANDLE service, const struct service_plan *plan) {
    SERVICE_DESCRIPTIONW description = {.lpDescription = text_to_wide(plan->description)};
    SERVICE_DELAYED_AUTO_START_INFO delayed = {.fDelayedAutostart = TRUE};
    SC_ACTION actions[] = {{SC_ACTION_RESTART, RESTART_1_MS},
                           {SC_ACTION_RESTART, RESTART_2_MS},
                           {SC_ACTION_RESTART, RESTART_3_MS}};
    SERVICE_FAILURE_ACTIONSW failures = {.dwResetPeriod = FAILURES_RESET_S,
                                         .cActions = sizeof actions / sizeof *actions,
                                         .lpsaActions = actions};
    SERVICE_FAILURE_ACTIONS_FLAG also_exits = {.fFailureActionsOnNonCrashFailures = TRUE};
    SERVICE_SID_INFO sid = {.dwServiceSidType = SERVICE_SID_TYPE_UNRESTRICTED};
    const uint64_t stop_ms = plan->stop_ms + STOP_MARGIN_MS;
    SERVICE_PRESHUTDOWN_INFO shutdown = {
        .dwPreshutdownTimeout = (DWORD)(stop_ms > PRESHUTDOWN_MS ? stop_ms : PRESHUTDOWN_MS)};
    set(service, SERVICE_CONFIG_DESCRIPTION, &description, "a description");
    set(service, SERVICE_CONFIG_DELAYED_AUTO_START_INFO, &delayed, "a delayed start");
    set(service, SERVICE_CONFIG_FAILURE_ACTIONS, &failures, "recovery actions");
    set(service, SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &also_exits,
        "recovery actions after an exit code");
    set(service, SERVICE_CONFIG_SERVICE_SID_INFO, &sid, "an identity of the service");
    set(service, SERVICE_CONFIG_PRESHUTDOWN_INFO, &shutdown, "a time for the system's shutdown");
    free(description.lpDescription);
}

int service_install(const struct service_plan *plan) {
    struct opened opened = {0};
    wchar_t *line = NULL;
    struct program *program = malloc(sizeof *program);
    int error = program == NULL ? ERR_NO_MEMORY : command_line(plan, program, &line);
    if (error) {
        say_error("service install: %s", error_text(error));
        free(program);
        return error;
    }
    opened.manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE);
    if (opened.manager != NULL) opened.service = create_service(opened.manager, plan, line);
    if (opened.service == NULL) {
        error = refused("install", GetLastError());
    } else {
        set_up(opened.service, plan);
        error = grant_all(plan);
        const DWORD code = error ? ERROR_SUCCESS : register_source(program->path);
        if (code != ERROR_SUCCESS) error = refused("install", code);
        if (error) DeleteService(opened.service);
    }
    close_all(&opened);
    free(program);
    free(line);
    return error;
}

/* ---- starting and stopping ---- */

/* Waits while the service is in this state.  False: it has hung. */
static bool wait_while(SC_HANDLE service, DWORD state, SERVICE_STATUS_PROCESS *status) {
    DWORD checkpoint = 0;
    int64_t advanced_ns = system_now_ns();
    for (;;) { /* ends when the service changes its state, or raises no checkpoint */
        if (query_process(service, status) != ERROR_SUCCESS) return false;
        if (status->dwCurrentState != state) return true;
        const int64_t now_ns = system_now_ns();
        const DWORD hint_ms = status->dwWaitHint > HUNG_MS ? status->dwWaitHint : HUNG_MS;
        if (status->dwCheckPoint != checkpoint) advanced_ns = now_ns;
        checkpoint = status->dwCheckPoint;
        if (now_ns - advanced_ns > (int64_t)hint_ms * 1000000) return false;
        Sleep(POLL_MS);
    }
}

/* The service control manager has one of its own for a process that ended without a report. */
static bool is_of_system(DWORD code) {
    return code != NO_ERROR && code != ERROR_SERVICE_SPECIFIC_ERROR &&
           code != ERROR_SERVICE_NEVER_STARTED;
}

static int code_of(const SERVICE_STATUS_PROCESS *status) {
    const DWORD code = status->dwWin32ExitCode;
    if (is_of_system(code)) return (int)code;
    return code == ERROR_SERVICE_NEVER_STARTED ? 0 : (int)status->dwServiceSpecificExitCode;
}

/* The program's file can be replaced and its directory used once the process has ended. */
static void wait_for_exit(HANDLE process) {
    if (process == NULL) return;
    WaitForSingleObject(process, EXIT_MS);
    CloseHandle(process);
}

static int stop_opened(SC_HANDLE service, int *code) {
    SERVICE_STATUS_PROCESS status;
    SERVICE_STATUS ignored;
    *code = 0;
    DWORD failed = query_process(service, &status);
    if (failed != ERROR_SUCCESS) return refused("stop", failed);
    if (status.dwCurrentState == SERVICE_STOPPED) return 0; /* its last exit code is an older one */
    const HANDLE process =
        status.dwProcessId != 0 ? OpenProcess(SYNCHRONIZE, FALSE, status.dwProcessId) : NULL;
    if (!ControlService(service, SERVICE_CONTROL_STOP, &ignored)) {
        failed = GetLastError();
        /* It is stopping already, or cannot be asked while it starts. */
        if (failed == ERROR_SERVICE_CANNOT_ACCEPT_CTRL || failed == ERROR_INVALID_SERVICE_CONTROL) {
            wait_while(service, SERVICE_START_PENDING, &status);
            failed = status.dwCurrentState == SERVICE_STOP_PENDING ||
                             ControlService(service, SERVICE_CONTROL_STOP, &ignored)
                         ? ERROR_SUCCESS
                         : GetLastError();
        }
    }
    if (failed != ERROR_SUCCESS && failed != ERROR_SERVICE_NOT_ACTIVE) {
        if (process != NULL) CloseHandle(process);
        return refused("stop", failed);
    }
    while (query_process(service, &status) == ERROR_SUCCESS &&
           status.dwCurrentState == SERVICE_RUNNING)
        Sleep(POLL_MS); /* it takes the request at once */
    const bool answers = wait_while(service, SERVICE_STOP_PENDING, &status);
    wait_for_exit(process);
    *code = code_of(&status);
    if (answers && status.dwCurrentState == SERVICE_STOPPED) return 0;
    say_error("the service " SERVICE_NAME " does not stop; process %lu still runs",
              status.dwProcessId);
    return ERR_TIMED_OUT;
}

int service_stop(int *code) {
    struct opened opened;
    const DWORD failed = open_service(SERVICE_STOP | SERVICE_QUERY_STATUS, &opened);
    if (failed != ERROR_SUCCESS) return refused("stop", failed);
    const int error = stop_opened(opened.service, code);
    close_all(&opened);
    return error;
}

int service_start(int *code) {
    struct opened opened;
    SERVICE_STATUS_PROCESS status = {0};
    int error = 0;
    *code = 0;
    DWORD failed = open_service(SERVICE_START | SERVICE_QUERY_STATUS, &opened);
    if (failed != ERROR_SUCCESS) return refused("start", failed);
    if (!StartServiceW(opened.service, 0, NULL)) failed = GetLastError();
    if (failed != ERROR_SUCCESS && failed != ERROR_SERVICE_ALREADY_RUNNING) {
        error = refused("start", failed);
    } else if (!wait_while(opened.service, SERVICE_START_PENDING, &status)) {
        say_error("the service " SERVICE_NAME " still starts but reports no progress; process %lu",
                  status.dwProcessId);
        error = ERR_TIMED_OUT;
    } else if (status.dwCurrentState != SERVICE_RUNNING) {
        *code = code_of(&status);
        error = ERR_CANCELLED; /* the caller says why it ended */
    }
    close_all(&opened);
    return error;
}

/* ---- removing ---- */

int service_uninstall(void) {
    struct opened opened;
    int code, error = 0;
    DWORD failed = open_service(SERVICE_STOP | SERVICE_QUERY_STATUS | DELETE, &opened);
    if (failed != ERROR_SUCCESS) return refused("uninstall", failed);
    error = stop_opened(opened.service, &code);
    if (!error && !DeleteService(opened.service)) error = refused("uninstall", GetLastError());
    if (!error) RegDeleteKeyW(HKEY_LOCAL_MACHINE, EVENT_SOURCE);
    close_all(&opened);
    return error;
}

static DWORD delete_tree(const wchar_t *path);

/* A link is removed, not followed. */
static DWORD delete_entry(const wchar_t *folder, const WIN32_FIND_DATAW *entry) {
    const size_t units = wcslen(folder) + 1 + wcslen(entry->cFileName) + 1;
    wchar_t *const path = malloc(units * sizeof *path);
    if (path == NULL) return ERROR_NOT_ENOUGH_MEMORY;
    swprintf(path, units, L"%ls\\%ls", folder, entry->cFileName);
    SetFileAttributesW(path, FILE_ATTRIBUTE_NORMAL); /* not read-only */
    DWORD code = ERROR_SUCCESS;
    if (!(entry->dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY))
        code = DeleteFileW(path) ? ERROR_SUCCESS : GetLastError();
    else if (entry->dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
        code = RemoveDirectoryW(path) ? ERROR_SUCCESS : GetLastError();
    else
        code = delete_tree(path);
    free(path);
    return code;
}

/* Returns Windows' code: 0, or that of the last entry which could not be deleted. */
static DWORD delete_tree(const wchar_t *path) {
    WIN32_FIND_DATAW found;
    DWORD code = ERROR_SUCCESS;
    const size_t units = wcslen(path) + 3;
    wchar_t *const all = malloc(units * sizeof *all);
    if (all == NULL) return ERROR_NOT_ENOUGH_MEMORY;
    swprintf(all, units, L"%ls\\*", path);
    const HANDLE list = FindFirstFileW(all, &found);
    free(all);
    if (list == INVALID_HANDLE_VALUE) return GetLastError();
    do {
        if (wcscmp(found.cFileName, L".") == 0 || wcscmp(found.cFileName, L"..") == 0) continue;
        const DWORD failed = delete_entry(path, &found);
        if (failed != ERROR_SUCCESS) code = failed;
    } while (FindNextFileW(list, &found));
    FindClose(list);
    return code == ERROR_SUCCESS && !RemoveDirectoryW(path) ? GetLastError() : code;
}

int service_purge(void) {
    struct wide_path home;
    wchar_t above[PATH_WIDE_MAX];
    int error = wide_home(&home);
    if (error) return error;
    GetSystemDirectoryW(above, PATH_WIDE_MAX);
    SetCurrentDirectoryW(above);
    const DWORD code = delete_tree(home.text);
    if (code == ERROR_SUCCESS || code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND)
        return 0;
    error = error_of_windows(code);
    say_error("%ls: not all of it could be deleted: %s", home.text, error_text(error));
    return error;
}

/* ---- querying ---- */

static const char *state_name(DWORD state) {
    switch (state) {
    case SERVICE_STOPPED: return "stopped";
    case SERVICE_START_PENDING: return "starting";
    case SERVICE_STOP_PENDING: return "stopping";
    case SERVICE_RUNNING: return "running";
    default: return "unknown";
    }
}

static const char *start_name(SC_HANDLE service, DWORD type) {
    SERVICE_DELAYED_AUTO_START_INFO delayed = {0};
    DWORD needed;
    if (type == SERVICE_DEMAND_START) return "manual";
    if (type == SERVICE_DISABLED) return "disabled";
    QueryServiceConfig2W(service, SERVICE_CONFIG_DELAYED_AUTO_START_INFO, (BYTE *)&delayed,
                         sizeof delayed, &needed);
    return delayed.fDelayedAutostart ? "automatic (delayed)" : "automatic";
}

/* In shell32, which only this call needs. */
static void split_line(const wchar_t *line, struct service_state *state) {
    typedef wchar_t **WINAPI split(const wchar_t *, int *);
    const HMODULE shell = LoadLibraryExW(L"shell32.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);
    union {
        FARPROC found;
        split *call;
    } to = {.found = shell != NULL ? GetProcAddress(shell, "CommandLineToArgvW") : NULL};
    int count = 0;
    wchar_t **const words = to.found != NULL ? to.call(line, &count) : NULL;
    state->words = calloc((size_t)count + 1, sizeof *state->words);
    for (int i = 1; state->words != NULL && words != NULL && i < count; i++) {
        char *const word = text_of_wide(words[i]);
        if (word == NULL) break;
        state->words[state->word_count++] = word;
    }
    LocalFree(words);
    if (shell != NULL) FreeLibrary(shell);
}

static DWORD query_config(SC_HANDLE service, struct service_state *state) {
    union {
        QUERY_SERVICE_CONFIGW config;
        uint8_t room[8192]; /* the most that it takes */
    } *found = malloc(sizeof *found);
    DWORD needed, code = ERROR_NOT_ENOUGH_MEMORY;
    if (found == NULL) return code;
    code = ERROR_SUCCESS;
    if (!QueryServiceConfigW(service, &found->config, sizeof *found, &needed)) {
        code = GetLastError();
    } else {
        char *const account = found->config.lpServiceStartName != NULL
                                  ? text_of_wide(found->config.lpServiceStartName)
                                  : NULL;
        snprintf(state->account, sizeof state->account, "%s", account ? account : "unknown");
        free(account);
        snprintf(state->start, sizeof state->start, "%s",
                 start_name(service, found->config.dwStartType));
        split_line(found->config.lpBinaryPathName, state);
    }
    free(found);
    return code;
}

int service_query(struct service_state *state) {
    struct opened opened;
    SERVICE_STATUS_PROCESS status;
    memset(state, 0, sizeof *state);
    DWORD failed = open_service(SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG, &opened);
    if (failed == ERROR_SERVICE_DOES_NOT_EXIST) return ERR_NOT_FOUND;
    if (failed != ERROR_SUCCESS) return refused("status", failed);
    failed = query_process(opened.service, &status);
    if (failed == ERROR_SUCCESS) failed = query_config(opened.service, state);
    close_all(&opened);
    if (failed != ERROR_SUCCESS) return refused("status", failed);
    state->running = status.dwCurrentState != SERVICE_STOPPED;
    state->ready = status.dwCurrentState == SERVICE_RUNNING;
    snprintf(state->state, sizeof state->state, "%s", state_name(status.dwCurrentState));
    state->process_id = status.dwProcessId;
    if (!state->running) state->code = code_of(&status);
    if (!state->running && is_of_system(status.dwWin32ExitCode))
        error_system_text(status.dwWin32ExitCode, state->reason, sizeof state->reason);
    return 0;
}

void service_state_free(struct service_state *state) {
    for (int i = 0; i < state->word_count; i++)
        free(state->words[i]);
    free(state->words);
}
