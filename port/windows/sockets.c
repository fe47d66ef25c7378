/* sockets.c - listeners, connections and UDP sockets on the completion port.
 *
 * Every overlapped call on a socket sends one packet, whether it ends at once or later.
 * FILE_SKIP_COMPLETION_PORT_ON_SUCCESS is off here: it is broken for datagrams on some systems,
 * and it invites a loop that serves one busy peer only.  A call that is refused sends no packet;
 * its op completes directly. */
#include "port/windows/iocp.h"

#include <limits.h>
#include <mstcpip.h>
#include <stdlib.h>
#include <string.h>

/* Not in every header set; <ntstatus.h> clashes with <windows.h>. */
#ifndef SIO_UDP_NETRESET
#define SIO_UDP_NETRESET _WSAIOW(IOC_VENDOR, 15)
#endif

/* Connections that wait in the backlog: a burst of them, such as after a restart.  SOMAXCONN alone means
 * what the system considers reasonable, often 200; as a hint (a negative number, not in every header set)
 * any number up to 65,535. */
#define BACKLOG 16384
#ifndef SOMAXCONN_HINT
#define SOMAXCONN_HINT(count) (-(count))
#endif

static void receive_start(struct port *port, struct port_op *op);
static void receive_wait(struct port *port, struct port_op *op);
static void receive_take(struct port *port, struct port_op *op);
static void send_start(struct port *port, struct port_op *op);
static void send_completed(struct port *port, struct port_op *op, DWORD bytes);

static SOCKET handle_of(const struct port_socket *of) {
    return (SOCKET)of->handle;
}

bool socket_is_shut(const struct port_op *op) {
    return op->u.net.socket->port == NULL;
}

/* On a socket that was shut every failure means cancelled: closing it under pending calls ends
 * them with various codes (0xC0000120, 0x8000000A). */
void socket_failed(struct port *port, struct port_op *op, int error) {
    port_completed(port, op, socket_is_shut(op) ? ERR_CANCELLED : error);
}

void socket_start(struct port *port, struct port_op *op) {
    if (socket_is_shut(op)) {
        port_completed(port, op, ERR_CANCELLED);
        return;
    }
    switch (op->kind) {
    case PORT_ACCEPT: accepts_start(port, op); break;
    case PORT_RECEIVE: receive_start(port, op); break;
    case PORT_RECEIVE_DATAGRAMS: datagrams_start(port, op); break;
    case PORT_SEND: send_start(port, op); break;
    default: assert(!"not an op on a socket");
    }
}

void socket_completed(struct port *port, struct port_op *op, DWORD bytes) {
    switch (op->kind) {
    case PORT_RECEIVE:
        if ((LONG)op_private(op)->overlapped.Internal < 0)
            socket_failed(port, op, overlapped_error(&op_private(op)->overlapped));
        else if (socket_is_shut(op) || op->cancelled)
            port_completed(port, op, ERR_CANCELLED); /* the bytes are still in the socket */
        else
            receive_take(port, op);
        break;
    case PORT_RECEIVE_DATAGRAMS: datagrams_completed(port, op, bytes); break;
    case PORT_SEND: send_completed(port, op, bytes); break;
    default: assert(!"not an op on a socket");
    }
}

void socket_cancel(struct port *port, struct port_op *op) {
    if (op->kind == PORT_ACCEPT) {
        accepts_cancel(port, op);
        return;
    }
    if (op->u.net.pool != NULL && port_pool_forget(op->u.net.pool, op)) {
        port_completed(port, op, ERR_CANCELLED);
        return;
    }
    /* Its packet will report ERROR_OPERATION_ABORTED, or is in the queue already. */
    CancelIoEx((HANDLE)handle_of(op->u.net.socket), &op_private(op)->overlapped);
}

void socket_shut(struct port *port, struct port_socket *shut) {
    if (shut->family == ADDRESS_UNIX) unix_remove(port->backend, shut);
    accepts_shut(port, shut);
    shut->port = NULL;
    struct port_op *receive = shut->pending[0];
    if (receive != NULL && receive->u.net.pool != NULL &&
        port_pool_forget(receive->u.net.pool, receive))
        port_completed(port, receive, ERR_CANCELLED);
    /* shutdown() does not end a pending receive; this does. */
    CancelIoEx((HANDLE)handle_of(shut), NULL);
    closesocket(handle_of(shut));
    shut->handle = (intptr_t)INVALID_SOCKET;
}

/* ---- opening ---- */

void sockets_startup(void) {
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    BOOL first;
    if (!InitOnceBeginInitialize(&once, 0, &first, NULL) || !first) return;
    WSADATA data;
    const int refused = WSAStartup(MAKEWORD(2, 2), &data);
    assert(refused == 0); /* every supported Windows has Winsock 2.2 */
    InitOnceComplete(&once, 0, NULL);
}

static int set_option(SOCKET handle, int level, int name, int value) {
    return setsockopt(handle, level, name, (const char *)&value, sizeof(value));
}

int socket_open(uint32_t family, int type, SOCKET *handle) {
    const int system = family == ADDRESS_UNIX ? AF_UNIX : family == 6 ? AF_INET6 : AF_INET;
    *handle =
        WSASocketW(system, type, 0, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (*handle == INVALID_SOCKET) return last_error();
    u_long non_blocking = 1;
    /* TCP's urgent byte is part of the line that it was sent in; without SO_OOBINLINE a read leaves
     * it out. */
    if (ioctlsocket(*handle, FIONBIO, &non_blocking) == 0 &&
        (type != SOCK_STREAM || system == AF_UNIX ||
         set_option(*handle, SOL_SOCKET, SO_OOBINLINE, 1) == 0))
        return 0;
    const int error = last_error();
    closesocket(*handle);
    return error;
}

int socket_attach(struct port *port, SOCKET handle, enum packet_key key) {
    struct iocp *iocp = port->backend;
    return CreateIoCompletionPort((HANDLE)handle, iocp->queue, key, 0) != NULL ? 0 : last_error();
}

/* Opens, binds and attaches a socket, and sets *address to the address that is bound. */
static int open_bound(struct port *port, struct port_socket *opened, struct port_address *address,
                      int type) {
    SOCKET handle;
    int error = socket_open(address->family, type, &handle);
    if (error != 0) return error;
    /* Without it any program could bind the same port on Windows and take over the traffic. */
    set_option(handle, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1);

    struct sockaddr_in6 name;
    INT name_bytes = address_to_system(address, &name);
    const bool ipv6_only = !address_takes_ipv4(address);
    if ((address->family == 6 && set_option(handle, IPPROTO_IPV6, IPV6_V6ONLY, ipv6_only) != 0) ||
        bind(handle, (struct sockaddr *)&name, name_bytes) != 0 ||
        (type == SOCK_STREAM && listen(handle, SOMAXCONN_HINT(BACKLOG)) != 0) ||
        getsockname(handle, (struct sockaddr *)&name, &name_bytes) != 0) {
        error = last_error();
    } else {
        error = socket_attach(port, handle, type == SOCK_STREAM ? PACKET_ACCEPT : PACKET_SOCKET);
    }
    if (error != 0) {
        closesocket(handle);
        return error;
    }
    address_of_system((struct sockaddr *)&name, address);
    opened->handle = (intptr_t)handle;
    opened->port = port;
    opened->family = address->family;
    return 0;
}

int socket_listen(struct port *port, struct port_socket *listener, struct port_address *address) {
    int error = open_bound(port, listener, address, SOCK_STREAM);
    if (error != 0) return error;
    error = accepts_open(port->backend, listener);
    if (error == 0) return 0;
    closesocket(handle_of(listener));
    listener->port = NULL;
    return error;
}

int socket_listen_unix(struct port *port, struct port_socket *listener,
                       const struct unix_place *place) {
    struct iocp *iocp = port->backend;
    SOCKET handle;
    int error = unix_open(iocp, listener, place, &handle);
    if (error != 0) return error;
    u_long non_blocking = 1;
    listener->handle = (intptr_t)handle;
    listener->family = ADDRESS_UNIX;
    error = ioctlsocket(handle, FIONBIO, &non_blocking) != 0 ? last_error() : 0;
    if (error == 0) error = socket_attach(port, handle, PACKET_ACCEPT);
    if (error == 0) error = accepts_open(iocp, listener);
    if (error != 0) {
        unix_remove(iocp, listener);
        closesocket(handle);
        return error;
    }
    listener->port = port;
    return 0;
}

int socket_bind(struct port *port, struct port_socket *bound, struct port_address *address,
                uint32_t receive_bytes, uint32_t *granted) {
    const int error = open_bound(port, bound, address, SOCK_DGRAM);
    if (error != 0) return error;
    const SOCKET handle = handle_of(bound);
    /* Otherwise an ICMP reply to a datagram that this socket has sent ends an unrelated receive
     * with WSAECONNRESET. */
    const DWORD no_reports[] = {SIO_UDP_CONNRESET, SIO_UDP_NETRESET};
    for (size_t i = 0; i < sizeof(no_reports) / sizeof(no_reports[0]); i++) {
        BOOL off = FALSE;
        DWORD bytes;
        WSAIoctl(handle, no_reports[i], &off, sizeof(off), NULL, 0, &bytes, NULL, NULL);
    }
    if (receive_bytes > 0)
        set_option(handle, SOL_SOCKET, SO_RCVBUF,
                   receive_bytes > INT_MAX ? INT_MAX : (int)receive_bytes);
    int room = 0, room_bytes = sizeof(room);
    getsockopt(handle, SOL_SOCKET, SO_RCVBUF, (char *)&room, &room_bytes);
    if (granted != NULL) *granted = (uint32_t)room;
    datagrams_bound(bound, address);
    return 0;
}

/* ---- receive: a connection waits without a buffer ---- */

/* port_socket.state of a connection: the last receive filled its buffer, so there is probably more to
 * read. */
#define SOCKET_HAS_MORE 1u

static void receive_start(struct port *port, struct port_op *op) {
    if (op->u.net.socket->state & SOCKET_HAS_MORE)
        receive_take(port, op);
    else
        receive_wait(port, op);
}

/* A receive of 0 bytes completes when bytes or the end can be read, and needs no buffer.  An op that
 * waited for a buffer comes here again with one: its socket is readable, so this completes at once. */
static void receive_wait(struct port *port, struct port_op *op) {
    struct op_private *private = op_private(op);
    private->overlapped = (OVERLAPPED){0};
    WSABUF nothing = {0, NULL};
    DWORD flags = 0;
    if (WSARecv(handle_of(op->u.net.socket), &nothing, 1, NULL, &flags, &private->overlapped,
                NULL) == 0 ||
        WSAGetLastError() == WSA_IO_PENDING)
        return;
    socket_failed(port, op, last_error());
}

/* Reads once, without waiting. */
static void receive_take(struct port *port, struct port_op *op) {
    struct port_socket *socket = op->u.net.socket;
    const int room = (int)op->u.net.pool->buffer_bytes;
    socket->state &= ~SOCKET_HAS_MORE;
    struct port_buffer *buffer = port_pool_take(op->u.net.pool, op);
    if (buffer == NULL) return; /* it waits for one and is started again */
    const int got = recv(handle_of(socket), (char *)buffer->bytes, room, 0);
    const int code = got < 0 ? WSAGetLastError() : 0;
    if (got == room) socket->state |= SOCKET_HAS_MORE;
    if (code == WSAEWOULDBLOCK) {
        receive_wait(port, op);
        port_buffer_release(buffer);
        return;
    }
    op->buffer = buffer;
    if (code != 0) {
        socket_failed(port, op, error_of_windows((DWORD)code));
        return;
    }
    buffer->slices[0] = (struct port_slice){.size = (uint32_t)got};
    buffer->slice_count = 1;
    port_completed(port, op, got);
}

/* ---- send ---- */

static void send_start(struct port *port, struct port_op *op) {
    struct op_private *private = op_private(op);
    private->overlapped = (OVERLAPPED){0};
    const size_t left = op->u.net.size - op->u.net.done;
    WSABUF part = {left < INT_MAX ? (ULONG)left : INT_MAX,
                   (char *)(uintptr_t)(op->u.net.bytes + op->u.net.done)};
    if (WSASend(handle_of(op->u.net.socket), &part, 1, NULL, 0, &private->overlapped, NULL) == 0 ||
        WSAGetLastError() == WSA_IO_PENDING)
        return;
    socket_failed(port, op, last_error());
}

static void send_completed(struct port *port, struct port_op *op, DWORD bytes) {
    struct op_private *private = op_private(op);
    if ((LONG) private->overlapped.Internal < 0) {
        socket_failed(port, op, overlapped_error(&private->overlapped));
        return;
    }
    op->u.net.done += bytes;
    if (op->u.net.done == op->u.net.size)
        port_completed(port, op, (int64_t)op->u.net.size);
    else if (op->cancelled || socket_is_shut(op))
        port_completed(port, op, ERR_CANCELLED);
    else
        send_start(port, op);
}

/* ---- addresses ---- */

INT address_to_system(const struct port_address *address, struct sockaddr_in6 *to) {
    memset(to, 0, sizeof(*to));
    if (address->family == 6) {
        to->sin6_family = AF_INET6;
        to->sin6_port = htons(address->port);
        to->sin6_scope_id = address->scope;
        memcpy(&to->sin6_addr, address->ip, 16);
        return sizeof(*to);
    }
    struct sockaddr_in *to4 = (struct sockaddr_in *)to;
    to4->sin_family = AF_INET;
    to4->sin_port = htons(address->port);
    memcpy(&to4->sin_addr, address->ip, 4);
    return sizeof(*to4);
}

void address_of_system(const struct sockaddr *from, struct port_address *address) {
    memset(address, 0, sizeof(*address));
    if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *from6 = (const struct sockaddr_in6 *)from;
        address->family = 6;
        address->port = ntohs(from6->sin6_port);
        address->scope = from6->sin6_scope_id;
        memcpy(address->ip, &from6->sin6_addr, 16);
        address_unmap(address);
    } else if (from->sa_family == AF_INET) {
        const struct sockaddr_in *from4 = (const struct sockaddr_in *)from;
        address->family = 4;
        address->port = ntohs(from4->sin_port);
        memcpy(address->ip, &from4->sin_addr, 4);
    }
}
