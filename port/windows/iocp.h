/* iocp.h - shared by the files of this folder only.
 *
 * iocp.c owns the completion port and its timer, sockets.c the operations on sockets, accepts.c the
 * accepting of connections, datagrams.c the receiving of datagrams, unix.c the files of Unix
 * sockets, workers.c the lanes and the operations on files, signals.c the console's requests,
 * errors.c the table of Windows' error codes. */
#ifndef PORT_WINDOWS_IOCP_H
#define PORT_WINDOWS_IOCP_H

#include <assert.h>
#include <winsock2.h>

#include <mswsock.h>
#include <windows.h>
#include <ws2tcpip.h>

#include "port/port_internal.h"

/* The kinds of packets in the owner's queue. */
enum packet_key {
    PACKET_SOCKET = 1, /* the OVERLAPPED of an op on a socket */
    PACKET_ACCEPT,     /* the OVERLAPPED of an AcceptEx */
    PACKET_FILE,       /* the OVERLAPPED of a PORT_WRITE */
    PACKET_DONE,       /* an op that has ended, its result in op->result */
    PACKET_ALARM,      /* the earliest deadline has passed */
};

struct work_lane {
    HANDLE queue; /* the lane's own completion port, on which its threads sleep */
    SRWLOCK lock;
    struct port_list ops; /* waiting for a thread; guarded by the lock */
    HANDLE threads[PORT_WORKERS_MAX];
    uint32_t thread_count;
};

struct unix_file;

struct iocp {
    HANDLE queue;
    struct work_lane lanes[PORT_LANES];
    bool is_wine; /* see write_attach in workers.c */
    PTP_TIMER alarm;
    int64_t alarm_ns;           /* its deadline; 0: not set */
    struct acceptor *acceptors; /* of the listeners, also of those shut whose packets are to come */
    struct unix_file *unix_files;    /* of its open Unix sockets */
    LPFN_WSARECVMSG receive_message; /* NULL: not asked for yet */
};

/* Lives in op->backend. */
struct op_private {
    OVERLAPPED overlapped; /* first: a packet points to it */
    struct { /* PORT_RECEIVE_DATAGRAMS: the arguments of the call, which it fills in later */
        struct port_buffer *buffer;
        struct sockaddr_in6 from;
        WSABUF place;
        WSAMSG message; /* without joining only name and namelen are used */
        union {
            char bytes[WSA_CMSG_SPACE(sizeof(DWORD))];
            WSACMSGHDR aligned;
        } notes;
    } datagram;
};
_Static_assert(sizeof(struct op_private) <= PORT_OP_PRIVATE_WORDS * sizeof(uint64_t),
               "PORT_OP_PRIVATE_WORDS is too small");

static inline struct op_private *op_private(struct port_op *op) {
    return (struct op_private *)op->backend;
}

static inline struct port_op *op_of_overlapped(OVERLAPPED *overlapped) {
    return CONTAINING_RECORD(overlapped, struct port_op, backend);
}

/* ---- iocp.c ---- */

/* Any thread: puts a packet into a queue.  Retries while the kernel has no memory for one,
 * because the op must complete. */
void queue_put(HANDLE queue, DWORD bytes, ULONG_PTR key, void *overlapped);
/* The ERR_ of an operation whose packet reports a failure. */
int overlapped_error(OVERLAPPED *overlapped);

/* ---- sockets.c ---- */

/* Starts Winsock once; any thread. */
void sockets_startup(void);
void socket_start(struct port *port, struct port_op *op);
void socket_cancel(struct port *port, struct port_op *op);
void socket_completed(struct port *port, struct port_op *op, DWORD bytes);
int socket_listen(struct port *port, struct port_socket *listener, struct port_address *address);
int socket_bind(struct port *port, struct port_socket *bound, struct port_address *address,
                uint32_t receive_bytes, uint32_t *granted);
int socket_listen_unix(struct port *port, struct port_socket *listener,
                       const struct unix_place *place);
void socket_shut(struct port *port, struct port_socket *shut);

/* A socket for the completion port: not inherited by child processes, non-blocking. */
int socket_open(uint32_t family, int type, SOCKET *handle);
int socket_attach(struct port *port, SOCKET handle, enum packet_key key);

/* Convert addresses to and from the system's form; an IPv4 address that IPv6 shows as its own becomes
 * one of IPv4 again. */
INT address_to_system(const struct port_address *address, struct sockaddr_in6 *to);
void address_of_system(const struct sockaddr *from, struct port_address *address);

/* The op is on a socket that was shut. */
bool socket_is_shut(const struct port_op *op);
/* Completes it with this error, or with ERR_CANCELLED if its socket was shut. */
void socket_failed(struct port *port, struct port_op *op, int error);

/* ---- datagrams.c ---- */

/* Once after the socket is bound: may datagrams be joined here? */
void datagrams_bound(struct port_socket *socket, const struct port_address *address);
void datagrams_start(struct port *port, struct port_op *op);
void datagrams_completed(struct port *port, struct port_op *op, DWORD bytes);

/* ---- accepts.c ---- */

/* For an open socket that listens.  It ends with accepts_shut, before the socket is closed, and
 * with the packets of what was posted: iocp.c waits for those before the port closes. */
int accepts_open(struct iocp *iocp, struct port_socket *listener);
void accepts_start(struct port *port, struct port_op *op);
void accepts_cancel(struct port *port, struct port_op *op);
void accepts_completed(struct port *port, OVERLAPPED *overlapped);
void accepts_shut(struct port *port, struct port_socket *listener); /* nothing to a connection */
uint32_t accepts_posted(struct iocp *iocp, const struct port_socket *listener);

/* ---- unix.c ---- */

/* Opens a socket that listens at its place. */
int unix_open(struct iocp *iocp, const struct port_socket *owner, const struct unix_place *place,
              SOCKET *handle);
/* Removes the file of this socket, which is closed next. */
void unix_remove(struct iocp *iocp, const struct port_socket *socket);
struct port_address unix_peer(SOCKET handle);
int unix_bind(struct port *port, struct port_socket *socket, const struct unix_place *place);
int unix_access(struct port *port, struct port_socket *socket, const struct unix_place *place);
void unix_end_datagrams(struct port *port, struct port_socket *socket);

/* ---- workers.c ---- */

int workers_open(struct port *port, const struct port_options *options);
void workers_close(struct port *port);
void worker_start(struct port *port, struct port_op *op);
void worker_cancel(struct port *port, struct port_op *op);
void file_write_completed(struct port *port, struct port_op *op, DWORD bytes);

/* ---- signals.c ---- */

void signal_start(struct port *port, struct port_op *op);
void signal_cancel(struct port *port, struct port_op *op);
/* Any thread: a request to this process, as from the console. */
void signals_request(enum port_signal what);

/* ---- errors.c ---- */

/* The ERR_ for a code of GetLastError or WSAGetLastError; never 0. */
int error_of_windows(DWORD code);
static inline int last_error(void) {
    return error_of_windows(GetLastError());
}

#endif
