/* signals.c - requests to the process.  Those of the console mean stop: Ctrl-C, Ctrl-Break, its
 * window is closed, the user logs off, the machine shuts down.  A service's come from the service
 * control manager: stop and reload (service.c).  Windows has no signal for rotate; it comes through
 * the control socket.
 *
 * State of the process, as the console is.  The system calls the handlers on threads of its own,
 * so a lock guards it. */
#include "port/windows/iocp.h"

#include "port/system.h"
#include "port/windows/service_parts.h"

static struct {
    SRWLOCK lock;
    bool installed;
    struct port *port;
    struct port_op *waiting;
    unsigned kept; /* a bit for each PORT_SIGNAL_ that came while no op was waiting */
} signals = {.lock = SRWLOCK_INIT};

void signals_request(enum port_signal what) {
    AcquireSRWLockExclusive(&signals.lock);
    struct port_op *op = signals.waiting;
    signals.waiting = NULL;
    if (op != NULL) {
        op->result = what;
        struct iocp *iocp = signals.port->backend;
        queue_put(iocp->queue, 0, PACKET_DONE, op);
    } else {
        signals.kept |= 1u << what;
    }
    ReleaseSRWLockExclusive(&signals.lock);
}

static BOOL WINAPI stop_requested(DWORD event) {
    /* Services get these when any user logs off, and the service control manager stops them. */
    if (service_runs() && (event == CTRL_LOGOFF_EVENT || event == CTRL_SHUTDOWN_EVENT)) return TRUE;
    signals_request(PORT_SIGNAL_STOP);

    /* The system ends the process as soon as the handler of one of these returns.  So it does
     * not return, and the daemon can drain: the system allows 5 s after a closed window and more
     * for the others, and the exit of the process ends this thread. */
    if (event == CTRL_CLOSE_EVENT || event == CTRL_LOGOFF_EVENT || event == CTRL_SHUTDOWN_EVENT)
        Sleep(INFINITE);
    return TRUE;
}

/* signals.lock is held: Windows does not call the handler before it is installed. */
static int install(void) {
    if (signals.installed) return 0;
    /* The first call undoes an inherited setting: Ctrl-C ignored. */
    SetConsoleCtrlHandler(NULL, FALSE);
    signals.installed = SetConsoleCtrlHandler(stop_requested, TRUE);
    return signals.installed ? 0 : last_error();
}

int system_requests_keep(void) {
    AcquireSRWLockExclusive(&signals.lock);
    const int error = install();
    ReleaseSRWLockExclusive(&signals.lock);
    return error;
}

/* Windows calls handlers under a lock that SetConsoleCtrlHandler takes too, and ours takes
 * signals.lock: so that lock is not held here while the handler is removed. */
void system_requests_release(void) {
    if (system_stop_requested()) ExitProcess(STATUS_CONTROL_C_EXIT);
    SetConsoleCtrlHandler(stop_requested, FALSE);
    AcquireSRWLockExclusive(&signals.lock);
    const bool kept = signals.kept & 1u << PORT_SIGNAL_STOP;
    signals.installed = false;
    ReleaseSRWLockExclusive(&signals.lock);
    if (kept) ExitProcess(STATUS_CONTROL_C_EXIT);
}

bool system_stop_requested(void) {
    AcquireSRWLockExclusive(&signals.lock);
    const bool kept = signals.kept & 1u << PORT_SIGNAL_STOP;
    ReleaseSRWLockExclusive(&signals.lock);
    return kept;
}

/* 0, or the op's result. */
static int take_or_wait(struct port *port, struct port_op *op) {
    assert(signals.waiting == NULL);
    const int error = install();
    if (error != 0) return error;
    for (int what = PORT_SIGNAL_STOP; what <= PORT_SIGNAL_ROTATE; what++) {
        if (!(signals.kept & 1u << what)) continue;
        signals.kept &= ~(1u << what);
        return what;
    }
    signals.port = port;
    signals.waiting = op;
    return 0;
}

void signal_start(struct port *port, struct port_op *op) {
    AcquireSRWLockExclusive(&signals.lock);
    const int result = take_or_wait(port, op);
    ReleaseSRWLockExclusive(&signals.lock);
    if (result != 0) port_completed(port, op, result);
}

void signal_cancel(struct port *port, struct port_op *op) {
    AcquireSRWLockExclusive(&signals.lock);
    const bool waits = signals.waiting == op;
    if (waits) signals.waiting = NULL;
    ReleaseSRWLockExclusive(&signals.lock);
    if (waits) port_completed(port, op, ERR_CANCELLED);
}
