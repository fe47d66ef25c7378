/* tls_link.c - see tls_link.h. */
#include "ingest/network/tls_link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* How long the last answer may take. */
#define ANSWER_NS (1000 * 1000000ll)
/* A waiting handshake message up to this size is copied, so that no receive buffer waits with it. */
#define COPY_MAX  4096

static void work_run(struct port_op *op);
static void work_done(struct port_op *op);
static void send_done(struct port_op *op);
static void timer_done(struct port_op *op);

struct tls_link *tls_link_begin(struct tls_links *links, struct tls_context *context,
                                struct port_socket *socket) {
    if (links->handshakes == TLS_HANDSHAKES_MAX) return NULL;
    struct tls_link *link = calloc(1, sizeof *link);
    if (!link) return NULL;
    link->session = tls_session_begin(context, NULL);
    if (!link->session) {
        free(link);
        return NULL;
    }
    link->links = links;
    link->socket = socket;
    link->work.done = work_done;
    link->send.done = send_done;
    link->timer.done = timer_done;
    link->in_handshake = true;
    links->handshakes++;
    port_timer(links->port, &link->timer, port_now_ns(links->port) + TLS_HANDSHAKE_NS);
    return link;
}

static void leave_handshake(struct tls_link *link) {
    if (link->in_handshake) link->links->handshakes--;
    link->in_handshake = false;
}

void tls_link_free(struct tls_link *link) {
    assert(!tls_link_busy(link));
    leave_handshake(link);
    tls_session_end(link->session);
    free(link->taken.first);
    free(link->copy);
    free(link);
}

/* ---- jobs ---- */

static void work_run(struct port_op *op) {
    struct tls_link *link = PORT_CONTAINER(struct tls_link, work, op);
    link->taken.first = malloc(TLS_RECORD_BYTES);
    if (!link->taken.first) {
        op->result = ERR_NO_MEMORY;
        return;
    }
    op->result = tls_session_take(link->session, link->bytes, link->size, &link->taken);
}

static void start_work(struct tls_link *link) {
    link->job_is_handshake = link->in_handshake;
    if (link->job_is_handshake) link->links->handshake_jobs++;
    port_work(link->links->port, &link->work, PORT_LANE_PACK, work_run);
}

static void wait_for_lane(struct tls_link *link) {
    struct tls_links *links = link->links;
    link->next_waiting = NULL;
    if (links->waiting)
        links->waiting_last->next_waiting = link;
    else
        links->waiting = link;
    links->waiting_last = link;
}

static void begin_work(struct tls_link *link) {
    link->wants_work = false;
    if (link->in_handshake && link->links->handshake_jobs == TLS_HANDSHAKE_JOBS)
        wait_for_lane(link);
    else
        start_work(link);
}

bool tls_link_take(struct tls_link *link, uint8_t *bytes, size_t size) {
    assert(!link->bytes && !link->taken.first);
    link->bytes = bytes;
    link->size = size;
    link->links->jobs++;
    link->working = link->wants_work = true;
    if (link->in_handshake && size <= COPY_MAX) {
        link->copy = malloc(size);
        if (link->copy) link->bytes = memcpy(link->copy, bytes, size);
    }
    const bool copied = link->copy != NULL;
    if (port_idle(&link->send)) begin_work(link);
    return copied;
}

static void next_handshake(struct tls_links *links) {
    struct tls_link *next = links->waiting;
    links->handshake_jobs--;
    if (!next) return;
    links->waiting = next->next_waiting;
    start_work(next);
}

static void work_is_over(struct tls_link *link) {
    link->working = false;
    link->links->jobs--;
}

static void work_done(struct port_op *op) {
    struct tls_link *link = PORT_CONTAINER(struct tls_link, work, op);
    size_t size;
    link->state = op->result < 0 ? TLS_FAILED : (enum tls_state)op->result;
    if (link->job_is_handshake) next_handshake(link->links);
    work_is_over(link);
    if (link->in_handshake && link->state != TLS_HANDSHAKE) {
        leave_handshake(link);
        port_cancel(&link->timer);
    }
    const uint8_t *answer = tls_session_answer(link->session, &size);
    /* What says that a handshake has failed is sent by a farewell. */
    if (size > 0 && link->state != TLS_FAILED && !link->stopping)
        port_send(link->links->port, &link->send, link->socket, answer, size);
    if (link->state == TLS_CLOSED && tls_link_sending(link) && port_idle(&link->timer))
        port_timer(link->links->port, &link->timer, port_now_ns(link->links->port) + ANSWER_NS);
    link->taken_all(link);
}

static void send_done(struct port_op *op) {
    struct tls_link *link = PORT_CONTAINER(struct tls_link, send, op);
    if (link->stopping) {
        if (!tls_link_busy(link)) link->is_idle(link);
    } else if (link->wants_work && op->result < 0) {
        link->wants_work = false;
        work_is_over(link);
        link->time_is_over(link);
    } else if (link->wants_work) {
        begin_work(link);
    } else if (link->state == TLS_CLOSED) {
        link->time_is_over(link); /* the last answer */
    }
}

static void timer_done(struct port_op *op) {
    struct tls_link *link = PORT_CONTAINER(struct tls_link, timer, op);
    if (link->stopping) {
        if (!tls_link_busy(link)) link->is_idle(link);
    } else if (op->result != ERR_CANCELLED) {
        link->time_is_over(link);
    } else if (tls_link_sending(link) && link->state == TLS_CLOSED) {
        port_timer(link->links->port, op, port_now_ns(link->links->port) + ANSWER_NS);
    }
}

/* ---- pieces ---- */

bool tls_link_next(struct tls_link *link, const uint8_t **bytes, uint32_t *size) {
    const struct tls_taken *taken = &link->taken;
    while (taken->first && link->pieces < 2) {
        const bool first = link->pieces++ == 0;
        *bytes = first ? taken->first : link->bytes;
        *size = (uint32_t)(first ? taken->first_size : taken->rest_size);
        if (*size > 0) return true;
    }
    return false;
}

void tls_link_done(struct tls_link *link) {
    free(link->taken.first);
    free(link->copy);
    link->taken = (struct tls_taken){0};
    link->copy = link->bytes = NULL;
    link->pieces = 0;
}

/* ---- the end ---- */

bool tls_link_sending(const struct tls_link *link) {
    return !port_idle(&link->send);
}

void tls_link_hurry(struct tls_link *link) {
    port_cancel(&link->send);
}

bool tls_link_busy(const struct tls_link *link) {
    return !port_idle(&link->work) || !port_idle(&link->send) || !port_idle(&link->timer);
}

void tls_link_stop(struct tls_link *link) {
    link->stopping = true;
    port_cancel(&link->timer);
}
