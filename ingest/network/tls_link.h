/* tls_link.h - the TLS of one connection: decrypts what it has received on a worker, one piece at a
 * time, and sends the answers of the handshake.
 *
 * Handshakes are bounded: TLS_HANDSHAKES_MAX connections may be in one, each for TLS_HANDSHAKE_NS,
 * and the pack lane gets few of their jobs at a time, so that a flood of them delays neither
 * established connections nor batches.  Further ones wait in the order of their arrival, for at most
 * TLS_QUEUE_NS: after a restart all clients connect at once, and all must get in.  Owner only. */
#ifndef INGEST_NETWORK_TLS_LINK_H
#define INGEST_NETWORK_TLS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/transport/tls.h"
#include "port/port.h"

#define TLS_HANDSHAKES_MAX  512
#define TLS_HANDSHAKE_NS    (10 * 1000000000ll)
/* While others wait, a peer that has not answered for this long loses its place.  A lost packet is
 * sent again after one second, and again after two more (RFC 6298 section 2). */
#define TLS_CROWDED_NS      (5 * 1000000000ll)
#define TLS_QUEUE_NS        (30 * 1000000000ll)
/* The most that is kept of a connection that waits: less than a session, so the plan of memory for
 * sessions covers it. */
#define TLS_QUEUE_BYTES     (4u << 10)
/* OpenSSL's memory for a session that waits, and in addition for a handshake (measured with OpenSSL
 * 3.0). */
#define TLS_SESSION_BYTES   (24u << 10)
#define TLS_HANDSHAKE_BYTES (48u << 10)
/* In the pack lane at a time; the others wait in tls_links. */
#define TLS_HANDSHAKE_JOBS  1

struct tls_link;

/* What all links share. */
struct tls_links {
    struct port *port;
    uint32_t handshakes;     /* links that are in one */
    uint32_t handshake_jobs; /* in the pack lane */
    uint32_t jobs;           /* of any kind, also those that wait for the lane */
    struct tls_link *waiting, *waiting_last;
    struct tls_link *queue, *queue_last; /* they wait for a handshake to end */
};

struct tls_link {
    struct tls_links *links;
    struct tls_context *context;
    struct tls_session *session; /* NULL: it is queued */
    struct port_op work, send, timer, put;
    void (*taken_all)(struct tls_link *link);    /* the job is done: state and pieces are new */
    void (*time_is_over)(struct tls_link *link); /* of the handshake or of the last answer */
    void (*is_idle)(struct tls_link *link);      /* after tls_link_stop: its ops are back */
    void (*answered)(struct tls_link *link);     /* tls_link_answer: it was sent, or not */
    /* tls_link_put: the bytes were sent (0), or an ERR_; they are the caller's again. */
    void (*put_done)(struct tls_link *link, int result);
    void *put_context; /* of its owner */
    struct port_socket *socket;
    enum tls_state state;
    bool opened;       /* its handshake was completed; the owner's to set */
    bool in_handshake; /* counted in links->handshakes */
    bool job_is_handshake;
    bool queued;     /* in links->queue */
    bool working;    /* bytes were taken, and taken_all was not called yet */
    bool wants_work; /* that waits until the answer before has been sent */
    bool overdue;    /* its time is over, and its answer is being cancelled */
    bool stopping;
    bool closing;             /* tls_link_close was called */
    bool closed;              /* a close_notify was sent, or is being sent */
    int64_t deadline_ns;      /* of its place in the queue, and then of its handshake */
    int64_t waits_ns;         /* the peer has to answer since then */
    const uint8_t *put_bytes; /* NULL: none */
    size_t put_size;
    bool put_last;    /* a close_notify follows them */
    bool put_sending; /* `send` is of them */
    const uint8_t *last_words;
    size_t last_words_size;
    uint8_t *bytes; /* received; the worker's while it works */
    size_t size;
    uint8_t *copy; /* of them, if they were copied */
    struct tls_taken taken;
    uint32_t pieces;                                  /* of the plain text that were given out */
    struct tls_link *next_waiting, *previous_waiting; /* in links->waiting or links->queue */
};

/* `size` bytes have arrived, which tls_link_take gets next.  link->queued: they wait, and
 * time_is_over is called if that takes too long.  NULL: out of memory, or too many bytes to wait. */
struct tls_link *tls_link_begin(struct tls_links *links, struct tls_context *context,
                                struct port_socket *socket, size_t size);
/* Idle: tls_link_busy is false. */
void tls_link_free(struct tls_link *link);

/* Decrypts these bytes where they are; taken_all is called later, and they must stay until then.
 * True: they were copied, and need not stay. */
bool tls_link_take(struct tls_link *link, uint8_t *bytes, size_t size);
/* The next piece of plain text of the bytes taken last; false: there is none. */
bool tls_link_next(struct tls_link *link, const uint8_t **bytes, uint32_t *size);
/* All of it has been used. */
void tls_link_done(struct tls_link *link);

/* An answer is being sent.  The last one: time_is_over is called when it was sent, or after a
 * second. */
bool tls_link_sending(const struct tls_link *link);
/* Sends this and a close_notify, after what it is sending; then `answered` is called.  Nothing more is
 * taken, and the bytes stay until then.  False: its peer has closed, or out of memory. */
bool tls_link_answer(struct tls_link *link, const uint8_t *bytes, size_t size);
/* Encrypts these bytes on a worker and sends them, between what is decrypted; then put_done is
 * called.  One call at a time.  last: a close_notify follows them, so it is the last call; only then
 * there may be none. */
void tls_link_put(struct tls_link *link, const uint8_t *bytes, size_t size, bool last);
/* The peer has sent a close_notify, and nothing more will be sent to it: answers with another.  True:
 * something is being sent, and time_is_over is called when it was, or after a second. */
bool tls_link_close(struct tls_link *link);
/* The connection ends: waits for no answer of TLS itself and no handshake any more. */
void tls_link_hurry(struct tls_link *link);

bool tls_link_busy(const struct tls_link *link); /* an op is in flight */
void tls_link_stop(struct tls_link *link);       /* its socket is shut: is_idle is called */

#endif
