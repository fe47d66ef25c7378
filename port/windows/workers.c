/* workers.c - the two lanes of worker threads, and what they do for the port
 * itself: issuing writes, syncing.
 *
 * A lane sleeps on a completion port of its own, whose concurrency is the
 * number of its threads that should run at once, and is woken with
 * PostQueuedCompletionStatus: the kernel wakes the thread that slept last, whose
 * cache is warmest.  A write is issued overlapped and completes in the owner's
 * queue, like everything else. */
#include "port/windows/iocp.h"

#include <process.h>

#include "port/system.h"

/* Who comes first decides, worker or cancel. */
enum worker_state { WORKER_QUEUED, WORKER_BEGUN, WORKER_CANCELLED };

#define SLOW_WORKERS    2
/* One WriteFile takes 32 bits of size; a round number below that. */
#define WRITE_BYTES_MAX (1u << 30)

static int lane_open(struct lane *lane, uint32_t thread_count, int priority);
static void lane_close(struct lane *lane);
static unsigned __stdcall lane_thread(void *context);
static void write_start(struct port *port, struct port_op *op);
static void write_issue(struct port_op *op);

int workers_open(struct port *port, const struct port_options *options) {
    struct iocp *iocp = port->backend;
    uint32_t pack = options != NULL ? options->pack_workers : 0;
    uint32_t slow = options != NULL ? options->slow_workers : 0;
    if (pack == 0) pack = system_cores();
    if (pack > PORT_WORKERS_MAX) pack = PORT_WORKERS_MAX;
    if (slow == 0) slow = SLOW_WORKERS;
    if (slow > PORT_WORKERS_MAX) slow = PORT_WORKERS_MAX;

    int error = lane_open(&iocp->lanes[PORT_LANE_PACK], pack, THREAD_PRIORITY_NORMAL);
    if (error != 0) return error;
    /* Not THREAD_MODE_BACKGROUND_BEGIN: that also puts their disk requests last,
     * and a sync that waits behind every other program's is durability lost. */
    error = lane_open(&iocp->lanes[PORT_LANE_SLOW], slow, THREAD_PRIORITY_LOWEST);
    if (error != 0) lane_close(&iocp->lanes[PORT_LANE_PACK]);
    return error;
}

void workers_close(struct port *port) {
    struct iocp *iocp = port->backend;
    for (int i = 0; i < PORT_LANES; i++)
        lane_close(&iocp->lanes[i]);
}

static int lane_open(struct lane *lane, uint32_t thread_count, int priority) {
    lane->thread_count = 0;
    lane->queue = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, thread_count);
    if (lane->queue == NULL) return last_error();
    while (lane->thread_count < thread_count) {
        HANDLE thread = (HANDLE)_beginthreadex(NULL, 0, lane_thread, lane->queue, 0, NULL);
        if (thread == NULL) {
            lane_close(lane);
            return ERR_NO_MEMORY;
        }
        SetThreadPriority(thread, priority);
        lane->threads[lane->thread_count++] = thread;
    }
    return 0;
}

static void lane_close(struct lane *lane) {
    /* CloseHandle on a completion port does not wake who waits on it: each
     * thread gets a packet that ends it, behind the work that is queued. */
    for (uint32_t i = 0; i < lane->thread_count; i++)
        queue_put(lane->queue, 0, 0, NULL);
    for (uint32_t i = 0; i < lane->thread_count; i++) {
        WaitForSingleObject(lane->threads[i], INFINITE);
        CloseHandle(lane->threads[i]);
    }
    CloseHandle(lane->queue);
    lane->thread_count = 0;
}

void worker_start(struct port *port, struct port_op *op) {
    struct iocp *iocp = port->backend;
    op_private(op)->u.worker = WORKER_QUEUED;
    switch (op->kind) {
    case PORT_WRITE: write_start(port, op); break;
    case PORT_SYNC: queue_put(iocp->lanes[PORT_LANE_SLOW].queue, 0, 0, op); break;
    case PORT_WORK: queue_put(iocp->lanes[op->u.work.lane].queue, 0, 0, op); break;
    default: assert(!"no work for a worker");
    }
}

/* A packet cannot be taken out of a queue: the op stays there, marked, and the
 * worker that meets it sends it back. */
void worker_cancel(struct port_op *op) {
    InterlockedCompareExchange(&op_private(op)->u.worker, WORKER_CANCELLED, WORKER_QUEUED);
}

static unsigned __stdcall lane_thread(void *context) {
    HANDLE queue = context;
    for (;;) { /* until the sentinel */
        DWORD bytes;
        ULONG_PTR key;
        OVERLAPPED *packet = NULL;
        const BOOL taken = GetQueuedCompletionStatus(queue, &bytes, &key, &packet, INFINITE);
        assert(taken);
        if (packet == NULL) return 0;

        struct port_op *op = (struct port_op *)packet;
        struct iocp *iocp = op->port->backend;
        if (InterlockedCompareExchange(&op_private(op)->u.worker, WORKER_BEGUN, WORKER_QUEUED) ==
            WORKER_CANCELLED) {
            op->result = ERR_CANCELLED;
        } else if (op->kind == PORT_WRITE) {
            write_issue(op);
            continue; /* it completes by itself */
        } else if (op->kind == PORT_SYNC) {
            op->result = file_sync(op->u.file.file);
        } else {
            op->result = 0;
            op->u.work.run(op);
        }
        queue_put(iocp->queue, 0, PACKET_DONE, op);
    }
}

/* ---- writes ---- */

static void write_start(struct port *port, struct port_op *op) {
    struct iocp *iocp = port->backend;
    struct file *file = op->u.file.file;
    const HANDLE handle = (HANDLE)file->handle;
    if (op->u.file.done == op->u.file.size) {
        port_completed(port, op, (int64_t)op->u.file.size);
        return;
    }
    if (file->port == NULL) {
        /* Without SKIP_COMPLETION_PORT_ON_SUCCESS, Wine 8 answers a write that
         * fails at once with FALSE *and* a packet: the op would come back
         * twice.  With it, a call that ends at once never sends a packet,
         * neither there nor on Windows (port_test: writes to a full disk). */
        if (CreateIoCompletionPort(handle, iocp->queue, PACKET_FILE, 0) == NULL ||
            !SetFileCompletionNotificationModes(handle, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS |
                                                            FILE_SKIP_SET_EVENT_ON_HANDLE)) {
            port_completed(port, op, last_error());
            return;
        }
        file->port = port;
    }
    assert(file->port == port); /* Windows attaches a handle once, to one port */
    queue_put(iocp->lanes[PORT_LANE_PACK].queue, 0, 0, op);
}

/* On a worker: writes that make a file longer are synchronous on NTFS, even
 * overlapped (KB 156932), and the owner must not wait for a disk. */
static void write_issue(struct port_op *op) {
    struct iocp *iocp = op->port->backend;
    OVERLAPPED *overlapped = &op_private(op)->overlapped;
    const uint64_t offset = op->u.file.offset + op->u.file.done;
    const size_t left = op->u.file.size - op->u.file.done;
    *overlapped = (OVERLAPPED){.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};

    if (WriteFile((HANDLE)op->u.file.file->handle, op->u.file.bytes + op->u.file.done,
                  (DWORD)(left < WRITE_BYTES_MAX ? left : WRITE_BYTES_MAX), NULL, overlapped)) {
        /* Done already, and no packet comes (see write_start): we send it. */
        queue_put(iocp->queue, (DWORD)overlapped->InternalHigh, PACKET_FILE, overlapped);
        return;
    }
    const DWORD code = GetLastError();
    if (code == ERROR_IO_PENDING) return; /* the op is the owner's again, maybe by now */
    op->result = error_of_windows(code);
    queue_put(iocp->queue, 0, PACKET_DONE, op);
}

void file_write_completed(struct port *port, struct port_op *op, DWORD bytes) {
    OVERLAPPED *overlapped = &op_private(op)->overlapped;
    if ((LONG)overlapped->Internal < 0) {
        port_completed(port, op, overlapped_error(overlapped));
        return;
    }
    /* An overlapped write may be short without being wrong; one that writes
     * nothing would go on for ever. */
    op->u.file.done += bytes;
    if (bytes == 0)
        port_completed(port, op, ERR_IO);
    else if (op->u.file.done < op->u.file.size)
        worker_start(port, op);
    else
        port_completed(port, op, (int64_t)op->u.file.size);
}
