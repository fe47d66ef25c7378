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
#ifndef STATUS_BUFFER_OVERFLOW
#define STATUS_BUFFER_OVERFLOW 0x80000005
#endif

/* Detects vanished peers. */
#define KEEP_ALIVE_IDLE_MS     60000
#define KEEP_ALIVE_INTERVAL_MS 10000

static void accept_start(struct port *port, struct port_op *op);
static void accept_completed(struct port *port, struct port_op *op);
static void receive_wait(struct port *port, struct port_op *op);
static void receive_take(struct port *port, struct port_op *op);
static void datagrams_start(struct port *port, struct port_op *op);
static void datagrams_post(struct port *port, struct port_op *op);
static void datagrams_completed(struct port *port, struct port_op *op, DWORD bytes);
static void send_start(struct port *port, struct port_op *op);
static void send_completed(struct port *port, struct port_op *op, DWORD bytes);

static SOCKET handle_of(const struct port_socket *of) {
    return (SOCKET)of->handle;
}

static bool is_shut(const struct port_op *op) {
    return op->u.net.socket->port == NULL;
}

/* On a socket that was shut every failure means cancelled: closing it under pending calls ends
 * them with various codes (0xC0000120, 0x8000000A). */
static void failed(struct port *port, struct port_op *op, int error) {
    port_completed(port, op, is_shut(op) ? ERR_CANCELLED : error);
}

void socket_start(struct port *port, struct port_op *op) {
    if (is_shut(op)) {
        port_completed(port, op, ERR_CANCELLED);
        return;
    }
    switch (op->kind) {
    case PORT_ACCEPT: accept_start(port, op); break;
    case PORT_RECEIVE: receive_wait(port, op); break;
    case PORT_RECEIVE_DATAGRAMS: datagrams_start(port, op); break;
    case PORT_SEND: send_start(port, op); break;
    default: assert(!"not an op on a socket");
    }
}

void socket_completed(struct port *port, struct port_op *op, DWORD bytes) {
    switch (op->kind) {
    case PORT_ACCEPT: accept_completed(port, op); break;
    case PORT_RECEIVE:
        if ((LONG)op_private(op)->overlapped.Internal < 0)
            failed(port, op, overlapped_error(&op_private(op)->overlapped));
        else if (is_shut(op) || op->cancelled)
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
    if (op->u.net.pool != NULL && port_pool_forget(op->u.net.pool, op)) {
        port_completed(port, op, ERR_CANCELLED);
        return;
    }
    /* Its packet will report ERROR_OPERATION_ABORTED, or is in the queue already. */
    CancelIoEx((HANDLE)handle_of(op->u.net.socket), &op_private(op)->overlapped);
}

void socket_shut(struct port *port, struct port_socket *shut) {
    if (shut->family == ADDRESS_UNIX) unix_remove(port->backend, shut);
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

/* A socket for the completion port: not inherited by child processes, non-blocking. */
static int open_overlapped(uint32_t family, int type, SOCKET *handle) {
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

static int attach(struct port *port, SOCKET handle) {
    struct iocp *iocp = port->backend;
    return CreateIoCompletionPort((HANDLE)handle, iocp->queue, PACKET_SOCKET, 0) != NULL
               ? 0
               : last_error();
}

/* Opens, binds and attaches a socket, and sets *address to the address that is bound. */
static int open_bound(struct port *port, struct port_socket *opened, struct port_address *address,
                      int type) {
    SOCKET handle;
    int error = open_overlapped(address->family, type, &handle);
    if (error != 0) return error;
    /* Without it any program could bind the same port on Windows and take over the traffic. */
    set_option(handle, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1);

    struct sockaddr_in6 name;
    INT name_bytes = address_to_system(address, &name);
    if ((address->family == 6 && set_option(handle, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0) ||
        bind(handle, (struct sockaddr *)&name, name_bytes) != 0 ||
        (type == SOCK_STREAM && listen(handle, SOMAXCONN) != 0) ||
        getsockname(handle, (struct sockaddr *)&name, &name_bytes) != 0) {
        error = last_error();
    } else {
        error = attach(port, handle);
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

static bool extension(SOCKET handle, GUID id, void *function, DWORD size) {
    DWORD bytes;
    return WSAIoctl(handle, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id), function, size,
                    &bytes, NULL, NULL) == 0;
}

int socket_listen(struct port *port, struct port_socket *listener, struct port_address *address) {
    const int error = open_bound(port, listener, address, SOCK_STREAM);
    if (error != 0) return error;
    struct iocp *iocp = port->backend;
    const SOCKET handle = handle_of(listener);
    if (!extension(handle, (GUID)WSAID_ACCEPTEX, &iocp->accept_ex, sizeof(iocp->accept_ex)) ||
        !extension(handle, (GUID)WSAID_GETACCEPTEXSOCKADDRS, &iocp->accept_addresses,
                   sizeof(iocp->accept_addresses))) {
        closesocket(handle);
        listener->port = NULL;
        return ERR_UNSUPPORTED;
    }
    return 0;
}

int socket_listen_unix(struct port *port, struct port_socket *listener,
                       const struct unix_place *place) {
    struct iocp *iocp = port->backend;
    SOCKET handle;
    int error = unix_open(iocp, listener, place, &handle);
    if (error != 0) return error;
    u_long non_blocking = 1;
    if (ioctlsocket(handle, FIONBIO, &non_blocking) != 0)
        error = last_error();
    else if (!extension(handle, (GUID)WSAID_ACCEPTEX, &iocp->accept_ex_unix,
                        sizeof(iocp->accept_ex_unix)))
        error = ERR_UNSUPPORTED;
    else
        error = attach(port, handle);
    if (error != 0) {
        unix_remove(iocp, listener);
        closesocket(handle);
        return error;
    }
    listener->handle = (intptr_t)handle;
    listener->port = port;
    listener->family = ADDRESS_UNIX;
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
    return 0;
}

/* ---- accept ---- */

/* False: it has failed, see GetLastError. */
static bool accept_call(struct iocp *iocp, const struct port_op *op, struct op_private *private) {
    const SOCKET listener = handle_of(op->u.net.socket);
    DWORD bytes;
    const bool done =
        op->u.net.socket->family == ADDRESS_UNIX
            ? iocp->accept_ex_unix(listener, private->u.accept.socket,
                                   private->u.accept.unix_addresses, 0, ACCEPT_ADDRESS_BYTES_UNIX,
                                   ACCEPT_ADDRESS_BYTES_UNIX, &bytes, &private->overlapped)
            : iocp->accept_ex(listener, private->u.accept.socket, private->u.accept.addresses, 0,
                              ACCEPT_ADDRESS_BYTES, ACCEPT_ADDRESS_BYTES, &bytes,
                              &private->overlapped);
    return done || WSAGetLastError() == WSA_IO_PENDING;
}

/* An open socket of the listener's family, which AcceptEx needs.  All that can fail is done to it
 * before there is a connection, which a failure would lose. */
static int accept_prepare(struct port *port, const struct port_op *op, struct op_private *private) {
    const uint32_t family = op->u.net.socket->family;
    private->overlapped = (OVERLAPPED){0};
    private->u.accept.unix_addresses = NULL;
    int error = open_overlapped(family, SOCK_STREAM, &private->u.accept.socket);
    if (error != 0) return error;
    error = attach(port, private->u.accept.socket);
    if (error == 0 && family == ADDRESS_UNIX) {
        private->u.accept.unix_addresses = malloc(2 * ACCEPT_ADDRESS_BYTES_UNIX);
        if (private->u.accept.unix_addresses == NULL) error = ERR_NO_MEMORY;
    }
    if (error != 0) closesocket(private->u.accept.socket);
    return error;
}

static void accept_start(struct port *port, struct port_op *op) {
    struct op_private *private = op_private(op);
    int error;
    /* Skips connections that were reset in the backlog: each turn removes one. */
    do {
        error = accept_prepare(port, op, private);
        if (error != 0) break;
        if (accept_call(port->backend, op, private)) return;
        error = last_error();
        free(private->u.accept.unix_addresses);
        closesocket(private->u.accept.socket);
    } while (error == ERR_RESET);
    failed(port, op, error);
}

/* Turns the accepted connection into an ordinary socket.  Nothing here loses it: without the
 * listener's context it can still be received from. */
static void accept_finish(struct port *port, struct port_op *op) {
    struct iocp *iocp = port->backend;
    struct op_private *private = op_private(op);
    const SOCKET handle = private->u.accept.socket, listener = handle_of(op->u.net.socket);
    /* Must come first: other options are refused otherwise. */
    setsockopt(handle, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (const char *)&listener,
               sizeof(listener));
    if (op->u.net.socket->family == ADDRESS_UNIX) {
        op->peer = unix_peer(handle);
        *op->u.net.accepted =
            (struct port_socket){.handle = (intptr_t)handle, .port = port, .family = ADDRESS_UNIX};
        return;
    }
    struct sockaddr *local, *remote;
    int local_bytes, remote_bytes;
    iocp->accept_addresses(private->u.accept.addresses, 0, ACCEPT_ADDRESS_BYTES,
                           ACCEPT_ADDRESS_BYTES, &local, &local_bytes, &remote, &remote_bytes);
    address_of_system(remote, &op->peer);
    struct tcp_keepalive keep_alive = {1, KEEP_ALIVE_IDLE_MS, KEEP_ALIVE_INTERVAL_MS};
    DWORD bytes;
    WSAIoctl(handle, SIO_KEEPALIVE_VALS, &keep_alive, sizeof(keep_alive), NULL, 0, &bytes, NULL,
             NULL);
    set_option(handle, IPPROTO_TCP, TCP_NODELAY, 1); /* replies are sent at once */
    *op->u.net.accepted = (struct port_socket){
        .handle = (intptr_t)handle, .port = port, .family = op->u.net.socket->family};
}

static void accept_completed(struct port *port, struct port_op *op) {
    struct op_private *private = op_private(op);
    int error = 0;
    free(private->u.accept.unix_addresses);
    if (is_shut(op))
        error = ERR_CANCELLED;
    else if ((LONG) private->overlapped.Internal < 0)
        error = overlapped_error(&private->overlapped);
    else
        accept_finish(port, op);
    if (error != 0) closesocket(private->u.accept.socket);
    if (error == ERR_RESET && !op->cancelled)
        accept_start(port, op);
    else
        port_completed(port, op, error);
}

/* ---- receive: a connection waits without a buffer ---- */

/* A receive of 0 bytes completes when bytes or the end can be read, and needs no buffer.  An op
 * that waited for a buffer comes here again with one: its socket is readable, so this completes
 * at once, and a start never reads. */
static void receive_wait(struct port *port, struct port_op *op) {
    struct op_private *private = op_private(op);
    private->overlapped = (OVERLAPPED){0};
    WSABUF nothing = {0, NULL};
    DWORD flags = 0;
    if (WSARecv(handle_of(op->u.net.socket), &nothing, 1, NULL, &flags, &private->overlapped,
                NULL) == 0 ||
        WSAGetLastError() == WSA_IO_PENDING)
        return;
    failed(port, op, last_error());
}

static void receive_take(struct port *port, struct port_op *op) {
    struct port_buffer *buffer = port_pool_take(op->u.net.pool, op);
    if (buffer == NULL) return; /* it waits for one and is started again */
    const int got = recv(handle_of(op->u.net.socket), (char *)buffer->bytes,
                         (int)op->u.net.pool->buffer_bytes, 0);
    if (got < 0 && WSAGetLastError() == WSAEWOULDBLOCK) {
        receive_wait(port, op);
        port_buffer_release(buffer);
        return;
    }
    const int error = got < 0 ? last_error() : 0;
    op->buffer = buffer;
    if (error != 0) {
        failed(port, op, error);
        return;
    }
    buffer->slices[0] = (struct port_slice){.size = (uint32_t)got};
    buffer->slice_count = 1;
    port_completed(port, op, got);
}

/* ---- datagrams: one overlapped receive, then all others that are in the socket ---- */

static void datagrams_start(struct port *port, struct port_op *op) {
    struct port_buffer *buffer = port_pool_take(op->u.net.pool, op);
    if (buffer == NULL) return;
    op_private(op)->u.datagram.buffer = buffer;
    datagrams_post(port, op);
}

static void datagrams_post(struct port *port, struct port_op *op) {
    struct op_private *private = op_private(op);
    private->overlapped = (OVERLAPPED){0};
    private->u.datagram.from_bytes = sizeof(private->u.datagram.from);
    WSABUF place = {op->u.net.pool->datagram_bytes_max, (char *)private->u.datagram.buffer->bytes};
    DWORD flags = 0;
    if (WSARecvFrom(handle_of(op->u.net.socket), &place, 1, NULL, &flags,
                    (struct sockaddr *)&private->u.datagram.from, &private->u.datagram.from_bytes,
                    &private->overlapped, NULL) == 0)
        return;
    const int code = WSAGetLastError();
    /* WSAEMSGSIZE is not final: the packet still arrives, with STATUS_BUFFER_OVERFLOW.
     * Completing here would complete the op twice (port_datagrams_test: a truncated datagram). */
    if (code == WSA_IO_PENDING || code == WSAEMSGSIZE) return;
    op->buffer = private->u.datagram.buffer;
    failed(port, op, error_of_windows((DWORD)code));
}

/* Reports about a datagram that was sent; the receive can continue. */
static bool is_about_another(int error) {
    return error == ERR_RESET || error == ERR_REFUSED || error == ERR_UNREACHABLE;
}

/* Reads further datagrams, one directly after the other, until the socket is empty or the buffer
 * or its slices are full. */
static void datagrams_fetch(struct port_op *op, struct port_buffer *buffer) {
    const struct port_pool *pool = op->u.net.pool;
    uint32_t offset = buffer->slices[0].size;
    while (buffer->slice_count < pool->slices_max &&
           pool->buffer_bytes - offset >= pool->datagram_bytes_max) {
        struct sockaddr_in6 from;
        int from_bytes = sizeof(from);
        const int got =
            recvfrom(handle_of(op->u.net.socket), (char *)buffer->bytes + offset,
                     (int)pool->datagram_bytes_max, 0, (struct sockaddr *)&from, &from_bytes);
        const int code = got < 0 ? WSAGetLastError() : 0;
        /* The next receive reports any other error. */
        if (got < 0 && code != WSAEMSGSIZE) break;
        struct port_slice *slice = &buffer->slices[buffer->slice_count++];
        *slice = (struct port_slice){
            .offset = offset,
            .size = got < 0 ? pool->datagram_bytes_max : (uint32_t)got,
            .truncated = got < 0,
        };
        address_of_system((struct sockaddr *)&from, &slice->peer);
        offset += slice->size;
    }
}

static void datagrams_completed(struct port *port, struct port_op *op, DWORD bytes) {
    struct op_private *private = op_private(op);
    struct port_buffer *buffer = private->u.datagram.buffer;
    const LONG status = (LONG) private->overlapped.Internal;
    if (status < 0 && status != (LONG)STATUS_BUFFER_OVERFLOW) {
        const int error = overlapped_error(&private->overlapped);
        if (is_about_another(error) && !is_shut(op) && !op->cancelled) {
            datagrams_post(port, op);
            return;
        }
        op->buffer = buffer;
        failed(port, op, error);
        return;
    }
    buffer->slices[0] =
        (struct port_slice){.size = bytes, .truncated = status == (LONG)STATUS_BUFFER_OVERFLOW};
    address_of_system((struct sockaddr *)&private->u.datagram.from, &buffer->slices[0].peer);
    buffer->slice_count = 1;
    if (!is_shut(op)) datagrams_fetch(op, buffer);
    op->buffer = buffer;
    port_completed(port, op, buffer->slice_count);
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
    failed(port, op, last_error());
}

static void send_completed(struct port *port, struct port_op *op, DWORD bytes) {
    struct op_private *private = op_private(op);
    if ((LONG) private->overlapped.Internal < 0) {
        failed(port, op, overlapped_error(&private->overlapped));
        return;
    }
    op->u.net.done += bytes;
    if (op->u.net.done == op->u.net.size)
        port_completed(port, op, (int64_t)op->u.net.size);
    else if (op->cancelled || is_shut(op))
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
    } else if (from->sa_family == AF_INET) {
        const struct sockaddr_in *from4 = (const struct sockaddr_in *)from;
        address->family = 4;
        address->port = ntohs(from4->sin_port);
        memcpy(address->ip, &from4->sin_addr, 4);
    }
}
