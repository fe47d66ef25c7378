/* connection.c - one TCP connection, from accept to its last record. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/network/intake.h"
#include "ingest/protocol/foreign.h"
#include "port/system.h"

struct connection {
    struct port_op receive;
    struct port_socket socket;
    struct source source;
    struct intake *intake;
    struct tcp_listener *listener;
    struct connection *next, *previous; /* in intake->open; next: in ->free */
    struct session session;
    struct batch_origin origin;
    struct port_buffer *buffer; /* received, and not yet completely in a batch */
    uint32_t taken;             /* of it */
    struct farewell *farewell;  /* it was refused, and is being answered */
    bool said_refused;
    bool held;                    /* in intake->held */
    bool ending;                  /* nothing more will be received */
    int failure;                  /* the error of its last receive; 0: it succeeded */
    struct connection *next_held; /* in intake->held */
};

/* The answer to a refused connection.  It closes when its peer does, or after FAREWELL_NS or
 * FAREWELL_BYTES: closed at once, its peer might be reset before it has read the answer. */
struct farewell {
    struct connection *connection;
    struct port_op send, timer;
    uint64_t discarded; /* bytes */
};
#define FAREWELL_NS    (1000 * 1000000ll)
#define FAREWELL_BYTES (64u << 10)
#define FAREWELLS_MAX  64 /* at a time; further ones are closed without an answer */

_Static_assert(sizeof(struct connection) < 1024, "an idle connection stays small");

static void received(struct port_op *op);
static void receive_held(struct port_op *op);
static bool resume(struct source *source);
static bool advance(struct connection *connection);
static void connection_close(struct connection *connection);
static bool farewell_busy(const struct connection *connection);

size_t connection_memory(void) {
    return sizeof(struct connection);
}

/* ---- slots ---- */

int intake_create(struct intake *intake, uint32_t connections_max) {
    intake->connections_max = connections_max;
    /* Each listener's accept holds a slot, so with several listeners a few more connections than
     * the limit may be open. */
    intake->slots_count = connections_max + LISTENERS_MAX;
    intake->receive_again.done = receive_held;
    intake->slots = malloc((size_t)intake->slots_count * sizeof *intake->slots);
    return intake->slots ? 0 : ERR_NO_MEMORY;
}

void intake_free(struct intake *intake) {
    assert(intake->connections_open == 0 && !intake->held);
    free(intake->slots);
    intake->slots = NULL;
}

struct connection *connection_take(struct intake *intake) {
    if (intake->connections_open >= intake->connections_max) return NULL;
    struct connection *connection = intake->free;
    if (connection) {
        intake->free = connection->next;
    } else {
        assert(intake->slots_used < intake->slots_count);
        connection = &intake->slots[intake->slots_used++];
    }
    *connection =
        (struct connection){.intake = intake, .receive.done = received, .source.resume = resume};
    return connection;
}

void connection_give_back(struct intake *intake, struct connection *connection) {
    connection->next = intake->free;
    intake->free = connection;
}

struct port_socket *connection_socket(struct connection *connection) {
    return &connection->socket;
}

/* ---- life ---- */

void connection_start(struct connection *connection, struct tcp_listener *listener,
                      const struct port_address *peer) {
    struct intake *intake = connection->intake;
    connection->listener = listener;
    session_begin(&connection->session, listener->protocol);
    connection->origin.peer = *peer;
    connection->origin.listener = listener->number;
    connection->source.listener = listener->number;
    listener->connections++;
    connection->next = intake->open;
    if (connection->next) connection->next->previous = connection;
    intake->open = connection;
    intake->connections_open++;
    intake->counters->connections_accepted++;
    port_receive(intake->port, &connection->receive, &connection->socket,
                 connection->listener->pool);
}

/* It ends with an error.  All that could be read of it was. */
static void count_failure(struct connection *connection) {
    char peer[ADDRESS_TEXT_MAX];
    struct tcp_listener *listener = connection->listener;
    connection->intake->counters->connections_failed++;
    if (!listener->said_failed)
        say("%s: connection from %s: %s; what was received of it is stored, the rest is lost "
            "(reported once)",
            listener->name, address_format(&connection->origin.peer, peer),
            error_text(connection->failure));
    listener->said_failed = true;
}

static void connection_close(struct connection *connection) {
    struct intake *intake = connection->intake;
    port_shut(intake->port, &connection->socket);
    if (farewell_busy(connection)) { /* its ops come back, and close it then */
        port_cancel(&connection->farewell->timer);
        return;
    }
    if (connection->failure && !connection->session.refused) count_failure(connection);
    if (connection->farewell) intake->farewells--;
    free(connection->farewell);
    if (connection->next) connection->next->previous = connection->previous;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        intake->open = connection->next;
    intake->connections_open--;
    connection->listener->connections--;
    tcp_listener_left(connection->listener);
    connection_give_back(intake, connection);
    listeners_accept_again(intake);
}

/* ---- refused connections ---- */

static bool farewell_busy(const struct connection *connection) {
    const struct farewell *farewell = connection->farewell;
    return farewell && (!port_idle(&farewell->send) || !port_idle(&farewell->timer));
}

static void end_now(struct connection *connection) {
    connection->ending = true;
    if (connection->held) return; /* it ends when it would receive again */
    if (port_idle(&connection->receive))
        connection_close(connection);
    else
        port_cancel(&connection->receive);
}

static void farewell_sent(struct port_op *op) {
    struct connection *connection = PORT_CONTAINER(struct farewell, send, op)->connection;
    if (connection->ending || op->result < 0) end_now(connection);
}

static void farewell_due(struct port_op *op) {
    end_now(PORT_CONTAINER(struct farewell, timer, op)->connection);
}

static void answer(struct connection *connection) {
    struct intake *intake = connection->intake;
    size_t size;
    const uint8_t *reply = foreign_reply(connection->session.refused, &size);
    if (!reply || intake->farewells == FAREWELLS_MAX) return;
    struct farewell *farewell = calloc(1, sizeof *farewell);
    if (!farewell) return;
    intake->farewells++;
    connection->farewell = farewell;
    farewell->connection = connection;
    farewell->send.done = farewell_sent;
    farewell->timer.done = farewell_due;
    port_send(intake->port, &farewell->send, &connection->socket, reply, size);
    port_timer(intake->port, &farewell->timer, port_now_ns(intake->port) + FAREWELL_NS);
}

static void refuse(struct connection *connection) {
    struct intake *intake = connection->intake;
    struct tcp_listener *listener = connection->listener;
    connection->said_refused = true;
    intake->counters->connections_refused++;
    intake_say_refused(listener->name, &listener->said_refused, &connection->origin.peer,
                       connection->session.refused);
    answer(connection);
    if (!connection->farewell) connection->ending = true;
}

/* Drops what a refused peer still sends. */
static void discard(struct connection *connection, struct port_buffer *buffer) {
    struct farewell *farewell = connection->farewell;
    farewell->discarded += buffer->slices[0].size;
    port_buffer_release(buffer);
    if (farewell->discarded > FAREWELL_BYTES) connection->ending = true;
}

/* ---- receives that failed although their connection is sound ---- */

static bool is_shortage(int64_t error) {
    return error == ERR_NO_MEMORY || error == ERR_TOO_MANY_FILES;
}

static void hold(struct connection *connection) {
    struct intake *intake = connection->intake;
    intake->counters->receive_pauses++;
    if (!intake->receive_failure_said)
        say("%s: cannot receive: %s; connections wait, retrying every 100 ms (reported once)",
            connection->listener->name, error_text((int)connection->receive.result));
    intake->receive_failure_said = true;
    connection->held = true;
    connection->next_held = intake->held;
    intake->held = connection;
    if (port_idle(&intake->receive_again))
        port_timer(intake->port, &intake->receive_again,
                   port_now_ns(intake->port) + INTAKE_RETRY_NS);
}

static void receive_held(struct port_op *op) {
    struct intake *intake = PORT_CONTAINER(struct intake, receive_again, op);
    struct connection *connection = intake->held;
    intake->held = NULL;
    while (connection) {
        struct connection *next = connection->next_held;
        connection->held = false;
        connection->listener->active = true; /* a leaving one waits for what is read now */
        advance(connection);                 /* receives, or ends if it is ending */
        connection = next;
    }
}

/* ---- receiving ---- */

static void received(struct port_op *op) {
    struct connection *connection = PORT_CONTAINER(struct connection, receive, op);
    struct intake *intake = connection->intake;
    if (op->result != ERR_CANCELLED) connection->failure = op->result < 0 ? (int)op->result : 0;
    if (is_shortage(op->result) && !connection->ending) {
        hold(connection);
        return;
    }
    if (op->result <= 0) {
        connection->ending = true; /* end of stream, reset or our own stop: treated alike */
    } else {
        connection->buffer = op->buffer;
        connection->taken = 0;
        connection->listener->active = true;
        intake->counters->bytes_received += (uint64_t)op->result;
        if (connection->farewell) {
            discard(connection, op->buffer);
            connection->buffer = NULL;
        }
    }
    connection->origin.received_ns = port_wall_ns(intake->port);
    advance(connection);
}

static bool resume(struct source *source) {
    return advance(PORT_CONTAINER(struct connection, source, source));
}

static bool add_buffer(void *context, struct batch *batch) {
    struct connection *connection = context;
    const struct port_slice *slice = &connection->buffer->slices[0];
    const struct sink sink = intake_sink(connection->intake, batch, &connection->origin);
    connection->taken += (uint32_t)session_take(
        &connection->session, &sink, connection->buffer->bytes + slice->offset + connection->taken,
        slice->size - connection->taken);
    return connection->taken == slice->size;
}

static bool add_end(void *context, struct batch *batch) {
    struct connection *connection = context;
    const struct sink sink = intake_sink(connection->intake, batch, &connection->origin);
    return session_end(&connection->session, &sink);
}

/* Continues as far as possible; false: parked. */
static bool advance(struct connection *connection) {
    struct intake *intake = connection->intake;
    if (connection->buffer) {
        if (!pipeline_fill(intake->pipeline, &connection->source, add_buffer, connection)) {
            pipeline_park(intake->pipeline, &connection->source);
            return false;
        }
        port_buffer_release(connection->buffer);
        connection->buffer = NULL;
        if (connection->session.refused && !connection->said_refused) refuse(connection);
    }
    if (!connection->ending) {
        port_receive(intake->port, &connection->receive, &connection->socket,
                     connection->listener->pool);
        return true;
    }
    /* The answer must not be cut off because its peer has sent all it wants to send. */
    if (connection->farewell && !connection->listener->ending &&
        !port_idle(&connection->farewell->send) && !port_idle(&connection->farewell->timer))
        return true;
    if (connection->session.partial.size > 0 &&
        !pipeline_fill(intake->pipeline, &connection->source, add_end, connection)) {
        pipeline_park(intake->pipeline, &connection->source);
        return false;
    }
    connection_close(connection);
    return true;
}

void connections_end(struct intake *intake, const struct tcp_listener *listener) {
    for (struct connection *connection = intake->open; connection; connection = connection->next) {
        if (connection->listener != listener) continue;
        connection->ending = true;
        port_cancel(&connection->receive); /* a parked one ends when it is resumed */
    }
    if (intake->held) port_cancel(&intake->receive_again); /* it comes back and ends them */
}
