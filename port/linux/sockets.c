/* sockets.c - operations on sockets: opening one, and, once it is ready, one accept, one buffer of
 * reading, or as much sending as it accepts.
 *
 * A socket enters the epoll set once, edge-triggered, for reading only: with writing included every
 * new connection would wake the owner once because it is writable, and this side rarely writes.
 * Writing is added the first time that a send would have to wait.  A connection that the kernel has
 * no memory to watch is kept and looked at from time to time, never closed.
 *
 * TCP receives are collected in a ring (if io_uring is available) and made together when all
 * ready sockets were served: with many connections that send little at a time the system calls
 * cost more than the lines. */
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <linux/sock_diag.h>

#include "port/linux/linux.h"
#include "port/system.h"

#define KEEP_ALIVE_IDLE_S  60
/* Datagrams wait in the socket while others gather (epoll.c): 1,000 of 240 bytes need 640 KiB. */
#define SMALL_BUFFER_BYTES (1u << 20)

static struct epoll_port *mine(struct port *port) {
    return port->backend;
}

/* ---- addresses ---- */

socklen_t address_to_system(const struct port_address *address, struct sockaddr_storage *system) {
    memset(system, 0, sizeof *system);
    if (address->family == 6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)system;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(address->port);
        in6->sin6_scope_id = address->scope;
        memcpy(&in6->sin6_addr, address->ip, 16);
        return sizeof *in6;
    }
    assert(address->family == 4);
    struct sockaddr_in *in = (struct sockaddr_in *)system;
    in->sin_family = AF_INET;
    in->sin_port = htons(address->port);
    memcpy(&in->sin_addr, address->ip, 4);
    return sizeof *in;
}

void address_from_system(const struct sockaddr_storage *system, struct port_address *address) {
    memset(address, 0, sizeof *address);
    if (system->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)system;
        address->family = 6;
        address->port = ntohs(in6->sin6_port);
        address->scope = in6->sin6_scope_id;
        memcpy(address->ip, &in6->sin6_addr, 16);
        address_unmap(address);
    } else if (system->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)system;
        address->family = 4;
        address->port = ntohs(in->sin_port);
        memcpy(address->ip, &in->sin_addr, 4);
    }
}

/* ---- opening ---- */

static int set_option(int handle, int level, int name, int value) {
    return setsockopt(handle, level, name, &value, sizeof value);
}

/* Puts the socket into the epoll set, or changes what is watched for. */
static int watch(struct epoll_port *e, struct port_socket *socket) {
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET |
                  (socket->state & SOCKET_WANTS_WRITABLE ? (uint32_t)EPOLLOUT : 0),
        .data.ptr = socket,
    };
    const int operation = socket->state & SOCKET_WATCHED ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(e->epoll, operation, (int)socket->handle, &event) < 0)
        return error_of_watch(errno);
    socket->state |= SOCKET_WATCHED;
    return 0;
}

static void open_socket(struct port *port, struct port_socket *opened, int handle,
                        uint32_t family) {
    opened->handle = handle;
    opened->state = 0;
    opened->family = family;
    opened->pending[0] = opened->pending[1] = NULL;
    opened->port = port;
}

/* A listener or a UDP socket must be watched.  On an error the caller closes the handle. */
static int open_watched(struct port *port, struct port_socket *opened, int handle,
                        uint32_t family) {
    open_socket(port, opened, handle, family);
    const int error = watch(mine(port), opened);
    if (error == 0) return 0;
    opened->port = NULL;
    opened->handle = -1;
    return error;
}

/* ---- sockets that the kernel cannot watch ---- */

/* A connection that was accepted may have been sent bytes already, which closing it would lose.  So
 * while the kernel has no memory or no watch for it, it is read every LOOK_NS (epoll.c).  Nothing
 * more is accepted meanwhile, so there are few such sockets. */
static void keep_unwatched(struct epoll_port *e, struct port_socket *socket) {
    if (socket->state & SOCKET_UNWATCHED) return;
    socket->state |= SOCKET_UNWATCHED;
    socket->next = e->unwatched;
    e->unwatched = socket;
}

static void forget_unwatched(struct epoll_port *e, struct port_socket *socket) {
    if (!(socket->state & SOCKET_UNWATCHED)) return;
    struct port_socket **link = &e->unwatched;
    while (*link != socket)
        link = &(*link)->next;
    *link = socket->next;
    socket->state &= ~(uint32_t)SOCKET_UNWATCHED;
}

static void make_ready(struct port *port, struct port_op *op);
static void send_some(struct port *port, struct port_op *op);

/* The kernel reports what is ready already when it begins to watch or watches for more. */
void sockets_look(struct epoll_port *e) {
    struct port_socket *next;
    for (struct port_socket *socket = e->unwatched; socket != NULL; socket = next) {
        next = socket->next;
        if (watch(e, socket) == 0) {
            forget_unwatched(e, socket);
            continue;
        }
        socket->state |= SOCKET_READABLE;
        if (socket->pending[0] != NULL && socket->pending[0]->list == NULL)
            make_ready(e->port, socket->pending[0]);
        if (socket->pending[1] != NULL) send_some(e->port, socket->pending[1]);
    }
}

/* Opens and binds a socket; sets *address to the address that is bound. */
static int bind_handle(struct port_address *address, int type, int *bound) {
    struct sockaddr_storage system;
    socklen_t size = address_to_system(address, &system);
    const int handle = socket(system.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (handle < 0) return error_of_errno(errno);
    /* For TCP: binds although connections of a previous run are in TIME_WAIT.  For UDP it would
     * let two daemons share a port, and each would receive a part. */
    if (type == SOCK_STREAM) set_option(handle, SOL_SOCKET, SO_REUSEADDR, 1);
    const bool ipv6_only = !address_takes_ipv4(address);
    if (address->family == 6 && set_option(handle, IPPROTO_IPV6, IPV6_V6ONLY, ipv6_only) < 0)
        goto failed;
    if (bind(handle, (struct sockaddr *)&system, size) < 0) goto failed;
    size = sizeof system;
    if (getsockname(handle, (struct sockaddr *)&system, &size) < 0) goto failed;
    address_from_system(&system, address);
    *bound = handle;
    return 0;

failed:;
    const int error = error_of_errno(errno);
    close(handle);
    return error;
}

/* Called by the first listen: only accepted connections use the ring. */
static void try_ring(struct port *port) {
    struct epoll_port *e = mine(port);
    if (e->ring_was_tried) return;
    e->ring_was_tried = true;
    const char *asked_for = system_environment("LOGPORT_PORT");
    if (asked_for != NULL && strcmp(asked_for, "epoll") == 0) return;
    e->ring = ring_open();
    if (e->ring == NULL && asked_for != NULL && strcmp(asked_for, "uring") == 0)
        say_info("io_uring is not available here; receiving with one system call per read");
}

int epoll_listen(struct port *port, struct port_socket *socket, struct port_address *address) {
    int handle = -1;
    int error = bind_handle(address, SOCK_STREAM, &handle);
    if (error < 0) return error;
    /* Accepted sockets inherit all of these.  TCP's urgent byte is part of the line that it was sent
     * in; without this option a read leaves it out. */
    if (set_option(handle, SOL_SOCKET, SO_OOBINLINE, 1) < 0) error = error_of_errno(errno);
    /* A vanished peer is detected, and replies are sent at once. */
    set_option(handle, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(handle, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_ALIVE_IDLE_S);
    set_option(handle, IPPROTO_TCP, TCP_NODELAY, 1);
    if (error == 0 && listen(handle, SOMAXCONN) < 0) error = error_of_errno(errno);
    if (error == 0) error = open_watched(port, socket, handle, address->family);
    if (error < 0) close(handle);
    if (error == 0) try_ring(port);
    return error;
}

int epoll_bind(struct port *port, struct port_socket *socket, struct port_address *address,
               uint32_t receive_bytes, uint32_t *granted) {
    int handle = -1;
    int error = bind_handle(address, SOCK_DGRAM, &handle);
    if (error < 0) return error;
    const int wanted = receive_bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)receive_bytes;
    /* SO_RCVBUFFORCE is not limited by net.core.rmem_max but needs a privilege. */
    if (wanted > 0 && set_option(handle, SOL_SOCKET, SO_RCVBUFFORCE, wanted) < 0)
        set_option(handle, SOL_SOCKET, SO_RCVBUF, wanted);
    int doubled = 0; /* the kernel adds the same amount for its own data */
    socklen_t size = sizeof doubled;
    if (getsockopt(handle, SOL_SOCKET, SO_RCVBUF, &doubled, &size) < 0) {
        error = error_of_errno(errno);
        close(handle);
        return error;
    }
    *granted = (uint32_t)doubled / 2;
    if (*granted < SMALL_BUFFER_BYTES) mine(port)->small_buffer = true;
    error = open_watched(port, socket, handle, address->family);
    if (error < 0) close(handle);
    return error;
}

static int open_unix(struct port *port, struct port_socket *socket, const struct unix_place *place,
                     int type) {
    int handle = -1;
    int error = unix_open(mine(port), socket, place, type, &handle);
    if (error < 0) return error;
    error = open_watched(port, socket, handle, ADDRESS_UNIX);
    if (error == 0) return 0;
    unix_remove(mine(port), socket);
    close(handle);
    return error;
}

int epoll_listen_unix(struct port *port, struct port_socket *socket,
                      const struct unix_place *place) {
    const int error = open_unix(port, socket, place, SOCK_STREAM);
    if (error == 0) try_ring(port);
    return error;
}

int epoll_bind_unix(struct port *port, struct port_socket *socket, const struct unix_place *place) {
    return open_unix(port, socket, place, SOCK_DGRAM);
}

void epoll_shut(struct port *port, struct port_socket *socket) {
    struct port_op *pending[2] = {socket->pending[0], socket->pending[1]};
    /* Before it is closed: the file is then still the socket's, and its number is in no other use. */
    if (socket->family == ADDRESS_UNIX) unix_remove(mine(port), socket);
    /* Closing it is not enough: a child process between fork and exec has a copy of the handle, and
     * until that is closed too the set would report events of a socket whose memory is no longer
     * ours (epoll_test: a_socket_shut_while_a_child_holds_a_copy_has_no_more_events). */
    struct epoll_event nothing = {0};
    if (socket->state & SOCKET_WATCHED)
        epoll_ctl(mine(port)->epoll, EPOLL_CTL_DEL, (int)socket->handle, &nothing);
    forget_unwatched(mine(port), socket);
    close((int)socket->handle);
    socket->handle = -1;
    socket->port = NULL;
    socket->state = 0;
    for (int i = 0; i < 2; i++) {
        if (pending[i] == NULL) continue;
        if (pending[i]->list != NULL)
            port_list_remove(pending[i]); /* ready, or waiting for a buffer */
        port_completed(port, pending[i], ERR_CANCELLED);
    }
}

uint64_t epoll_kernel_drops(const struct port_socket *socket) {
    /* Not SO_RXQ_OVFL: that arrives with the next datagram, and after a burst there may be
     * none.  The kernel's counter has 32 bits. */
    uint32_t numbers[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof numbers;
    if (getsockopt((int)socket->handle, SOL_SOCKET, SO_MEMINFO, numbers, &size) < 0)
        return PORT_DROPS_UNKNOWN;
    return numbers[SK_MEMINFO_DROPS];
}

/* ---- serving ---- */

static void make_ready(struct port *port, struct port_op *op) {
    port_list_append(&mine(port)->ready, op);
}

void socket_event(struct port *port, struct port_socket *socket, uint32_t events) {
    const uint32_t suspect = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;
    if (events & suspect) socket->state |= SOCKET_SUSPECT;
    if (events & (suspect | EPOLLIN)) {
        socket->state |= SOCKET_READABLE;
        struct port_op *reader = socket->pending[0];
        if (reader != NULL && reader->list == NULL) make_ready(port, reader);
    }
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) && socket->pending[1] != NULL)
        send_some(port, socket->pending[1]);
}

void socket_start(struct port *port, struct port_op *op) {
    struct port_socket *socket = op->u.net.socket;
    if (socket->port == NULL)
        port_completed(port, op, ERR_CANCELLED);
    else if (op->kind == PORT_SEND)
        send_some(port, op);
    else if (socket->state & SOCKET_READABLE)
        make_ready(port, op);
}

void epoll_end_datagrams(struct port *port, struct port_socket *socket) {
    shutdown((int)socket->handle, SHUT_RD);
    socket->state |= SOCKET_ENDS | SOCKET_READABLE;
    if (socket->pending[0] != NULL && socket->pending[0]->list == NULL)
        make_ready(port, socket->pending[0]);
}

static void accept_one(struct port *port, struct port_op *op) {
    struct port_socket *listener = op->u.net.socket;
    struct sockaddr_storage system = {0};
    socklen_t size = sizeof system;
    struct epoll_port *e = mine(port);
    while (e->unwatched != NULL) { /* each turn shortens the list, or ends it */
        const int error = watch(e, e->unwatched);
        if (error < 0) {
            port_completed(port, op, error);
            return;
        }
        forget_unwatched(e, e->unwatched);
    }
    const int handle = accept4((int)listener->handle, (struct sockaddr *)&system, &size,
                               SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (handle >= 0) {
        address_from_system(&system, &op->peer);
        if (listener->family == ADDRESS_UNIX) unix_accepted(handle, &op->peer);
        open_socket(port, op->u.net.accepted, handle, listener->family);
        if (watch(e, op->u.net.accepted) < 0) keep_unwatched(e, op->u.net.accepted);
        port_completed(port, op, 0);
        return;
    }
    switch (errno) {
    case EAGAIN: listener->state &= ~(uint32_t)SOCKET_READABLE; break;
    /* Errors of that one connection (listed in accept(2)), which is gone: accept the next one in
     * the next turn. */
    case ECONNABORTED:
    case ECONNRESET:
    case EINTR:
    case EPERM: /* a firewall's rule */
    case EPROTO:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case ETIMEDOUT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET: make_ready(port, op); break;
    default: port_completed(port, op, error_of_errno(errno));
    }
}

/* result: bytes, or a negative errno. */
static void stream_received(struct port_op *op, int64_t result) {
    struct port *port = op->port;
    struct port_socket *socket = op->u.net.socket;
    if (result == -EAGAIN || result == -EINTR) {
        struct port_buffer *unused = op->buffer;
        op->buffer = NULL;
        port_buffer_release(unused);
        if (result == -EAGAIN)
            socket->state &= ~(uint32_t)SOCKET_READABLE;
        else
            make_ready(port, op);
    } else if (result > 0) {
        if ((size_t)result < op->u.net.pool->buffer_bytes && !(socket->state & SOCKET_SUSPECT))
            socket->state &= ~(uint32_t)SOCKET_READABLE;
        mine(port)->receives++;
        mine(port)->received_bytes += (uint64_t)result;
        op->buffer->slice_count = 1;
        op->buffer->slices[0] = (struct port_slice){.size = (uint32_t)result};
        port_completed(port, op, result);
    } else {
        port_completed(port, op, result ? error_of_errno((int)-result) : 0);
    }
}

static void receive_stream(struct port *port, struct port_op *op) {
    struct port_pool *pool = op->u.net.pool;
    struct port_buffer *buffer = port_pool_take(pool, op);
    if (buffer == NULL) return; /* it waits for one */
    op->buffer = buffer;
    struct ring *ring = mine(port)->ring;
    if (ring != NULL && ring_add(ring, op)) return; /* sockets_served makes it */
    const ssize_t size = recv((int)op->u.net.socket->handle, buffer->bytes, pool->buffer_bytes, 0);
    stream_received(op, size < 0 ? -errno : size);
}

void sockets_served(struct epoll_port *e) {
    if (e->ring == NULL || ring_perform(e->ring, stream_received)) return;
    /* An error of the ring, not of the sockets; those that were not read are still ready. */
    say("io_uring no longer accepts reads; continuing with one system call per read");
    ring_close(e->ring);
    e->ring = NULL;
}

void socket_serve(struct port *port, struct port_op *op) {
    switch (op->kind) {
    case PORT_ACCEPT: accept_one(port, op); break;
    case PORT_RECEIVE: receive_stream(port, op); break;
    case PORT_RECEIVE_DATAGRAMS: datagrams_receive(port, op); break;
    default: assert(!"not read from a socket");
    }
}

static void wait_until_writable(struct port *port, struct port_op *op) {
    struct port_socket *socket = op->u.net.socket;
    if (socket->state & SOCKET_WANTS_WRITABLE) return;
    socket->state |= SOCKET_WANTS_WRITABLE;
    /* This tests readiness again, so that an edge missed just now is not lost. */
    if (watch(mine(port), socket) < 0) keep_unwatched(mine(port), socket);
}

static void send_some(struct port *port, struct port_op *op) {
    struct port_socket *socket = op->u.net.socket;
    while (op->u.net.done < op->u.net.size) { /* until the socket is full */
        const ssize_t sent = send((int)socket->handle, op->u.net.bytes + op->u.net.done,
                                  op->u.net.size - op->u.net.done, MSG_NOSIGNAL);
        if (sent >= 0) {
            op->u.net.done += (size_t)sent;
        } else if (errno == EAGAIN) {
            wait_until_writable(port, op);
            return;
        } else if (errno == ENOMEM || errno == ENOBUFS) {
            /* No event reports that the kernel has memory again. */
            socket->state |= SOCKET_WANTS_WRITABLE;
            keep_unwatched(mine(port), socket);
            return;
        } else if (errno != EINTR) {
            port_completed(port, op, error_of_errno(errno));
            return;
        }
    }
    port_completed(port, op, (int64_t)op->u.net.size);
}
