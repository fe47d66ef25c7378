/* connection_internal.h - what the files of a connection share: connection.c (its life and what it
 * receives), connection_proxy.c, connection_tls.c, connection_answers.c, connection_expand.c,
 * connection_unfold.c and connection_farewell.c. */
#ifndef INGEST_NETWORK_CONNECTION_INTERNAL_H
#define INGEST_NETWORK_CONNECTION_INTERNAL_H

#include "ingest/network/intake.h"

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
    struct expansion *expansion; /* NULL: it is not in the midst of compressed data */
    struct unfolding *unfolding; /* NULL: no body was unfolded yet */
    struct {
        const uint8_t *bytes; /* as `bytes`, while these are what a worker has made of it */
        uint32_t size, taken;
        bool waits;
    } packed;
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
    uint8_t reply[];    /* until it is sent */
};
#define FAREWELL_NS       (1000 * 1000000ll)
#define FAREWELL_BYTES    (64u << 10)
#define FAREWELL_LINE_MAX 512
#define FAREWELLS_MAX     64 /* at a time; further ones are closed without an answer */

/* ---- connection.c ---- */

/* Continues as far as possible; false: parked. */
bool connection_advance(struct connection *connection);
/* It receives nothing more, and closes as soon as what it waits for allows. */
void connection_end_now(struct connection *connection);
/* Closes it, or begins to: ops that are in flight come back, and call this again. */
void connection_close(struct connection *connection);
void connection_release_buffer(struct connection *connection);

/* ---- connection_proxy.c ---- */

bool connection_is_of_proxy(const struct tcp_listener *listener, const struct port_address *peer);
void connection_begin_header(struct connection *connection);
/* The header is the beginning of what was received; the rest is the client's. */
void connection_take_header(struct connection *connection);
/* What has arrived of the header is one rejected record, which connection_add_header adds. */
void connection_refuse_header(struct connection *connection, const char *problem);
bool connection_add_header(void *context, struct batch *batch);

/* ---- connection_tls.c ---- */

/* The first bytes have arrived: do they begin TLS? */
void connection_begin_tls(struct connection *connection);
/* Gives what was received to a worker; connection_advance is called later. */
void connection_decrypt(struct connection *connection);
void connection_close_link(struct connection *connection);

/* ---- connection_answers.c: protocols that acknowledge ---- */

/* Takes what needs no batch (protocol.h, `head`).  False: the connection waits for its answers. */
bool connection_take_head(struct connection *connection);
/* No batch is free: a protocol may answer that. */
void connection_note_parked(struct connection *connection);

void connection_begin_answers(struct connection *connection);
/* Sends the first words of a protocol that speaks first, if the connection is open and they are not
 * sent. */
void connection_greet(struct connection *connection);
bool connection_wait_for_answers(struct connection *connection);
/* It ends: all that is stored is acknowledged first, and the last answer must not be cut off. */
bool connection_may_close(struct connection *connection);

/* ---- connection_expand.c: compressed data ---- */

enum expand_step {
    EXPAND_GO,    /* what there is can be taken */
    EXPAND_WORKS, /* connection_advance is called later */
    EXPAND_HOLD,  /* no memory: try again later */
    EXPAND_PARK,  /* no batch is free */
};
enum expand_step connection_expand(struct connection *connection);
/* The next bytes are compressed, or follow bytes that a worker is still decompressing or unfolding. */
static inline bool connection_is_packed(const struct connection *connection) {
    const struct session *session = &connection->session;
    return (session->compressed > 0 || session->unfold ||
            (connection->expansion && !session->compressed_more)) &&
           !connection->packed.waits;
}
/* While the protocol takes a piece that a worker has made, the rest of what was received waits in
 * connection->packed. */
void connection_take_piece(struct connection *connection, const uint8_t *piece, uint32_t size);
void connection_leave_piece(struct connection *connection);
void connection_end_expansion(struct connection *connection); /* no worker has it */

/* ---- connection_unfold.c: bodies that are unfolded (session->unfold) ---- */

struct unfolding {
    struct port_op op;
    struct connection *connection;
    bool working;
};
enum expand_step connection_unfold(struct connection *connection);
void connection_end_unfolding(struct connection *connection); /* no worker has it */

/* ---- connection_farewell.c: refused connections ---- */

/* The session is refused: counts it, reports it and answers. */
void connection_refuse(struct connection *connection);
/* Copies the reply, which is encrypted if the connection is. */
void connection_answer(struct connection *connection, const uint8_t *reply, size_t size);
void connection_link_answered(struct tls_link *link);
bool connection_farewell_busy(const struct connection *connection);
bool connection_farewell_sending(const struct connection *connection);
/* Drops what a peer sends that is refused, or has got its last answer. */
void connection_discard(struct connection *connection, struct port_buffer *buffer);

#endif
