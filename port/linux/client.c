/* client.c - names and blocking sockets on Linux.  See client.h. */
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "port/client.h"
#include "port/linux/linux.h"
#include "port/system.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* Linux 4.18 */
#endif

/* ---- names ---- */

static int error_of_lookup(int code) {
    switch (code) {
    case EAI_MEMORY: return ERR_NO_MEMORY;
    case EAI_SYSTEM: return error_of_errno(errno);
    default: return ERR_ADDRESS_UNKNOWN;
    }
}

int client_look_up(const char *host, struct port_address *address) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    const int code = getaddrinfo(host, NULL, &hints, &found);
    if (code != 0) return error_of_lookup(code);
    struct sockaddr_storage system = {0};
    memcpy(&system, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    address_from_system(&system, address);
    return address->family == 0 ? ERR_ADDRESS_UNKNOWN : 0;
}

/* ---- connecting ---- */

/* An interrupted connect continues in the kernel; waits for its end. */
static int finish_connect(int handle) {
    struct pollfd wait = {.fd = handle, .events = POLLOUT};
    while (poll(&wait, 1, -1) < 0)
        if (errno != EINTR) return error_of_errno(errno);
    int number = 0;
    socklen_t size = sizeof number;
    if (getsockopt(handle, SOL_SOCKET, SO_ERROR, &number, &size) < 0) number = errno;
    return number == 0 ? 0 : error_of_errno(number);
}

static int open_client(const struct port_address *address, int type, struct client *client) {
    client->handle = -1;
    struct sockaddr_storage system;
    const socklen_t size = address_to_system(address, &system);
    const int handle = socket(system.ss_family, type | SOCK_CLOEXEC, 0);
    if (handle < 0) return error_of_errno(errno);
    int error = 0;
    if (connect(handle, (struct sockaddr *)&system, size) < 0)
        error = errno == EINTR ? finish_connect(handle) : error_of_errno(errno);
    if (error < 0) {
        close(handle);
        return error;
    }
    client->handle = handle;
    return 0;
}

int client_connect(const struct port_address *address, struct client *client) {
    const int error = open_client(address, SOCK_STREAM, client);
    if (error < 0) return error;
    const int yes = 1; /* sends at once */
    setsockopt((int)client->handle, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return 0;
}

int client_datagrams(const struct port_address *address, struct client *client) {
    return open_client(address, SOCK_DGRAM, client);
}

/* ---- sending and receiving ---- */

int client_send(struct client *client, const void *bytes, size_t size) {
    size_t done = 0;
    do { /* at least once: a datagram may be empty */
        const ssize_t sent =
            send((int)client->handle, (const char *)bytes + done, size - done, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return error_of_errno(errno);
        done += (size_t)sent;
    } while (done < size);
    return 0;
}

int client_send_segments(struct client *client, const void *bytes, size_t size,
                         uint32_t segment_bytes) {
    assert(size > 0 && size <= CLIENT_SEGMENTS_BYTES_MAX);
    assert(segment_bytes > 0 && (size - 1) / segment_bytes < CLIENT_SEGMENTS_MAX);
    /* The kernel refuses a single segment that is larger than the device's packets; a plain
     * datagram of that size it sends in fragments. */
    if (size <= segment_bytes) return client_send(client, bytes, size);
    union {
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr aligned;
    } note = {.bytes = {0}};
    struct iovec place = {.iov_base = (void *)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &place,
                             .msg_iovlen = 1,
                             .msg_control = note.bytes,
                             .msg_controllen = sizeof note.bytes};
    struct cmsghdr *const header = CMSG_FIRSTHDR(&message);
    const uint16_t each = (uint16_t)segment_bytes;
    header->cmsg_level = IPPROTO_UDP;
    header->cmsg_type = UDP_SEGMENT;
    header->cmsg_len = CMSG_LEN(sizeof each);
    memcpy(CMSG_DATA(header), &each, sizeof each);
    ssize_t sent;
    do {
        sent = sendmsg((int)client->handle, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) return 0;
    /* A kernel or device that cannot do it returns one of these. */
    const bool cannot = errno == EINVAL || errno == EIO || errno == EOPNOTSUPP;
    return cannot ? ERR_UNSUPPORTED : error_of_errno(errno);
}

int64_t client_receive(struct client *client, void *bytes, size_t size, uint32_t timeout_ms) {
    const int64_t end_ns = system_now_ns() + (int64_t)timeout_ms * 1000000;
    for (;;) { /* until bytes arrive or the time has passed */
        if (timeout_ms > 0) {
            const int64_t left_ns = end_ns - system_now_ns();
            struct pollfd wait = {.fd = (int)client->handle, .events = POLLIN};
            const int64_t left_ms = left_ns > 0 ? (left_ns + 999999) / 1000000 : 0;
            const int ready = poll(&wait, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
            if (ready < 0 && errno == EINTR) continue;
            if (ready < 0) return error_of_errno(errno);
            if (ready == 0) return ERR_TIMED_OUT;
        }
        const ssize_t got = recv((int)client->handle, bytes, size, 0);
        if (got >= 0) return got;
        if (errno != EINTR) return error_of_errno(errno);
    }
}

int client_finish(struct client *client) {
    return shutdown((int)client->handle, SHUT_WR) < 0 ? error_of_errno(errno) : 0;
}

void client_close(struct client *client) {
    if (client->handle < 0) return;
    close((int)client->handle);
    client->handle = -1;
}
