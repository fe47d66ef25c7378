/* signals.c - the console's requests to the process: Ctrl-C, Ctrl-Break, its window is closed, the
 * user logs off, the machine shuts down.  All of them mean stop.  Windows has no signals for reload
 * and rotate; those come through the control socket.
 *
 * State of the process, as the console is.  The system calls the handler on a thread of its own,
 * so a lock guards it. */
#include "port/windows/iocp.h"

#include "port/system.h"

static struct {
    SRWLOCK lock;
    bool installed;
    struct port *port;
    struct port_op *waiting;
    bool kept; /* a request that came while no op was waiting */
} signals = {.lock = SRWLOCK_INIT};

static BOOL WINAPI stop_requested(DWORD event) {
    AcquireSRWLockExclusive(&signals.lock);
    struct port_op *op = signals.waiting;
    signals.waiting = NULL;
    if (op != NULL) {
        op->result = PORT_SIGNAL_STOP;
        struct iocp *iocp = signals.port->backend;
        queue_put(iocp->queue, 0, PACKET_DONE, op);
    } else {
        signals.kept = true;
    }
    ReleaseSRWLockExclusive(&signals.lock);

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
    const bool kept = signals.kept;
    signals.installed = false;
    ReleaseSRWLockExclusive(&signals.lock);
    if (kept) ExitProcess(STATUS_CONTROL_C_EXIT);
}

bool system_stop_requested(void) {
    AcquireSRWLockExclusive(&signals.lock);
    const bool kept = signals.kept;
    ReleaseSRWLockExclusive(&signals.lock);
    return kept;
}

/* 0, or the op's result. */
static int take_or_wait(struct port *port, struct port_op *op) {
    assert(signals.waiting == NULL);
    const int error = install();
    if (error != 0) return error;
    if (signals.kept) {
        signals.kept = false;
        return PORT_SIGNAL_STOP;
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
