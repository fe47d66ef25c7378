/* output_queue.c - see output_queue.h. */
#include "port/windows/output_queue.h"

#include <string.h>
#include <windows.h>

#include "port/error.h"
#include "port/system.h"
#include "port/thread.h"
#include "port/windows/console.h"

#define QUEUE_BYTES (256u << 10)
#define PIECE_BYTES 4096

/* State of the process, as its standard error is.  The numbers count bytes since the start; a byte
 * is at its number modulo QUEUE_BYTES. */
static struct {
    struct monitor monitor;
    uint64_t queued, written;
    int error; /* of a write; what follows is dropped */
    bool runs;
    uint8_t bytes[QUEUE_BYTES];
} queue;
static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

static int write_all(const uint8_t *bytes, size_t size);
static output_write *write_piece = write_all; /* set before the thread is started */

static size_t take_piece(uint8_t *piece) {
    size_t size = 0;
    for (; size < PIECE_BYTES && queue.written + size < queue.queued; size++)
        piece[size] = queue.bytes[(queue.written + size) % QUEUE_BYTES];
    return size;
}

static int write_all(const uint8_t *bytes, size_t size) {
    return console_write(STD_ERROR_HANDLE, bytes, size);
}

static void write_for_ever(void *unused) {
    (void)unused;
    uint8_t piece[PIECE_BYTES];
    monitor_lock(&queue.monitor);
    for (;;) { /* until the process ends */
        const size_t size = take_piece(piece);
        if (size == 0) {
            monitor_wait(&queue.monitor);
            continue;
        }
        monitor_unlock(&queue.monitor);
        const int error = write_piece(piece, size);
        monitor_lock(&queue.monitor);
        queue.written += size;
        if (error) queue.error = error;
        monitor_wake(&queue.monitor);
    }
}

static BOOL CALLBACK begin(INIT_ONCE *unused, void *parameter, void **context) {
    (void)unused, (void)parameter, (void)context;
    monitor_init(&queue.monitor);
    queue.runs = thread_start(write_for_ever, NULL, THREAD_NORMAL, "messages") == 0;
    return TRUE;
}

void output_queue_to(output_write *write) {
    write_piece = write;
    InitOnceExecuteOnce(&once, begin, NULL, NULL);
}

bool output_queue_is_used(void) {
    BOOL pending;
    return InitOnceBeginInitialize(&once, INIT_ONCE_CHECK_ONLY, &pending, NULL) && queue.runs;
}

/* The monitor is locked. */
static bool wait_until_written(uint64_t number, int64_t deadline_ns) {
    while (queue.written < number && queue.error == 0)
        if (!monitor_wait_until(&queue.monitor, deadline_ns)) break;
    return queue.written >= number;
}

static int put(const uint8_t *bytes, size_t size, int64_t deadline_ns, bool waits) {
    if (size > QUEUE_BYTES) return ERR_TOO_LARGE;
    const uint64_t end = queue.queued + size;
    const uint64_t room = end > QUEUE_BYTES ? end - QUEUE_BYTES : 0;
    if (queue.written < room && !(waits && wait_until_written(room, deadline_ns)))
        return queue.error ? queue.error : ERR_TIMED_OUT;
    if (queue.error) return queue.error;
    for (size_t i = 0; i < size; i++)
        queue.bytes[queue.queued++ % QUEUE_BYTES] = bytes[i];
    const uint64_t mine = queue.queued;
    monitor_wake(&queue.monitor);
    if (waits && !wait_until_written(mine, deadline_ns)) return ERR_TIMED_OUT;
    return queue.error;
}

int output_queue_write(const void *bytes, size_t size, uint32_t timeout_ms) {
    InitOnceExecuteOnce(&once, begin, NULL, NULL);
    if (!queue.runs) return write_piece(bytes, size);
    const int64_t deadline_ns = system_now_ns() + (int64_t)timeout_ms * 1000000;
    monitor_lock(&queue.monitor);
    const int result = put(bytes, size, deadline_ns, timeout_ms > 0);
    monitor_unlock(&queue.monitor);
    return result;
}

void output_queue_flush(uint32_t timeout_ms) {
    if (!output_queue_is_used()) return;
    monitor_lock(&queue.monitor);
    wait_until_written(queue.queued, system_now_ns() + (int64_t)timeout_ms * 1000000);
    monitor_unlock(&queue.monitor);
}
