/* tls_link.c - see tls_link.h. */
#include "ingest/network/tls_link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* How long the last answer may take. */
#define ANSWER_NS (1000 * 1000000ll)
/* A waiting handshake message up to this size is copied, so that no receive buffer waits with it. */
#define COPY_MAX  4096
/* How often a handshake is looked at, whose place others may need. */
#define LOOK_NS   (500 * 1000000ll)

static void work_run(struct port_op *op);
static void work_done(struct port_op *op);
static void send_done(struct port_op *op);
static void timer_done(struct port_op *op);
static void begin_work(struct tls_link *link);
static void put_run(struct port_op *op);
static void put_came_back(struct port_op *op);
static void start_put(struct tls_link *link);
static void end_put(struct tls_link *link, int result);

/* ---- beginning ---- */

static bool start_handshake(struct tls_link *link) {
    struct tls_links *links = link->links;
    link->session = tls_session_begin(link->context, NULL);
    if (!link->session) return false;
    link->in_handshake = true;
    links->handshakes++;
    link->waits_ns = port_now_ns(links->port);
    link->deadline_ns = link->waits_ns + TLS_HANDSHAKE_NS;
    return true;
}

static void append(struct tls_link **first, struct tls_link **last, struct tls_link *link) {
    link->next_waiting = NULL;
    link->previous_waiting = *first ? *last : NULL;
    if (*first)
        (*last)->next_waiting = link;
    else
        *first = link;
    *last = link;
}

static bool enter_queue(struct tls_link *link, size_t size) {
    struct tls_links *links = link->links;
    link->copy = size <= TLS_QUEUE_BYTES ? malloc(size) : NULL;
    if (!link->copy) return false;
    link->queued = true;
    append(&links->queue, &links->queue_last, link);
    link->deadline_ns = port_now_ns(links->port) + TLS_QUEUE_NS;
    return true;
}

static void leave_queue(struct tls_link *link) {
    struct tls_links *links = link->links;
    if (!link->queued) return;
    link->queued = false;
    if (link->previous_waiting)
        link->previous_waiting->next_waiting = link->next_waiting;
    else
        links->queue = link->next_waiting;
    if (link->next_waiting)
        link->next_waiting->previous_waiting = link->previous_waiting;
    else
        links->queue_last = link->previous_waiting;
}

/* When it must be looked at next; while others wait, that is soon. */
static int64_t next_look(const struct tls_link *link) {
    const int64_t soon = port_now_ns(link->links->port) + LOOK_NS;
    return link->queued || soon > link->deadline_ns ? link->deadline_ns : soon;
}

struct tls_link *tls_link_begin(struct tls_links *links, struct tls_context *context,
                                struct port_socket *socket, size_t size) {
    struct tls_link *link = calloc(1, sizeof *link);
    if (!link) return NULL;
    link->links = links;
    link->socket = socket;
    link->context = context;
    link->work.done = work_done;
    link->send.done = send_done;
    link->timer.done = timer_done;
    link->put.done = put_came_back;
    const bool crowded = links->handshakes == TLS_HANDSHAKES_MAX || links->queue;
    if (!(crowded ? enter_queue(link, size) : start_handshake(link))) {
        free(link);
        return NULL;
    }
    tls_context_hold(context);
    port_timer(links->port, &link->timer, next_look(link));
    return link;
}

/* Those that have waited longest take the places that have become free. */
static void admit(struct tls_links *links) {
    while (links->queue && links->handshakes < TLS_HANDSHAKES_MAX) {
        struct tls_link *link = links->queue;
        if (!start_handshake(link)) { /* out of memory */
            link->deadline_ns = 0;
            port_cancel(&link->timer);
            return;
        }
        leave_queue(link);
        links->jobs++;
        port_cancel(&link->timer); /* which starts it again, for the handshake */
        begin_work(link);
    }
}

static void leave_handshake(struct tls_link *link) {
    if (!link->in_handshake) return;
    link->in_handshake = false;
    link->links->handshakes--;
}

void tls_link_free(struct tls_link *link) {
    assert(!tls_link_busy(link));
    leave_queue(link);
    leave_handshake(link);
    admit(link->links);
    tls_session_end(link->session);
    tls_context_release(link->context);
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

static void begin_work(struct tls_link *link) {
    link->wants_work = false;
    if (link->in_handshake && link->links->handshake_jobs == TLS_HANDSHAKE_JOBS)
        append(&link->links->waiting, &link->links->waiting_last, link);
    else
        start_work(link);
}

bool tls_link_take(struct tls_link *link, uint8_t *bytes, size_t size) {
    assert(!link->bytes && !link->taken.first);
    link->bytes = bytes;
    link->size = size;
    link->working = link->wants_work = true;
    if (link->in_handshake && size <= COPY_MAX) link->copy = malloc(size);
    if (link->copy) link->bytes = memcpy(link->copy, bytes, size);
    const bool copied = link->copy != NULL;
    if (link->queued) return copied; /* admit begins */
    link->links->jobs++;
    if (port_idle(&link->send) && port_idle(&link->put)) begin_work(link);
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
    link->waits_ns = port_now_ns(link->links->port);
}

static void work_done(struct port_op *op) {
    struct tls_link *link = PORT_CONTAINER(struct tls_link, work, op);
    size_t size;
    link->state = op->result < 0 ? TLS_FAILED : (enum tls_state)op->result;
    if (link->job_is_handshake) next_handshake(link->links);
    work_is_over(link);
    if (link->in_handshake && link->state != TLS_HANDSHAKE) {
        leave_handshake(link);
        admit(link->links);
        port_cancel(&link->timer);
    }
    const uint8_t *answer = tls_session_answer(link->session, &size);
    /* What says that a handshake has failed is sent by a farewell. */
    if (size > 0 && link->state != TLS_FAILED && !link->stopping)
        port_send(link->links->port, &link->send, link->socket, answer, size);
    if (link->state == TLS_CLOSED && tls_link_sending(link) && port_idle(&link->timer))
        port_timer(link->links->port, &link->timer, port_now_ns(link->links->port) + ANSWER_NS);
    start_put(link);
    link->taken_all(link);
}

/* What was received is not looked at any more. */
static void give_work_up(struct tls_link *link) {
    link->wants_work = false;
    work_is_over(link);
}

static bool send_last_words(struct tls_link *link) {
    size_t size;
    tls_session_finish(link->session, link->last_words, link->last_words_size);
    const uint8_t *answer = tls_session_answer(link->session, &size);
    link->last_words_size = 0;
    if (size > 0) port_send(link->links->port, &link->send, link->socket, answer, size);
    return size > 0;
}

/* False: nothing is sent. */
static bool send_close(struct tls_link *link) {
    size_t size;
    if (link->closed) return false;
    link->closed = true;
    tls_session_finish(link->session, NULL, 0);
    const uint8_t *answer = tls_session_answer(link->session, &size);
    if (size > 0) port_send(link->links->port, &link->send, link->socket, answer, size);
    return size > 0;
}

static void send_done(struct port_op *op) {
    struct tls_link *link = PORT_CONTAINER(struct tls_link, send, op);
    if (link->put_sending || (link->put_bytes && (op->result < 0 || link->stopping))) {
        const int sent = link->put_sending ? 0 : ERR_CANCELLED;
        link->put_sending = false;
        end_put(link, op->result < 0 ? (int)op->result : sent);
    } else if (link->stopping) {
        if (!tls_link_busy(link)) link->is_idle(link);
    } else if (link->wants_work && (op->result < 0 || link->overdue)) {
        give_work_up(link);
        link->time_is_over(link);
    } else if (link->wants_work) {
        begin_work(link);
    } else if (link->put_bytes) {
        start_put(link);
    } else if (link->last_words) {
        const bool sent_before = link->last_words_size > 0 && op->result >= 0;
        if (!sent_before || !send_last_words(link)) link->answered(link);
    } else if (link->state == TLS_CLOSED && !(link->closing && send_close(link))) {
        link->time_is_over(link); /* the last answer */
    }
}

/* Its place is needed, and its peer does not answer. */
static bool loses_place(const struct tls_link *link, int64_t now_ns) {
    return link->in_handshake && link->links->queue && !(link->working && !link->wants_work) &&
           now_ns >= link->waits_ns + TLS_CROWDED_NS;
}

static void time_is_over(struct tls_link *link) {
    if (link->queued) {
        leave_queue(link);
        link->working = link->wants_work = false;
    }
    /* Its job waits for an answer that its peer does not read: send_done ends it. */
    link->overdue = link->wants_work;
    if (link->overdue)
        port_cancel(&link->send);
    else
        link->time_is_over(link);
}

static void timer_done(struct port_op *op) {
    struct tls_link *link = PORT_CONTAINER(struct tls_link, timer, op);
    const int64_t now_ns = port_now_ns(link->links->port);
    if (link->stopping) {
        if (!tls_link_busy(link)) link->is_idle(link);
    } else if (link->in_handshake || link->queued) {
        if (now_ns >= link->deadline_ns || loses_place(link, now_ns))
            time_is_over(link);
        else
            port_timer(link->links->port, op, next_look(link));
    } else if (link->state == TLS_CLOSED && op->result != ERR_CANCELLED) {
        time_is_over(link);
    } else if (tls_link_sending(link) && link->state == TLS_CLOSED) {
        port_timer(link->links->port, op, now_ns + ANSWER_NS);
    }
}

/* ---- what its protocol answers ---- */

void tls_link_put(struct tls_link *link, const uint8_t *bytes, size_t size, bool last) {
    assert(!link->put_bytes && (size > 0 || last));
    link->put_bytes = bytes;
    link->put_size = size;
    link->put_last = last;
    start_put(link);
}

/* The session is of one thread at a time, and its answer must stay until it has been sent. */
static void start_put(struct tls_link *link) {
    const bool decrypting = link->working && !link->wants_work;
    if (!link->put_bytes || decrypting || !port_idle(&link->send) || !port_idle(&link->put)) return;
    port_work(link->links->port, &link->put, PORT_LANE_PACK, put_run);
}

static void put_run(struct port_op *op) {
    struct tls_link *link = PORT_CONTAINER(struct tls_link, put, op);
    op->result = (link->put_last ? tls_session_finish
                                 : tls_session_put)(link->session, link->put_bytes, link->put_size);
}

static void put_came_back(struct port_op *op) {
    struct tls_link *link = PORT_CONTAINER(struct tls_link, put, op);
    size_t size;
    const uint8_t *answer = tls_session_answer(link->session, &size);
    if (op->result == TLS_FAILED || size == 0 || link->stopping) {
        end_put(link, ERR_CANCELLED);
        return;
    }
    link->put_sending = true;
    port_send(link->links->port, &link->send, link->socket, answer, size);
}

static void end_put(struct tls_link *link, int result) {
    link->put_bytes = NULL;
    if (link->wants_work && result == 0)
        begin_work(link);
    else if (link->wants_work)
        give_work_up(link);
    link->put_done(link, result);
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

bool tls_link_answer(struct tls_link *link, const uint8_t *bytes, size_t size) {
    assert(!link->working && size > 0);
    if (link->state != TLS_OPEN && link->state != TLS_CLOSED) return false;
    link->closed = true;
    link->last_words = bytes;
    link->last_words_size = size;
    return !port_idle(&link->send) || send_last_words(link);
}

bool tls_link_close(struct tls_link *link) {
    assert(!link->working && !link->put_bytes);
    if (link->state != TLS_CLOSED) return tls_link_sending(link);
    link->closing = true;
    if (port_idle(&link->send) && send_close(link) && port_idle(&link->timer))
        port_timer(link->links->port, &link->timer, port_now_ns(link->links->port) + ANSWER_NS);
    return tls_link_sending(link);
}

void tls_link_hurry(struct tls_link *link) {
    if (!link->put_bytes) port_cancel(&link->send);
    if (!link->queued) return;
    link->deadline_ns = 0;
    port_cancel(&link->timer);
}

bool tls_link_busy(const struct tls_link *link) {
    return !port_idle(&link->work) || !port_idle(&link->send) || !port_idle(&link->timer) ||
           !port_idle(&link->put);
}

void tls_link_stop(struct tls_link *link) {
    link->stopping = true;
    port_cancel(&link->timer);
}
