/* ring_absent.c - replaces ring.c in builds without liburing: there is no ring, and each receive
 * is one system call. */
#include <assert.h>

#include "port/linux/linux.h"

const char *port_names(void) {
    return "epoll";
}

struct ring *ring_open(void) {
    return NULL;
}

void ring_close(struct ring *ring) {
    (void)ring;
    assert(!"there is no ring");
}

bool ring_add(struct ring *ring, struct port_op *op) {
    (void)ring;
    (void)op;
    return false;
}

bool ring_perform(struct ring *ring, ring_received *received) {
    (void)ring;
    (void)received;
    return false;
}
