/* signals.c - what the console asks of the process: Ctrl-C, Ctrl-Break, its
 * window closed, the user logging off, the machine shutting down.  All of them
 * mean: stop.  Reload and rotate have no signal on Windows; the control
 * socket asks for those.
 *
 * The system calls the handler on a thread of its own, so what is here is
 * guarded by a lock; it is the process's, as the console is. */
#include "port/windows/iocp.h"

static struct {
    SRWLOCK lock;
    bool installed;
    struct port *port;
    struct port_op *waiting;
    bool kept; /* it came while nobody waited */
} signals = {.lock = SRWLOCK_INIT};

static BOOL WINAPI console_asks(DWORD event) {
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

    /* For these the process is ended as soon as the handler returns.  It stays,
     * so that the daemon can drain: the system allows 5 s for a closed window,
     * more for the others, and the process's own exit ends this thread. */
    if (event == CTRL_CLOSE_EVENT || event == CTRL_LOGOFF_EVENT || event == CTRL_SHUTDOWN_EVENT)
        Sleep(INFINITE);
    return TRUE;
}

/* 0, or the op's result. */
static int take_or_wait(struct port *port, struct port_op *op) {
    assert(signals.waiting == NULL);
    if (!signals.installed) {
        /* The first undoes what a parent may have passed on: Ctrl-C ignored. */
        SetConsoleCtrlHandler(NULL, FALSE);
        signals.installed = SetConsoleCtrlHandler(console_asks, TRUE);
        if (!signals.installed) return last_error();
    }
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
