/* peers.h - the peers that send or have just sent: how many connections each has, and how much it
 * may send now.
 *
 * A peer is an IPv4 address or a /64 of IPv6 (its host chooses the other 64 bits freely), except
 * that link-local addresses are one peer each.  Connections of one peer share its allowances, with
 * each other and with its datagrams.
 *
 * An allowance is a token bucket that holds what one second allows.  It may be overdrawn: a peer that
 * has anything left may use any amount, and then waits until that is earned.
 *
 * Memory is bounded.  There is room for a peer of each connection and for PEERS_IDLE_MAX without
 * one, which are forgotten when their allowances are full again, or to make room after
 * PEERS_FORGET_NS.  When all these were used within that time, further senders of datagrams share
 * the allowances of one common entry.  No clock, no port.  Owner only. */
#ifndef INGEST_NETWORK_PEERS_H
#define INGEST_NETWORK_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/config/config.h"
#include "port/address.h"

#define PEERS_IDLE_MAX  16384
#define PEERS_FORGET_NS (10 * INT64_C(1000000000))

/* How many units a second; 0: any number. */
struct peer_limits {
    uint64_t bytes_per_s, records_per_s;
};

enum peer_allowance { PEER_BYTES, PEER_RECORDS, PEER_ALLOWANCES };

struct peer {
    uint64_t high, low; /* which it is */
    uint32_t connections;
    uint32_t next, previous_idle, next_idle; /* numbers; NO_PEER: none */
    int64_t full_ns[PEER_ALLOWANCES];        /* when the allowance is full */
    int64_t used_ns;                         /* of one without a connection */
};

struct peers {
    struct peer *all;
    uint32_t *buckets, bucket_count; /* lists of peers by their hash */
    uint32_t room, used;             /* all[used..) were never touched */
    uint32_t free;                   /* list by `next` */
    uint32_t idle_first, idle_last, idle_count;
    uint64_t seed;
    struct peer others;
};

/* Room for the peers of this many connections.  seed: unknown to senders. */
int peers_create(uint32_t connections, uint64_t seed, struct peers *peers);
void peers_free(struct peers *peers);
size_t peers_memory(uint32_t connections);

/* Counts one more connection of its peer.  NULL: the address is no IP address. */
struct peer *peers_connect(struct peers *peers, const struct port_address *address);
/* One of them has ended. */
void peers_disconnect(struct peers *peers, struct peer *peer, int64_t now_ns);
/* The peer of a datagram; valid until the next call.  NULL: the address is no IP address. */
struct peer *peers_find(struct peers *peers, const struct port_address *address, int64_t now_ns);

/* The limits have changed: all allowances are full. */
void peers_refill(struct peers *peers);
/* 0: the peer has this much left, else when it has. */
int64_t peer_wait_ns(const struct peer *peer, enum peer_allowance allowance,
                     const struct peer_limits *limits, int64_t now_ns);
void peer_use(struct peer *peer, enum peer_allowance allowance, const struct peer_limits *limits,
              uint64_t amount, int64_t now_ns);

#endif
