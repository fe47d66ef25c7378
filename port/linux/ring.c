/* ring.c - many receives with one call of the system, over io_uring.
 * A ring holds nothing between two calls of ring_perform: every receive that
 * was added comes back from the next one, with what its socket had or with
 * -EAGAIN.  So the kernel keeps no buffer and no handle, and shutting and
 * cancelling need not know that there is a ring. */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <unistd.h>

#include "port/linux/linux.h"

struct ring {
    struct io_uring uring;
    struct port_op *ops[RING_RECEIVES_MAX];
    int results[RING_RECEIVES_MAX];
    uint32_t count;
    uint8_t probe; /* nothing is ever received into it */
};

static bool answers_at_once(struct ring *ring);

struct ring *ring_open(void) {
    struct ring *ring = calloc(1, sizeof *ring);
    if (ring == NULL) return NULL;
    /* No flags: they are about what is completed later, and nothing is. */
    if (io_uring_queue_init(RING_RECEIVES_MAX, &ring->uring, 0) < 0) {
        free(ring);
        return NULL;
    }
    /* For this thread, the owner's, it spares each call a look-up of the ring's handle (Linux
     * 5.18): a tenth of the CPU time per line where receives are small.  Where it is refused all
     * works without. */
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
    assert(entry != NULL); /* the ring is empty after each ring_perform, and as large as count */
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

/* Before Linux 5.6 there is no IORING_OP_RECV, and in some kernels after it one from an empty
 * socket stays until something comes, in spite of MSG_DONTWAIT.  Neither is of use. */
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

/* Hands over what was added; less only when the kernel refuses. */
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

bool ring_perform(struct ring *ring, ring_received *received) {
    const uint32_t submitted = submit(ring);
    for (uint32_t back = 0; back < submitted;) { /* they are there: see answers_at_once */
        struct io_uring_cqe *entry;
        const int error = io_uring_wait_cqe(&ring->uring, &entry);
        if (error == -EINTR) continue;
        assert(error == 0); /* the kernel has buffers of ours: there is no way on without them */
        ring->results[io_uring_cqe_get_data64(entry)] = entry->res;
        io_uring_cqe_seen(&ring->uring, entry);
        back++;
    }
    const uint32_t count = ring->count;
    ring->count = 0;
    for (uint32_t i = 0; i < count; i++)
        received(ring->ops[i], ring->results[i]);
    return submitted == count;
}
