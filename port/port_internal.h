/* port_internal.h - the contract of a back end, and the part of the port that all back ends share.
 * Only port/ and a simulator include it. */
#ifndef PORT_PORT_INTERNAL_H
#define PORT_PORT_INTERNAL_H

#include <stdatomic.h>

#include "port/port.h"

/* A queue of ops.  An op is in one list at most, op->list. */
struct port_list {
    struct port_op *first, *last;
    uint32_t count;
};

void port_list_append(struct port_list *list, struct port_op *op);
void port_list_remove(struct port_op *op);                    /* from op->list */
struct port_op *port_list_take_first(struct port_list *list); /* NULL: it is empty */

struct port_backend {
    const char *(*name)(const struct port *port); /* see port_name */
    /* Sets port->backend and starts the workers. */
    int (*open)(struct port *port, const struct port_options *options);
    void (*close)(struct port *port);
    /* Starts an op of any kind except timers, posts and remote work.  It ends, now or later,
     * with a call of port_completed on the owner's thread, also when it fails.  ERR_CANCELLED
     * when its socket is already shut. */
    void (*start)(struct port *port, struct port_op *op);
    /* May complete the op early; must not call `done`.  Called at most once per start, never for a
     * timer, remote work or a completed op. */
    void (*cancel)(struct port *port, struct port_op *op);
    /* Any thread and signal handlers: the op completes with op->result. */
    void (*post)(struct port *port, struct port_op *op);
    /* Waits at most timeout_ns (negative: no limit) and calls port_completed for ops that have
     * ended. */
    void (*wait)(struct port *port, int64_t timeout_ns);
    /* A back end sets socket->port of every socket that it opens, accepted ones too.  A failed
     * listen or bind leaves it NULL. */
    int (*listen)(struct port *port, struct port_socket *socket, struct port_address *address);
    int (*bind)(struct port *port, struct port_socket *socket, struct port_address *address,
                uint32_t receive_bytes, uint32_t *granted);
    int (*listen_unix)(struct port *port, struct port_socket *socket,
                       const struct unix_place *place);
    int (*bind_unix)(struct port *port, struct port_socket *socket, const struct unix_place *place);
    /* Called only for an open socket. */
    int (*unix_access)(struct port *port, struct port_socket *socket,
                       const struct unix_place *place);
    void (*end_datagrams)(struct port *port, struct port_socket *socket);
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
    /* The system's own, unless the back end's `open` sets others. */
    struct files *files;
    struct processes *processes;
    void *backend;    /* the back end's own state */
    uint32_t remotes; /* open remote lanes */
    /* Completed ops whose `done` has not been called, in order. */
    struct port_list completed;
    /* Ops started whose `done` has not been called.  Atomic because of port_post. */
    _Atomic uint64_t in_flight;
    /* A binary heap of timers, ordered by deadline, then by start. */
    struct port_op **timers;
    uint32_t timer_count, timer_room;
    struct port_list timers_apart; /* for which the heap had no memory */
    uint64_t timers_started;
};

/* Any thread, if the op is idle: resets what belongs to the port in it, and counts it. */
void port_begin(struct port *port, struct port_op *op, enum port_operation kind);

/* Owner's thread.  Completes the op; the next port_wait calls its `done`.  Clears its place in
 * socket->pending, which port.c set at the start.  A receive with a result above 0 has its bytes
 * in op->buffer, with the slices filled in; with any other result op->buffer is returned to its
 * pool. */
void port_completed(struct port *port, struct port_op *op, int64_t result);

/* A free buffer for an op whose socket can be read.  The caller moves it to op->buffer or
 * releases it. NULL: none is free.  Then the op waits in the pool until a port_buffer_release
 * puts a buffer into op->buffer and calls `start` again; the next take returns that buffer. */
struct port_buffer *port_pool_take(struct port_pool *pool, struct port_op *op);
/* Appends the slices of a message of `size` bytes that holds joined datagrams of `each` bytes, the last
 * one of the rest: at most slices_max.  `first`: their offset, peer and whether the last is
 * truncated. */
void port_buffer_cut(struct port_buffer *buffer, const struct port_slice *first, uint32_t size,
                     uint32_t each, uint32_t slices_max);
/* Takes the op out of the queue for buffers.  False: it was not in it. */
bool port_pool_forget(struct port_pool *pool, struct port_op *op);

/* A kernel may join datagrams of one sender into one message (UDP_GRO), as long as an IP packet,
 * so only pools whose places hold that get joined ones.  It joins at most UDP_MAX_SEGMENTS: 64
 * in older kernels, 128 since 6.9. */
#define PORT_JOINED_BYTES_MAX 65535
#define PORT_JOINED_MAX       128

struct port_pool {
    struct port *port;
    struct port_buffer *free;
    struct port_list waiting;
    uint32_t buffer_bytes, datagram_bytes_max;
    uint32_t places;     /* of datagram_bytes_max bytes in a buffer */
    uint32_t slices_max; /* per buffer: at least one per place; 1 if datagram_bytes_max is 0 */
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
