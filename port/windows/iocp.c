/* iocp.c - the back end on Windows: one I/O completion port for the owner.
 *
 * The owner sleeps only in GetQueuedCompletionStatusEx.  Accepts, receives, sends and overlapped
 * writes complete there; workers, other threads, the console and the timer post packets to it
 * with PostQueuedCompletionStatus.  Workers sleep on completion ports of their own (workers.c). */
#include "port/windows/iocp.h"

#include <stdlib.h>

#include "port/system.h"

#define PACKETS_MAX PORT_COLLECT_MAX

static void alarm_expired(PTP_CALLBACK_INSTANCE instance, void *context, PTP_TIMER timer);
static void alarm_set(struct iocp *iocp, int64_t deadline_ns);
static void collect(struct port *port, DWORD timeout_ms);
static void packet_arrived(struct port *port, const OVERLAPPED_ENTRY *packet);

static int iocp_open(struct port *port, const struct port_options *options) {
    sockets_startup();
    struct iocp *iocp = calloc(1, sizeof(*iocp));
    if (iocp == NULL) return ERR_NO_MEMORY;
    int error;

    iocp->queue = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    if (iocp->queue == NULL) {
        error = last_error();
        goto no_queue;
    }
    iocp->is_wine = GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != NULL;
    iocp->alarm = CreateThreadpoolTimer(alarm_expired, iocp->queue, NULL);
    if (iocp->alarm == NULL) {
        error = last_error();
        goto no_alarm;
    }
    port->backend = iocp;
    error = workers_open(port, options);
    if (error != 0) goto no_workers;
    return 0;

no_workers:
    port->backend = NULL;
    CloseThreadpoolTimer(iocp->alarm);
no_alarm:
    CloseHandle(iocp->queue);
no_queue:
    free(iocp);
    return error;
}

static void iocp_close(struct port *port) {
    struct iocp *iocp = port->backend;
    while (iocp->acceptors !=
           NULL) /* their listeners are shut: the system completes what is left */
        collect(port, INFINITE);
    workers_close(port);
    /* After this order of calls no late callback can use the queue. */
    SetThreadpoolTimer(iocp->alarm, NULL, 0, 0);
    WaitForThreadpoolTimerCallbacks(iocp->alarm, TRUE);
    CloseThreadpoolTimer(iocp->alarm);
    CloseHandle(iocp->queue);
    free(iocp);
    port->backend = NULL;
}

static void iocp_start(struct port *port, struct port_op *op) {
    switch (op->kind) {
    case PORT_ACCEPT:
    case PORT_RECEIVE:
    case PORT_RECEIVE_DATAGRAMS:
    case PORT_SEND: socket_start(port, op); break;
    case PORT_WRITE:
    case PORT_SYNC:
    case PORT_WORK: worker_start(port, op); break;
    case PORT_SIGNAL: signal_start(port, op); break;
    default: assert(!"not started here");
    }
}

static void iocp_cancel(struct port *port, struct port_op *op) {
    switch (op->kind) {
    case PORT_ACCEPT:
    case PORT_RECEIVE:
    case PORT_RECEIVE_DATAGRAMS:
    case PORT_SEND: socket_cancel(port, op); break;
    case PORT_WRITE:
    case PORT_SYNC:
    case PORT_WORK: worker_cancel(port, op); break;
    case PORT_SIGNAL: signal_cancel(port, op); break;
    default: break; /* a post: too late */
    }
}

static void iocp_post(struct port *port, struct port_op *op) {
    struct iocp *iocp = port->backend;
    queue_put(iocp->queue, 0, PACKET_DONE, op);
}

/* An alarm may be outdated or slightly early; then port.c reads the clock and waits again. */
static void iocp_wait(struct port *port, int64_t timeout_ns) {
    if (timeout_ns > 0) alarm_set(port->backend, system_now_ns() + timeout_ns);
    collect(port, timeout_ns == 0 ? 0 : INFINITE);
}

static void collect(struct port *port, DWORD timeout_ms) {
    struct iocp *iocp = port->backend;
    OVERLAPPED_ENTRY packets[PACKETS_MAX];
    ULONG count = 0;
    if (!GetQueuedCompletionStatusEx(iocp->queue, packets, PACKETS_MAX, &count, timeout_ms,
                                     FALSE)) {
        assert(GetLastError() == WAIT_TIMEOUT);
        return;
    }
    for (ULONG i = 0; i < count; i++)
        packet_arrived(port, &packets[i]);
}

static void packet_arrived(struct port *port, const OVERLAPPED_ENTRY *packet) {
    struct iocp *iocp = port->backend;
    const DWORD bytes = packet->dwNumberOfBytesTransferred;
    struct port_op *op;
    switch ((enum packet_key)packet->lpCompletionKey) {
    case PACKET_SOCKET:
        socket_completed(port, op_of_overlapped(packet->lpOverlapped), bytes);
        break;
    case PACKET_ACCEPT: accepts_completed(port, packet->lpOverlapped); break;
    case PACKET_FILE:
        file_write_completed(port, op_of_overlapped(packet->lpOverlapped), bytes);
        break;
    case PACKET_DONE:
        op = (struct port_op *)packet->lpOverlapped;
        port_completed(port, op, op->result);
        break;
    case PACKET_ALARM: iocp->alarm_ns = 0; break;
    default: assert(!"not one of our packets");
    }
}

void queue_put(HANDLE queue, DWORD bytes, ULONG_PTR key, void *overlapped) {
    /* Ends when the kernel has 40 bytes again. */
    while (!PostQueuedCompletionStatus(queue, bytes, key, overlapped))
        Sleep(1);
}

int overlapped_error(OVERLAPPED *overlapped) {
    DWORD bytes;
    /* The operation is complete, so this only translates its status and does not use the handle,
     * which may be closed by now. */
    if (GetOverlappedResult(NULL, overlapped, &bytes, FALSE)) return ERR_OTHER;
    return last_error();
}

/* ---- the alarm: posts a packet at the earliest deadline ---- */

static void alarm_set(struct iocp *iocp, int64_t deadline_ns) {
    /* An earlier alarm stays: it costs one reading of the clock. */
    if (iocp->alarm_ns != 0 && iocp->alarm_ns <= deadline_ns) return;
    const int64_t left_ns = deadline_ns - system_now_ns();
    const int64_t ticks = left_ns > 0 ? (left_ns + 99) / 100 : 0;
    const ULARGE_INTEGER relative = {.QuadPart = (ULONGLONG)-ticks};
    FILETIME due = {.dwLowDateTime = relative.LowPart, .dwHighDateTime = relative.HighPart};
    iocp->alarm_ns = deadline_ns;
    SetThreadpoolTimer(iocp->alarm, &due, 0, 0);
}

static void alarm_expired(PTP_CALLBACK_INSTANCE instance, void *context, PTP_TIMER timer) {
    (void)instance;
    (void)timer;
    queue_put(context, 0, PACKET_ALARM, NULL);
}

/* ---- the rest ---- */

static uint64_t iocp_kernel_drops(const struct port_socket *bound) {
    (void)bound; /* Windows counts them only for the whole machine */
    return PORT_DROPS_UNKNOWN;
}

static int64_t iocp_now_ns(const struct port *port) {
    (void)port;
    return system_now_ns();
}

static int64_t iocp_wall_ns(const struct port *port) {
    (void)port;
    return system_wall_ns();
}

static void iocp_random(struct port *port, void *bytes, size_t size) {
    (void)port;
    system_random(bytes, size);
}

static const char *iocp_name(const struct port *port) {
    (void)port;
    return "iocp";
}

const char *port_names(void) {
    return "iocp";
}

const struct port_backend port_backend_of_system = {
    .name = iocp_name,
    .open = iocp_open,
    .close = iocp_close,
    .start = iocp_start,
    .cancel = iocp_cancel,
    .post = iocp_post,
    .wait = iocp_wait,
    .listen = socket_listen,
    .bind = socket_bind,
    .listen_unix = socket_listen_unix,
    .bind_unix = unix_bind,
    .unix_access = unix_access,
    .end_datagrams = unix_end_datagrams,
    .shut = socket_shut,
    .kernel_drops = iocp_kernel_drops,
    .remote_open = remote_thread_open,
    .remote_run = remote_thread_run,
    .remote_leave = remote_thread_leave,
    .now_ns = iocp_now_ns,
    .wall_ns = iocp_wall_ns,
    .random = iocp_random,
};
