/* listener.c - what accepts connections and what takes datagrams. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ingest/intake.h"
#include "port/system.h"

#define RETRY_NS (100 * 1000000ll)

static void accepted(struct port_op *op);
static void retry_due(struct port_op *op);
static void datagrams_received(struct port_op *op);
static void receive_again(struct port_op *op);
static bool resume(struct source *source);

static uint32_t name_listener(struct intake *intake, const char *kind,
                              const struct port_address *address) {
    const uint32_t number = intake->tcp_count + intake->udp_count;
    char text[ADDRESS_TEXT_MAX];
    snprintf(intake->name_texts[number], LISTENER_NAME_MAX, "%s=%s", kind,
             address_format(address, text));
    intake->names[number] = intake->name_texts[number];
    return number;
}

/* ---- TCP ---- */

int intake_listen_tcp(struct intake *intake, const struct port_address *address) {
    assert(intake->tcp_count < LISTENERS_MAX);
    struct tcp_listener *listener = &intake->tcp[intake->tcp_count];
    struct port_address bound = *address;
    const int error = port_listen(intake->port, &listener->socket, &bound);
    if (error) return error;
    listener->intake = intake;
    listener->accept.done = accepted;
    listener->retry.done = retry_due;
    listener->number = name_listener(intake, "tcp", &bound);
    intake->tcp_count++;
    return 0;
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
        say("%s: connections_max, %u, are open; new ones wait until one ends (said once)",
            intake->names[listener->number], intake->connections_max);
    intake->limit_said = true;
}

static void accepted(struct port_op *op) {
    struct tcp_listener *listener = PORT_CONTAINER(struct tcp_listener, accept, op);
    struct intake *intake = listener->intake;
    struct connection *connection = listener->accepting;
    listener->accepting = NULL;
    if (op->result >= 0) {
        connection_start(connection, listener, &op->peer);
        accept_next(listener);
        return;
    }
    connection_give_back(intake, connection);
    if (op->result == ERR_CANCELLED) return; /* we are stopping */
    intake->counters->accept_pauses++;
    if (!intake->accept_failure_said)
        say("%s: accepting: %s; connections wait, trying again (said once)",
            intake->names[listener->number], error_text((int)op->result));
    intake->accept_failure_said = true;
    port_timer(intake->port, &listener->retry, port_now_ns(intake->port) + RETRY_NS);
}

static void retry_due(struct port_op *op) {
    struct tcp_listener *listener = PORT_CONTAINER(struct tcp_listener, retry, op);
    if (op->result >= 0) accept_next(listener);
}

void listeners_accept_again(struct intake *intake) {
    for (uint32_t i = 0; i < intake->tcp_count; i++) {
        struct tcp_listener *listener = &intake->tcp[i];
        if (listener->paused) accept_next(listener);
    }
}

/* ---- UDP ---- */

int intake_listen_udp(struct intake *intake, const struct port_address *address,
                      uint32_t receive_bytes, uint32_t *granted) {
    assert(intake->udp_count < LISTENERS_MAX);
    struct udp_listener *listener = &intake->udp[intake->udp_count];
    struct port_address bound = *address;
    const int error = port_bind(intake->port, &listener->socket, &bound, receive_bytes, granted);
    if (error) return error;
    listener->intake = intake;
    listener->receive.done = datagrams_received;
    listener->retry.done = receive_again;
    listener->source.resume = resume;
    listener->number = name_listener(intake, "udp", &bound);
    listener->origin.listener = listener->number;
    intake->udp_count++;
    return 0;
}

static void udp_close(struct udp_listener *listener) {
    listener->kernel_drops = port_kernel_drops(&listener->socket);
    port_shut(listener->intake->port, &listener->socket);
    listener->ended = true;
}

static bool take_slices(struct udp_listener *listener) {
    struct intake *intake = listener->intake;
    const struct port_buffer *buffer = listener->buffer;
    struct batch *batch = pipeline_batch(intake->pipeline, false);
    while (batch) {
        for (; listener->slices_taken < buffer->slice_count; listener->slices_taken++) {
            const struct port_slice *slice = &buffer->slices[listener->slices_taken];
            listener->origin.peer = slice->peer;
            if (!framing_take_datagram(batch, &listener->origin, buffer->bytes + slice->offset,
                                       slice->size))
                break;
        }
        pipeline_filled(intake->pipeline);
        if (listener->slices_taken == buffer->slice_count) return true;
        batch = pipeline_batch(intake->pipeline, true);
    }
    return false;
}

static bool udp_advance(struct udp_listener *listener) {
    struct intake *intake = listener->intake;
    if (listener->buffer) {
        if (!take_slices(listener)) {
            pipeline_park(intake->pipeline, &listener->source);
            return false;
        }
        port_buffer_release(listener->buffer);
        listener->buffer = NULL;
    }
    if (listener->ending)
        udp_close(listener);
    else
        port_receive_datagrams(intake->port, &listener->receive, &listener->socket,
                               intake->udp_pool);
    return true;
}

static bool resume(struct source *source) {
    return udp_advance(PORT_CONTAINER(struct udp_listener, source, source));
}

static void datagrams_received(struct port_op *op) {
    struct udp_listener *listener = PORT_CONTAINER(struct udp_listener, receive, op);
    struct counters *counters = listener->intake->counters;
    if (op->result > 0) {
        listener->buffer = op->buffer;
        listener->slices_taken = 0;
        listener->origin.received_ns = port_wall_ns(listener->intake->port);
        counters->datagrams += op->buffer->slice_count;
        for (uint32_t i = 0; i < op->buffer->slice_count; i++) {
            counters->bytes_received += op->buffer->slices[i].size;
            counters->datagrams_truncated += op->buffer->slices[i].truncated;
        }
    }
    /* An error on a datagram socket is never its end; but one that lasts must not spin. */
    if (op->result < 0 && !listener->ending)
        port_timer(listener->intake->port, &listener->retry,
                   port_now_ns(listener->intake->port) + RETRY_NS);
    else
        udp_advance(listener);
}

static void receive_again(struct port_op *op) {
    udp_advance(PORT_CONTAINER(struct udp_listener, retry, op));
}

/* ---- all of them ---- */

void intake_start(struct intake *intake) {
    for (uint32_t i = 0; i < intake->tcp_count; i++)
        accept_next(&intake->tcp[i]);
    for (uint32_t i = 0; i < intake->udp_count; i++)
        udp_advance(&intake->udp[i]);
}

void intake_end(struct intake *intake) {
    for (uint32_t i = 0; i < intake->tcp_count; i++) {
        intake->tcp[i].paused = false;
        port_cancel(&intake->tcp[i].retry);
        port_shut(intake->port, &intake->tcp[i].socket);
    }
    connections_end(intake);
    for (uint32_t i = 0; i < intake->udp_count; i++) {
        intake->udp[i].ending = true;
        port_cancel(&intake->udp[i].receive);
        port_cancel(&intake->udp[i].retry);
    }
}

bool intake_ended(const struct intake *intake) {
    bool ended = intake->connections_open == 0;
    for (uint32_t i = 0; i < intake->tcp_count; i++)
        ended = ended && port_idle(&intake->tcp[i].accept) && port_idle(&intake->tcp[i].retry);
    for (uint32_t i = 0; i < intake->udp_count; i++)
        ended = ended && intake->udp[i].ended;
    return ended;
}

uint64_t intake_kernel_drops(const struct intake *intake) {
    uint64_t drops = 0;
    for (uint32_t i = 0; i < intake->udp_count; i++)
        drops += intake->udp[i].ended ? intake->udp[i].kernel_drops
                                      : port_kernel_drops(&intake->udp[i].socket);
    return drops;
}
