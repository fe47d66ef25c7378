/* backend.h - what a back end owes, and the part of the port that is the same
 * for all of them.  Included by port/ and by a simulator, by nobody else. */
#ifndef PORT_BACKEND_H
#define PORT_BACKEND_H

#include "port/port.h"

struct port_backend {
    const char *name;
    /* Fills port->backend; workers, wake-ups and all. */
    int (*open)(struct port *port, const struct port_options *options);
    void (*close)(struct port *port);
    /* Begins what op->kind and op->u say (all kinds but timers).  Ends, now or
     * later, in port_completed on the owner's thread; failures too. */
    void (*start)(struct port *port, struct port_op *op);
    /* May bring it back early; must not call `done`. */
    void (*cancel)(struct port *port, struct port_op *op);
    /* From any thread and signal handlers: the op comes back with op->result. */
    void (*post)(struct port *port, struct port_op *op);
    /* Waits at most timeout_ns (negative: for ever) for anything, and hands
     * what has come back to port_completed. */
    void (*wait)(struct port *port, int64_t timeout_ns);
    int (*listen)(struct port *port, struct port_socket *socket, struct port_address *address);
    int (*bind)(struct port *port, struct port_socket *socket, struct port_address *address,
                uint32_t receive_bytes, uint32_t *granted);
    void (*shut)(struct port *port, struct port_socket *socket);
    uint64_t (*kernel_drops)(const struct port_socket *socket);
    int64_t (*now_ns)(const struct port *port);
    int64_t (*wall_ns)(const struct port *port);
    void (*random)(struct port *port, void *bytes, size_t size);
};

extern const struct port_backend port_backend_of_system;

struct port {
    const struct port_backend *calls;
    struct files *files;
    void *backend; /* the back end's own state */
    /* Ops that came back and wait for their `done`, in order. */
    struct port_op *completed_first, *completed_last;
    uint32_t completed_count;
    uint64_t in_flight; /* ops started and not yet handed to `done` */
    /* Timers: a binary heap by deadline, then by order of start. */
    struct port_op **timers;
    uint32_t timer_count, timer_room;
};

/* Owner's thread: the op is done with; its `done` is called by port_wait. */
void port_completed(struct port *port, struct port_op *op, int64_t result);

/* A pool's free buffer for an op whose socket has something to read.  NULL:
 * none is free; the op waits in the pool and `start` is called for it again. */
struct port_buffer *port_pool_take(struct port_pool *pool, struct port_op *op);
/* True if it waited there, and does no more. */
bool port_pool_forget(struct port_pool *pool, struct port_op *op);

struct port_pool {
    struct port *port;
    struct port_buffer *free;
    struct port_op *waiting_first, *waiting_last;
    uint32_t buffer_bytes, datagram_bytes_max, slices_max;
    uint32_t buffers, buffers_free;
    uint8_t *memory;
    struct port_buffer *all;
};

#endif
