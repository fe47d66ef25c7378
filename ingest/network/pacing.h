/* pacing.h - when a connection may be read again, and how long it may wait for its peer.
 *
 * A peer that has used up an allowance is not read until it has earned more, so its TCP window
 * closes and nothing is lost.  A connection that has received nothing for idle_s, or an unfinished
 * record for partial_s, is overdue; that is looked for at intervals, so a receive costs no clock.
 * Owner only. */
#ifndef INGEST_NETWORK_PACING_H
#define INGEST_NETWORK_PACING_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/network/admission.h"
#include "port/port.h"

/* Embedded in a connection. */
struct paced {
    struct peer *peer;  /* whose allowances it uses; NULL: none */
    struct paced *next; /* in pacing->waiting */
    int64_t due_ns;
    int64_t heard_ns, begun_ns; /* its last bytes; the first ones of its unfinished record */
    bool waiting;               /* it is not read until pacing->resume is called */
    bool unfinished;            /* its record was overdue and is to be rejected */
};

struct pacing {
    struct port *port;
    struct admission *admission;
    void (*resume)(struct paced *paced);
    void (*look)(struct pacing *pacing); /* calls pacing_overdue for each connection */
    struct port_op wake, tick;
    int64_t wake_ns; /* what `wake` waits for */
    int64_t now_ns;  /* at the last tick */
    int64_t tick_ns, idle_ns, partial_ns;
    struct paced *waiting;
    bool waking, lifted, ended;
    bool begins_now; /* the time of every connection begins with this look */
};

/* port and admission stay as long as it. */
void pacing_open(struct pacing *pacing, struct port *port, struct admission *admission,
                 void (*resume)(struct paced *paced), void (*look)(struct pacing *pacing));
/* 0: no limit.  Also for open connections. */
void pacing_set_times(struct pacing *pacing, int64_t idle_ns, int64_t partial_ns);

void pacing_begin(struct pacing *pacing, struct paced *paced);
void pacing_received(struct pacing *pacing, struct paced *paced, uint32_t bytes);
/* These bytes went to the batch, whose raw_size was `from`; was a record unfinished before? */
void pacing_took(struct pacing *pacing, struct paced *paced, const struct batch *batch,
                 uint32_t from, bool was_unfinished);
/* True: it may not be read now; it is resumed later.  Counted. */
bool pacing_wait(struct pacing *pacing, struct paced *paced);
/* Resumes it, or all, soon. */
void pacing_hurry(struct pacing *pacing, struct paced *paced);
void pacing_hurry_all(struct pacing *pacing);
/* From now on no connection waits. */
void pacing_lift(struct pacing *pacing);
/* The same, and none is overdue: all end. */
void pacing_end(struct pacing *pacing);
static inline bool pacing_ended(const struct pacing *pacing) {
    return port_idle(&pacing->wake) && port_idle(&pacing->tick);
}

enum pacing_overdue { PACING_IN_TIME, PACING_IDLE, PACING_UNFINISHED };
/* `has_partial`: a record is unfinished.  `waits`: we do not read it, so its time stands still. */
enum pacing_overdue pacing_overdue(struct pacing *pacing, struct paced *paced, bool has_partial,
                                   bool waits);
/* Its unfinished record may take partial_s from now. */
static inline void pacing_excuse(const struct pacing *pacing, struct paced *paced) {
    paced->begun_ns = pacing->now_ns;
}

#endif
