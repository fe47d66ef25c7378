/* datagrams.c - receives datagrams: one overlapped WSARecvFrom, then all others that are in the socket.
 *
 * Windows may join datagrams of one sender, as Linux does (GRO): then it is WSARecvMsg, whose note says
 * how long each of them was, and they are separated again, into slices, without a copy.
 *
 * Some drivers join datagrams but leave the note out (quinn issue 2041, msquic issue 4955), and no probe
 * can show that: several records would become one.  So it is asked for only on loopback addresses, where
 * no driver takes part, or if LOGPORT_UDP_JOIN=1 is in the environment. */
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "port/windows/iocp.h"

/* Not in every header set; <ntstatus.h> clashes with <windows.h>. */
#ifndef STATUS_BUFFER_OVERFLOW
#define STATUS_BUFFER_OVERFLOW 0x80000005
#endif
/* Windows 10 2004 */
#ifndef UDP_RECV_MAX_COALESCED_SIZE
#define UDP_RECV_MAX_COALESCED_SIZE 3
#define UDP_COALESCED_INFO          3
#endif

/* port_socket.state */
#define SOCKET_MAY_JOIN 1u
#define SOCKET_JOINS    2u

static void post(struct port *port, struct port_op *op);

static SOCKET handle_of(const struct port_op *op) {
    return (SOCKET)op->u.net.socket->handle;
}

/* ---- joining ---- */

static bool is_loopback(const struct port_address *address) {
    static const uint8_t one[16] = {[15] = 1};
    return address->family == 4 ? address->ip[0] == 127 : memcmp(address->ip, one, 16) == 0;
}

void datagrams_bound(struct port_socket *socket, const struct port_address *address) {
    const char *asked_for = system_environment("LOGPORT_UDP_JOIN");
    const bool wanted = asked_for != NULL && strcmp(asked_for, "1") == 0;
    socket->state = wanted || is_loopback(address) ? SOCKET_MAY_JOIN : 0;
}

static bool find_receive_message(struct iocp *iocp, SOCKET handle) {
    GUID id = WSAID_WSARECVMSG;
    DWORD bytes;
    return iocp->receive_message != NULL ||
           WSAIoctl(handle, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id,
                    &iocp->receive_message, sizeof iocp->receive_message, &bytes, NULL, NULL) == 0;
}

/* Only for pools whose places hold the longest result: a smaller one would truncate datagrams that fit
 * one by one. */
static void set_joining(struct iocp *iocp, struct port_socket *socket,
                        const struct port_pool *pool) {
    const bool wanted = pool->datagram_bytes_max >= PORT_JOINED_BYTES_MAX;
    if (wanted == ((socket->state & SOCKET_JOINS) != 0) || !(socket->state & SOCKET_MAY_JOIN))
        return;
    const DWORD bytes_max = wanted ? PORT_JOINED_BYTES_MAX : 0;
    const SOCKET handle = (SOCKET)socket->handle;
    if (!find_receive_message(iocp, handle) ||
        setsockopt(handle, IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, (const char *)&bytes_max,
                   sizeof bytes_max) != 0)
        socket->state &= ~SOCKET_MAY_JOIN; /* this Windows cannot */
    else
        socket->state ^= SOCKET_JOINS;
}

/* The size of each datagram in the message except the last; `size` if there is only one. */
static uint32_t size_of_each(WSAMSG *message, uint32_t size) {
    for (WSACMSGHDR *note = WSA_CMSG_FIRSTHDR(message); note != NULL;
         note = WSA_CMSG_NXTHDR(message, note)) {
        DWORD each;
        if (note->cmsg_level != IPPROTO_UDP || note->cmsg_type != UDP_COALESCED_INFO) continue;
        memcpy(&each, WSA_CMSG_DATA(note), sizeof each);
        if (each > 0) return each;
    }
    return size;
}

/* ---- receiving ---- */

void datagrams_start(struct port *port, struct port_op *op) {
    struct port_buffer *buffer = port_pool_take(op->u.net.pool, op);
    if (buffer == NULL) return;
    set_joining(port->backend, op->u.net.socket, op->u.net.pool);
    op_private(op)->datagram.buffer = buffer;
    post(port, op);
}

/* Prepares a receive at that offset of the buffer. */
static void aim(struct port_op *op, uint32_t offset) {
    struct op_private *private = op_private(op);
    private->datagram.place = (WSABUF){op->u.net.pool->datagram_bytes_max,
                                       (char *)private->datagram.buffer->bytes + offset};
    private->datagram.message = (WSAMSG){
        .name = (struct sockaddr *)&private->datagram.from,
        .namelen = sizeof private->datagram.from,
        .lpBuffers = &private->datagram.place,
        .dwBufferCount = 1,
        .Control = {sizeof private->datagram.notes.bytes, private->datagram.notes.bytes},
    };
}

/* overlapped NULL: returns at once.  A code of Winsock. */
static int receive(struct port_op *op, DWORD *bytes, OVERLAPPED *overlapped) {
    struct iocp *iocp = op->port->backend;
    struct op_private *private = op_private(op);
    DWORD flags = 0;
    const int result = op->u.net.socket->state & SOCKET_JOINS
                           ? iocp->receive_message(handle_of(op), &private->datagram.message, bytes,
                                                   overlapped, NULL)
                           : WSARecvFrom(handle_of(op), &private->datagram.place, 1, bytes, &flags,
                                         private->datagram.message.name,
                                         &private->datagram.message.namelen, overlapped, NULL);
    return result == 0 ? 0 : WSAGetLastError();
}

static void post(struct port *port, struct port_op *op) {
    struct op_private *private = op_private(op);
    private->overlapped = (OVERLAPPED){0};
    aim(op, 0);
    const int code = receive(op, NULL, &private->overlapped);
    /* WSAEMSGSIZE is not final: the packet still arrives, with STATUS_BUFFER_OVERFLOW.
     * Completing here would complete the op twice (port_datagrams_test: a truncated datagram). */
    if (code == 0 || code == WSA_IO_PENDING || code == WSAEMSGSIZE) return;
    op->buffer = private->datagram.buffer;
    socket_failed(port, op, error_of_windows((DWORD)code));
}

/* Reports about a datagram that was sent; the receive can continue. */
static bool is_about_another(int error) {
    return error == ERR_RESET || error == ERR_REFUSED || error == ERR_UNREACHABLE;
}

/* What was received at this offset becomes slices. */
static void cut(struct port_op *op, uint32_t offset, uint32_t size, bool truncated) {
    struct op_private *private = op_private(op);
    struct port_slice first = {.offset = offset, .truncated = truncated};
    const bool joins = op->u.net.socket->state & SOCKET_JOINS;
    address_of_system((struct sockaddr *)&private->datagram.from, &first.peer);
    port_buffer_cut(private->datagram.buffer, &first, size,
                    joins ? size_of_each(&private->datagram.message, size) : size, PORT_JOINED_MAX);
}

/* Reads further datagrams, one directly after the other, until the socket is empty or the buffer
 * or its slices are full. */
static void fetch(struct port_op *op, uint32_t offset) {
    const struct port_pool *pool = op->u.net.pool;
    const struct port_buffer *buffer = op_private(op)->datagram.buffer;
    const uint32_t slices = op->u.net.socket->state & SOCKET_JOINS ? PORT_JOINED_MAX : 1;
    while (buffer->slice_count + slices <= pool->slices_max &&
           pool->buffer_bytes - offset >= pool->datagram_bytes_max) {
        DWORD bytes = 0;
        aim(op, offset);
        const int code = receive(op, &bytes, NULL);
        /* The next receive reports any other error. */
        if (code != 0 && code != WSAEMSGSIZE) break;
        if (code != 0) bytes = pool->datagram_bytes_max;
        cut(op, offset, bytes, code != 0);
        offset += bytes;
    }
}

void datagrams_completed(struct port *port, struct port_op *op, DWORD bytes) {
    struct op_private *private = op_private(op);
    struct port_buffer *buffer = private->datagram.buffer;
    const LONG status = (LONG) private->overlapped.Internal;
    if (status < 0 && status != (LONG)STATUS_BUFFER_OVERFLOW) {
        const int error = overlapped_error(&private->overlapped);
        if (is_about_another(error) && !socket_is_shut(op) && !op->cancelled) {
            post(port, op);
            return;
        }
        op->buffer = buffer;
        socket_failed(port, op, error);
        return;
    }
    buffer->slice_count = 0;
    cut(op, 0, bytes, status == (LONG)STATUS_BUFFER_OVERFLOW);
    if (!socket_is_shut(op)) fetch(op, bytes);
    op->buffer = buffer;
    port_completed(port, op, buffer->slice_count);
}
