/* linux.h - what the files of this folder share.  Nobody else includes it.
 *
 * epoll.c   the back end: waiting, posts, starts and cancels
 * sockets.c, datagrams.c   what is done on a socket that is ready
 * ring.c   many receives with one call (ring_absent.c: without liburing)
 * workers.c   the lanes of threads;  signals.c   requests by signal
 * files.c, client.c, system.c, main.c   files.h and system.h
 * errno.c   the one table from errno to ERR_ */
#ifndef PORT_LINUX_LINUX_H
#define PORT_LINUX_LINUX_H

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "port/port_internal.h"
#include "port/thread.h"

/* ---- errno.c ---- */

int error_of_errno(int number); /* never 0 */

/* ---- thread.c ---- */

/* pthread_create, for a thread that handles no signal.  0 or an ERR_. */
int thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                  void *context);
/* On a new thread: gives it its name (the first 15 bytes) and its priority. */
void thread_become(const char *name, enum thread_priority priority);

/* ---- workers.c ---- */

struct lane {
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    /* Writes go before other work: each is short, and a batch is free only behind it. */
    struct port_list writes, queue;
    uint32_t idle; /* threads that wait for `filled` */
    bool stop;
    enum port_lane kind;
    uint32_t thread_count;
    pthread_t threads[PORT_WORKERS_MAX];
    port_callback *finished; /* on the worker: hands the op back to the owner */
};

int lane_open(struct lane *lane, enum port_lane kind, uint32_t threads, port_callback *finished);
void lane_close(struct lane *lane); /* its queue is empty; joins the threads */
void lane_add(struct lane *lane, struct port_op *op);
/* True if no thread had begun it, and none will. */
bool lane_forget(struct lane *lane, struct port_op *op);

/* ---- signals.c ---- */

/* Installs the handlers (once in a process) and has the epoll set wake up when
 * a signal comes. */
int signals_watch(int epoll);
int signals_take(void); /* the next PORT_SIGNAL_ that was asked for, or 0 */

/* ---- epoll.c ---- */

struct datagram_room;
struct ring;

struct epoll_port {
    struct port *port;
    int epoll;
    int wake;  /* an eventfd */
    int spare; /* another, of which only the watch is of use: see reserve_watch */
    bool spare_watched;
    /* Ops posted and not yet collected, the last one first; &asleep when there
     * are none and the owner may be asleep. */
    _Atomic(struct port_op *) posted;
    /* Ops whose socket may have something for them; each wait serves them once. */
    struct port_list ready;
    struct port_op *signal; /* the one in flight */
    bool signals_watched;
    bool whole_milliseconds; /* the kernel has no epoll_pwait2 */
    /* Of the turn behind us, and the monotonic times of the last two wake-ups: see gather. */
    uint64_t receives, received_bytes;
    int64_t woken_ns, woken_before_ns;
    bool small_buffer; /* a socket for datagrams got one that must not wait for long */
    struct datagram_room *datagrams;
    struct ring *ring; /* NULL: there is none, or not yet */
    bool ring_was_tried;
    struct lane lanes[PORT_LANES];
};

/* ---- ring.c ---- */

/* The daemon has fewer buffers than that; what does not go in is received by a call of its own. */
#define RING_RECEIVES_MAX 128

/* NULL: liburing was not there when this was built, or the kernel is too old, refuses (as in
 * containers), or has no memory for it. */
struct ring *ring_open(void);
void ring_close(struct ring *ring);
/* Puts off a receive into op->buffer until ring_perform; false: it is full. */
bool ring_add(struct ring *ring, struct port_op *op);
/* Makes all receives that were added and hands each back, in that order: bytes, or a negative
 * errno; -EINTR: it was not made.  False: the kernel takes no more, close the ring. */
typedef void ring_received(struct port_op *op, int64_t result);
bool ring_perform(struct ring *ring, ring_received *received);

/* ---- sockets.c, datagrams.c ---- */

/* port_socket.state */
enum {
    /* A read may find something.  Set by an event, cleared when a read has
     * found the end of what there is: with edge-triggered events nobody says
     * it twice. */
    SOCKET_READABLE = 1,
    /* The other side has ended, an error is waiting, or an urgent byte has
     * split the stream: a short read does not mean that all was read. */
    SOCKET_SUSPECT = 2,
    SOCKET_WANTS_WRITABLE = 4, /* registered for EPOLLOUT too */
    SOCKET_JOINS = 8,          /* UDP_GRO is on */
    SOCKET_NEVER_JOINS = 16,   /* UDP_GRO was refused */
};

int epoll_listen(struct port *port, struct port_socket *socket, struct port_address *address);
int epoll_bind(struct port *port, struct port_socket *socket, struct port_address *address,
               uint32_t receive_bytes, uint32_t *granted);
void epoll_shut(struct port *port, struct port_socket *socket);
uint64_t epoll_kernel_drops(const struct port_socket *socket);

void socket_event(struct port *port, struct port_socket *socket, uint32_t events);
void socket_start(struct port *port, struct port_op *op);
/* Tries what the op asks for: it comes back, or waits for the next event or a
 * free buffer. */
void socket_serve(struct port *port, struct port_op *op);

/* After all that is to be served now: receives that were put off are made. */
void sockets_served(struct epoll_port *e);

int datagrams_open(struct datagram_room **room);
void datagrams_close(struct datagram_room *room);
/* A read that found nothing clears SOCKET_READABLE. */
void datagrams_receive(struct port *port, struct port_op *op);

socklen_t address_to_system(const struct port_address *address, struct sockaddr_storage *system);
void address_from_system(const struct sockaddr_storage *system, struct port_address *address);

#endif
