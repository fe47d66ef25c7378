/* workers.c - the lanes of worker threads, and what they do for the port
 * itself: issuing writes, syncing.
 *
 * A lane is a list of ops and a completion port whose concurrency is the number
 * of its threads.  Each op added posts one packet that says so: the kernel
 * wakes the thread that slept last, whose cache is warmest, and an op can
 * still be taken out of the list.  A write is issued overlapped and completes in
 * the owner's queue, like everything else. */
#include "port/windows/iocp.h"

#include <process.h>
#include <string.h>

#include "port/system.h"

/* A packet in a lane's queue. */
enum lane_key { LANE_OP_ADDED, LANE_ENDS };

#define URGENT_WORKERS  2
#define SLOW_WORKERS    2
/* One WriteFile takes 32 bits of size; a round number below that. */
#define WRITE_BYTES_MAX (1u << 30)

static int lane_open(struct lane *lane, uint32_t thread_count, int priority);
static void lane_close(struct lane *lane);
static void lane_add(struct lane *lane, struct port_op *op);
static unsigned __stdcall lane_thread(void *context);
static void run(struct port_op *op);
static void write_start(struct port *port, struct port_op *op);
static void write_issue(struct port_op *op);

int workers_open(struct port *port, const struct port_options *options) {
    struct iocp *iocp = port->backend;
    uint32_t pack = options->pack_workers ? options->pack_workers : system_cores();
    if (pack > PORT_WORKERS_MAX) pack = PORT_WORKERS_MAX;
    const uint32_t urgent = options->urgent_workers ? options->urgent_workers : URGENT_WORKERS;
    const uint32_t slow = options->slow_workers ? options->slow_workers : SLOW_WORKERS;

    /* Not THREAD_MODE_BACKGROUND_BEGIN for the slow ones: that also puts their disk requests
     * last, and a sync that waits behind every other program's is durability lost. */
    const struct {
        uint32_t threads;
        int priority;
    } lanes[PORT_LANES] = {
        [PORT_LANE_PACK] = {pack, THREAD_PRIORITY_NORMAL},
        [PORT_LANE_URGENT] = {urgent, THREAD_PRIORITY_NORMAL},
        [PORT_LANE_SLOW] = {slow, THREAD_PRIORITY_LOWEST},
        [PORT_LANE_IDLE] = {1, THREAD_PRIORITY_IDLE},
    };
    for (int i = 0; i < PORT_LANES; i++) {
        const int error = lane_open(&iocp->lanes[i], lanes[i].threads, lanes[i].priority);
        if (error == 0) continue;
        while (i > 0)
            lane_close(&iocp->lanes[--i]);
        return error;
    }
    return 0;
}

void workers_close(struct port *port) {
    struct iocp *iocp = port->backend;
    for (int i = 0; i < PORT_LANES; i++)
        lane_close(&iocp->lanes[i]);
}

static int lane_open(struct lane *lane, uint32_t thread_count, int priority) {
    memset(lane, 0, sizeof(*lane));
    InitializeSRWLock(&lane->lock);
    lane->queue = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, thread_count);
    if (lane->queue == NULL) return last_error();
    while (lane->thread_count < thread_count) {
        HANDLE thread = (HANDLE)_beginthreadex(NULL, 0, lane_thread, lane, 0, NULL);
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
     * thread gets a packet that ends it. */
    assert(lane->ops.count == 0);
    for (uint32_t i = 0; i < lane->thread_count; i++)
        queue_put(lane->queue, 0, LANE_ENDS, NULL);
    for (uint32_t i = 0; i < lane->thread_count; i++) {
        WaitForSingleObject(lane->threads[i], INFINITE);
        CloseHandle(lane->threads[i]);
    }
    CloseHandle(lane->queue);
    lane->thread_count = 0;
}

static struct lane *lane_of(const struct port_op *op) {
    struct iocp *iocp = op->port->backend;
    switch (op->kind) {
    case PORT_WRITE: return &iocp->lanes[PORT_LANE_PACK];
    case PORT_SYNC: return &iocp->lanes[PORT_LANE_SLOW];
    default: return &iocp->lanes[op->u.work.lane];
    }
}

void worker_start(struct port *port, struct port_op *op) {
    if (op->kind == PORT_WRITE)
        write_start(port, op);
    else
        lane_add(lane_of(op), op);
}

void worker_cancel(struct port *port, struct port_op *op) {
    struct lane *lane = lane_of(op);
    AcquireSRWLockExclusive(&lane->lock);
    const bool waits = op->list == &lane->ops;
    if (waits) port_list_remove(op);
    ReleaseSRWLockExclusive(&lane->lock);
    if (waits) port_completed(port, op, ERR_CANCELLED); /* its packet will find nothing */
}

static void lane_add(struct lane *lane, struct port_op *op) {
    AcquireSRWLockExclusive(&lane->lock);
    port_list_append(&lane->ops, op);
    ReleaseSRWLockExclusive(&lane->lock);
    queue_put(lane->queue, 0, LANE_OP_ADDED, NULL);
}

static unsigned __stdcall lane_thread(void *context) {
    struct lane *lane = context;
    for (;;) { /* until lane_close */
        DWORD bytes;
        ULONG_PTR key;
        OVERLAPPED *nothing;
        const BOOL taken = GetQueuedCompletionStatus(lane->queue, &bytes, &key, &nothing, INFINITE);
        assert(taken);
        if (key == LANE_ENDS) return 0;
        AcquireSRWLockExclusive(&lane->lock);
        struct port_op *op = port_list_take_first(&lane->ops);
        ReleaseSRWLockExclusive(&lane->lock);
        if (op != NULL) run(op); /* else it was cancelled */
    }
}

static void run(struct port_op *op) {
    struct iocp *iocp = op->port->backend;
    switch (op->kind) {
    case PORT_WORK: op->u.work.run(op); break;
    case PORT_SYNC: op->result = file_sync(op->u.file.file); break;
    case PORT_WRITE: write_issue(op); return; /* comes back by itself */
    default: assert(!"no work for a worker");
    }
    queue_put(iocp->queue, 0, PACKET_DONE, op);
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
    lane_add(&iocp->lanes[PORT_LANE_PACK], op);
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
