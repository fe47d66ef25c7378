/* network.h - the simulated network: the kernel's sockets on the daemon's side, and the ends of
 * connections and datagrams that a test holds on the other side.
 *
 * A connection keeps order and loses nothing until it is reset, but delivers in pieces of any size,
 * stalls, and stops when the receiver's window is full.  Datagrams are lost, doubled, delayed (so
 * reordered), and dropped when the socket's buffer is full.  The seed decides all of it.  Times pass
 * on the sim's clock. */
#ifndef TESTS_SIM_NETWORK_H
#define TESTS_SIM_NETWORK_H

#include "tests/sim/sim.h"

/* How a network behaves; a test may change it at any time. */
struct network_weather {
    int64_t latency_ns_max;   /* of a piece; one in 64 takes up to 100 times as long */
    uint64_t piece_bytes_max; /* bytes that arrive at a time */
    uint64_t window_bytes;    /* arrived and not received, per connection and direction */
    uint64_t stalls_one_in;   /* pieces after which nothing arrives for a while; 0: none */
    int64_t stall_ns_max;
    uint64_t lost_one_in, doubled_one_in; /* datagrams; 0: none */
    uint64_t datagrams_bytes_max;         /* in a socket's buffer */
    uint64_t accept_fails_one_in;         /* accepts; 0: none */
    uint64_t receive_fails_one_in;        /* receives, which then can be tried again; 0: none */
    bool reset_loses;                     /* a reset discards what has arrived (Windows) */
};

struct network_socket;

struct network {
    struct network_weather weather;
    struct sim *sim;
    struct chance chance;
    struct network_socket *sockets; /* all of the run, the newest first */
    uint16_t next_port;
    /* NULL, or called when the daemon receives a datagram. */
    void (*datagram_taken)(void *context, uint64_t tag);
    void *context;
    uint64_t datagrams_queued, datagrams_lost, datagrams_dropped, resets, parts;
    uint64_t accepts_failed, receives_failed;
};

/* From now on the sim's ports have this network. */
void network_open(struct network *network, struct sim *sim, uint64_t seed);
void network_close(struct network *network); /* empties the sim's agenda too */

/* ---- the other side ---- */

/* A connection; the network owns it until network_close. */
struct network_link;

struct network_events {
    void (*connected)(void *context);
    void (*accepted)(void *context); /* by the daemon */
    /* The daemon has sent these. */
    void (*received)(void *context, const uint8_t *bytes, size_t size);
    /* The daemon has closed the connection, or it was refused.  Called once, last. */
    void (*ended)(void *context, bool reset);
};

/* Connects to a TCP port.  peer: the address of this side. */
struct network_link *network_connect(struct network *network, uint16_t port,
                                     const struct port_address *peer,
                                     const struct network_events *events, void *context);
void network_send(struct network_link *link, const void *bytes, size_t size);
void network_finish(struct network_link *link); /* FIN, after everything that was sent */
void network_reset(struct network_link *link);  /* RST, now */
void network_read(struct network_link *link,
                  bool reads); /* takes what the daemon sends; presets: true */

/* What was sent, and how much of it has arrived in the kernel and been received by the daemon. */
struct network_progress {
    const uint8_t *bytes;
    size_t sent, arrived, taken;
    bool accepted; /* by the daemon */
    bool reset;    /* by this side */
    bool ended;    /* for this side */
};
struct network_progress network_progress(const struct network_link *link);

/* One datagram of at most 65,507 bytes, copied.  Each copy that reaches a socket's buffer can be
 * received once. */
void network_datagram(struct network *network, uint16_t port, const struct port_address *peer,
                      const void *bytes, size_t size, uint64_t tag);

#endif
