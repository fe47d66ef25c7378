/* listener.c - listeners, from bound (open.c) to closed.  A listener that leaves first receives
 * what has already arrived: it closes when nothing has arrived for QUIET_NS, or when its time is
 * over. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ingest/network/intake.h"
#include "ingest/protocol/foreign.h"
#include "port/system.h"

#define QUIET_NS (100 * 1000000ll)

static void accepted(struct port_op *op);
static void retry_due(struct port_op *op);
static void tcp_leave_due(struct port_op *op);
static void datagrams_received(struct port_op *op);
static void receive_again(struct port_op *op);
static void udp_close(struct udp_listener *listener);
static void unwrap_ready(void *context);
static void expire_due(struct port_op *op);
static void udp_leave_due(struct port_op *op);
static bool resume(struct source *source);

enum listener_state intake_listener_state(const struct intake *intake, uint32_t number) {
    return number < LISTENERS_MAX ? intake->tcp[number].state
                                  : intake->udp[number - LISTENERS_MAX].state;
}

const char *intake_listener_name(const struct intake *intake, uint32_t number) {
    return number < LISTENERS_MAX ? intake->tcp[number].name
                                  : intake->udp[number - LISTENERS_MAX].name;
}

void intake_set_protocol(struct intake *intake, uint32_t number, const struct protocol *protocol) {
    if (number < LISTENERS_MAX)
        intake->tcp[number].protocol = protocol;
    else
        intake->udp[number - LISTENERS_MAX].protocol = protocol;
}

void intake_set_tls(struct intake *intake, uint32_t number, struct tls_context *tls,
                    bool required) {
    struct tcp_listener *listener = &intake->tcp[number];
    assert(number < LISTENERS_MAX);
    if (tls) tls_context_hold(tls);
    tls_context_release(listener->tls);
    listener->tls = tls;
    listener->tls_required = tls && required;
}

void intake_set_forward(struct intake *intake, uint32_t number, struct forward_settings *settings) {
    struct tcp_listener *listener = &intake->tcp[number];
    assert(number < LISTENERS_MAX);
    if (settings) forward_settings_hold(settings);
    forward_settings_release(listener->forward);
    listener->forward = settings;
}

void intake_set_http(struct intake *intake, uint32_t number, struct http_settings *settings) {
    struct tcp_listener *listener = &intake->tcp[number];
    assert(number < LISTENERS_MAX);
    intake->http.counts = &intake->counters->http;
    http_settings_hold(settings);
    http_settings_share(settings, &intake->http);
    if (listener->http) http_settings_replace(listener->http, settings);
    http_settings_release(listener->http);
    listener->http = settings;
}

void intake_set_senders(struct intake *intake, uint32_t number, const struct cidr_rules *senders) {
    admission_set_senders(&intake->admission, number, senders);
    if (number < LISTENERS_MAX) connections_check_senders(intake, number);
}

void intake_set_limits(struct intake *intake, uint32_t peer_connections_max,
                       const struct peer_limits *limits) {
    admission_set_limits(&intake->admission, peer_connections_max, limits);
    pacing_hurry_all(&intake->pacing);
}

void intake_set_times(struct intake *intake, int64_t idle_ns, int64_t partial_ns) {
    pacing_set_times(&intake->pacing, idle_ns, partial_ns);
}

void intake_set_proxies(struct intake *intake, uint32_t number, const struct cidr_list *proxies) {
    assert(number < LISTENERS_MAX);
    intake->tcp[number].proxies = *proxies;
}

void intake_set_ack(struct intake *intake, uint32_t number, bool synced) {
    assert(number < LISTENERS_MAX);
    intake->tcp[number].synced = synced;
}

void intake_say_refused(const char *listener, uint32_t *said, const struct port_address *peer,
                        uint32_t reason) {
    _Static_assert(REJECT_REASONS - REJECT_INFLATE <= 32, "a bit for each reason");
    const uint32_t bit = UINT32_C(1) << (reason - REJECT_INFLATE);
    char text[ADDRESS_TEXT_MAX];
    if (*said & bit) return;
    *said |= bit;
    say("%s: %s sent %s (reported once)", listener, address_format(peer, text),
        foreign_advice(reason));
}

/* A leaving listener has waited for QUIET_NS.  True: its time is over, or nothing has arrived
 * (`active`) and nothing is `held`.  Else it waits again. */
static bool may_end(struct intake *intake, struct port_op *leave, int64_t leave_ns, bool held,
                    bool *active) {
    const int64_t now = port_now_ns(intake->port);
    if (leave->result != ERR_CANCELLED) { /* else it was kept open meanwhile, and leaves again */
        if (now >= leave_ns || (!*active && !held)) return true;
        *active = false;
    }
    port_timer(intake->port, leave, now + QUIET_NS);
    return false;
}

static void left(struct intake *intake, enum listener_state *state, uint32_t number) {
    const bool served = *state != LISTENER_BOUND;
    *state = LISTENER_FREE;
    if (served) pipeline_left(intake->pipeline, number);
}

/* ---- TCP, and streams of Unix sockets ---- */

void tcp_listener_begin(struct intake *intake, uint32_t i) {
    intake->tcp[i] = (struct tcp_listener){.intake = intake,
                                           .protocol = &protocol_detect,
                                           .number = i,
                                           .accept.done = accepted,
                                           .retry.done = retry_due,
                                           .leave.done = tcp_leave_due};
}

static void accept_next(struct tcp_listener *listener) {
    struct intake *intake = listener->intake;
    listener->accepting = connection_take(intake);
    listener->paused = !listener->accepting;
    if (!listener->paused) {
        port_accept(intake->port, &listener->accept, &listener->socket,
                    connection_socket(listener->accepting));
        return;
    }
    intake->counters->accept_pauses++;
    if (!intake->limit_said)
        say("%s: connections_max (%u) reached; new connections wait until one closes (reported "
            "once)",
            listener->name, intake->connections_max);
    intake->limit_said = true;
}

static void accepted(struct port_op *op) {
    struct tcp_listener *listener = PORT_CONTAINER(struct tcp_listener, accept, op);
    struct intake *intake = listener->intake;
    struct connection *connection = listener->accepting;
    listener->accepting = NULL;
    if (op->result >= 0) {
        listener->active = true;
        connection_start(connection, listener, &op->peer);
        if (listener->ending) /* accepted just before the listener closed */
            connections_end(intake, listener);
        else
            accept_next(listener);
        return;
    }
    connection_give_back(intake, connection);
    if (op->result == ERR_CANCELLED) { /* the listener closes */
        tcp_listener_left(listener);
        return;
    }
    intake->counters->accept_pauses++;
    if (!intake->accept_failure_said)
        say("%s: cannot accept: %s; new connections wait, retrying every 100 ms (reported once)",
            listener->name, error_text((int)op->result));
    intake->accept_failure_said = true;
    port_timer(intake->port, &listener->retry, port_now_ns(intake->port) + INTAKE_RETRY_NS);
}

static void retry_due(struct port_op *op) {
    struct tcp_listener *listener = PORT_CONTAINER(struct tcp_listener, retry, op);
    listener->active = true; /* a leaving one waits for what is accepted now */
    if (listener->ending)
        tcp_listener_left(listener);
    else
        accept_next(listener);
}

void listeners_accept_again(struct intake *intake) {
    for (uint32_t i = 0; i < LISTENERS_MAX; i++) {
        struct tcp_listener *listener = &intake->tcp[i];
        if (listener->paused) accept_next(listener);
    }
}

static void tcp_end(struct tcp_listener *listener) {
    struct intake *intake = listener->intake;
    listener->ending = true;
    listener->paused = false;
    if (!port_idle(&listener->retry))
        say("%s: closes while it cannot accept; connections that wait are reset, and what they "
            "sent is lost",
            listener->name);
    port_cancel(&listener->retry);
    port_cancel(&listener->leave);
    port_shut(intake->port, &listener->socket);
    connections_end(intake, listener);
    tcp_listener_left(listener);
}

static void tcp_leave_due(struct port_op *op) {
    struct tcp_listener *listener = PORT_CONTAINER(struct tcp_listener, leave, op);
    struct intake *intake = listener->intake;
    if (listener->ending)
        tcp_listener_left(listener);
    else if (listener->state == LISTENER_LEAVING &&
             may_end(intake, op, listener->leave_ns,
                     pipeline_anyone_parked(intake->pipeline) || intake_retries(intake),
                     &listener->active))
        tcp_end(listener);
}

void tcp_listener_left(struct tcp_listener *listener) {
    if (!listener->ending || listener->connections > 0 || !port_idle(&listener->accept) ||
        !port_idle(&listener->retry) || !port_idle(&listener->leave))
        return;
    assert(listener->state != LISTENER_FREE);
    port_pool_free(listener->pool);
    tls_context_release(listener->tls);
    listener->tls = NULL;
    http_settings_release(listener->http);
    listener->http = NULL;
    forward_settings_release(listener->forward);
    listener->forward = NULL;
    left(listener->intake, &listener->state, listener->number);
}

/* ---- UDP, and datagrams of Unix sockets ---- */

int udp_listener_begin(struct intake *intake, uint32_t i, bool is_unix) {
    struct udp_listener *listener = &intake->udp[i];
    *listener = (struct udp_listener){.intake = intake,
                                      .is_unix = is_unix,
                                      .protocol = &protocol_detect,
                                      .number = LISTENERS_MAX + i,
                                      .origin.listener = LISTENERS_MAX + i,
                                      .receive.done = datagrams_received,
                                      .retry.done = receive_again,
                                      .expire.done = expire_due,
                                      .leave.done = udp_leave_due,
                                      .source = {LISTENERS_MAX + i, .resume = resume}};
    return unwrap_create(intake->port, intake->counters, intake->line_bytes_max, unwrap_ready,
                         listener, &listener->unwrap);
}

/* The next datagram; it may have been begun, if the batch before had no room for the rest. */
static enum unwrap_result take_slice(struct udp_listener *listener, const struct sink *sink,
                                     uint32_t *refused) {
    const struct port_buffer *buffer = listener->buffer;
    const struct port_slice *slice = &buffer->slices[listener->slices_taken];
    const uint8_t *bytes = buffer->bytes + slice->offset;
    struct admission *admission = &listener->intake->admission;
    const struct admission_datagrams datagrams = {
        .listener = listener->number,
        .name = listener->name,
        .protocol = listener->protocol,
        .line_bytes_max = sink->line_bytes_max,
    };
    if (slice->missing) { /* it is longer than any record may be */
        listener->origin.peer = slice->peer;
        return sink_reject(sink, bytes, slice->size, REJECT_OVERSIZED,
                           (uint64_t)slice->size + slice->missing)
                   ? UNWRAP_TAKEN
                   : UNWRAP_NO_ROOM;
    }
    if (!listener->slice_admitted &&
        !admission_takes(admission, &datagrams, &slice->peer, bytes, slice->size))
        return UNWRAP_TAKEN;
    listener->origin.peer = slice->peer;
    const uint32_t before = sink->batch->raw_size;
    const uint64_t compressed = listener->unwrap->compressed;
    const enum unwrap_result result =
        unwrap_take(listener->unwrap, listener->protocol, sink, bytes, slice->size, refused);
    if (admission_limits_records(admission))
        admission_took_records(admission, &slice->peer,
                               records_added(sink->batch, before) + listener->unwrap->compressed -
                                   compressed);
    listener->slice_admitted = result != UNWRAP_TAKEN;
    return result;
}

/* True: no room is needed, because all is taken, or a worker has to finish first. */
static bool add_slices(struct udp_listener *listener, const struct sink *sink) {
    const struct port_buffer *buffer = listener->buffer;
    for (; listener->slices_taken < buffer->slice_count; listener->slices_taken++) {
        const struct port_slice *slice = &buffer->slices[listener->slices_taken];
        uint32_t refused = 0;
        const enum unwrap_result result = take_slice(listener, sink, &refused);
        if (result != UNWRAP_TAKEN) return result == UNWRAP_BUSY;
        if (refused)
            intake_say_refused(listener->name, &listener->said_refused, &slice->peer, refused);
    }
    return true;
}

static bool add_datagrams(void *context, struct batch *batch) {
    struct udp_listener *listener = context;
    const struct sink sink = intake_sink(listener->intake, batch, &listener->origin);
    if (!unwrap_give(listener->unwrap, listener->protocol, &sink, listener->ending)) return false;
    return !listener->buffer || add_slices(listener, &sink);
}

static uint64_t add_drops(uint64_t drops, const struct udp_listener *listener) {
    const uint64_t more = port_kernel_drops(&listener->socket);
    const bool unknown = drops == PORT_DROPS_UNKNOWN || more == PORT_DROPS_UNKNOWN;
    return unknown ? PORT_DROPS_UNKNOWN : drops + more;
}

static void udp_listener_left(struct udp_listener *listener) {
    if (!listener->ending || listener->buffer || !unwrap_is_empty(listener->unwrap) ||
        !port_idle(&listener->receive) || !port_idle(&listener->retry) ||
        !port_idle(&listener->expire) || !port_idle(&listener->leave))
        return;
    struct intake *intake = listener->intake;
    intake->kernel_drops = add_drops(intake->kernel_drops, listener);
    port_shut(intake->port, &listener->socket);
    port_pool_free(listener->pool);
    unwrap_free(listener->unwrap);
    listener->unwrap = NULL;
    left(intake, &listener->state, listener->number);
}

/* Unless datagrams wait for a worker, or a receive or its retry is in flight. */
static void receive_next(struct udp_listener *listener) {
    struct port *port = listener->intake->port;
    const int64_t due_ns = gelf_due_ns(&listener->unwrap->gelf);
    if (due_ns != INT64_MAX && port_idle(&listener->expire))
        port_timer(port, &listener->expire, due_ns);
    if (!listener->buffer && port_idle(&listener->receive) && port_idle(&listener->retry))
        port_receive_datagrams(port, &listener->receive, &listener->socket, listener->pool);
}

static bool udp_advance(struct udp_listener *listener) {
    struct intake *intake = listener->intake;
    if ((listener->buffer || unwrap_has(listener->unwrap, listener->ending)) &&
        !pipeline_fill(intake->pipeline, &listener->source, add_datagrams, listener)) {
        pipeline_park(intake->pipeline, &listener->source);
        return false;
    }
    if (listener->buffer && listener->slices_taken == listener->buffer->slice_count) {
        port_buffer_release(listener->buffer);
        listener->buffer = NULL;
    }
    unwrap_start(listener->unwrap);
    if (listener->ending)
        udp_listener_left(listener);
    else
        receive_next(listener);
    return true;
}

static bool resume(struct source *source) {
    return udp_advance(PORT_CONTAINER(struct udp_listener, source, source));
}

/* A parked source continues when a batch is free. */
static void unwrap_ready(void *context) {
    struct udp_listener *listener = context;
    if (!listener->source.parked) udp_advance(listener);
}

static void expire_due(struct port_op *op) {
    struct udp_listener *listener = PORT_CONTAINER(struct udp_listener, expire, op);
    if (!listener->source.parked) udp_advance(listener);
}

static void receive_failed(const struct udp_listener *listener, int error) {
    struct intake *intake = listener->intake;
    intake->counters->receive_pauses++;
    if (!intake->receive_failure_said)
        say("%s: cannot receive: %s; datagrams wait, retrying every 100 ms (reported once)",
            listener->name, error_text(error));
    intake->receive_failure_said = true;
}

static void datagrams_received(struct port_op *op) {
    struct udp_listener *listener = PORT_CONTAINER(struct udp_listener, receive, op);
    struct counters *counters = listener->intake->counters;
    if (op->result > 0) {
        listener->active = true;
        listener->buffer = op->buffer;
        listener->slices_taken = 0;
        listener->origin.received_ns = port_wall_ns(listener->intake->port);
        counters->datagrams += op->buffer->slice_count;
        for (uint32_t i = 0; i < op->buffer->slice_count; i++) {
            counters->bytes_received += op->buffer->slices[i].size;
            counters->datagrams_truncated += op->buffer->slices[i].truncated;
        }
    }
    /* An error never ends a datagram socket; wait, so that a lasting one does not spin. */
    if (op->result <= 0 && listener->last && !listener->ending) {
        if (op->result < 0)
            say("%s: cannot receive: %s; datagrams that wait are lost", listener->name,
                error_text((int)op->result));
        udp_close(listener);
    } else if (op->result < 0 && !listener->ending) {
        receive_failed(listener, (int)op->result);
        port_timer(listener->intake->port, &listener->retry,
                   port_now_ns(listener->intake->port) + INTAKE_RETRY_NS);
    } else {
        udp_advance(listener);
    }
}

static void receive_again(struct port_op *op) {
    struct udp_listener *listener = PORT_CONTAINER(struct udp_listener, retry, op);
    listener->active = true; /* a leaving one waits for what is received now */
    udp_advance(listener);
}

static void udp_close(struct udp_listener *listener) {
    listener->ending = true;
    if (!port_idle(&listener->retry))
        say("%s: closes while it cannot receive; datagrams that wait are lost", listener->name);
    port_cancel(&listener->receive);
    port_cancel(&listener->retry);
    port_cancel(&listener->expire);
    port_cancel(&listener->leave);
    if (!listener->source.parked) udp_advance(listener);
}

/* The sender of a Unix datagram knows that it has arrived, so the queue is received first. */
static void udp_end(struct udp_listener *listener) {
    if (!listener->is_unix || listener->state == LISTENER_BOUND) {
        udp_close(listener);
    } else if (!listener->last) {
        listener->last = true;
        port_end_datagrams(listener->intake->port, &listener->socket);
    }
}

static void udp_leave_due(struct port_op *op) {
    struct udp_listener *listener = PORT_CONTAINER(struct udp_listener, leave, op);
    if (listener->ending)
        udp_listener_left(listener);
    else if (listener->state == LISTENER_LEAVING && !listener->last &&
             may_end(listener->intake, op, listener->leave_ns,
                     listener->buffer != NULL || !unwrap_is_empty(listener->unwrap) ||
                         !port_idle(&listener->retry),
                     &listener->active))
        udp_end(listener);
}

/* ---- all listeners ---- */

int intake_set_access(struct intake *intake, uint32_t number, const struct unix_place *place) {
    struct port_socket *socket = number < LISTENERS_MAX
                                     ? &intake->tcp[number].socket
                                     : &intake->udp[number - LISTENERS_MAX].socket;
    return port_unix_access(intake->port, socket, place);
}

void intake_start(struct intake *intake) {
    for (uint32_t i = 0; i < LISTENERS_MAX; i++) {
        if (intake->tcp[i].state != LISTENER_BOUND) continue;
        intake->tcp[i].state = LISTENER_OPEN;
        accept_next(&intake->tcp[i]);
    }
    for (uint32_t i = 0; i < LISTENERS_MAX; i++) {
        if (intake->udp[i].state != LISTENER_BOUND) continue;
        intake->udp[i].state = LISTENER_OPEN;
        udp_advance(&intake->udp[i]);
    }
}

/* Its time runs from now; the first look is after QUIET_NS. */
static void begin_leaving(struct port *port, struct port_op *leave, int64_t *leave_ns,
                          int64_t drain_ns) {
    const int64_t now = port_now_ns(port);
    *leave_ns = now + drain_ns;
    if (port_idle(leave)) port_timer(port, leave, now + QUIET_NS);
}

void intake_leave(struct intake *intake, uint32_t number, int64_t drain_ns) {
    assert(intake_listener_state(intake, number) == LISTENER_OPEN);
    if (number < LISTENERS_MAX) {
        struct tcp_listener *tcp = &intake->tcp[number];
        tcp->state = LISTENER_LEAVING;
        tcp->active = false;
        begin_leaving(intake->port, &tcp->leave, &tcp->leave_ns, drain_ns);
        pacing_hurry_all(&intake->pacing); /* its connections no longer wait */
    } else {
        struct udp_listener *udp = &intake->udp[number - LISTENERS_MAX];
        udp->state = LISTENER_LEAVING;
        udp->active = false;
        begin_leaving(intake->port, &udp->leave, &udp->leave_ns, drain_ns);
    }
}

void intake_stay(struct intake *intake, uint32_t number) {
    assert(intake_listener_state(intake, number) == LISTENER_LEAVING);
    if (number < LISTENERS_MAX) {
        intake->tcp[number].state = LISTENER_OPEN;
        port_cancel(&intake->tcp[number].leave);
    } else {
        intake->udp[number - LISTENERS_MAX].state = LISTENER_OPEN;
        port_cancel(&intake->udp[number - LISTENERS_MAX].leave);
    }
}

/* No op was started: it is free at once. */
void intake_unbind(struct intake *intake, uint32_t number) {
    assert(intake_listener_state(intake, number) == LISTENER_BOUND);
    if (number < LISTENERS_MAX)
        tcp_end(&intake->tcp[number]);
    else
        udp_end(&intake->udp[number - LISTENERS_MAX]);
}

void intake_drain(struct intake *intake) {
    pacing_lift(&intake->pacing);
}

void intake_end(struct intake *intake) {
    pacing_end(&intake->pacing);
    for (uint32_t i = 0; i < LISTENERS_MAX; i++)
        if (intake->tcp[i].state != LISTENER_FREE) tcp_end(&intake->tcp[i]);
    for (uint32_t i = 0; i < LISTENERS_MAX; i++)
        if (intake->udp[i].state != LISTENER_FREE) udp_end(&intake->udp[i]);
}

bool intake_ended(const struct intake *intake) {
    bool ended = intake->connections_open == 0 && port_idle(&intake->receive_again) &&
                 pacing_ended(&intake->pacing) && port_idle(&intake->answers.deliver);
    for (uint32_t i = 0; i < LISTENER_NUMBERS; i++)
        ended = ended && intake_listener_state(intake, i) == LISTENER_FREE;
    return ended;
}

bool intake_retries(const struct intake *intake) {
    bool retries = intake->held != NULL || intake->links.jobs > 0 ||
                   intake->expansions_working > 0 || intake->pacing.waiting != NULL;
    for (uint32_t i = 0; i < LISTENERS_MAX; i++)
        retries = retries || !port_idle(&intake->tcp[i].retry) || !port_idle(&intake->udp[i].retry);
    return retries;
}

uint64_t intake_kernel_drops(const struct intake *intake) {
    uint64_t drops = intake->kernel_drops;
    for (uint32_t i = 0; i < LISTENERS_MAX; i++)
        if (intake->udp[i].state != LISTENER_FREE) drops = add_drops(drops, &intake->udp[i]);
    return drops;
}
