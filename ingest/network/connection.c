/* connection.c - one TCP connection, from accept to its last record. */
#include <assert.h>
#include <stdlib.h>

#include "ingest/network/connection_internal.h"
#include "port/system.h"

_Static_assert(sizeof(struct connection) < 1024, "an idle connection stays small");

static void received(struct port_op *op);
static void receive_held(struct port_op *op);
static bool resume(struct source *source);
static void resume_paced(struct paced *paced);
static void look_for_overdue(struct pacing *pacing);

/* Each listener's accept holds a slot, so with several listeners a few more connections than the limit
 * may be open. */
static uint32_t slots_for(uint32_t connections_max) {
    return connections_max + LISTENERS_MAX;
}

size_t intake_memory(uint32_t connections_max) {
    const uint32_t slots = slots_for(connections_max);
    return slots * sizeof(struct connection) + admission_memory(slots);
}

/* ---- slots ---- */

int intake_create(struct intake *intake, uint32_t connections_max) {
    intake->connections_max = connections_max;
    intake->slots_count = slots_for(connections_max);
    intake->receive_again.done = receive_held;
    pacing_open(&intake->pacing, intake->port, &intake->admission, resume_paced, look_for_overdue);
    intake->slots = malloc((size_t)intake->slots_count * sizeof *intake->slots);
    return intake->slots ? admission_create(intake->port, intake->counters, intake->slots_count,
                                            &intake->admission)
                         : ERR_NO_MEMORY;
}

void intake_free(struct intake *intake) {
    assert(intake->connections_open == 0 && !intake->held);
    free(intake->slots);
    intake->slots = NULL;
    admission_free(&intake->admission);
    peer_names_free(&intake->peer_names);
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

/* False: out of memory. */
static bool begin_session(struct connection *connection) {
    const struct tcp_listener *listener = connection->listener;
    session_begin(&connection->session, listener->protocol);
    return !listener->protocol->begin ||
           listener->protocol->begin(&connection->session, listener->forward
                                                               ? (void *)listener->forward
                                                               : (void *)listener->http);
}

void connection_start(struct connection *connection, struct tcp_listener *listener,
                      const struct port_address *peer) {
    struct intake *intake = connection->intake;
    const bool from_proxy = connection_is_of_proxy(listener, peer);
    connection->listener = listener;
    connection->synced = listener->synced;
    connection->origin.peer = *peer;
    if (!from_proxy && !connection_admit(connection, peer)) {
        port_shut(intake->port, &connection->socket);
        connection_give_back(intake, connection);
        tcp_listener_left(listener);
        return;
    }
    if (!begin_session(connection)) {
        port_shut(intake->port, &connection->socket);
        admission_leave(&intake->admission, connection->paced.peer);
        connection_give_back(intake, connection);
        tcp_listener_left(listener);
        return;
    }
    pacing_begin(&intake->pacing, &connection->paced);
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
    if (from_proxy) connection_begin_header(connection);
    connection_greet(connection);
}

bool connection_admit(struct connection *connection, const struct port_address *peer) {
    struct admission *admission = &connection->intake->admission;
    const struct tcp_listener *listener = connection->listener;
    admission_leave(admission, connection->paced.peer);
    connection->origin.peer = *peer;
    return admission_check(admission, listener->number, listener->name, peer,
                           &connection->paced.peer);
}

/* It ends with an error.  All that could be read of it was. */
static void count_failure(struct connection *connection) {
    char peer[ADDRESS_TEXT_MAX];
    struct tcp_listener *listener = connection->listener;
    const struct tls_link *link = connection->link;
    connection->intake->counters->connections_failed++;
    if (!listener->said_failed)
        say("%s: connection from %s: %s; what was received of it is stored, the rest is lost "
            "(reported once)",
            listener->name, address_format(&connection->origin.peer, peer),
            link && link->state == TLS_FAILED ? tls_session_problem(link->session)
                                              : error_text(connection->failure));
    listener->said_failed = true;
}

void connection_close(struct connection *connection) {
    struct intake *intake = connection->intake;
    port_shut(intake->port, &connection->socket);
    if (connection_farewell_busy(connection)) { /* its ops come back, and close it then */
        port_cancel(&connection->farewell->timer);
        return;
    }
    if (connection->link && tls_link_busy(connection->link)) {
        tls_link_stop(connection->link);
        return;
    }
    if (proxy_link_busy(connection->proxy)) {
        proxy_link_stop(connection->proxy);
        return;
    }
    if (connection->answers && answers_busy(connection->answers)) {
        answers_stop(connection->answers);
        return;
    }
    connection_end_expansion(connection);
    connection_end_unfolding(connection);
    if (connection->session.protocol->forget)
        connection->session.protocol->forget(&connection->session);
    const bool began =
        (!connection->link || connection->link->opened) && !proxy_link_waits(connection->proxy);
    if (connection->failure && began && !connection->session.refused) count_failure(connection);
    connection_release_buffer(connection);
    connection_close_link(connection);
    proxy_link_free(connection->proxy);
    connection->proxy = NULL;
    answers_free(connection->answers);
    if (connection->farewell) intake->farewells--;
    free(connection->farewell);
    if (connection->next) connection->next->previous = connection->previous;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        intake->open = connection->next;
    intake->connections_open--;
    admission_leave(&intake->admission, connection->paced.peer);
    connection->listener->connections--;
    tcp_listener_left(connection->listener);
    connection_give_back(intake, connection);
    listeners_accept_again(intake);
}

static bool connection_is_working(const struct connection *connection) {
    return (connection->link && connection->link->working) ||
           (connection->expansion && connection->expansion->working) ||
           (connection->unfolding && connection->unfolding->working);
}

void connection_end_now(struct connection *connection) {
    connection->ending = true;
    if (connection->paced.waiting) pacing_hurry(&connection->intake->pacing, &connection->paced);
    if (connection->waiting) {
        connection->waiting = false;
        connection_advance(connection);
        return;
    }
    /* It ends when it would receive again, when there is room, or when its worker is done. */
    if (connection->paced.waiting || connection->held || connection->source.parked ||
        connection_is_working(connection))
        return;
    if (port_idle(&connection->receive))
        connection_close(connection);
    else
        port_cancel(&connection->receive);
}

void connection_release_buffer(struct connection *connection) {
    if (connection->buffer) port_buffer_release(connection->buffer);
    connection->buffer = NULL;
    connection->bytes = NULL;
    connection->size = connection->taken = 0;
}

/* ---- receives that failed although their connection is sound ---- */

static bool is_shortage(int64_t error) {
    return error == ERR_NO_MEMORY || error == ERR_TOO_MANY_FILES;
}

static void try_again_later(struct connection *connection) {
    struct intake *intake = connection->intake;
    connection->held = true;
    connection->next_held = intake->held;
    intake->held = connection;
    if (port_idle(&intake->receive_again))
        port_timer(intake->port, &intake->receive_again,
                   port_now_ns(intake->port) + INTAKE_RETRY_NS);
}

static void hold(struct connection *connection) {
    struct intake *intake = connection->intake;
    intake->counters->receive_pauses++;
    if (!intake->receive_failure_said)
        say("%s: cannot receive: %s; connections wait, retrying every 100 ms (reported once)",
            connection->listener->name, error_text((int)connection->receive.result));
    intake->receive_failure_said = true;
    try_again_later(connection);
}

static void receive_held(struct port_op *op) {
    struct intake *intake = PORT_CONTAINER(struct intake, receive_again, op);
    struct connection *connection = intake->held;
    intake->held = NULL;
    while (connection) {
        struct connection *next = connection->next_held;
        connection->held = false;
        connection->listener->active = true; /* a leaving one waits for what is read now */
        connection_advance(connection);      /* receives, or ends if it is ending */
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
    connection->origin.received_ns = port_wall_ns(intake->port);
    if (op->result <= 0) {
        connection->ending = true; /* end of stream, reset or our own stop: treated alike */
        connection->finished = connection->finished || op->result == 0;
    } else {
        connection->listener->active = true;
        intake->counters->bytes_received += (uint64_t)op->result;
        pacing_received(&intake->pacing, &connection->paced, (uint32_t)op->result);
        if (connection->farewell ||
            (connection->answers && answers_lingering(connection->answers))) {
            connection_discard(connection, op->buffer);
        } else {
            connection->buffer = op->buffer;
            connection->bytes = op->buffer->bytes + op->buffer->slices[0].offset;
            connection->size = op->buffer->slices[0].size;
            connection->taken = 0;
            if (proxy_link_waits(connection->proxy)) connection_take_header(connection);
            if (!connection->begun && connection->size > 0) connection_begin_tls(connection);
            if (connection->link && connection->size > 0) {
                connection_decrypt(connection);
                return;
            }
        }
    }
    connection_advance(connection);
}

static bool resume(struct source *source) {
    return connection_advance(PORT_CONTAINER(struct connection, source, source));
}

static bool add_buffer(void *context, struct batch *batch) {
    struct connection *connection = context;
    struct sink sink = intake_sink(connection->intake, batch, &connection->origin);
    if (connection->answers) sink.acks = &connection->answers->acks;
    if (connection->unseen) {
        if (!sink_reject(&sink, connection->bytes, connection->size, connection->session.refused,
                         connection->size))
            return false;
        connection->taken = connection->size;
        return true;
    }
    const bool unfinished = connection->session.partial.size > 0 || connection->session.unfinished;
    const uint32_t before = batch->raw_size;
    connection->taken +=
        (uint32_t)session_take(&connection->session, &sink, connection->bytes + connection->taken,
                               connection->size - connection->taken);
    pacing_took(&connection->intake->pacing, &connection->paced, batch, before, unfinished);
    return connection->taken == connection->size || connection->session.waits ||
           connection_is_packed(connection);
}

static bool has_bytes(struct connection *connection) {
    /* Its peer will send again what was not acknowledged. */
    if (connection->answers && connection->answers->failure) return false;
    if (connection->taken < connection->size) return true;
    connection->taken = connection->size = 0;
    return connection->link &&
           tls_link_next(connection->link, &connection->bytes, &connection->size);
}

static bool add_end(void *context, struct batch *batch) {
    struct connection *connection = context;
    const struct sink sink = intake_sink(connection->intake, batch, &connection->origin);
    if (connection->paced.unfinished)
        return partial_reject(&connection->session.partial, &sink, NULL, 0, REJECT_UNFINISHED);
    return session_end(&connection->session, &sink);
}

/* Continues as far as possible; false: parked. */
bool connection_advance(struct connection *connection) {
    struct intake *intake = connection->intake;
    if (connection->ending && proxy_link_waits(connection->proxy) &&
        connection->proxy->header.size > 0)
        connection_refuse_header(connection, "it was not complete when the connection ended");
    if (connection->proxy && connection->proxy->unrecorded &&
        !pipeline_fill(intake->pipeline, &connection->source, connection_add_header, connection)) {
        pipeline_park(intake->pipeline, &connection->source);
        return false;
    }
    connection_greet(connection);
    for (;;) { /* ends: each turn takes something, or returns */
        switch (connection_expand(connection)) {
        case EXPAND_GO: break;
        case EXPAND_WORKS: return true;
        case EXPAND_HOLD: try_again_later(connection); return true;
        case EXPAND_PARK: pipeline_park(intake->pipeline, &connection->source); return false;
        }
        if (!has_bytes(connection)) break;
        if (connection_is_packed(connection)) continue;
        connection->session.parked = false;
        if (connection->session.protocol->head && !connection_take_head(connection))
            return connection_wait_for_answers(connection);
        if (connection->taken == connection->size) continue;
        if (!pipeline_fill(intake->pipeline, &connection->source, add_buffer, connection)) {
            connection_note_parked(connection);
            pipeline_park(intake->pipeline, &connection->source);
            return false;
        }
        intake->starved_ns = 0;
        if (connection->session.waits && connection->answers)
            return connection_wait_for_answers(connection);
        if (connection->session.waits) connection_begin_answers(connection);
    }
    connection_release_buffer(connection);
    if (connection->link) tls_link_done(connection->link);
    if (connection->session.refused && !connection->said_refused) connection_refuse(connection);
    if (connection->answers) answers_send(connection->answers);
    const struct session *session = &connection->session;
    connection->ending = connection->ending || session->ended || session->given_up;
    if (!connection->ending && connection->answers &&
        (answers_full(connection->answers) || session->busy))
        return connection_wait_for_answers(connection);
    if (!connection->ending) {
        /* A handshake has its own limit of time. */
        const bool may_wait = connection->listener->state != LISTENER_LEAVING &&
                              !(connection->link && !connection->link->opened);
        if (may_wait && pacing_wait(&intake->pacing, &connection->paced)) return true;
        port_receive(intake->port, &connection->receive, &connection->socket,
                     connection->listener->pool);
        return true;
    }
    /* The answer must not be cut off because its peer has sent all it wants to send. */
    if (connection->farewell && !connection->listener->ending &&
        connection_farewell_sending(connection) && !port_idle(&connection->farewell->timer))
        return true;
    if (connection->session.partial.size > 0 &&
        !pipeline_fill(intake->pipeline, &connection->source, add_end, connection)) {
        pipeline_park(intake->pipeline, &connection->source);
        return false;
    }
    if (connection->link && connection->link->state == TLS_CLOSED && !connection->answers &&
        !connection->farewell && !connection->listener->ending && tls_link_close(connection->link))
        return true; /* link_time_is_over closes it */
    if (connection->answers && !connection_may_close(connection)) return true;
    connection_close(connection);
    return true;
}

void connections_end(struct intake *intake, const struct tcp_listener *listener) {
    for (struct connection *connection = intake->open; connection; connection = connection->next) {
        if (connection->listener != listener) continue;
        connection->ending = true;
        port_cancel(&connection->receive); /* a parked one ends when it is resumed */
        if (connection->answers) answers_hurry(connection->answers);
        if (connection->link) tls_link_hurry(connection->link);
    }
    if (intake->held) port_cancel(&intake->receive_again); /* it comes back and ends them */
    pacing_hurry_all(&intake->pacing);
}

/* ---- connections that are no longer allowed, or overdue ---- */

static void resume_paced(struct paced *paced) {
    struct connection *connection = PORT_CONTAINER(struct connection, paced, paced);
    connection->listener->active = true; /* a leaving one waits for what is read now */
    connection_advance(connection);      /* receives, or ends if it is ending */
}

void connections_check_senders(struct intake *intake, uint32_t number) {
    struct connection *next;
    for (struct connection *connection = intake->open; connection; connection = next) {
        const struct tcp_listener *listener = connection->listener;
        next = connection->next;
        if (listener->number == number && !connection->ending &&
            !proxy_link_waits(connection->proxy) &&
            !admission_allows(&intake->admission, number, listener->name, &connection->origin.peer))
            connection_end_now(connection);
    }
}

static void say_overdue(struct connection *connection, const char *what) {
    char peer[ADDRESS_TEXT_MAX];
    say("%s: connection from %s: %s (reported once)", connection->listener->name,
        address_format(&connection->origin.peer, peer), what);
}

static void end_overdue(struct connection *connection, enum pacing_overdue overdue) {
    struct tcp_listener *listener = connection->listener;
    struct counters *counters = connection->intake->counters;
    if (overdue == PACING_UNFINISHED) {
        counters->connections_unfinished++;
        connection->paced.unfinished = true;
        connection->session.overdue = true;
        if (!listener->said_unfinished)
            say_overdue(connection, "its record was not finished within partial_s; the record is "
                                    "rejected and the connection closed");
        listener->said_unfinished = true;
    } else {
        counters->connections_idle++;
        if (!listener->said_idle)
            say_overdue(connection, "nothing was received for idle_s; the connection is closed");
        listener->said_idle = true;
    }
    connection_end_now(connection);
}

/* A record; or compressed data, which holds memory until its end. */
static bool has_unfinished(const struct connection *connection) {
    return connection->session.partial.size > 0 || connection->session.unfinished ||
           connection->expansion;
}

static void look_for_overdue(struct pacing *pacing) {
    const struct intake *intake = PORT_CONTAINER(struct intake, pacing, pacing);
    struct connection *next;
    for (struct connection *connection = intake->open; connection; connection = next) {
        next = connection->next;
        const bool waits = connection->source.parked || connection->held || connection->waiting ||
                           connection_is_working(connection) ||
                           (connection->answers && answers_awaited(connection->answers));
        const enum pacing_overdue overdue =
            pacing_overdue(pacing, &connection->paced, has_unfinished(connection), waits);
        if (overdue == PACING_IN_TIME || connection->ending || connection->farewell) continue;
        /* An object whose sender has no more to say for now is not unfinished. */
        if (overdue == PACING_UNFINISHED && partial_is_object(&connection->session.partial))
            pacing_excuse(pacing, &connection->paced);
        else
            end_overdue(connection, overdue);
    }
}
