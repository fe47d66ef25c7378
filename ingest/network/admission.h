/* admission.h - who may send: the lists allow and deny of each listener, and what one peer may have
 * and send.
 *
 * A refused connection is closed before a byte of it is read.  A refused datagram is dropped, and
 * its records are counted as received and dropped, with the reason.  Each listener names the first
 * peer of each reason.  Peers without an IP address are not refused.  Owner only. */
#ifndef INGEST_NETWORK_ADMISSION_H
#define INGEST_NETWORK_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/config/cidr.h"
#include "ingest/network/peers.h"
#include "ingest/network/record_count.h"
#include "ingest/pipeline/counters.h"
#include "port/port.h"

/* Of one listener. */
struct admission_listener {
    struct cidr_rules senders;
    uint32_t said; /* a bit for each reason that was reported */
};

struct admission {
    struct port *port;
    struct counters *counters;
    struct admission_listener listeners[LISTENER_NUMBERS];
    uint32_t peer_connections_max; /* 0: any number */
    struct peer_limits limits;
    struct peers peers;
    struct record_counter record_counter; /* of datagrams that are dropped */
};

int admission_create(struct port *port, struct counters *counters, uint32_t connections,
                     struct admission *admission);
void admission_free(struct admission *admission);
size_t admission_memory(uint32_t connections);

/* Applies to what is accepted and received from now on.  admission_allows finds the open connections
 * that are no longer allowed. */
void admission_set_senders(struct admission *admission, uint32_t listener,
                           const struct cidr_rules *senders);
/* The same; open connections stay, and their peers' allowances are full. */
void admission_set_limits(struct admission *admission, uint32_t peer_connections_max,
                          const struct peer_limits *limits);

/* May this peer have one more connection to the listener?  If so, *peer counts it until
 * admission_leave; NULL: it is not counted.  False: it was counted as refused, and reported: close
 * it. */
bool admission_check(struct admission *admission, uint32_t listener, const char *name,
                     const struct port_address *address, struct peer **peer);
void admission_leave(struct admission *admission, struct peer *peer); /* NULL: does nothing */
/* Do the lists of the listener allow the peer of this connection?  False as above. */
bool admission_allows(struct admission *admission, uint32_t listener, const char *name,
                      const struct port_address *address);

/* The datagrams of one receive. */
struct admission_datagrams {
    uint32_t listener;
    const char *name;
    const struct protocol *protocol;
    uint32_t line_bytes_max;
};
/* May this datagram be taken?  False: it was counted as dropped, and reported. */
bool admission_takes(struct admission *admission, const struct admission_datagrams *datagrams,
                     const struct port_address *address, const uint8_t *bytes, uint32_t size);
static inline bool admission_limits_records(const struct admission *admission) {
    return admission->limits.records_per_s > 0;
}
/* This many records were taken from a datagram of that peer. */
void admission_took_records(struct admission *admission, const struct port_address *address,
                            uint64_t records);

#endif
