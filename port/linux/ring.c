/* ring.c - many receives with one system call, by io_uring.
 *
 * A ring is empty between two calls of ring_perform: every added receive ends in the next one,
 * with bytes or with -EAGAIN.  So the kernel keeps no buffer and no handle, and shutting and
 * cancelling need not know about the ring. */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <unistd.h>

#include "port/linux/linux.h"
#include "port/system.h"

#define RESULT_ATTEMPTS_MAX 2000

struct ring {
    struct io_uring uring;
    struct port_op *ops[RING_RECEIVES_MAX];
    int results[RING_RECEIVES_MAX];
    uint32_t count;
    uint8_t probe; /* nothing is ever received into it */
};

static bool answers_at_once(struct ring *ring);

const char *port_names(void) {
    return "io_uring, epoll";
}

struct ring *ring_open(void) {
    struct ring *ring = calloc(1, sizeof *ring);
    if (ring == NULL) return NULL;
    /* No flags: they concern operations that complete later, and none does. */
    if (io_uring_queue_init(RING_RECEIVES_MAX, &ring->uring, 0) < 0) {
        free(ring);
        return NULL;
    }
    /* Saves the owner's thread a look-up of the ring's handle in each call (Linux 5.18): a tenth
     * of the CPU time per line where receives are small.  Optional: where it is refused
     * everything works. */
    (void)io_uring_register_ring_fd(&ring->uring);
    if (answers_at_once(ring)) return ring;
    ring_close(ring);
    return NULL;
}

void ring_close(struct ring *ring) {
    io_uring_queue_exit(&ring->uring);
    free(ring);
}

static void add(struct ring *ring, int handle, void *bytes, size_t size) {
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->uring);
    assert(entry !=
           NULL); /* the ring was empty after ring_perform, and `count` does not exceed it */
    io_uring_prep_recv(entry, handle, bytes, size, MSG_DONTWAIT);
    io_uring_sqe_set_data64(entry, ring->count);
}

bool ring_add(struct ring *ring, struct port_op *op) {
    if (ring->count == RING_RECEIVES_MAX) return false;
    add(ring, (int)op->u.net.socket->handle, op->buffer->bytes, op->u.net.pool->buffer_bytes);
    ring->results[ring->count] = -EINTR;
    ring->ops[ring->count] = op;
    ring->count++;
    return true;
}

/* Linux before 5.6 has no IORING_OP_RECV, and in some later kernels one on an empty socket waits
 * for bytes in spite of MSG_DONTWAIT.  Neither can be used. */
static bool answers_at_once(struct ring *ring) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return false;
    add(ring, pair[0], &ring->probe, sizeof ring->probe);
    struct io_uring_cqe *entry;
    const bool answered =
        io_uring_submit(&ring->uring) == 1 && io_uring_peek_cqe(&ring->uring, &entry) == 0;
    const bool at_once = answered && entry->res == -EAGAIN;
    if (answered) io_uring_cqe_seen(&ring->uring, entry);
    close(pair[0]);
    close(pair[1]);
    return at_once;
}

/* Submits all added receives; fewer only if the kernel refuses. */
static uint32_t submit(struct ring *ring) {
    uint32_t submitted = 0;
    while (submitted < ring->count) {
        const int more = io_uring_submit(&ring->uring);
        if (more == -EINTR) continue;
        if (more <= 0) break;
        submitted += (uint32_t)more;
    }
    return submitted;
}

/* The next result.  It exists already (see answers_at_once), so an error passes; without the result
 * we cannot continue, because the kernel has filled, or will fill, a buffer of ours. */
static struct io_uring_cqe *next_result(struct ring *ring) {
    struct io_uring_cqe *entry = NULL;
    int error = io_uring_wait_cqe(&ring->uring, &entry);
    for (int attempt = 1; error < 0 && attempt < RESULT_ATTEMPTS_MAX; attempt++) {
        if (error != -EINTR) system_sleep_ms(1);
        error = io_uring_wait_cqe(&ring->uring, &entry);
    }
    assert(error == 0);
    return entry;
}

bool ring_perform(struct ring *ring, ring_received *received) {
    const uint32_t submitted = submit(ring);
    for (uint32_t back = 0; back < submitted; back++) {
        struct io_uring_cqe *entry = next_result(ring);
        ring->results[io_uring_cqe_get_data64(entry)] = entry->res;
        io_uring_cqe_seen(&ring->uring, entry);
    }
    const uint32_t count = ring->count;
    ring->count = 0;
    for (uint32_t i = 0; i < count; i++)
        received(ring->ops[i], ring->results[i]);
    return submitted == count;
}
