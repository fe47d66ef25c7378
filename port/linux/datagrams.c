/* datagrams.c - receives datagrams, with one call as many as a buffer holds.
 *
 * The buffer is divided into places of the pool's datagram_bytes_max, one for each message of a
 * recvmmsg.  The kernel may join datagrams of one sender (GRO); they are separated again, into
 * slices, without a copy. */
#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#include "port/linux/linux.h"

#ifndef UDP_GRO
#define UDP_GRO 104 /* Linux 5.0 */
#endif

#define MESSAGES_MAX 256

/* The arguments of a recvmmsg, used by all receives of the port. */
struct datagram_room {
    struct mmsghdr messages[MESSAGES_MAX];
    struct iovec places[MESSAGES_MAX];
    struct sockaddr_storage peers[MESSAGES_MAX];
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } notes[MESSAGES_MAX];
};

int datagrams_open(struct datagram_room **room) {
    *room = calloc(1, sizeof **room);
    return *room == NULL ? ERR_NO_MEMORY : 0;
}

void datagrams_close(struct datagram_room *room) {
    free(room);
}

/* Lets the kernel join datagrams only for pools whose places hold the longest result: a smaller
 * place would truncate datagrams that fit one by one. */
static void set_joining(struct port_socket *socket, const struct port_pool *pool) {
    const bool wanted = pool->datagram_bytes_max >= PORT_JOINED_BYTES_MAX;
    const bool is = socket->state & SOCKET_JOINS;
    if (wanted == is || socket->state & SOCKET_NEVER_JOINS) return;
    const int value = wanted;
    if (setsockopt((int)socket->handle, IPPROTO_UDP, UDP_GRO, &value, sizeof value) < 0)
        socket->state |= SOCKET_NEVER_JOINS;
    else
        socket->state ^= SOCKET_JOINS;
}

static unsigned prepare(struct datagram_room *room, const struct port_pool *pool,
                        struct port_buffer *buffer) {
    const unsigned count = pool->places < MESSAGES_MAX ? pool->places : MESSAGES_MAX;
    for (unsigned i = 0; i < count; i++) {
        room->places[i].iov_base = buffer->bytes + (size_t)i * pool->datagram_bytes_max;
        room->places[i].iov_len = pool->datagram_bytes_max;
        room->messages[i].msg_hdr = (struct msghdr){
            .msg_name = &room->peers[i],
            .msg_namelen = sizeof room->peers[i],
            .msg_iov = &room->places[i],
            .msg_iovlen = 1,
            .msg_control = room->notes[i].bytes,
            .msg_controllen = sizeof room->notes[i].bytes,
        };
    }
    return count;
}

/* The size of each datagram in the message except the last; `size` if there is only one. */
static uint32_t size_of_each(struct msghdr *message, uint32_t size) {
    for (struct cmsghdr *note = CMSG_FIRSTHDR(message); note; note = CMSG_NXTHDR(message, note)) {
        if (note->cmsg_level != IPPROTO_UDP || note->cmsg_type != UDP_GRO) continue;
        int each;
        memcpy(&each, CMSG_DATA(note), sizeof each);
        if (each > 0) return (uint32_t)each;
    }
    return size;
}

static void cut_into_slices(struct port_buffer *buffer, struct mmsghdr *message, uint32_t offset) {
    const struct port_pool *pool = buffer->pool;
    struct port_slice first = {.offset = offset,
                               .truncated = (message->msg_hdr.msg_flags & MSG_TRUNC) != 0};
    address_from_system(message->msg_hdr.msg_name, &first.peer);
    port_buffer_cut(buffer, &first, message->msg_len,
                    size_of_each(&message->msg_hdr, message->msg_len),
                    pool->slices_max / pool->places);
}

void datagrams_receive(struct port *port, struct port_op *op) {
    if (op->u.net.socket->family == ADDRESS_UNIX) {
        unix_receive(port, op);
        return;
    }
    struct datagram_room *room = ((struct epoll_port *)port->backend)->datagrams;
    struct port_socket *socket = op->u.net.socket;
    struct port_pool *pool = op->u.net.pool;
    struct port_buffer *buffer = port_pool_take(pool, op);
    if (buffer == NULL) return; /* it waits for one */
    set_joining(socket, pool);
    const unsigned wanted = prepare(room, pool, buffer);
    int count;
    do {
        count = recvmmsg((int)socket->handle, room->messages, wanted, MSG_DONTWAIT, NULL);
    } while (count < 0 && errno == EINTR);

    if (count > 0) {
        if ((unsigned)count < wanted && !(socket->state & SOCKET_SUSPECT))
            socket->state &= ~(uint32_t)SOCKET_READABLE;
        for (int i = 0; i < count; i++)
            cut_into_slices(buffer, &room->messages[i], (uint32_t)i * pool->datagram_bytes_max);
        struct epoll_port *e = port->backend;
        e->receives++;
        for (int i = 0; i < count; i++)
            e->received_bytes += room->messages[i].msg_len;
        op->buffer = buffer;
        port_completed(port, op, buffer->slice_count);
        return;
    }
    const int error = errno;
    port_buffer_release(buffer);
    switch (error) {
    case EAGAIN: socket->state &= ~(uint32_t)SOCKET_READABLE; break;
    /* ICMP reports about datagrams sent earlier, not an error of this socket.  Reading has cleared
     * it. */
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EPROTO:
    case EMSGSIZE: port_list_append(&((struct epoll_port *)port->backend)->ready, op); break;
    default: port_completed(port, op, error_of_errno(error));
    }
}
