/* pacing.c - see pacing.h. */
#include "ingest/network/pacing.h"

#include <assert.h>

/* Connections that wait are looked at together. */
#define WAKE_NS     (10 * INT64_C(1000000))
/* A limit of time is exceeded by at most two ticks. */
#define TICKS       32 /* in the shorter limit, unless they are too short or long */
#define TICK_NS_MIN (20 * INT64_C(1000000))
#define TICK_NS_MAX (2000 * INT64_C(1000000))

static void wake_due(struct port_op *op);
static void tick_due(struct port_op *op);

void pacing_open(struct pacing *pacing, struct port *port, struct admission *admission,
                 void (*resume)(struct paced *paced), void (*look)(struct pacing *pacing)) {
    *pacing = (struct pacing){.port = port,
                              .admission = admission,
                              .resume = resume,
                              .look = look,
                              .wake.done = wake_due,
                              .tick.done = tick_due};
}

/* ---- allowances ---- */

static void start_wake(struct pacing *pacing) {
    int64_t due_ns = INT64_MAX;
    for (const struct paced *paced = pacing->waiting; paced; paced = paced->next)
        if (paced->due_ns < due_ns) due_ns = paced->due_ns;
    if (due_ns == INT64_MAX) return;
    const int64_t soon_ns = port_now_ns(pacing->port) + WAKE_NS;
    pacing->wake_ns = due_ns > soon_ns ? due_ns : soon_ns;
    port_timer(pacing->port, &pacing->wake, pacing->wake_ns);
}

/* A connection that is resumed may wait again. */
static void wake_due(struct port_op *op) {
    struct pacing *pacing = PORT_CONTAINER(struct pacing, wake, op);
    const int64_t now_ns = port_now_ns(pacing->port);
    struct paced *paced = pacing->waiting;
    pacing->waiting = NULL;
    pacing->waking = true;
    while (paced) {
        struct paced *next = paced->next;
        if (paced->due_ns <= now_ns) {
            paced->waiting = false;
            pacing->resume(paced);
        } else {
            paced->next = pacing->waiting;
            pacing->waiting = paced;
        }
        paced = next;
    }
    pacing->waking = false;
    start_wake(pacing);
}

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

bool pacing_wait(struct pacing *pacing, struct paced *paced) {
    const struct peer_limits *limits = &pacing->admission->limits;
    if (limits->bytes_per_s + limits->records_per_s == 0 || !paced->peer || pacing->lifted)
        return false;
    const int64_t now_ns = port_now_ns(pacing->port);
    paced->due_ns = later(peer_wait_ns(paced->peer, PEER_BYTES, limits, now_ns),
                          peer_wait_ns(paced->peer, PEER_RECORDS, limits, now_ns));
    if (paced->due_ns == 0) return false;
    pacing->admission->counters->rate_waits++;
    assert(!paced->waiting);
    paced->waiting = true;
    paced->next = pacing->waiting;
    pacing->waiting = paced;
    if (pacing->waking) return true;
    if (port_idle(&pacing->wake))
        start_wake(pacing);
    else if (paced->due_ns < pacing->wake_ns - WAKE_NS)
        port_cancel(&pacing->wake); /* it comes back and starts again */
    return true;
}

void pacing_hurry(struct pacing *pacing, struct paced *paced) {
    paced->due_ns = 0;
    port_cancel(&pacing->wake);
}

void pacing_hurry_all(struct pacing *pacing) {
    for (struct paced *paced = pacing->waiting; paced; paced = paced->next)
        paced->due_ns = 0;
    port_cancel(&pacing->wake);
}

void pacing_lift(struct pacing *pacing) {
    pacing->lifted = true;
    pacing_hurry_all(pacing);
}

void pacing_end(struct pacing *pacing) {
    pacing->ended = true;
    port_cancel(&pacing->tick);
    pacing_lift(pacing);
}

/* ---- times ---- */

static int64_t shorter(int64_t a, int64_t b) {
    return a == 0 || (b > 0 && b < a) ? b : a;
}

static void start_tick(struct pacing *pacing) {
    if (pacing->tick_ns == 0 || pacing->ended || !port_idle(&pacing->tick)) return;
    pacing->now_ns = port_now_ns(pacing->port);
    port_timer(pacing->port, &pacing->tick, pacing->now_ns + pacing->tick_ns);
}

void pacing_set_times(struct pacing *pacing, int64_t idle_ns, int64_t partial_ns) {
    const int64_t limit_ns = shorter(idle_ns, partial_ns);
    int64_t tick_ns = limit_ns / TICKS;
    if (tick_ns < TICK_NS_MIN) tick_ns = TICK_NS_MIN;
    if (tick_ns > TICK_NS_MAX) tick_ns = TICK_NS_MAX;
    pacing->idle_ns = idle_ns;
    pacing->partial_ns = partial_ns;
    pacing->tick_ns = limit_ns ? tick_ns : 0;
    pacing->begins_now = port_idle(&pacing->tick);
    if (pacing->begins_now)
        pacing->look(pacing);
    else
        port_cancel(&pacing->tick); /* it comes back and starts with the new interval */
    pacing->begins_now = false;
}

static void tick_due(struct port_op *op) {
    struct pacing *pacing = PORT_CONTAINER(struct pacing, tick, op);
    pacing->now_ns = port_now_ns(pacing->port);
    pacing->look(pacing);
}

void pacing_begin(struct pacing *pacing, struct paced *paced) {
    start_tick(pacing);
    paced->heard_ns = paced->begun_ns = pacing->now_ns;
}

void pacing_received(struct pacing *pacing, struct paced *paced, uint32_t bytes) {
    const struct peer_limits *limits = &pacing->admission->limits;
    paced->heard_ns = pacing->now_ns;
    if (limits->bytes_per_s > 0 && paced->peer)
        peer_use(paced->peer, PEER_BYTES, limits, bytes, port_now_ns(pacing->port));
}

void pacing_took(struct pacing *pacing, struct paced *paced, const struct batch *batch,
                 uint32_t from, bool was_unfinished) {
    const struct peer_limits *limits = &pacing->admission->limits;
    if (batch->raw_size == from && was_unfinished) return;
    paced->begun_ns = pacing->now_ns;
    paced->unfinished = false;
    if (limits->records_per_s > 0 && paced->peer)
        peer_use(paced->peer, PEER_RECORDS, limits, records_added(batch, from),
                 port_now_ns(pacing->port));
}

enum pacing_overdue pacing_overdue(struct pacing *pacing, struct paced *paced, bool has_partial,
                                   bool waits) {
    start_tick(pacing); /* as long as there are connections */
    const int64_t before_ns = pacing->now_ns - pacing->tick_ns;
    if (waits || paced->waiting || pacing->begins_now)
        paced->heard_ns = paced->begun_ns = pacing->now_ns;
    if (has_partial && pacing->partial_ns > 0 && before_ns - paced->begun_ns >= pacing->partial_ns)
        return PACING_UNFINISHED;
    if (pacing->idle_ns > 0 && before_ns - paced->heard_ns >= pacing->idle_ns) return PACING_IDLE;
    return PACING_IN_TIME;
}
