/* admission.c - see admission.h. */
#include "ingest/network/admission.h"

#include <string.h>

#include "port/system.h"

enum refusal {
    REFUSAL_ALLOW,
    REFUSAL_DENY,
    REFUSAL_CONNECTIONS,
    REFUSAL_BYTES,
    REFUSAL_RECORDS,
    REFUSAL_NONE
};

int admission_create(struct port *port, struct counters *counters, uint32_t connections,
                     struct admission *admission) {
    uint64_t seed;
    port_random(port, &seed, sizeof seed);
    admission->port = port;
    admission->counters = counters;
    return peers_create(connections, seed, &admission->peers);
}

void admission_free(struct admission *admission) {
    peers_free(&admission->peers);
    record_counter_free(&admission->record_counter);
}

size_t admission_memory(uint32_t connections) {
    return peers_memory(connections) + record_counter_memory();
}

void admission_set_senders(struct admission *admission, uint32_t listener,
                           const struct cidr_rules *senders) {
    admission->listeners[listener] = (struct admission_listener){.senders = *senders};
}

void admission_set_limits(struct admission *admission, uint32_t peer_connections_max,
                          const struct peer_limits *limits) {
    const struct peer_limits *before = &admission->limits;
    admission->peer_connections_max = peer_connections_max;
    if (before->bytes_per_s == limits->bytes_per_s &&
        before->records_per_s == limits->records_per_s)
        return;
    admission->limits = *limits;
    peers_refill(&admission->peers);
}

/* ---- refusing ---- */

static bool is_new(struct admission *admission, uint32_t listener, enum refusal refusal) {
    uint32_t *said = &admission->listeners[listener].said;
    const uint32_t bit = UINT32_C(1) << refusal;
    const bool new = !(*said & bit);
    *said |= bit;
    return new;
}

static const char *why(enum refusal refusal) {
    switch (refusal) {
    case REFUSAL_ALLOW: return "its address is not in allow";
    case REFUSAL_DENY: return "its address is in deny";
    case REFUSAL_CONNECTIONS: return "it already has peer_connections_max connections";
    case REFUSAL_BYTES: return "it sends more than peer_bytes_per_s";
    case REFUSAL_RECORDS: return "it sends more than peer_records_per_s";
    case REFUSAL_NONE: break;
    }
    return "";
}

static enum refusal listed(const struct admission *admission, uint32_t listener,
                           const struct port_address *address) {
    const struct cidr_rules *senders = &admission->listeners[listener].senders;
    uint8_t ip[CIDR_BYTES];
    if (senders->allow.count + senders->deny.count == 0) return REFUSAL_NONE;
    if (!cidr_address(address, ip) || cidr_rules_allow(senders, ip)) return REFUSAL_NONE;
    return cidr_list_contains(&senders->deny, ip) ? REFUSAL_DENY : REFUSAL_ALLOW;
}

/* ---- connections ---- */

static bool refuse(struct admission *admission, uint32_t listener, const char *name,
                   const struct port_address *address, enum refusal refusal) {
    char text[ADDRESS_TEXT_MAX];
    if (refusal == REFUSAL_CONNECTIONS)
        admission->counters->connections_over_limit++;
    else
        admission->counters->connections_denied++;
    if (is_new(admission, listener, refusal))
        say("%s: a connection from %s is refused: %s (reported once)", name,
            address_format(address, text), why(refusal));
    return false;
}

bool admission_check(struct admission *admission, uint32_t listener, const char *name,
                     const struct port_address *address, struct peer **peer) {
    const uint32_t most = admission->peer_connections_max;
    const enum refusal refusal = listed(admission, listener, address);
    *peer = NULL;
    if (refusal != REFUSAL_NONE) return refuse(admission, listener, name, address, refusal);
    *peer = peers_connect(&admission->peers, address);
    if (!*peer || most == 0 || (*peer)->connections <= most) return true;
    admission_leave(admission, *peer);
    *peer = NULL;
    return refuse(admission, listener, name, address, REFUSAL_CONNECTIONS);
}

void admission_leave(struct admission *admission, struct peer *peer) {
    if (peer) peers_disconnect(&admission->peers, peer, port_now_ns(admission->port));
}

bool admission_allows(struct admission *admission, uint32_t listener, const char *name,
                      const struct port_address *address) {
    const enum refusal refusal = listed(admission, listener, address);
    return refusal == REFUSAL_NONE || refuse(admission, listener, name, address, refusal);
}

/* ---- datagrams ---- */

static enum refusal limited(struct admission *admission, const struct port_address *address,
                            uint32_t size) {
    const struct peer_limits *limits = &admission->limits;
    if (limits->bytes_per_s + limits->records_per_s == 0) return REFUSAL_NONE;
    const int64_t now_ns = port_now_ns(admission->port);
    struct peer *peer = peers_find(&admission->peers, address, now_ns);
    if (!peer) return REFUSAL_NONE;
    if (peer_wait_ns(peer, PEER_BYTES, limits, now_ns)) return REFUSAL_BYTES;
    if (peer_wait_ns(peer, PEER_RECORDS, limits, now_ns)) return REFUSAL_RECORDS;
    peer_use(peer, PEER_BYTES, limits, size, now_ns);
    return REFUSAL_NONE;
}

static enum drop_reason drop_reason_of(enum refusal refusal) {
    return refusal == REFUSAL_BYTES     ? DROP_PEER_BYTES
           : refusal == REFUSAL_RECORDS ? DROP_PEER_RECORDS
                                        : DROP_DENIED;
}

bool admission_takes(struct admission *admission, const struct admission_datagrams *datagrams,
                     const struct port_address *address, const uint8_t *bytes, uint32_t size) {
    struct counters *counters = admission->counters;
    char text[ADDRESS_TEXT_MAX];
    enum refusal refusal = listed(admission, datagrams->listener, address);
    if (refusal == REFUSAL_NONE) refusal = limited(admission, address, size);
    if (refusal == REFUSAL_NONE) return true;
    const uint64_t records = records_of_datagram(&admission->record_counter, datagrams->protocol,
                                                 datagrams->line_bytes_max, bytes, size);
    counters->datagrams_dropped++;
    counters->received += records;
    counters->dropped[drop_reason_of(refusal)] += records;
    if (is_new(admission, datagrams->listener, refusal))
        say("%s: datagrams from %s are dropped: %s (reported once)", datagrams->name,
            address_format(address, text), why(refusal));
    return false;
}

void admission_took_records(struct admission *admission, const struct port_address *address,
                            uint64_t records) {
    const int64_t now_ns = port_now_ns(admission->port);
    struct peer *peer = peers_find(&admission->peers, address, now_ns);
    if (peer) peer_use(peer, PEER_RECORDS, &admission->limits, records, now_ns);
}
