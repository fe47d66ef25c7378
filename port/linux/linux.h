/* linux.h - shared by the files of this folder only.
 *
 * epoll.c                 the back end: waiting, posts, starts and cancels
 * sockets.c, datagrams.c  operations on a socket that is ready
 * unix.c                  Unix sockets: their files, and who is at the other end
 * ring.c                  many receives with one system call (ring_absent.c: without liburing)
 * workers.c, thread.c     the lanes' threads, and detached ones
 * signals.c               requests by signal
 * files.c, client.c, process.c, pager.c, system.c, main.c: the headers of those names
 * errno.c                 the table from errno to ERR_ */
#ifndef PORT_LINUX_LINUX_H
#define PORT_LINUX_LINUX_H

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "port/port_internal.h"
#include "port/thread.h"

/* ---- errno.c ---- */

int error_of_errno(int number); /* never 0 */
int error_of_watch(int number); /* of epoll_ctl */

/* ---- thread.c ---- */

/* pthread_create, for a thread that handles no signal.  0 or an ERR_. */
int thread_create(pthread_t *thread, bool detached, void *(*run)(void *), void *context);
/* On a new thread: gives it its name (the first 15 bytes) and its priority. */
void thread_become(const char *name, enum thread_priority priority);

/* ---- workers.c ---- */

struct work_lane {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    struct port_list queue;
    uint32_t idle; /* threads that wait for `filled` */
    bool stop;
    enum port_lane kind;
    uint32_t thread_count;
    pthread_t threads[PORT_WORKERS_MAX];
    port_callback *finished; /* called on the worker: returns the op to the owner */
};

int lane_open(struct work_lane *lane, enum port_lane kind, uint32_t threads,
              port_callback *finished);
void lane_close(struct work_lane *lane); /* its queue is empty; joins the threads */
void lane_add(struct work_lane *lane, struct port_op *op);
/* Takes the op out of the queue.  False: a thread has begun it. */
bool lane_forget(struct work_lane *lane, struct port_op *op);

/* ---- signals.c ---- */

/* Installs the handlers unless they are, and makes signals wake the epoll set. */
int signals_watch(int epoll);
int signals_take(void); /* the next requested PORT_SIGNAL_, or 0 */

/* ---- epoll.c ---- */

struct datagram_room;
struct unix_file;
struct ring;

struct epoll_port {
    struct port *port;
    int epoll;
    int wake; /* an eventfd */
    /* Sockets that the kernel could not watch: see sockets.c. */
    struct port_socket *unwatched;
    int64_t look_ns; /* when they are looked at again */
    /* Ops posted and not yet collected, the last one first; &asleep when there are none and the
     * owner may be asleep. */
    _Atomic(struct port_op *) posted;
    /* Ops whose socket may be ready; each wait serves them once. */
    struct port_list ready;
    struct port_op *signal; /* the one in flight */
    bool signals_watched;
    bool whole_milliseconds; /* the kernel has no epoll_pwait2 */
    /* Of the previous turn, and the monotonic times of the last two wake-ups: see gather. */
    uint64_t receives, received_bytes;
    int64_t woken_ns, woken_before_ns;
    bool small_buffer; /* a UDP socket has a receive buffer that fills up within a gather */
    struct datagram_room *datagrams;
    struct unix_file *unix_files; /* of its open Unix sockets */
    struct ring *ring;            /* NULL: unavailable, or not set up yet */
    bool ring_was_tried;
    struct work_lane lanes[PORT_LANES];
};

/* ---- ring.c ---- */

/* The daemon has fewer buffers than that; receives beyond it are one system call each. */
#define RING_RECEIVES_MAX 128

/* NULL: built without liburing, or the kernel is too old, refuses (as in containers), or has no
 * memory for it. */
struct ring *ring_open(void);
void ring_close(struct ring *ring);
/* Adds a receive into op->buffer, which ring_perform makes.  False: the ring is full. */
bool ring_add(struct ring *ring, struct port_op *op);
/* Makes all added receives and calls `received` for each, in that order: bytes, or a negative
 * errno; -EINTR: not made.  False: the kernel accepts no more; close the ring. */
typedef void ring_received(struct port_op *op, int64_t result);
bool ring_perform(struct ring *ring, ring_received *received);

/* ---- sockets.c ---- */

/* port_socket.state */
enum {
    /* A read may find something.  Set by an event, cleared when a read has emptied the socket: an
     * edge-triggered event is not repeated. */
    SOCKET_READABLE = 1,
    /* The peer has ended, an error is pending, or an urgent byte has split the stream: a short
     * read does not mean that the socket is empty. */
    SOCKET_SUSPECT = 2,
    SOCKET_WANTS_WRITABLE = 4, /* registered for EPOLLOUT too */
    SOCKET_JOINS = 8,          /* UDP_GRO is on */
    SOCKET_NEVER_JOINS = 16,   /* UDP_GRO was refused */
    SOCKET_WATCHED = 32,       /* it is in the epoll set */
    SOCKET_UNWATCHED = 64,     /* in the list of that name */
    SOCKET_ENDS = 128,         /* port_end_datagrams was called */
};

int epoll_listen(struct port *port, struct port_socket *socket, struct port_address *address);
int epoll_bind(struct port *port, struct port_socket *socket, struct port_address *address,
               uint32_t receive_bytes, uint32_t *granted);
int epoll_listen_unix(struct port *port, struct port_socket *socket,
                      const struct unix_place *place);
int epoll_bind_unix(struct port *port, struct port_socket *socket, const struct unix_place *place);
void epoll_end_datagrams(struct port *port, struct port_socket *socket);
void epoll_shut(struct port *port, struct port_socket *socket);
uint64_t epoll_kernel_drops(const struct port_socket *socket);

void socket_event(struct port *port, struct port_socket *socket, uint32_t events);
void socket_start(struct port *port, struct port_op *op);
/* Tries the operation: the op completes, or waits for the next event or a free buffer. */
void socket_serve(struct port *port, struct port_op *op);

/* Called before each wait while there are unwatched sockets: tries to watch them; serves what it
 * cannot watch as if it were ready. */
void sockets_look(struct epoll_port *e);

/* Called after all ready ops were served: makes the receives that were added to the ring. */
void sockets_served(struct epoll_port *e);

/* ---- unix.c ---- */

/* Opens a socket of this type at its place; a stream listens. */
int unix_open(struct epoll_port *e, const struct port_socket *owner, const struct unix_place *place,
              int type, int *handle);
int unix_access(struct port *port, struct port_socket *socket, const struct unix_place *place);
/* Removes the file of this socket, which is closed next. */
void unix_remove(struct epoll_port *e, const struct port_socket *socket);
/* A connection was accepted: what a TCP connection inherits, and its peer. */
void unix_accepted(int handle, struct port_address *peer);
/* As datagrams_receive. */
void unix_receive(struct port *port, struct port_op *op);

/* ---- datagrams.c ---- */

int datagrams_open(struct datagram_room **room);
void datagrams_close(struct datagram_room *room);
/* A read that finds nothing clears SOCKET_READABLE. */
void datagrams_receive(struct port *port, struct port_op *op);

socklen_t address_to_system(const struct port_address *address, struct sockaddr_storage *system);
void address_from_system(const struct sockaddr_storage *system, struct port_address *address);

#endif
