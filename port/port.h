/* port.h - the completion port: start an operation now, collect it later.
 *
 * The caller embeds a struct port_op in a struct of its own.  From its start
 * until its `done` is called, the op and everything handed over with it
 * (socket, buffer, file, bytes) belong to the port.  Every op started comes
 * back exactly once; cancelled and failed ones too.  Starting cannot fail:
 * bad news is a negative result that arrives the way good news does, never
 * from inside the call that started it.
 *
 * Threads: one thread, the owner, makes every call here but port_post, which
 * any thread or signal handler may make.  `done` runs on the owner; the `run`
 * of a port_work runs on a worker.
 *
 * Two back ends: IOCP on Windows, epoll on Linux (with io_uring where that
 * helps).  The choice is made at run time (port_open), so that a simulator can
 * be a third. */
#ifndef PORT_PORT_H
#define PORT_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/address.h"
#include "port/error.h"
#include "port/files.h"

struct port;
struct port_op;
struct port_pool;
struct port_buffer;
struct port_socket;
struct port_list;
struct port_remote;
struct processes;

typedef void port_callback(struct port_op *op);

enum port_operation {
    PORT_IDLE, /* the caller's: not started, or come back */
    PORT_ACCEPT,
    PORT_RECEIVE,
    PORT_RECEIVE_DATAGRAMS,
    PORT_SEND,
    PORT_WRITE,
    PORT_SYNC,
    PORT_TIMER,
    PORT_WORK,
    PORT_REMOTE,
    PORT_POST,
    PORT_SIGNAL,
};

/* Room for what a back end keeps in an op: an OVERLAPPED and AcceptEx's two
 * addresses are the largest. */
#define PORT_OP_PRIVATE_WORDS 24

struct port_op {
    /* Set by the caller before a start.  Called once, on the owner, when the
     * op is the caller's again; it may start the same op anew. */
    port_callback *done;
    /* Set by the port before `done`: 0 or more, or an ERR_. */
    int64_t result;
    /* PORT_RECEIVE and PORT_RECEIVE_DATAGRAMS, result > 0: the buffer with what
     * came.  It is the caller's now; give it back with port_buffer_release. */
    struct port_buffer *buffer;
    /* PORT_ACCEPT: who connected. */
    struct port_address peer;

    /* The port's own from here on. */
    enum port_operation kind;
    bool cancelled; /* it was asked to come back early */
    bool completed; /* it has its result and waits for its `done` */
    struct port *port;
    struct port_list *list; /* the one it stands in, or NULL */
    struct port_op *next, *previous;
    union {
        struct {
            struct port_socket *socket, *accepted;
            struct port_pool *pool;
            const uint8_t *bytes;
            size_t size, done;
        } net;
        struct {
            struct file *file;
            const uint8_t *bytes;
            size_t size, done;
            uint64_t offset;
        } file;
        struct {
            int64_t deadline_ns;
            uint64_t order; /* of its start: earlier ones first when deadlines are equal */
            uint32_t heap_index;
        } timer;
        struct {
            port_callback *run;
            int lane;
        } work;
        struct {
            struct port_remote *remote;
            int64_t (*run)(void *job);
            void (*release)(void *job);
            void *job;
        } remote;
    } u;
    uint64_t backend[PORT_OP_PRIVATE_WORDS];
};

/* True if the op is the caller's: never started, or come back. Owner only. */
static inline bool port_idle(const struct port_op *op) {
    return op->kind == PORT_IDLE;
}
/* The struct that embeds an op (or anything else) as `member`. */
#define PORT_CONTAINER(type, member, pointer)                                                      \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* ---- the port ---- */

struct port_options {
    const struct port_backend *backend; /* NULL: the system's own */
    /* Threads of each lane but IDLE, at most PORT_WORKERS_MAX. */
    uint32_t pack_workers;   /* 0: one a core */
    uint32_t urgent_workers; /* 0: two */
    uint32_t slow_workers;   /* 0: two */
};

#define PORT_WORKERS_MAX 64

int port_open(const struct port_options *options, struct port **port);
/* Stops the workers (work already started is finished) and frees the port.
 * Every op must be back, every socket shut and every call of port_post
 * returned: anything else is our bug. */
void port_close(struct port *port);
/* What does the receiving now: "iocp", "io_uring" or "epoll".  A port on Linux sets io_uring up when
 * it first listens, unless the kernel refuses it or LOGPORT_PORT=epoll is in the environment; until
 * then, and with UDP alone, it is "epoll". */
const char *port_name(const struct port *port);
struct files *port_files(const struct port *port);         /* where this port's files live */
struct processes *port_processes(const struct port *port); /* who starts programs (process.h) */

/* Waits until something has come back or timeout_ns is over (negative: no
 * limit; 0: only looks), then calls `done` for at most PORT_COLLECT_MAX ops.
 * Returns how many. */
#define PORT_COLLECT_MAX 64
uint32_t port_wait(struct port *port, int64_t timeout_ns);

/* Monotonic, for deadlines; wall: since 1970-01-01 UTC.  Nanoseconds.
 * Any thread. */
int64_t port_now_ns(const struct port *port);
int64_t port_wall_ns(const struct port *port);
/* Bytes that nobody can guess (the control token).  Any thread. */
void port_random(struct port *port, void *bytes, size_t size);

/* Asks for an op to come back early, with ERR_CANCELLED if that is possible
 * and with its true result if it is too late.  It comes back either way.
 * Work, writes and syncs that a worker has begun are never cut short.
 * An idle op: nothing happens. */
void port_cancel(struct port_op *op);

/* ---- timers, posts, signals, work ---- */

/* Comes back with 0 at or after the deadline, never before, in the order of
 * deadlines. */
void port_timer(struct port *port, struct port_op *op, int64_t deadline_ns);

/* Comes back with `result`.  Any thread, and signal handlers. The op must be idle. */
void port_post(struct port *port, struct port_op *op, int64_t result);

/* Comes back with the next request to the process, a PORT_SIGNAL_: by signal, Ctrl-C, the console's
 * closing or service control.  One such op at a time in a process; start it again for the next
 * request, which is kept in between.
 *
 * A negative result means that requests cannot be received (no handler or handle could be
 * installed): the system's own handling, which ends the process at once, may still be active.  A
 * program that must drain before it ends should not start then.  Starting the op again tries
 * again. */
enum port_signal { PORT_SIGNAL_STOP = 1, PORT_SIGNAL_RELOAD, PORT_SIGNAL_ROTATE };
void port_signal(struct port *port, struct port_op *op);

/* The lanes: queues of work, each with its own threads, so that work that blocks delays only work
 * of its own lane.  Work that may hang for ever belongs in a remote lane (remote.h). */
enum port_lane {
    PORT_LANE_PACK,   /* short and CPU-bound; one thread a core */
    PORT_LANE_URGENT, /* opens and cuts files, frees space; normal priority */
    PORT_LANE_SLOW,   /* syncs and closes files; low priority */
    PORT_LANE_IDLE,   /* long and not urgent; one thread of the lowest priority */
    PORT_LANES
};
/* Runs run(op) on a thread of the lane, in the order of starts, then comes back.  `run` sets
 * op->result; it is 0 otherwise. */
void port_work(struct port *port, struct port_op *op, enum port_lane lane, port_callback *run);

/* ---- files ---- */

/* All of the bytes at that offset, or an error.  The call itself is made by a
 * worker; short writes are finished.  The bytes stay where they are and as
 * they are until the op is back. */
void port_write(struct port *port, struct port_op *op, struct file *file, const void *bytes,
                size_t size, uint64_t offset);
/* What was written is on the disk (slow lane). */
void port_sync(struct port *port, struct port_op *op, struct file *file);

/* ---- buffers ---- */

struct port_slice {
    uint32_t offset, size;
    struct port_address peer; /* datagrams: the sender; TCP: unset */
    bool truncated;           /* a datagram longer than its place: what is here is its beginning */
};

struct port_buffer {
    uint8_t *bytes;
    struct port_slice *slices; /* TCP: one; datagrams: one each, in order of arrival */
    uint32_t slice_count;
    struct port_pool *pool; /* the port's own */
    struct port_buffer *next;
};

/* A bounded set of receive buffers.  A receive waits, harmless, while none is
 * free; who waited longest is served first.  datagram_bytes_max: the largest
 * datagram to expect (65,536 holds every one); a longer one comes truncated.
 * 0 for pools that serve TCP only. */
int port_pool_create(struct port *port, uint32_t buffer_bytes, uint32_t buffers,
                     uint32_t datagram_bytes_max, struct port_pool **pool);
/* What one takes, its slices included. */
size_t port_pool_memory(uint32_t buffer_bytes, uint32_t buffers, uint32_t datagram_bytes_max);
/* All buffers must be back, no receive may be waiting. */
void port_pool_free(struct port_pool *pool);
void port_buffer_release(struct port_buffer *buffer);

/* ---- sockets ---- */

/* Embedded in the caller's struct; its insides are the port's from listen, bind
 * or accept until it was shut and its ops are back. An idle connection owns
 * this and its op, nothing else. */
struct port_socket {
    intptr_t handle;
    struct port *port;
    struct port_op *pending[2]; /* in flight on it: an accept or receive, and a send */
    uint32_t state;
    uint32_t family;
};

/* Opens a listener or a UDP socket and finds out the address really bound
 * (port 0: a free one).  At once, on the owner.  receive_bytes: what to ask
 * the kernel to hold for us; *granted is what it gave. */
int port_listen(struct port *port, struct port_socket *socket, struct port_address *address);
int port_bind(struct port *port, struct port_socket *socket, struct port_address *address,
              uint32_t receive_bytes, uint32_t *granted);
/* One accept in flight a listener.  `accepted` is opened when the result is 0.
 * ERR_TOO_MANY_FILES, ERR_TOO_MANY_WATCHES: the connection stays in the backlog; start anew
 * later. */
void port_accept(struct port *port, struct port_op *op, struct port_socket *listener,
                 struct port_socket *accepted);
/* One receive in flight a socket. Result: bytes, 0 at the end of the stream. */
void port_receive(struct port *port, struct port_op *op, struct port_socket *socket,
                  struct port_pool *pool);
/* Result: how many datagrams, at least 1.  An empty datagram is a slice of size 0. */
void port_receive_datagrams(struct port *port, struct port_op *op, struct port_socket *socket,
                            struct port_pool *pool);
/* All of the bytes, or an error.  One send in flight a socket. */
void port_send(struct port *port, struct port_op *op, struct port_socket *socket, const void *bytes,
               size_t size);
/* Closes the socket.  Ops in flight on it come back with ERR_CANCELLED (or the
 * result they already had).  Shutting one twice is harmless. */
void port_shut(struct port *port, struct port_socket *socket);
/* Datagrams the kernel has dropped for want of room since port_bind; 0 where
 * the system does not tell. */
uint64_t port_kernel_drops(const struct port_socket *socket);

#endif
