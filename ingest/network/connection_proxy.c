/* connection_proxy.c - the PROXY header of a connection: it names the peer. */
#include "ingest/network/connection_internal.h"
#include "ingest/protocol/foreign.h"
#include "port/system.h"
#include "writer/live/quarantine.h"

bool connection_is_of_proxy(const struct tcp_listener *listener, const struct port_address *peer) {
    uint8_t ip[CIDR_BYTES];
    return listener->proxies.count > 0 && cidr_address(peer, ip) &&
           cidr_list_contains(&listener->proxies, ip);
}

/* What has arrived of the header is one rejected record. */
void connection_refuse_header(struct connection *connection, const char *problem) {
    char peer[ADDRESS_TEXT_MAX];
    struct tcp_listener *listener = connection->listener;
    struct counters *counters = connection->intake->counters;
    struct proxy_link *proxy = connection->proxy;
    proxy->header.state = PROXY_BROKEN;
    proxy->unrecorded = proxy->header.size > 0;
    counters->proxy_failures++;
    counters->connections_refused++;
    if (!listener->said_proxy)
        say("%s: %s sent %s: %s (reported once)", listener->name,
            address_format(&connection->origin.peer, peer), foreign_advice(REJECT_PROXY_HEADER),
            problem);
    listener->said_proxy = true;
    connection->session.refused = REJECT_PROXY_HEADER;
    connection->said_refused = true;
    connection->ending = true;
}

bool connection_add_header(void *context, struct batch *batch) {
    struct connection *connection = context;
    const struct proxy_header *header = &connection->proxy->header;
    const struct sink sink = intake_sink(connection->intake, batch, &connection->origin);
    if (!sink_reject(&sink, header->head, proxy_header_kept(header), REJECT_PROXY_HEADER,
                     header->size))
        return false;
    connection->proxy->unrecorded = false;
    return true;
}

/* received: bytes that came with its end, which its client is charged for as soon as it is known. */
static void header_done(struct connection *connection, uint32_t received) {
    struct intake *intake = connection->intake;
    const struct proxy_header *header = &connection->proxy->header;
    intake->counters->proxy_headers++;
    connection->origin.peer_name = peer_names_keep(&intake->peer_names, header->client_name);
    proxy_link_done(connection->proxy);
    if (connection_admit(connection,
                         header->client.family ? &header->client : &connection->origin.peer)) {
        pacing_received(&intake->pacing, &connection->paced, received);
        return;
    }
    connection->size = 0;
    connection->ending = true;
}

/* The header is the beginning of what was received; the rest is the client's. */
void connection_take_header(struct connection *connection) {
    struct proxy_header *header = &connection->proxy->header;
    const uint32_t received = connection->size;
    const size_t taken = proxy_header_take(header, connection->bytes, connection->size);
    connection->bytes += taken;
    connection->size -= (uint32_t)taken;
    if (header->state == PROXY_DONE) header_done(connection, received);
    if (header->state == PROXY_BROKEN) {
        connection->size = 0;
        connection_refuse_header(connection, header->problem);
    }
}

static void proxy_is_overdue(void *owner) {
    struct connection *connection = owner;
    if (connection->ending) return;
    connection_refuse_header(connection, "it was not complete within 5 s");
    connection_end_now(connection);
}

static void proxy_is_idle(void *owner) {
    struct connection *connection = owner;
    if (connection->proxy->stopping) {
        connection_close(connection);
        return;
    }
    proxy_link_free(connection->proxy);
    connection->proxy = NULL;
}

void connection_begin_header(struct connection *connection) {
    struct port *port = connection->intake->port;
    connection->proxy = proxy_link_begin(port, connection, proxy_is_overdue, proxy_is_idle);
    if (!connection->proxy) port_shut(port, &connection->socket); /* out of memory */
}
