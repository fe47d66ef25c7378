/* answers.c - see answers.h. */
#include "ingest/network/answers.h"

#include <assert.h>
#include <stdlib.h>

static void ready(struct acks *acks);
static void deliver(struct port_op *op);
static void plain_sent(struct port_op *op);
static void put_done(struct tls_link *link, int result);
static void sent(struct answers *answers, int64_t result);
static void timer_done(struct port_op *op);

struct answers *answers_begin(struct answers_due *all, struct session *session, bool synced,
                              struct port_socket *socket, struct tls_link *link,
                              void (*proceed)(struct answers *answers), void *context) {
    struct answers *answers = calloc(1, sizeof *answers);
    if (!answers) return NULL;
    answers->all = all;
    answers->session = session;
    answers->socket = socket;
    answers->link = link;
    answers->proceed = proceed;
    answers->context = context;
    answers->send.done = plain_sent;
    answers->timer.done = timer_done;
    if (link) link->put_done = put_done;
    if (link) link->put_context = answers;
    all->deliver.done = deliver;
    acks_begin(&answers->acks, synced, ready);
    return answers;
}

void answers_free(struct answers *answers) {
    if (!answers) return;
    assert(!answers_busy(answers));
    acks_end(&answers->acks);
    free(answers);
}

size_t answers_memory(void) {
    return sizeof(struct answers) + ANSWERS_BYTES;
}

/* ---- what is due ---- */

static void make_due(struct answers *answers) {
    struct answers_due *all = answers->all;
    if (answers->due) return;
    answers->due = true;
    answers->next_due = all->first;
    all->first = answers;
    if (port_idle(&all->deliver)) port_timer(all->port, &all->deliver, port_now_ns(all->port));
}

static void ready(struct acks *acks) {
    make_due(PORT_CONTAINER(struct answers, acks, acks));
}

static void fail(struct answers *answers, int failure) {
    struct counters *counters = answers->all->counters;
    if (answers->failure) return;
    answers->failure = failure;
    counters->answers_unread += failure == ERR_TIMED_OUT;
    counters->acknowledgements_failed += failure == ERR_IO;
}

/* The peer must send it again; some protocols can say so. */
static void not_stored(struct answers *answers) {
    const struct protocol *protocol = answers->session->protocol;
    if (!protocol->not_stored) {
        fail(answers, ERR_IO);
        return;
    }
    answers->all->counters->acknowledgements_failed++;
    acks_end(&answers->acks);
    protocol->not_stored(answers->session);
}

static void take_commits(struct answers *answers) {
    struct commit commit;
    int result;
    while ((result = acks_next(&answers->acks, &commit)) > 0) {
        answers->all->counters->acknowledged += commit.records;
        answers->session->protocol->committed(answers->session, &commit);
    }
    if (result < 0) not_stored(answers);
    answers->session->waits = false;
}

static void deliver(struct port_op *op) {
    struct answers_due *all = PORT_CONTAINER(struct answers_due, deliver, op);
    struct answers *answers = all->first;
    all->first = NULL;
    while (answers) { /* none of them is freed before its turn: it is busy */
        struct answers *next = answers->next_due;
        answers->due = false;
        if (!answers->stopping) {
            take_commits(answers);
            answers_send(answers);
        }
        answers->proceed(answers);
        answers = next;
    }
}

/* ---- time ---- */

static int64_t limit_ns(const struct answers *answers) {
    if (answers->linger_ns) return answers->linger_ns + ANSWERS_LINGER_NS;
    if (!answers->sent_ns && answers->awaited_ns) return answers->awaited_ns + ANSWERS_NUDGE_NS;
    if (!answers->sent_ns) return INT64_MAX;
    return answers->sent_ns + (answers->hurried ? ANSWERS_LINGER_NS : ANSWERS_UNREAD_NS);
}

static bool is_awaited(const struct answers *answers) {
    const struct session *session = answers->session;
    return session->protocol->awaited && !answers->failure && !answers->linger_ns &&
           session->protocol->awaited(session);
}

/* A timer that is too early starts again when it is back, so that not every send needs one.  One that
 * waits for a send to be read must not come too late for a nudge after it. */
static void watch(struct answers *answers) {
    const int64_t now = port_now_ns(answers->all->port);
    if (!is_awaited(answers))
        answers->awaited_ns = 0;
    else if (!answers->awaited_ns)
        answers->awaited_ns = now;
    int64_t limit = limit_ns(answers);
    if (answers->session->protocol->awaited && limit < INT64_MAX && limit > now + ANSWERS_NUDGE_NS)
        limit = now + ANSWERS_NUDGE_NS;
    if (limit < INT64_MAX && port_idle(&answers->timer))
        port_timer(answers->all->port, &answers->timer, limit);
}

static void nudge(struct answers *answers) {
    struct session *session = answers->session;
    const bool awaited = is_awaited(answers);
    if (!session->protocol->nudge) {
        session->nudged = awaited;
        return;
    }
    if (awaited) session->protocol->nudge(session);
    answers->awaited_ns = port_now_ns(answers->all->port); /* until the next one */
}

static void timer_done(struct port_op *op) {
    struct answers *answers = PORT_CONTAINER(struct answers, timer, op);
    if (answers->stopping) {
        answers->proceed(answers);
    } else if (port_now_ns(answers->all->port) < limit_ns(answers)) {
        watch(answers);
    } else if (!answers->linger_ns && !answers->sent_ns) {
        nudge(answers);
        answers_send(answers);
    } else {
        fail(answers, answers->linger_ns ? ERR_CANCELLED : ERR_TIMED_OUT);
        answers->proceed(answers);
    }
}

void answers_hurry(struct answers *answers) {
    if (answers->hurried) return;
    answers->hurried = true;
    if (answers->sent_ns) answers->sent_ns = port_now_ns(answers->all->port);
    port_cancel(&answers->timer);
}

void answers_linger(struct answers *answers) {
    if (answers->linger_ns) return;
    answers->linger_ns = port_now_ns(answers->all->port);
    port_cancel(&answers->timer);
    watch(answers);
}

/* ---- sending ---- */

void answers_send(struct answers *answers) {
    struct session *session = answers->session;
    if (answers->bytes || answers->failure || answers->stopping) return;
    answers->full = false;
    if (!protocol_owes(session)) {
        if (session->protocol->awaited) watch(answers);
        return;
    }
    answers->bytes = malloc(ANSWERS_BYTES);
    if (!answers->bytes) { /* nothing is lost: the peer sends again what was not acknowledged */
        fail(answers, ERR_NO_MEMORY);
        make_due(answers);
        return;
    }
    const size_t size = session->protocol->reply(session, answers->bytes, ANSWERS_BYTES);
    assert(size > 0 && size <= ANSWERS_BYTES);
    answers->full = protocol_owes(session);
    answers->sent_ns = port_now_ns(answers->all->port);
    answers->awaited_ns = 0;
    answers->closed = session->leaving && !answers->full;
    if (answers->link)
        tls_link_put(answers->link, answers->bytes, size, answers->closed);
    else
        port_send(answers->all->port, &answers->send, answers->socket, answers->bytes, size);
    watch(answers);
}

static void plain_sent(struct port_op *op) {
    sent(PORT_CONTAINER(struct answers, send, op), op->result);
}

static void put_done(struct tls_link *link, int result) {
    sent(link->put_context, result);
}

static void sent(struct answers *answers, int64_t result) {
    free(answers->bytes);
    answers->bytes = NULL;
    answers->sent_ns = 0;
    if (result < 0) fail(answers, (int)result);
    answers_send(answers);
    answers->proceed(answers);
}

/* ---- the end ---- */

/* The peer knows then that it has all answers, and was not cut off (RFC 8446 section 6.1). */
static void send_close_notify(struct answers *answers) {
    if (!answers->link || answers->closed || answers->bytes || answers->failure ||
        answers->stopping)
        return;
    answers->closed = true;
    answers->bytes = malloc(1); /* without memory the connection is closed all the same */
    if (answers->bytes == NULL) return;
    answers->sent_ns = port_now_ns(answers->all->port);
    tls_link_put(answers->link, answers->bytes, 0, true);
    watch(answers);
}

bool answers_complete(struct answers *answers) {
    if (answers->failure) return true;
    if (answers->session->abandons) acks_end(&answers->acks);
    if (!acks_empty(&answers->acks) || answers->bytes || answers->due) return false;
    answers->session->leaving = true;
    answers_send(answers);
    send_close_notify(answers);
    return !answers->bytes;
}

bool answers_busy(const struct answers *answers) {
    return answers->due || answers->bytes || !port_idle(&answers->timer);
}

void answers_stop(struct answers *answers) {
    answers->stopping = true;
    acks_end(&answers->acks);
    port_cancel(&answers->timer);
}
