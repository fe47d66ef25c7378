/* null.c - bench_null: reads TCP connections and datagrams on one port and discards them.  Its rate
 * is the limit of the sender and the system: no receiver that stores anything can be faster.  At
 * SIGTERM it drains its sockets, prints one JSON line and ends.  Linux only: a benchmark is not
 * shipped, so it can call the system directly. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port/system.h"

#define READ_BYTES    (256u << 10)
#define EVENTS_MAX    64
#define MESSAGES_MAX  64
#define MESSAGE_BYTES (64u << 10)
#define RECEIVE_BYTES (4 << 20)
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

struct datagrams {
    struct mmsghdr messages[MESSAGES_MAX];
    struct iovec places[MESSAGES_MAX];
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } notes[MESSAGES_MAX];
    uint8_t *bytes;
};

struct null {
    int epoll, listener, udp, signals;
    uint8_t *read;
    struct datagrams datagrams;
    uint64_t bytes, datagram_count, connections;
};

static void fail(const char *what) {
    say("cannot %s: %s", what, strerror(errno));
    system_exit_now(1);
}

static void watch(struct null *null, int handle) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = handle};
    if (epoll_ctl(null->epoll, EPOLL_CTL_ADD, handle, &event) < 0) fail("watch");
}

/* Opens TCP on a free port and UDP on the same port. */
static void listen_open(struct null *null) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int bytes = RECEIVE_BYTES, yes = 1;
    null->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    null->udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (null->listener < 0 || null->udp < 0) fail("open sockets");
    if (bind(null->listener, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    if (listen(null->listener, 1024) < 0) fail("listen");
    getsockname(null->listener, (struct sockaddr *)&address, &size);
    if (bind(null->udp, (struct sockaddr *)&address, sizeof address) < 0) fail("bind UDP");
    if (setsockopt(null->udp, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(null->udp, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(null->udp, IPPROTO_UDP, UDP_GRO, &yes, sizeof yes);
    watch(null, null->listener);
    watch(null, null->udp);
    say("ready tcp=127.0.0.1:%u udp=127.0.0.1:%u", ntohs(address.sin_port),
        ntohs(address.sin_port));
}

static void signals_open(struct null *null) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    null->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (null->signals < 0) fail("wait for signals");
    watch(null, null->signals);
}

static void datagrams_open(struct datagrams *datagrams) {
    datagrams->bytes = malloc((size_t)MESSAGES_MAX * MESSAGE_BYTES);
    assert(datagrams->bytes != NULL);
    for (uint32_t i = 0; i < MESSAGES_MAX; i++) {
        datagrams->places[i] = (struct iovec){.iov_base = datagrams->bytes + i * MESSAGE_BYTES,
                                              .iov_len = MESSAGE_BYTES};
    }
}

/* How many datagrams the kernel merged into this message (GRO). */
static uint64_t joined(struct msghdr *message, uint32_t size) {
    const struct cmsghdr *const note = CMSG_FIRSTHDR(message);
    int each = 0;
    if (note != NULL && note->cmsg_level == IPPROTO_UDP && note->cmsg_type == UDP_GRO) {
        memcpy(&each, CMSG_DATA(note), sizeof each);
    }
    return each > 0 ? (size + (uint32_t)each - 1) / (uint32_t)each : 1;
}

/* Reads as many datagrams as one call returns; false: none. */
static bool datagrams_read(struct null *null) {
    struct datagrams *const datagrams = &null->datagrams;
    for (uint32_t i = 0; i < MESSAGES_MAX; i++) {
        datagrams->messages[i].msg_hdr =
            (struct msghdr){.msg_iov = &datagrams->places[i],
                            .msg_iovlen = 1,
                            .msg_control = datagrams->notes[i].bytes,
                            .msg_controllen = sizeof datagrams->notes[i].bytes};
    }
    const int count = recvmmsg(null->udp, datagrams->messages, MESSAGES_MAX, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        null->bytes += datagrams->messages[i].msg_len;
        null->datagram_count +=
            joined(&datagrams->messages[i].msg_hdr, datagrams->messages[i].msg_len);
    }
    return count > 0;
}

static void connection_read(struct null *null, int handle) {
    const ssize_t size = recv(handle, null->read, READ_BYTES, 0);
    if (size > 0) {
        null->bytes += (uint64_t)size;
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        close(handle);
    }
}

static void connections_accept(struct null *null) {
    int handle;
    while ((handle = accept4(null->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        null->connections++;
        watch(null, handle);
    }
}

int program_main(int argc, char **argv) {
    system_name("bench_null");
    if (argc > 1) {
        say("takes no arguments, but got %s", argv[1]);
        return 2;
    }
    struct null null = {.epoll = epoll_create1(EPOLL_CLOEXEC), .read = malloc(READ_BYTES)};
    assert(null.epoll >= 0 && null.read != NULL);
    system_open_files_max();
    datagrams_open(&null.datagrams);
    signals_open(&null);
    listen_open(&null);
    bool stopping = false;
    while (!stopping) {
        struct epoll_event events[EVENTS_MAX];
        const int count = epoll_wait(null.epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            const int handle = events[i].data.fd;
            if (handle == null.listener) {
                connections_accept(&null);
            } else if (handle == null.udp) {
                datagrams_read(&null);
            } else if (handle == null.signals) {
                stopping = true;
            } else {
                connection_read(&null, handle);
            }
        }
    }
    while (datagrams_read(&null)) { /* ends when the socket is empty: the sender has stopped */
    }
    printf("{\"bytes\":%" PRIu64 ",\"datagrams\":%" PRIu64 ",\"connections\":%" PRIu64 "}\n",
           null.bytes, null.datagram_count, null.connections);
    return 0;
}
