/* connection_farewell.c - refused connections: reported, answered and closed within a second. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/network/connection_internal.h"
#include "ingest/protocol/foreign.h"
#include "port/system.h"

bool connection_farewell_busy(const struct connection *connection) {
    const struct farewell *farewell = connection->farewell;
    return farewell && (!port_idle(&farewell->send) || !port_idle(&farewell->timer));
}

bool connection_farewell_sending(const struct connection *connection) {
    return !port_idle(&connection->farewell->send) ||
           (connection->link && tls_link_sending(connection->link));
}

static void farewell_sent(struct port_op *op) {
    struct connection *connection = PORT_CONTAINER(struct farewell, send, op)->connection;
    if (connection->ending || op->result < 0) connection_end_now(connection);
}

void connection_link_answered(struct tls_link *link) {
    struct connection *connection = PORT_CONTAINER(struct connection, socket, link->socket);
    if (connection->ending || link->send.result < 0) connection_end_now(connection);
}

static void farewell_due(struct port_op *op) {
    connection_end_now(PORT_CONTAINER(struct farewell, timer, op)->connection);
}

void connection_answer(struct connection *connection, const uint8_t *reply, size_t size) {
    struct intake *intake = connection->intake;
    struct tls_link *link = connection->link;
    if (!reply || size == 0 || intake->farewells == FAREWELLS_MAX) return;
    struct farewell *farewell = calloc(1, sizeof *farewell + size);
    if (!farewell) return;
    memcpy(farewell->reply, reply, size);
    if (link && link->opened && !tls_link_answer(link, farewell->reply, size)) {
        free(farewell);
        return;
    }
    intake->farewells++;
    connection->farewell = farewell;
    farewell->connection = connection;
    farewell->send.done = farewell_sent;
    farewell->timer.done = farewell_due;
    if (!link || !link->opened)
        port_send(intake->port, &farewell->send, &connection->socket, farewell->reply, size);
    port_timer(intake->port, &farewell->timer, port_now_ns(intake->port) + FAREWELL_NS);
}

/* A protocol that acknowledges has its own answers. */
static void answer_refused(struct connection *connection) {
    const uint32_t reason = connection->session.refused;
    const char *advice = foreign_advice(reason);
    size_t size;
    const uint8_t *reply = foreign_reply(reason, &size);
    char line[FAREWELL_LINE_MAX];
    if (!reply && advice && !connection->answers) {
        size = (size_t)snprintf(line, sizeof line, "%s%s\n", FOREIGN_REFUSAL, advice);
        assert(size < sizeof line);
        reply = (const uint8_t *)line;
    }
    connection_answer(connection, reply, size);
}

void connection_refuse(struct connection *connection) {
    struct intake *intake = connection->intake;
    struct tcp_listener *listener = connection->listener;
    connection->said_refused = true;
    intake->counters->connections_refused++;
    intake_say_refused(listener->name, &listener->said_refused, &connection->origin.peer,
                       connection->session.refused);
    answer_refused(connection);
    if (!connection->farewell) connection->ending = true;
}

/* Drops what a peer sends that is refused, or has got its last answer. */
void connection_discard(struct connection *connection, struct port_buffer *buffer) {
    struct farewell *farewell = connection->farewell;
    if (!farewell) {
        port_buffer_release(buffer);
        return;
    }
    farewell->discarded += buffer->slices[0].size;
    port_buffer_release(buffer);
    if (farewell->discarded > FAREWELL_BYTES) connection->ending = true;
}
