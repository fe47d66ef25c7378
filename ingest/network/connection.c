/* connection.c - one TCP connection, from accept to its last record. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/network/intake.h"
#include "ingest/protocol/foreign.h"
#include "port/system.h"
#include "writer/live/quarantine.h"

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
    const uint8_t *bytes;       /* of it, or of what TLS has made of it: what is taken now */
    uint32_t size, taken;
    struct paced paced;
    struct proxy_link *proxy;  /* its PROXY header, until that is read; NULL: it has none */
    struct tls_link *link;     /* NULL: plain text */
    bool begun;                /* its first byte has arrived, which says which it is */
    bool unseen;               /* it was refused before a protocol has seen it */
    struct farewell *farewell; /* it was refused, and is being answered */
    struct answers *answers;   /* NULL: it does not acknowledge */
    bool synced;               /* when its listener accepted it: what its acknowledgements mean */
    bool said_refused;
    bool waiting;                 /* for `answers` to proceed; nothing else is under way */
    bool finished;                /* its peer sends no more */
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
static void proxy_is_overdue(void *owner);
static void proxy_is_idle(void *owner);
static void link_taken_all(struct tls_link *link);
static void link_time_is_over(struct tls_link *link);
static void link_is_idle(struct tls_link *link);
static void link_answered(struct tls_link *link);
static void resume_paced(struct paced *paced);
static void look_for_overdue(struct pacing *pacing);
static void release_buffer(struct connection *connection);
static void begin_answers(struct connection *connection);
static bool may_close(struct connection *connection);

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

static bool is_proxy(const struct tcp_listener *listener, const struct port_address *peer) {
    uint8_t ip[CIDR_BYTES];
    return listener->proxies.count > 0 && cidr_address(peer, ip) &&
           cidr_list_contains(&listener->proxies, ip);
}

void connection_start(struct connection *connection, struct tcp_listener *listener,
                      const struct port_address *peer) {
    struct intake *intake = connection->intake;
    const bool from_proxy = is_proxy(listener, peer);
    connection->listener = listener;
    connection->synced = listener->synced;
    connection->origin.peer = *peer;
    if (!from_proxy && !connection_admit(connection, peer)) {
        port_shut(intake->port, &connection->socket);
        connection_give_back(intake, connection);
        tcp_listener_left(listener);
        return;
    }
    session_begin(&connection->session, listener->protocol);
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
    if (!from_proxy) return;
    connection->proxy = proxy_link_begin(intake->port, connection, proxy_is_overdue, proxy_is_idle);
    if (!connection->proxy) port_shut(intake->port, &connection->socket); /* out of memory */
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

/* Its TLS ends with it. */
static void close_link(struct connection *connection) {
    struct tls_link *link = connection->link;
    if (!link) return;
    if (!link->opened && link->session) connection->intake->counters->tls_failures++;
    tls_link_free(link);
    connection->link = NULL;
}

static void connection_close(struct connection *connection) {
    struct intake *intake = connection->intake;
    port_shut(intake->port, &connection->socket);
    if (farewell_busy(connection)) { /* its ops come back, and close it then */
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
    const bool began =
        (!connection->link || connection->link->opened) && !proxy_link_waits(connection->proxy);
    if (connection->failure && began && !connection->session.refused) count_failure(connection);
    release_buffer(connection);
    close_link(connection);
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

/* ---- refused connections ---- */

static bool farewell_busy(const struct connection *connection) {
    const struct farewell *farewell = connection->farewell;
    return farewell && (!port_idle(&farewell->send) || !port_idle(&farewell->timer));
}

static void end_now(struct connection *connection) {
    connection->ending = true;
    if (connection->paced.waiting) pacing_hurry(&connection->intake->pacing, &connection->paced);
    if (connection->waiting) {
        connection->waiting = false;
        advance(connection);
        return;
    }
    /* It ends when it would receive again, when there is room, or when its worker is done. */
    if (connection->paced.waiting || connection->held || connection->source.parked ||
        (connection->link && connection->link->working))
        return;
    if (port_idle(&connection->receive))
        connection_close(connection);
    else
        port_cancel(&connection->receive);
}

static bool farewell_sending(const struct connection *connection) {
    return !port_idle(&connection->farewell->send) ||
           (connection->link && tls_link_sending(connection->link));
}

static void farewell_sent(struct port_op *op) {
    struct connection *connection = PORT_CONTAINER(struct farewell, send, op)->connection;
    if (connection->ending || op->result < 0) end_now(connection);
}

static void link_answered(struct tls_link *link) {
    struct connection *connection = PORT_CONTAINER(struct connection, socket, link->socket);
    if (connection->ending || link->send.result < 0) end_now(connection);
}

static void farewell_due(struct port_op *op) {
    end_now(PORT_CONTAINER(struct farewell, timer, op)->connection);
}

/* The reply stays as long as the connection.  It is encrypted if the connection is. */
static void answer(struct connection *connection, const uint8_t *reply, size_t size) {
    struct intake *intake = connection->intake;
    struct tls_link *link = connection->link;
    if (!reply || size == 0 || intake->farewells == FAREWELLS_MAX) return;
    struct farewell *farewell = calloc(1, sizeof *farewell);
    if (!farewell) return;
    if (link && link->opened && !tls_link_answer(link, reply, size)) {
        free(farewell);
        return;
    }
    intake->farewells++;
    connection->farewell = farewell;
    farewell->connection = connection;
    farewell->send.done = farewell_sent;
    farewell->timer.done = farewell_due;
    if (!link || !link->opened)
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
    size_t size;
    const uint8_t *reply = foreign_reply(connection->session.refused, &size);
    answer(connection, reply, size);
    if (!connection->farewell) connection->ending = true;
}

/* Drops what a peer sends that is refused, or has got its last answer. */
static void discard(struct connection *connection, struct port_buffer *buffer) {
    struct farewell *farewell = connection->farewell;
    if (!farewell) {
        port_buffer_release(buffer);
        return;
    }
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

/* ---- the PROXY protocol ---- */

/* What has arrived of the header is one rejected record. */
static void refuse_header(struct connection *connection, const char *problem) {
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

static bool add_header(void *context, struct batch *batch) {
    struct connection *connection = context;
    const struct proxy_header *header = &connection->proxy->header;
    const struct sink sink = intake_sink(connection->intake, batch, &connection->origin);
    if (!sink_reject(&sink, header->head, proxy_header_kept(header), REJECT_PROXY_HEADER,
                     header->size))
        return false;
    connection->proxy->unrecorded = false;
    return true;
}

static void header_done(struct connection *connection) {
    struct intake *intake = connection->intake;
    const struct proxy_header *header = &connection->proxy->header;
    intake->counters->proxy_headers++;
    connection->origin.peer_name = peer_names_keep(&intake->peer_names, header->client_name);
    proxy_link_done(connection->proxy);
    if (connection_admit(connection,
                         header->client.family ? &header->client : &connection->origin.peer))
        return;
    connection->size = 0;
    connection->ending = true;
}

/* The header is the beginning of what was received; the rest is the client's. */
static void take_header(struct connection *connection) {
    struct proxy_header *header = &connection->proxy->header;
    const size_t taken = proxy_header_take(header, connection->bytes, connection->size);
    connection->bytes += taken;
    connection->size -= (uint32_t)taken;
    if (header->state == PROXY_DONE) header_done(connection);
    if (header->state == PROXY_BROKEN) {
        connection->size = 0;
        refuse_header(connection, header->problem);
    }
}

static void proxy_is_overdue(void *owner) {
    struct connection *connection = owner;
    if (connection->ending) return;
    refuse_header(connection, "it was not complete within 5 s");
    end_now(connection);
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

/* ---- TLS ---- */

static struct connection *connection_of(const struct tls_link *link) {
    return PORT_CONTAINER(struct connection, socket, link->socket);
}

static void say_tls_failed(struct connection *connection, const char *problem) {
    char peer[ADDRESS_TEXT_MAX];
    struct tcp_listener *listener = connection->listener;
    if (!listener->said_tls_failed)
        say("%s: TLS handshake with %s failed: %s; the connection is closed (reported once)",
            listener->name, address_format(&connection->origin.peer, peer), problem);
    listener->said_tls_failed = true;
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
static void begin_tls(struct connection *connection) {
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
    connection->link->answered = link_answered;
    connection->link->taken_all = link_taken_all;
    connection->link->time_is_over = link_time_is_over;
    connection->link->is_idle = link_is_idle;
}

static void release_buffer(struct connection *connection) {
    if (connection->buffer) port_buffer_release(connection->buffer);
    connection->buffer = NULL;
    connection->bytes = NULL;
    connection->size = connection->taken = 0;
}

/* What was received goes to a worker, which calls link_taken_all. */
static void decrypt(struct connection *connection) {
    uint8_t *bytes = connection->buffer->bytes + (connection->bytes - connection->buffer->bytes);
    const uint32_t size = connection->size;
    connection->size = 0;
    if (tls_link_take(connection->link, bytes, size)) release_buffer(connection);
}

static void handshake_failed(struct connection *connection) {
    size_t size;
    const struct tls_link *link = connection->link;
    say_tls_failed(connection, tls_session_problem(link->session));
    const uint8_t *alert = tls_session_answer(link->session, &size);
    answer(connection, alert, size);
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
    advance(connection);
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
    end_now(connection);
}

static void link_is_idle(struct tls_link *link) {
    connection_close(connection_of(link));
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
            discard(connection, op->buffer);
        } else {
            connection->buffer = op->buffer;
            connection->bytes = op->buffer->bytes + op->buffer->slices[0].offset;
            connection->size = op->buffer->slices[0].size;
            connection->taken = 0;
            if (proxy_link_waits(connection->proxy)) take_header(connection);
            if (!connection->begun && connection->size > 0) begin_tls(connection);
            if (connection->link && connection->size > 0) {
                decrypt(connection);
                return;
            }
        }
    }
    advance(connection);
}

static bool resume(struct source *source) {
    return advance(PORT_CONTAINER(struct connection, source, source));
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
    const bool unfinished = connection->session.partial.size > 0;
    const uint32_t before = batch->raw_size;
    connection->taken +=
        (uint32_t)session_take(&connection->session, &sink, connection->bytes + connection->taken,
                               connection->size - connection->taken);
    pacing_took(&connection->intake->pacing, &connection->paced, batch, before, unfinished);
    return connection->taken == connection->size || connection->session.waits;
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

/* ---- protocols that acknowledge ---- */

static bool wait_for_answers(struct connection *connection) {
    connection->waiting = true;
    return true;
}

static void answers_proceed(struct answers *answers) {
    struct connection *connection = answers->context;
    connection->listener->active = true;
    if (answers->stopping || answers->failure) {
        end_now(connection);
    } else if (connection->waiting) {
        connection->waiting = false;
        advance(connection);
    }
}

static void begin_answers(struct connection *connection) {
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

/* It ends: all that is stored is acknowledged first, and the last answer must not be cut off. */
static bool may_close(struct connection *connection) {
    struct answers *answers = connection->answers;
    if (connection->failure || answers->failure || answers->stopping) return true;
    if (connection->listener->ending) answers_hurry(answers);
    if (!answers_lingering(answers) && !answers_complete(answers)) {
        wait_for_answers(connection);
        return false;
    }
    if (connection->finished || connection->session.ended || answers->failure) return true;
    answers_linger(answers);
    if (port_idle(&connection->receive))
        port_receive(connection->intake->port, &connection->receive, &connection->socket,
                     connection->listener->pool);
    return false;
}

/* Continues as far as possible; false: parked. */
static bool advance(struct connection *connection) {
    struct intake *intake = connection->intake;
    if (connection->ending && proxy_link_waits(connection->proxy) &&
        connection->proxy->header.size > 0)
        refuse_header(connection, "it was not complete when the connection ended");
    if (connection->proxy && connection->proxy->unrecorded &&
        !pipeline_fill(intake->pipeline, &connection->source, add_header, connection)) {
        pipeline_park(intake->pipeline, &connection->source);
        return false;
    }
    while (has_bytes(connection)) {
        if (!pipeline_fill(intake->pipeline, &connection->source, add_buffer, connection)) {
            pipeline_park(intake->pipeline, &connection->source);
            return false;
        }
        if (connection->session.waits && connection->answers) return wait_for_answers(connection);
        if (connection->session.waits) begin_answers(connection);
    }
    release_buffer(connection);
    if (connection->link) tls_link_done(connection->link);
    if (connection->session.refused && !connection->said_refused) refuse(connection);
    if (connection->answers) answers_send(connection->answers);
    const struct session *session = &connection->session;
    connection->ending = connection->ending || session->ended || session->given_up;
    if (!connection->ending && connection->answers && answers_full(connection->answers))
        return wait_for_answers(connection);
    if (!connection->ending) {
        if (connection->listener->state != LISTENER_LEAVING &&
            pacing_wait(&intake->pacing, &connection->paced))
            return true;
        port_receive(intake->port, &connection->receive, &connection->socket,
                     connection->listener->pool);
        return true;
    }
    /* The answer must not be cut off because its peer has sent all it wants to send. */
    if (connection->farewell && !connection->listener->ending && farewell_sending(connection) &&
        !port_idle(&connection->farewell->timer))
        return true;
    if (connection->session.partial.size > 0 &&
        !pipeline_fill(intake->pipeline, &connection->source, add_end, connection)) {
        pipeline_park(intake->pipeline, &connection->source);
        return false;
    }
    if (connection->link && tls_link_sending(connection->link) && !connection->listener->ending &&
        connection->link->state == TLS_CLOSED && !connection->answers)
        return true; /* link_time_is_over closes it */
    if (connection->answers && !may_close(connection)) return true;
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
    advance(connection);                 /* receives, or ends if it is ending */
}

void connections_check_senders(struct intake *intake, uint32_t number) {
    struct connection *next;
    for (struct connection *connection = intake->open; connection; connection = next) {
        const struct tcp_listener *listener = connection->listener;
        next = connection->next;
        if (listener->number == number && !connection->ending &&
            !proxy_link_waits(connection->proxy) &&
            !admission_allows(&intake->admission, number, listener->name, &connection->origin.peer))
            end_now(connection);
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
    end_now(connection);
}

static void look_for_overdue(struct pacing *pacing) {
    const struct intake *intake = PORT_CONTAINER(struct intake, pacing, pacing);
    struct connection *next;
    for (struct connection *connection = intake->open; connection; connection = next) {
        next = connection->next;
        const bool waits = connection->source.parked || connection->held ||
                           (connection->link && connection->link->working);
        const enum pacing_overdue overdue =
            pacing_overdue(pacing, &connection->paced, connection->session.partial.size > 0, waits);
        if (overdue == PACING_IN_TIME || connection->ending || connection->farewell) continue;
        /* An object whose sender has no more to say for now is not unfinished. */
        if (overdue == PACING_UNFINISHED && partial_is_object(&connection->session.partial))
            pacing_excuse(pacing, &connection->paced);
        else
            end_overdue(connection, overdue);
    }
}
