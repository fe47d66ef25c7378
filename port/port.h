/* port.h - the completion port: start an operation now, collect its completion later.
 *
 * The caller embeds a struct port_op in a struct of its own.  From the start of an op until its
 * `done` is called, the op and everything passed with it (socket, buffer, file, bytes) belong to
 * the port.  Every started op completes ("comes back") exactly once, cancelled and failed ones too.
 * Starting cannot fail: an error is a negative result, and it arrives as every result does, never
 * from inside the call that started the op.
 *
 * Threads: one thread, the owner, makes every call, except where "any thread" is stated.  `done`
 * runs on the owner; the `run` of a port_work runs on a worker.
 *
 * Back ends: IOCP on Windows, epoll on Linux (with io_uring where the kernel allows it), and a
 * simulator in tests/sim.  port_open chooses one at run time. */
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
struct unix_place;

typedef void port_callback(struct port_op *op);

enum port_operation {
    PORT_IDLE, /* the caller's: not started, or completed */
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

/* Space for a back end's own state; the largest is an OVERLAPPED and the arguments of WSARecvMsg. */
#define PORT_OP_PRIVATE_WORDS 24

struct port_op {
    /* Set by the caller before a start.  Called once, on the owner, when the op is the caller's
     * again; it may start the same op again. */
    port_callback *done;
    /* Set by the port before `done`: 0 or more, or an ERR_. */
    int64_t result;
    /* PORT_RECEIVE and PORT_RECEIVE_DATAGRAMS, result > 0: the received bytes.  The buffer is the
     * caller's until port_buffer_release. */
    struct port_buffer *buffer;
    /* PORT_ACCEPT: the other side. */
    struct port_address peer;

    /* Private to the port from here on. */
    enum port_operation kind;
    bool cancelled; /* port_cancel was called */
    bool completed; /* it has its result; `done` has not been called */
    struct port *port;
    struct port_list *list; /* the list that it is in, or NULL */
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
            uint64_t order; /* number of its start, which decides between equal deadlines */
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

/* True if the op is the caller's: not started, or completed. */
static inline bool port_idle(const struct port_op *op) {
    return op->kind == PORT_IDLE;
}
/* The struct that embeds an op (or another member). */
#define PORT_CONTAINER(type, member, pointer)                                                      \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* ---- the port ---- */

struct port_options {
    const struct port_backend *backend; /* NULL: the system's own */
    /* Threads per lane, at most PORT_WORKERS_MAX; the idle lane always has one. */
    uint32_t pack_workers;   /* 0: one per core */
    uint32_t write_workers;  /* 0: PORT_WRITE_WORKERS */
    uint32_t urgent_workers; /* 0: two */
    uint32_t slow_workers;   /* 0: two */
};

#define PORT_WORKERS_MAX   64
/* A stream has one write in flight, so this many streams' disks may hang before others wait. */
#define PORT_WRITE_WORKERS 8

int port_open(const struct port_options *options, struct port **port);
/* Ends the workers and frees the port.  Before that every op must have completed, every socket
 * must be shut, every remote lane closed and every call of port_post must have returned.  It
 * does not wait for the thread of an abandoned remote lane. */
void port_close(struct port *port);
/* What does the receiving now: "iocp", "io_uring" or "epoll".  A port on Linux sets io_uring up
 * when it first listens, unless the kernel refuses it or LOGPORT_PORT=epoll is in the
 * environment; until then, and with UDP alone, it is "epoll". */
const char *port_name(const struct port *port);
/* What this build can receive with: "io_uring, epoll". */
const char *port_names(void);
struct files *port_files(const struct port *port);         /* this port's file system */
struct processes *port_processes(const struct port *port); /* starts programs (process.h) */

/* Waits until an op has completed or timeout_ns has passed (negative: no limit; 0: does not wait),
 * then calls `done` for at most PORT_COLLECT_MAX ops.  Returns their number. */
#define PORT_COLLECT_MAX 64
uint32_t port_wait(struct port *port, int64_t timeout_ns);

/* Nanoseconds: monotonic, for deadlines; wall: since 1970-01-01 UTC.  Any thread. */
int64_t port_now_ns(const struct port *port);
int64_t port_wall_ns(const struct port *port);
/* Cryptographically random bytes (the control token).  Any thread. */
void port_random(struct port *port, void *bytes, size_t size);

/* Makes an op complete early, with ERR_CANCELLED if that is possible and with its own result if
 * it is too late.  Work, writes and syncs that a worker has begun are not interrupted.  Does
 * nothing to an idle op. */
void port_cancel(struct port_op *op);

/* ---- timers, posts, signals, work ---- */

/* Comes back with 0 at or after the deadline, never before it, in the order of deadlines. */
void port_timer(struct port *port, struct port_op *op, int64_t deadline_ns);

/* Comes back with `result`.  Any thread, and signal handlers.  The op must be idle. */
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
    PORT_LANE_WRITE,  /* port_write: a slow disk must keep no batch from being packed */
    PORT_LANE_URGENT, /* opens and cuts files, frees space; normal priority */
    PORT_LANE_SLOW,   /* syncs and closes files; low priority */
    PORT_LANE_IDLE,   /* long and not urgent; one thread of the lowest priority */
    PORT_LANES
};
/* Runs run(op) on a thread of the lane, in the order of starts, then comes back.  `run` sets
 * op->result; it is 0 otherwise. */
void port_work(struct port *port, struct port_op *op, enum port_lane lane, port_callback *run);

/* ---- files ---- */

/* Writes all bytes at that offset, or comes back with an error.  A worker makes the system call and
 * completes short writes.  The bytes must stay unchanged until the op is back.  Result: size. */
void port_write(struct port *port, struct port_op *op, struct file *file, const void *bytes,
                size_t size, uint64_t offset);
/* Makes everything written before durable (slow lane). */
void port_sync(struct port *port, struct port_op *op, struct file *file);

/* ---- buffers ---- */

struct port_slice {
    uint32_t offset, size;
    struct port_address peer; /* datagrams: the sender; TCP: unset */
    /* The datagram was longer; this is its beginning.  missing: by how many bytes, where the system
     * says so (Unix sockets on Linux). */
    uint32_t truncated : 1, missing : 31;
};

struct port_buffer {
    uint8_t *bytes;
    struct port_slice *slices; /* TCP: one; datagrams: one each, in order of arrival */
    uint32_t slice_count;
    struct port_pool *pool; /* private to the port, as is `next` */
    struct port_buffer *next;
};

/* A fixed number of receive buffers.  While none is free a receive waits; the one that has
 * waited longest gets the next buffer.  datagram_bytes_max: the largest datagram expected
 * (65,536 holds any); a longer one arrives truncated.  0 for pools that serve only TCP. */
int port_pool_create(struct port *port, uint32_t buffer_bytes, uint32_t buffers,
                     uint32_t datagram_bytes_max, struct port_pool **pool);
/* Bytes that such a pool allocates. */
size_t port_pool_memory(uint32_t buffer_bytes, uint32_t buffers, uint32_t datagram_bytes_max);
/* All buffers must have been released, and no receive may be waiting. */
void port_pool_free(struct port_pool *pool);
void port_buffer_release(struct port_buffer *buffer);

/* ---- sockets ---- */

/* Embedded in the caller's struct.  Private to the port from listen, bind or accept until it is
 * shut and its ops are back.  An idle connection needs this and its op, nothing else. */
struct port_socket {
    intptr_t handle;
    struct port *port;
    struct port_op *pending[2]; /* in flight on it: an accept or receive, and a send */
    struct port_socket *next;   /* in a list of the back end */
    uint32_t state;
    uint32_t family;
};

/* Opens a listener or a UDP socket at once and sets *address to the address that is bound (port 0:
 * a free one).  [::] takes IPv4 too, unless it is ipv6_only; other IPv6 addresses do not.
 * receive_bytes: the kernel's receive buffer to ask for; *granted: the one it gave. */
int port_listen(struct port *port, struct port_socket *socket, struct port_address *address);
int port_bind(struct port *port, struct port_socket *socket, struct port_address *address,
              uint32_t receive_bytes, uint32_t *granted);
/* The same for Unix sockets (unix.h).  A socket file that no process has open any more is replaced;
 * port_shut removes it.  ERR_ADDRESS_IN_USE: a process has it open.  ERR_EXISTS: the path is not a
 * socket.  ERR_NOT_FOUND: its directory does not exist.  ERR_DENIED: creating it, or setting its
 * owner, is not allowed.  ERR_UNSUPPORTED: the system has no such sockets.  Waits for the file system
 * for at most UNIX_WAIT_MS. */
int port_listen_unix(struct port *port, struct port_socket *socket, const struct unix_place *place);
int port_bind_unix(struct port *port, struct port_socket *socket, const struct unix_place *place);
/* Changes mode and owner of the file of an open one. */
int port_unix_access(struct port *port, struct port_socket *socket, const struct unix_place *place);
/* Unix datagram sockets only: no further datagram is accepted, which their senders notice.  Receives
 * still return those that had arrived, and then 0. */
void port_end_datagrams(struct port *port, struct port_socket *socket);
/* At most one accept per listener at a time.  `accepted` is open if the result is 0.  Any error
 * except ERR_CANCELLED leaves the connection in the backlog: accept again later. */
void port_accept(struct port *port, struct port_op *op, struct port_socket *listener,
                 struct port_socket *accepted);
/* At most one receive per socket at a time.  Result: bytes; 0 at the end of the stream.
 * ERR_NO_MEMORY and ERR_TOO_MANY_FILES: nothing was read, and the connection is still open; receive
 * again later. */
void port_receive(struct port *port, struct port_op *op, struct port_socket *socket,
                  struct port_pool *pool);
/* Result: number of datagrams, at least 1.  An empty datagram is a slice of size 0. */
void port_receive_datagrams(struct port *port, struct port_op *op, struct port_socket *socket,
                            struct port_pool *pool);
/* Sends all bytes, or comes back with an error.  At most one send per socket at a time. */
void port_send(struct port *port, struct port_op *op, struct port_socket *socket, const void *bytes,
               size_t size);
/* Closes the socket.  Its ops come back with ERR_CANCELLED, or with a result they already had.
 * Does nothing to a socket that is shut already. */
void port_shut(struct port *port, struct port_socket *socket);
/* Datagrams that the kernel has dropped since port_bind because its buffer was full;
 * PORT_DROPS_UNKNOWN where the system does not count them per socket. */
#define PORT_DROPS_UNKNOWN UINT64_MAX
uint64_t port_kernel_drops(const struct port_socket *socket);

#endif
