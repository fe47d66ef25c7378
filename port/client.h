/* client.h - names, and blocking sockets for programs with one thing to do.
 *
 * Every call may wait for the network.  A server's owner must make none of them; a lane may, if
 * it is one that may wait (remote.h for what may hang). */
#ifndef PORT_CLIENT_H
#define PORT_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "port/address.h"

/* Reads "host:port" and "[host]:port"; the port is a number.  Looks the host up if it is a name,
 * and takes its first address.  ERR_INVALID: not of this form.  ERR_ADDRESS_UNKNOWN: no such
 * host. */
int client_resolve(const char *host_and_port, struct port_address *address);
/* The first address of a host's name; its port is 0. */
int client_look_up(const char *host, struct port_address *address);

struct client {
    intptr_t handle; /* negative: closed */
};

int client_connect(const struct port_address *address, struct client *client);
/* A UDP socket that sends to this address. */
int client_datagrams(const struct port_address *address, struct client *client);
/* The same through a Unix socket at this path, or "@NAME" (unix.h).  A datagram that finds the
 * receiver's queue full waits. */
#define CLIENT_UNIX_DATAGRAM_MAX (4 << 20) /* asked for; the system may allow less */
int client_connect_unix(const char *path, struct client *client);
int client_datagrams_unix(const char *path, struct client *client);
/* Sends all of it; on a UDP socket, as one datagram. */
int client_send(struct client *client, const void *bytes, size_t size);
/* Sends `size` bytes as datagrams of segment_bytes each, the last one perhaps smaller, in one call.
 * ERR_UNSUPPORTED where the system cannot (Linux before 4.18, Windows). */
#define CLIENT_SEGMENTS_MAX       64
#define CLIENT_SEGMENTS_BYTES_MAX 65507
int client_send_segments(struct client *client, const void *bytes, size_t size,
                         uint32_t segment_bytes);
/* Bytes received, 0 at the end of the stream, ERR_TIMED_OUT after timeout_ms (0: no limit). */
int64_t client_receive(struct client *client, void *bytes, size_t size, uint32_t timeout_ms);
/* Ends the sending side; receiving remains possible. */
int client_finish(struct client *client);
void client_close(struct client *client); /* closed already: does nothing */

#endif
