/* connection_tls.c - TLS on a connection: which ones begin it, and what becomes of handshakes. */
#include "ingest/network/connection_internal.h"
#include "ingest/protocol/foreign.h"
#include "port/system.h"
#include "writer/live/quarantine.h"

static void link_taken_all(struct tls_link *link);
static void link_time_is_over(struct tls_link *link);
static void link_is_idle(struct tls_link *link);

static struct connection *connection_of(const struct tls_link *link) {
    return PORT_CONTAINER(struct connection, socket, link->socket);
}

/* One of 32 bits: a scanner's failure must not hide those of real clients, and the number of
 * messages is bounded.  Two reasons with the same bit are reported as one. */
static uint32_t bit_of_problem(const char *problem) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *problem != '\0'; problem++)
        hash = (hash ^ (uint8_t)*problem) * 16777619u;
    return 1u << (hash >> 27);
}

static void say_tls_failed(struct connection *connection, const char *problem) {
    char peer[ADDRESS_TEXT_MAX];
    struct tcp_listener *listener = connection->listener;
    const uint32_t bit = bit_of_problem(problem);
    if ((listener->said_tls & bit) == 0)
        say("%s: TLS handshake with %s failed: %s; the connection is closed (reported once for "
            "each reason)",
            listener->name, address_format(&connection->origin.peer, peer), problem);
    listener->said_tls |= bit;
}

static void say_handshake_waits(struct connection *connection) {
    struct intake *intake = connection->intake;
    intake->counters->tls_waits++;
    if (!intake->handshakes_said)
        say("%s: more than %u TLS handshakes at a time; further ones wait for up to %d s (reported "
            "once)",
            connection->listener->name, TLS_HANDSHAKES_MAX, (int)(TLS_QUEUE_NS / 1000000000));
    intake->handshakes_said = true;
}

/* Nothing of it is read. */
static void refuse_handshake(struct connection *connection) {
    struct intake *intake = connection->intake;
    intake->counters->tls_refused++;
    if (!intake->refused_handshakes_said)
        say("%s: TLS handshakes have waited for %d s, or there is no memory for them; they are "
            "refused (reported once)",
            connection->listener->name, (int)(TLS_QUEUE_NS / 1000000000));
    intake->refused_handshakes_said = true;
    connection->ending = true;
}

/* A record of TLS begins with 0x16 in a handshake (RFC 8446 section 5.1), no log protocol does. */
void connection_begin_tls(struct connection *connection) {
    struct tcp_listener *listener = connection->listener;
    struct intake *intake = connection->intake;
    connection->begun = true;
    if (!listener->tls) return;
    if (connection->bytes[0] != 0x16) {
        if (!listener->tls_required) return;
        const uint32_t foreign = foreign_beginning(connection->bytes, connection->size);
        connection->session.refused = foreign == REJECT_PROXY ? foreign : REJECT_PLAIN_TEXT;
        connection->unseen = true;
        return;
    }
    intake->links.port = intake->port;
    connection->link =
        tls_link_begin(&intake->links, listener->tls, &connection->socket, connection->size);
    if (!connection->link) {
        connection->size = 0;
        refuse_handshake(connection);
        return;
    }
    if (connection->link->queued) say_handshake_waits(connection);
    connection->link->answered = connection_link_answered;
    connection->link->taken_all = link_taken_all;
    connection->link->time_is_over = link_time_is_over;
    connection->link->is_idle = link_is_idle;
}

/* What was received goes to a worker, which calls link_taken_all. */
void connection_decrypt(struct connection *connection) {
    uint8_t *bytes = connection->buffer->bytes + (connection->bytes - connection->buffer->bytes);
    const uint32_t size = connection->size;
    connection->size = 0;
    if (tls_link_take(connection->link, bytes, size)) connection_release_buffer(connection);
}

static void handshake_failed(struct connection *connection) {
    size_t size;
    const struct tls_link *link = connection->link;
    say_tls_failed(connection, tls_session_problem(link->session));
    const uint8_t *alert = tls_session_answer(link->session, &size);
    connection_answer(connection, alert, size);
    if (!connection->farewell) connection->ending = true;
}

static void link_taken_all(struct tls_link *link) {
    struct connection *connection = connection_of(link);
    struct intake *intake = connection->intake;
    const bool open =
        link->state != TLS_HANDSHAKE && (link->state != TLS_FAILED || link->taken.first_size > 0);
    if (open && !link->opened) {
        link->opened = true;
        intake->counters->tls_connections++;
        const char *name = peer_names_keep(&intake->peer_names, tls_session_peer(link->session));
        if (name) connection->origin.peer_name = name;
    }
    connection->listener->active = true;
    if (link->state == TLS_FAILED && !link->opened && !connection->ending)
        handshake_failed(connection);
    else if (link->state == TLS_FAILED)
        connection->failure = connection->failure ? connection->failure : ERR_INVALID;
    if (link->state == TLS_CLOSED || (link->state == TLS_FAILED && link->opened))
        connection->ending = true;
    connection->origin.received_ns = port_wall_ns(intake->port);
    connection_advance(connection);
}

static void link_time_is_over(struct tls_link *link) {
    struct connection *connection = connection_of(link);
    if (!link->session && !connection->ending)
        refuse_handshake(connection);
    else if (link->state == TLS_HANDSHAKE && !connection->ending)
        say_tls_failed(connection,
                       link->links->queue && port_now_ns(link->links->port) < link->deadline_ns
                           ? "its client did not answer for 5 s, while others waited"
                           : "it was not finished within 10 s");
    connection_end_now(connection);
}

static void link_is_idle(struct tls_link *link) {
    connection_close(connection_of(link));
}

/* Its TLS ends with it. */
void connection_close_link(struct connection *connection) {
    struct tls_link *link = connection->link;
    if (!link) return;
    if (!link->opened && link->session) connection->intake->counters->tls_failures++;
    tls_link_free(link);
    connection->link = NULL;
}
