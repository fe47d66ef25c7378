/* workers.c - the lanes' threads, and the operations that they make for the port: writes and syncs.
 *
 * A lane is a list of ops and a completion port of its own, whose concurrency is the number of
 * its threads.  Adding an op posts one empty packet: the kernel wakes the thread that fell
 * asleep last, whose cache is warmest, and the op can still be removed from the list.  A write
 * is issued overlapped and completes in the owner's queue. */
#include "port/windows/iocp.h"

#include <string.h>

#include "port/system.h"
#include "port/windows/threads.h"

/* A packet in a lane's queue. */
enum lane_key { LANE_OP_ADDED, LANE_ENDS };

#define URGENT_WORKERS  2
#define SLOW_WORKERS    2
/* WriteFile takes a size of 32 bits; a round number below that. */
#define WRITE_BYTES_MAX (1u << 30)

static int lane_open(struct work_lane *lane, uint32_t thread_count, enum thread_priority priority);
static void lane_close(struct work_lane *lane);
static void lane_add(struct work_lane *lane, struct port_op *op);
static void lane_thread(void *context);
static void run(struct port_op *op);
static void write_start(struct port *port, struct port_op *op);
static void write_issue(struct port_op *op);

int workers_open(struct port *port, const struct port_options *options) {
    struct iocp *iocp = port->backend;
    uint32_t pack = options->pack_workers ? options->pack_workers : system_cores();
    if (pack > PORT_WORKERS_MAX) pack = PORT_WORKERS_MAX;
    const uint32_t write = options->write_workers ? options->write_workers : PORT_WRITE_WORKERS;
    const uint32_t urgent = options->urgent_workers ? options->urgent_workers : URGENT_WORKERS;
    const uint32_t slow = options->slow_workers ? options->slow_workers : SLOW_WORKERS;

    const struct {
        uint32_t threads;
        enum thread_priority priority;
    } lanes[PORT_LANES] = {
        [PORT_LANE_PACK] = {pack, THREAD_NORMAL},     [PORT_LANE_WRITE] = {write, THREAD_NORMAL},
        [PORT_LANE_URGENT] = {urgent, THREAD_NORMAL}, [PORT_LANE_SLOW] = {slow, THREAD_LOW},
        [PORT_LANE_IDLE] = {1, THREAD_LOWEST},
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

static int lane_open(struct work_lane *lane, uint32_t thread_count, enum thread_priority priority) {
    memset(lane, 0, sizeof(*lane));
    InitializeSRWLock(&lane->lock);
    lane->queue = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, thread_count);
    if (lane->queue == NULL) return last_error();
    while (lane->thread_count < thread_count) {
        const HANDLE thread = thread_begin(lane_thread, lane, priority);
        if (thread == NULL) {
            lane_close(lane);
            return ERR_NO_MEMORY;
        }
        processors_spread(thread, lane->thread_count);
        lane->threads[lane->thread_count++] = thread;
    }
    return 0;
}

static void lane_close(struct work_lane *lane) {
    /* CloseHandle does not wake threads that wait on the completion port, so each gets a packet
     * that ends it. */
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

static struct work_lane *lane_of(const struct port_op *op) {
    struct iocp *iocp = op->port->backend;
    switch (op->kind) {
    case PORT_WRITE: return &iocp->lanes[PORT_LANE_WRITE];
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
    struct work_lane *lane = lane_of(op);
    AcquireSRWLockExclusive(&lane->lock);
    const bool waits = op->list == &lane->ops;
    if (waits) port_list_remove(op);
    ReleaseSRWLockExclusive(&lane->lock);
    if (waits) port_completed(port, op, ERR_CANCELLED); /* its packet will find no op */
}

static void lane_add(struct work_lane *lane, struct port_op *op) {
    AcquireSRWLockExclusive(&lane->lock);
    port_list_append(&lane->ops, op);
    ReleaseSRWLockExclusive(&lane->lock);
    queue_put(lane->queue, 0, LANE_OP_ADDED, NULL);
}

static void lane_thread(void *context) {
    struct work_lane *lane = context;
    for (;;) { /* until lane_close */
        DWORD bytes;
        ULONG_PTR key;
        OVERLAPPED *nothing;
        const BOOL taken = GetQueuedCompletionStatus(lane->queue, &bytes, &key, &nothing, INFINITE);
        assert(taken);
        if (key == LANE_ENDS) return;
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
    case PORT_WRITE: write_issue(op); return; /* it posts a packet of its own */
    default: assert(!"not a worker's");
    }
    queue_put(iocp->queue, 0, PACKET_DONE, op);
}

/* ---- writes ---- */

/* Windows sends a packet for every write that succeeds or is pending, and none for one that fails at
 * once.  Wine 8 also sends one for a write that fails at once because the volume is full, after
 * WriteFile has returned FALSE with ERROR_DISK_FULL: the op would complete twice.  With
 * SKIP_COMPLETION_PORT_ON_SUCCESS it does not, and a write that succeeds still sends its packet,
 * because Wine reports it as pending. */
static int write_attach(struct iocp *iocp, HANDLE handle) {
    if (CreateIoCompletionPort(handle, iocp->queue, PACKET_FILE, 0) == NULL) return last_error();
    if (iocp->is_wine &&
        !SetFileCompletionNotificationModes(handle, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS))
        return last_error();
    return 0;
}

static void write_start(struct port *port, struct port_op *op) {
    struct iocp *iocp = port->backend;
    struct file *file = op->u.file.file;
    const HANDLE handle = (HANDLE)file->handle;
    if (op->u.file.done == op->u.file.size) {
        port_completed(port, op, (int64_t)op->u.file.size);
        return;
    }
    if (file->port == NULL) {
        const int error = write_attach(iocp, handle);
        if (error != 0) {
            port_completed(port, op, error);
            return;
        }
        file->port = port;
    }
    assert(file->port == port); /* a handle can be attached to one port only, and once */
    lane_add(&iocp->lanes[PORT_LANE_PACK], op);
}

/* On a worker: on NTFS a write that extends a file is synchronous even when overlapped (KB
 * 156932), and the owner must not wait for a disk. */
static void write_issue(struct port_op *op) {
    struct iocp *iocp = op->port->backend;
    OVERLAPPED *overlapped = &op_private(op)->overlapped;
    const uint64_t offset = op->u.file.offset + op->u.file.done;
    const size_t left = op->u.file.size - op->u.file.done;
    *overlapped = (OVERLAPPED){.Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32)};

    const BOOL ended =
        WriteFile((HANDLE)op->u.file.file->handle, op->u.file.bytes + op->u.file.done,
                  (DWORD)(left < WRITE_BYTES_MAX ? left : WRITE_BYTES_MAX), NULL, overlapped);
    const DWORD code = ended ? ERROR_SUCCESS : GetLastError();
    /* The kernel sends the packet, in both cases; the op may have completed already. */
    if (code == ERROR_IO_PENDING || (ended && !iocp->is_wine)) return;
    if (ended) {
        queue_put(iocp->queue, (DWORD)overlapped->InternalHigh, PACKET_FILE, overlapped);
        return;
    }
    op->result = error_of_windows(code);
    queue_put(iocp->queue, 0, PACKET_DONE, op);
}

void file_write_completed(struct port *port, struct port_op *op, DWORD bytes) {
    OVERLAPPED *overlapped = &op_private(op)->overlapped;
    if ((LONG)overlapped->Internal < 0) {
        port_completed(port, op, overlapped_error(overlapped));
        return;
    }
    /* A short overlapped write is not an error; one that writes nothing is, or this would not
     * end. */
    op->u.file.done += bytes;
    if (bytes == 0)
        port_completed(port, op, ERR_IO);
    else if (op->u.file.done < op->u.file.size)
        worker_start(port, op);
    else
        port_completed(port, op, (int64_t)op->u.file.size);
}
