/* port_internal.h - the contract of a back end, and the part of the port that all back ends share.
 * Only port/ and a simulator include it. */
#ifndef PORT_PORT_INTERNAL_H
#define PORT_PORT_INTERNAL_H

#include <stdatomic.h>

#include "port/port.h"

/* Ops in a row.  An op stands in one list at most, and op->list says in which. */
struct port_list {
    struct port_op *first, *last;
    uint32_t count;
};

void port_list_append(struct port_list *list, struct port_op *op);
void port_list_remove(struct port_op *op);                    /* from the list it stands in */
struct port_op *port_list_take_first(struct port_list *list); /* NULL: it is empty */

struct port_backend {
    const char *(*name)(const struct port *port); /* see port_name */
    /* Fills port->backend; workers, wake-ups and all. */
    int (*open)(struct port *port, const struct port_options *options);
    void (*close)(struct port *port);
    /* Begins what op->kind and op->u say (all kinds but timers and posts).
     * Ends, now or later, in port_completed on the owner's thread; failures
     * too; ERR_CANCELLED when the socket was shut before. */
    void (*start)(struct port *port, struct port_op *op);
    /* May bring it back early; must not call `done`.  Called once at most for
     * each start, never for a timer or an op that is completed. */
    void (*cancel)(struct port *port, struct port_op *op);
    /* From any thread and signal handlers: the op comes back with op->result. */
    void (*post)(struct port *port, struct port_op *op);
    /* Waits at most timeout_ns (negative: for ever) for anything, and hands
     * what has come back to port_completed. */
    void (*wait)(struct port *port, int64_t timeout_ns);
    /* listen, bind: a failed one leaves socket->port NULL.  A back end sets
     * socket->port of the sockets that it opens (accepted ones too). */
    int (*listen)(struct port *port, struct port_socket *socket, struct port_address *address);
    int (*bind)(struct port *port, struct port_socket *socket, struct port_address *address,
                uint32_t receive_bytes, uint32_t *granted);
    /* Not called for a socket that was never opened; may be called twice. */
    void (*shut)(struct port *port, struct port_socket *socket);
    uint64_t (*kernel_drops)(const struct port_socket *socket);
    /* The thread of a remote lane (remote.c).  All on the owner. */
    int (*remote_open)(struct port *port, const char *name, void **thread);
    /* Runs op->u.remote.run and posts the op with its result.  One op at a time. */
    void (*remote_run)(void *thread, struct port_op *op);
    /* The thread ends by itself once it is idle.  True: it is running an op's job; it will release
     * the job and neither post nor touch the op. */
    bool (*remote_leave)(void *thread);
    int64_t (*now_ns)(const struct port *port);
    int64_t (*wall_ns)(const struct port *port);
    void (*random)(struct port *port, void *bytes, size_t size);
};

extern const struct port_backend port_backend_of_system;

struct port {
    const struct port_backend *calls;
    /* The system's own, unless open sets others. */
    struct files *files;
    struct processes *processes;
    void *backend;    /* the back end's own state */
    uint32_t remotes; /* open remote lanes */
    /* Ops that came back and wait for their `done`, in order. */
    struct port_list completed;
    /* Ops started and not yet handed to `done`.  Atomic because of port_post. */
    _Atomic uint64_t in_flight;
    /* Timers: a binary heap by deadline, then by order of start. */
    struct port_op **timers;
    uint32_t timer_count, timer_room;
    uint64_t timers_started;
};

/* Any thread, if the op is idle: resets what belongs to the port in it, and counts it. */
void port_begin(struct port *port, struct port_op *op, enum port_operation kind);

/* Owner's thread: the op is done with; its `done` is called by port_wait.
 * Takes it off its socket's `pending` (port.c puts it there at the start).
 * A receive that succeeds has its buffer in op->buffer and the slices filled
 * in; if it brings nothing (0 or less), op->buffer goes back to its pool. */
void port_completed(struct port *port, struct port_op *op, int64_t result);

/* A pool's free buffer for an op whose socket has something to read; it is
 * the caller's, who moves it to op->buffer or releases it.  NULL: none is
 * free; the op waits in the pool and `start` is called for it again (from
 * within a port_buffer_release), with a buffer kept for it in op->buffer that
 * the next take hands out. */
struct port_buffer *port_pool_take(struct port_pool *pool, struct port_op *op);
/* True if it waited there, and does no more. */
bool port_pool_forget(struct port_pool *pool, struct port_op *op);

/* A kernel may join datagrams of one sender into one message (UDP_GRO), which
 * may be as long as an IP packet: only places that hold the longest get such.
 * So many at most (UDP_MAX_SEGMENTS: 64 in older kernels, 128 since 6.9). */
#define PORT_JOINED_BYTES_MAX 65535
#define PORT_JOINED_MAX       128

struct port_pool {
    struct port *port;
    struct port_buffer *free;
    struct port_list waiting;
    uint32_t buffer_bytes, datagram_bytes_max;
    uint32_t places;     /* how many of datagram_bytes_max a buffer holds */
    uint32_t slices_max; /* at least one a place; 1 where datagram_bytes_max is 0 */
    uint32_t buffers, buffers_free;
    uint8_t *memory;
    struct port_buffer *all;
};

/* ---- remote.c ---- */

/* The op comes back: its lane may run the next job. */
void port_remote_returned(struct port_op *op);
/* Brings the op back with ERR_CANCELLED unless its job has begun. */
void port_remote_cancel(struct port_op *op);

/* Remote lanes on threads of the system, for a back end's table. */
int remote_thread_open(struct port *port, const char *name, void **thread);
void remote_thread_run(void *thread, struct port_op *op);
bool remote_thread_leave(void *thread);

#endif
