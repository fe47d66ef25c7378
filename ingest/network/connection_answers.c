/* connection_answers.c - connections whose protocol acknowledges what is stored. */
#include "ingest/network/connection_internal.h"
#include "port/system.h"

bool connection_take_head(struct connection *connection) {
    struct session *session = &connection->session;
    if (session->refused) return true; /* by TLS or the PROXY protocol */
    if (!connection->answers) connection_begin_answers(connection);
    if (!connection->answers || connection->taken == connection->size) return true;
    connection->taken += (uint32_t)session->protocol->head(
        session, connection->bytes + connection->taken, connection->size - connection->taken,
        connection->origin.received_ns);
    return !session->waits;
}

static bool intake_is_starved(struct intake *intake) {
    const int64_t now = port_now_ns(intake->port);
    if (!intake->starved_ns) intake->starved_ns = now;
    return now - intake->starved_ns >= INTAKE_STARVED_NS;
}

void connection_note_parked(struct connection *connection) {
    struct session *session = &connection->session;
    if (!connection->answers || !session->protocol->nudge) return;
    session->parked = true;
    if (intake_is_starved(connection->intake) && session->protocol->not_stored)
        session->protocol->not_stored(session);
    answers_send(connection->answers); /* it is awaited now */
}

bool connection_wait_for_answers(struct connection *connection) {
    answers_send(connection->answers);
    connection->waiting = true;
    return true;
}

static void say_unread(struct connection *connection) {
    char peer[ADDRESS_TEXT_MAX];
    struct tcp_listener *listener = connection->listener;
    if (!listener->said_unread)
        say("%s: connection from %s: its client does not read the answers; the connection is "
            "closed, "
            "and what was not acknowledged the client must send again (reported once)",
            listener->name, address_format(&connection->origin.peer, peer));
    listener->said_unread = true;
}

static void answers_proceed(struct answers *answers) {
    struct connection *connection = answers->context;
    connection->listener->active = true;
    if (answers->failure == ERR_TIMED_OUT && !connection->ending) say_unread(connection);
    /* Sends come back: in TLS, what was received may wait for one that the peer does not take. */
    if (answers->failure) port_shut(connection->intake->port, &connection->socket);
    if (answers->stopping || answers->failure) {
        connection_end_now(connection);
    } else if (connection->waiting) {
        connection->waiting = false;
        connection_advance(connection);
    } else if (connection->session.given_up && connection->source.parked) {
        pipeline_unpark(connection->intake->pipeline, &connection->source);
        connection_advance(connection);
    }
}

void connection_begin_answers(struct connection *connection) {
    struct intake *intake = connection->intake;
    intake->answers.port = intake->port;
    intake->answers.counters = intake->counters;
    connection->session.waits = false;
    connection->answers =
        answers_begin(&intake->answers, &connection->session, connection->synced,
                      &connection->socket, connection->link, answers_proceed, connection);
    if (connection->answers) return;
    connection->failure = ERR_NO_MEMORY;
    connection->ending = true;
    connection->taken = connection->size; /* its peer sends it again */
}

void connection_greet(struct connection *connection) {
    const bool open =
        !proxy_link_waits(connection->proxy) && !connection->ending &&
        (!connection->listener->tls || (connection->link && connection->link->opened));
    if (!connection->session.protocol->greets || connection->answers || !open) return;
    connection_begin_answers(connection);
    if (connection->answers) answers_send(connection->answers);
}

/* It ends: all that is stored is acknowledged first, and the last answer must not be cut off. */
bool connection_may_close(struct connection *connection) {
    struct answers *answers = connection->answers;
    if (connection->failure || answers->failure || answers->stopping) return true;
    if (connection->listener->ending) answers_hurry(answers);
    if (!answers_lingering(answers) && !answers_complete(answers)) {
        connection_wait_for_answers(connection);
        return false;
    }
    if (connection->finished || connection->session.ended || answers->failure) return true;
    answers_linger(answers);
    if (port_idle(&connection->receive))
        port_receive(connection->intake->port, &connection->receive, &connection->socket,
                     connection->listener->pool);
    return false;
}
