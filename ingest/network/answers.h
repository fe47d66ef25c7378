/* answers.h - the way back to the peer of a protocol that acknowledges (protocol.h): the protocol
 * learns what was stored, and what it answers is sent.
 *
 * One send of a connection is in flight.  A peer is not read from while more answers are due than
 * one send holds; if it does not take one for ANSWERS_UNREAD_NS its connection is closed.  Only
 * connections that acknowledge have a struct answers.  Owner only. */
#ifndef INGEST_NETWORK_ANSWERS_H
#define INGEST_NETWORK_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/network/tls_link.h"
#include "ingest/pipeline/counters.h"
#include "ingest/protocol/protocol.h"
#include "port/port.h"

/* Of one send. */
#define ANSWERS_BYTES     2048
/* How long the peer may take to read one. */
#define ANSWERS_UNREAD_NS (30 * 1000000000ll)
/* A peer that has waited this long for an answer is nudged (protocol.h, `awaited`).  Beats close a
 * connection after 30 s without one, others after 15 s or less. */
#define ANSWERS_NUDGE_NS  (3 * 1000000000ll)
/* At its end a connection waits this long for its peer to close: if it closed first, what the peer
 * still sends would reset it, and the peer might lose answers that it has not read. */
#define ANSWERS_LINGER_NS (1000 * 1000000ll)

struct answers;

/* What all connections share: those that have something to do, which is done when the port is next
 * waited for, because acknowledgements come from the midst of writing. */
struct answers_due {
    struct port *port;
    struct counters *counters;
    struct answers *first;
    struct port_op deliver;
};

struct answers {
    struct answers_due *all;
    struct acks acks;
    struct session *session;
    struct port_socket *socket;
    struct tls_link *link; /* NULL: plain text */
    struct port_op send, timer;
    uint8_t *bytes;             /* in flight; NULL: none */
    int64_t sent_ns, linger_ns; /* since when; 0: not */
    int64_t awaited_ns;         /* the same: since when its peer waits for an answer */
    bool due;                   /* in all->first */
    bool full;                  /* more is due than the send in flight holds */
    bool hurried;               /* the listener ends */
    bool stopping;
    bool closed; /* TLS: a close_notify was sent, or follows what is in flight */
    int failure; /* nothing more is acknowledged: ERR_TIMED_OUT: its answers were not read */
    struct answers *next_due;
    /* Something has changed: the connection may continue, or end. */
    void (*proceed)(struct answers *answers);
    void *context;
};

/* NULL: out of memory. */
struct answers *answers_begin(struct answers_due *all, struct session *session, bool synced,
                              struct port_socket *socket, struct tls_link *link,
                              void (*proceed)(struct answers *answers), void *context);
void answers_free(struct answers *answers); /* not busy */

/* Sends what is due, unless a send is in flight. */
void answers_send(struct answers *answers);
/* Nothing is received while this is true. */
static inline bool answers_full(const struct answers *answers) {
    return answers->full;
}
/* Its peer has sent what is not stored yet, and may wait for that before it sends more. */
static inline bool answers_awaited(const struct answers *answers) {
    return !acks_empty(&answers->acks);
}
/* The connection ends: true once all that will be acknowledged is, and all answers and last words are
 * sent. */
bool answers_complete(struct answers *answers);
/* From now on the connection only waits for its peer to close; proceed is called after
 * ANSWERS_LINGER_NS. */
void answers_linger(struct answers *answers);
static inline bool answers_lingering(const struct answers *answers) {
    return answers->linger_ns > 0;
}
/* The listener ends: a peer that does not read has ANSWERS_LINGER_NS left. */
void answers_hurry(struct answers *answers);

size_t answers_memory(void); /* the most that one connection takes */

bool answers_busy(const struct answers *answers); /* it must not be freed */
/* The socket is shut: proceed is called until it is not busy. */
void answers_stop(struct answers *answers);

#endif
