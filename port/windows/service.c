/* service.c - the running service: what it and the service control manager (SCM) tell each other.
 *
 * The SCM connects to the process, which calls StartServiceCtrlDispatcherW; its thread, the first,
 * gets the requests.  The program runs on a thread that the SCM's library starts.  While the service
 * starts or stops, a third thread raises the checkpoint each second: without that, who started it
 * would take it for hung, and a shutdown of the system would not wait.
 *
 * State of the process, as the service is. */
#include "port/service.h"

#include "port/error.h"
#include "port/system.h"
#include "port/thread.h"
#include "port/windows/iocp.h"
#include "port/windows/output_queue.h"
#include "port/windows/service_parts.h"

#define CHECKPOINT_MS    1000
/* The SCM takes a service for hung that has raised no checkpoint for this long. */
#define WAIT_HINT_MS     15000
/* How long the end waits until the last messages are stored. */
#define LAST_MESSAGES_MS 5000

#define ACCEPTED_WHILE_STARTING                                                                    \
    (SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN | SERVICE_ACCEPT_PRESHUTDOWN)
#define ACCEPTED (ACCEPTED_WHILE_STARTING | SERVICE_ACCEPT_PARAMCHANGE)

static struct {
    SRWLOCK lock;
    CONDITION_VARIABLE changed;
    SERVICE_STATUS_HANDLE handle; /* NULL: no service */
    SERVICE_STATUS status;        /* last reported */
    /* Of the call of service_run: */
    service_main *run;
    int argc;
    char **argv;
    int code;
} service = {.lock = SRWLOCK_INIT, .changed = CONDITION_VARIABLE_INIT};

/* ---- reporting; service.lock is held ---- */

static bool is_pending(DWORD state) {
    return state == SERVICE_START_PENDING || state == SERVICE_STOP_PENDING;
}

static void report(DWORD state) {
    SERVICE_STATUS *status = &service.status;
    const bool pending = is_pending(state);
    status->dwServiceType = SERVICE_WIN32_OWN_PROCESS;
    status->dwCheckPoint = !pending                          ? 0
                           : status->dwCurrentState == state ? status->dwCheckPoint + 1
                                                             : 1;
    status->dwCurrentState = state;
    status->dwWaitHint = pending ? WAIT_HINT_MS : 0;
    status->dwControlsAccepted = state == SERVICE_RUNNING         ? ACCEPTED
                                 : state == SERVICE_START_PENDING ? ACCEPTED_WHILE_STARTING
                                                                  : 0;
    SetServiceStatus(service.handle, status);
    WakeAllConditionVariable(&service.changed);
}

/* The program's start and its stop have limits of their own, so this thread need not know whether
 * they advance. */
static void raise_checkpoints(void *unused) {
    (void)unused;
    AcquireSRWLockExclusive(&service.lock);
    while (service.status.dwCurrentState != SERVICE_STOPPED) {
        const DWORD state = service.status.dwCurrentState;
        const bool in_time = SleepConditionVariableSRW(
            &service.changed, &service.lock, is_pending(state) ? CHECKPOINT_MS : INFINITE, 0);
        if (!in_time && service.status.dwCurrentState == state) report(state);
    }
    ReleaseSRWLockExclusive(&service.lock);
}

/* ---- what the program reports ---- */

bool service_runs(void) {
    AcquireSRWLockShared(&service.lock);
    const bool runs = service.handle != NULL;
    ReleaseSRWLockShared(&service.lock);
    return runs;
}

void service_report(enum service_phase phase, const char *text) {
    (void)text; /* the SCM shows none */
    AcquireSRWLockExclusive(&service.lock);
    const DWORD state = service.status.dwCurrentState;
    if (service.handle != NULL && phase == SERVICE_PHASE_READY && state == SERVICE_START_PENDING)
        report(SERVICE_RUNNING);
    if (service.handle != NULL && phase == SERVICE_PHASE_STOP && state == SERVICE_RUNNING)
        report(SERVICE_STOP_PENDING);
    ReleaseSRWLockExclusive(&service.lock);
}

/* After a stop that was requested, an exit code other than 0 is reported so that `logportd service
 * status` and `sc query` show it, but not as a failure: the recovery actions would start the service
 * again. */
void service_ended(int code) {
    AcquireSRWLockExclusive(&service.lock);
    if (service.handle != NULL && service.status.dwCurrentState != SERVICE_STOPPED) {
        const bool asked = service.status.dwCurrentState == SERVICE_STOP_PENDING;
        service.code = code;
        service.status.dwWin32ExitCode =
            code != 0 && !asked ? ERROR_SERVICE_SPECIFIC_ERROR : NO_ERROR;
        service.status.dwServiceSpecificExitCode = (DWORD)code;
        report(SERVICE_STOPPED);
    }
    ReleaseSRWLockExclusive(&service.lock);
}

/* ---- requests of the SCM ---- */

static DWORD begin_stop(void) {
    AcquireSRWLockExclusive(&service.lock);
    const DWORD state = service.status.dwCurrentState;
    const bool first = state == SERVICE_RUNNING || state == SERVICE_START_PENDING;
    if (first) report(SERVICE_STOP_PENDING);
    ReleaseSRWLockExclusive(&service.lock);
    /* Once: the daemon takes a second request as one to end at once. */
    if (first) signals_request(PORT_SIGNAL_STOP);
    return NO_ERROR;
}

static DWORD WINAPI requested(DWORD control, DWORD type, void *data, void *context) {
    (void)type, (void)data, (void)context;
    switch (control) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_SHUTDOWN:
    case SERVICE_CONTROL_PRESHUTDOWN: return begin_stop();
    case SERVICE_CONTROL_PARAMCHANGE: signals_request(PORT_SIGNAL_RELOAD); return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE: return NO_ERROR; /* it reports each change at once */
    default: return ERROR_CALL_NOT_IMPLEMENTED;
    }
}

/* ---- running ---- */

static void store_messages(const wchar_t *name) {
    char path[PATH_BYTES_MAX];
    struct wide_path wide;
    if (service_messages(path) == 0 && path_to_wide(path, &wide) == 0)
        service_log_open(name, wide.text);
    system_messages_with_severity();
}

static void WINAPI serve(DWORD count, wchar_t **words) {
    (void)count;
    const SERVICE_STATUS_HANDLE handle = RegisterServiceCtrlHandlerExW(words[0], requested, NULL);
    if (handle == 0) return; /* the name is not this service's: a bug, or the SCM's end */
    AcquireSRWLockExclusive(&service.lock);
    service.handle = handle;
    report(SERVICE_START_PENDING);
    ReleaseSRWLockExclusive(&service.lock);
    store_messages(words[0]);
    thread_start(raise_checkpoints, NULL, THREAD_NORMAL, "checkpoints");
    const int error = service_enter_home();
    if (error) say_error("%%ProgramData%%\\" SERVICE_FOLDER ": %s", error_text(error));
    const int code = error ? 1 : service.run(service.argc, service.argv);
    output_queue_flush(LAST_MESSAGES_MS);
    service_ended(code); /* the SCM may end the process now */
}

int service_run(service_main *run, int argc, char **argv) {
    static wchar_t name[] = L"" SERVICE_NAME;
    const SERVICE_TABLE_ENTRYW table[] = {{name, serve}, {NULL, NULL}};
    service.run = run;
    service.argc = argc;
    service.argv = argv;
    service.code = 1;
    if (StartServiceCtrlDispatcherW(table)) return service.code;
    const DWORD code = GetLastError();
    if (code == ERROR_FAILED_SERVICE_CONTROLLER_CONNECT)
        say_error("service run: only the service control manager can do this; to start the "
                  "service: " SERVICE_NAME
                  " service start, to run in this terminal: " SERVICE_NAME);
    else
        say_error("service run: %s", error_text(error_of_windows(code)));
    return 1;
}
