/* accepts.c - accepts connections: several AcceptEx are posted for each listener, so that a burst of
 * connections does not wait for the owner.
 *
 * They stay posted from the first port_accept until the listener is shut.  A connection that completes
 * while no port_accept waits is kept, as one in the system's backlog is: it is the next one's.  Neither
 * costs the caller anything, so an accept that is cancelled cancels nothing here. */
#include <stdlib.h>
#include <string.h>

#include "port/windows/iocp.h"

#include <mstcpip.h>

/* As libuv has on servers.  Each costs a socket; a longer queue is the backlog's matter. */
#define ACCEPTS_POSTED 32

/* AcceptEx requires 16 bytes more than an address; sockaddr_un is the longest, with 110. */
#define ADDRESS_BYTES      (sizeof(struct sockaddr_in6) + 16)
#define ADDRESS_BYTES_UNIX (110 + 16)

/* Detects vanished peers. */
#define KEEP_ALIVE_IDLE_MS     60000
#define KEEP_ALIVE_INTERVAL_MS 10000

struct accept_slot {
    OVERLAPPED overlapped; /* first: a packet points to it */
    struct acceptor *acceptor;
    struct accept_slot *next; /* of the connected ones */
    SOCKET handle;            /* INVALID_SOCKET: it is free */
    uint8_t addresses[2 * ADDRESS_BYTES_UNIX];
};

struct acceptor {
    struct acceptor *next;
    struct port_socket *listener; /* NULL: shut; it is freed with the last packet */
    SOCKET handle;
    uint32_t family;
    DWORD address_bytes;
    LPFN_ACCEPTEX accept;
    LPFN_GETACCEPTEXSOCKADDRS addresses; /* NULL for a Unix socket */
    uint32_t posted;
    struct accept_slot *first, *last; /* connected, in order */
    struct accept_slot slots[ACCEPTS_POSTED];
};

static bool extension(SOCKET handle, GUID id, void *function, DWORD size) {
    DWORD bytes;
    return WSAIoctl(handle, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id), function, size,
                    &bytes, NULL, NULL) == 0;
}

int accepts_open(struct iocp *iocp, struct port_socket *listener) {
    struct acceptor *acceptor = calloc(1, sizeof *acceptor);
    if (acceptor == NULL) return ERR_NO_MEMORY;
    const SOCKET handle = (SOCKET)listener->handle;
    const bool is_unix = listener->family == ADDRESS_UNIX;
    /* The pointer is the provider's: Unix sockets have another one. */
    if (!extension(handle, (GUID)WSAID_ACCEPTEX, &acceptor->accept, sizeof acceptor->accept) ||
        (!is_unix && !extension(handle, (GUID)WSAID_GETACCEPTEXSOCKADDRS, &acceptor->addresses,
                                sizeof acceptor->addresses))) {
        free(acceptor);
        return ERR_UNSUPPORTED;
    }
    acceptor->listener = listener;
    acceptor->handle = handle;
    acceptor->family = listener->family;
    acceptor->address_bytes = is_unix ? ADDRESS_BYTES_UNIX : ADDRESS_BYTES;
    for (uint32_t i = 0; i < ACCEPTS_POSTED; i++) {
        acceptor->slots[i].acceptor = acceptor;
        acceptor->slots[i].handle = INVALID_SOCKET;
    }
    acceptor->next = iocp->acceptors;
    iocp->acceptors = acceptor;
    return 0;
}

static struct acceptor *acceptor_of(struct iocp *iocp, const struct port_socket *listener) {
    struct acceptor *acceptor = iocp->acceptors; /* there are few listeners */
    while (acceptor != NULL && acceptor->listener != listener)
        acceptor = acceptor->next;
    return acceptor;
}

static void acceptor_free(struct iocp *iocp, struct acceptor *acceptor) {
    struct acceptor **link = &iocp->acceptors;
    while (*link != acceptor)
        link = &(*link)->next;
    *link = acceptor->next;
    free(acceptor);
}

uint32_t accepts_posted(struct iocp *iocp, const struct port_socket *listener) {
    const struct acceptor *acceptor = acceptor_of(iocp, listener);
    return acceptor != NULL ? acceptor->posted : 0;
}

/* ---- posting ---- */

static void slot_clear(struct accept_slot *slot) {
    closesocket(slot->handle);
    slot->handle = INVALID_SOCKET;
}

/* AcceptEx needs an open socket of the listener's family.  All that can fail is done to it before there
 * is a connection, which a failure would lose. */
static int slot_post(struct port *port, struct accept_slot *slot) {
    struct acceptor *const acceptor = slot->acceptor;
    int error = socket_open(acceptor->family, SOCK_STREAM, &slot->handle);
    if (error != 0) {
        slot->handle = INVALID_SOCKET;
        return error;
    }
    error = socket_attach(port, slot->handle, PACKET_SOCKET);
    if (error == 0) {
        DWORD bytes;
        slot->overlapped = (OVERLAPPED){0};
        if (acceptor->accept(acceptor->handle, slot->handle, slot->addresses, 0,
                             acceptor->address_bytes, acceptor->address_bytes, &bytes,
                             &slot->overlapped) ||
            WSAGetLastError() == WSA_IO_PENDING) {
            acceptor->posted++;
            return 0;
        }
        error = last_error();
    }
    slot_clear(slot);
    return error;
}

static int post_all(struct port *port, struct acceptor *acceptor) {
    for (uint32_t i = 0; i < ACCEPTS_POSTED; i++) {
        int error = 0;
        if (acceptor->slots[i].handle != INVALID_SOCKET) continue;
        do { /* each turn removes a connection that was reset in the backlog, or ends it */
            error = slot_post(port, &acceptor->slots[i]);
        } while (error == ERR_RESET);
        if (error != 0) return error;
    }
    return 0;
}

/* ---- connections ---- */

/* Turns the first connection into an ordinary socket.  Nothing here loses it: without the listener's
 * context it can still be received from. */
static void hand_over(struct port *port, struct acceptor *acceptor, struct port_op *op) {
    struct accept_slot *const slot = acceptor->first;
    const SOCKET handle = slot->handle;
    acceptor->first = slot->next;
    slot->handle = INVALID_SOCKET;
    /* Must come first: other options are refused otherwise. */
    setsockopt(handle, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (const char *)&acceptor->handle,
               sizeof acceptor->handle);
    if (acceptor->family == ADDRESS_UNIX) {
        op->peer = unix_peer(handle);
    } else {
        struct sockaddr *local, *remote;
        int local_bytes, remote_bytes;
        acceptor->addresses(slot->addresses, 0, acceptor->address_bytes, acceptor->address_bytes,
                            &local, &local_bytes, &remote, &remote_bytes);
        address_of_system(remote, &op->peer);
        struct tcp_keepalive keep_alive = {1, KEEP_ALIVE_IDLE_MS, KEEP_ALIVE_INTERVAL_MS};
        const BOOL at_once = TRUE; /* replies are */
        DWORD bytes;
        WSAIoctl(handle, SIO_KEEPALIVE_VALS, &keep_alive, sizeof keep_alive, NULL, 0, &bytes, NULL,
                 NULL);
        setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, (const char *)&at_once, sizeof at_once);
    }
    *op->u.net.accepted =
        (struct port_socket){.handle = (intptr_t)handle, .port = port, .family = acceptor->family};
    port_completed(port, op, 0);
}

void accepts_start(struct port *port, struct port_op *op) {
    struct acceptor *const acceptor = acceptor_of(port->backend, op->u.net.socket);
    if (acceptor->first != NULL) hand_over(port, acceptor, op);
    const int error = post_all(port, acceptor);
    /* The others accept as long as there is one. */
    if (!op->completed && acceptor->posted == 0) port_completed(port, op, error);
}

void accepts_cancel(struct port *port, struct port_op *op) {
    port_completed(port, op, ERR_CANCELLED);
}

static void slot_failed(struct port *port, struct acceptor *acceptor, int error) {
    struct port_op *const op = acceptor->listener->pending[0];
    if (op == NULL) return;   /* the next start posts it again */
    if (error == ERR_RESET) { /* the connection's, while it waited */
        error = post_all(port, acceptor);
        if (acceptor->posted > 0) return;
    }
    port_completed(port, op, error);
}

void accepts_completed(struct port *port, OVERLAPPED *overlapped) {
    struct accept_slot *const slot = CONTAINING_RECORD(overlapped, struct accept_slot, overlapped);
    struct acceptor *const acceptor = slot->acceptor;
    const int error = (LONG)overlapped->Internal < 0 ? overlapped_error(overlapped) : 0;
    acceptor->posted--;
    if (acceptor->listener == NULL) {
        slot_clear(slot);
        if (acceptor->posted == 0) acceptor_free(port->backend, acceptor);
        return;
    }
    if (error != 0) {
        slot_clear(slot);
        slot_failed(port, acceptor, error);
        return;
    }
    slot->next = NULL;
    if (acceptor->first != NULL)
        acceptor->last->next = slot;
    else
        acceptor->first = slot;
    acceptor->last = slot;
    if (acceptor->listener->pending[0] != NULL)
        hand_over(port, acceptor, acceptor->listener->pending[0]);
}

/* ---- the end ---- */

void accepts_shut(struct port *port, struct port_socket *listener) {
    struct acceptor *const acceptor = acceptor_of(port->backend, listener);
    if (acceptor == NULL) return; /* a connection */
    if (listener->pending[0] != NULL) port_completed(port, listener->pending[0], ERR_CANCELLED);
    for (; acceptor->first != NULL; acceptor->first = acceptor->first->next)
        slot_clear(acceptor->first); /* reset, as those in the backlog are */
    acceptor->listener = NULL;
    if (acceptor->posted == 0) acceptor_free(port->backend, acceptor);
}
