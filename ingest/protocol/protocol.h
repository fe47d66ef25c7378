/* protocol.h - the table of protocols: bytes in, records out.
 *
 * A protocol is one file of this folder and one entry of the table.  It sees bytes and a sink; it
 * has no socket, port, clock or configuration, so it can be tested, fuzzed and simulated with bytes
 * alone.  Connections and listeners know only this table.  CONTRIBUTING.md explains how to add a
 * protocol.  Owner only. */
#ifndef INGEST_PROTOCOL_PROTOCOL_H
#define INGEST_PROTOCOL_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/protocol/depth.h"
#include "ingest/protocol/partial.h"
#include "ingest/protocol/sink.h"
#include "schema/record/syslog.h"

struct protocol;
struct unfold_job;

/* What each protocol remembers besides the unfinished record; all zero at first. */
#define DETECT_HEAD_BYTES 32
struct detect_state {
    const struct protocol *fixed; /* set for this listener; NULL: detected */
    struct depth depth;           /* of the first object */
    uint8_t step;
    uint8_t previous;                           /* byte */
    uint8_t byte_order_mark;                    /* bytes of it so far */
    uint8_t head[DETECT_HEAD_BYTES], head_size; /* first bytes that are not white space */
    uint8_t marker;                             /* bytes of a separator so far */
    bool nul_cut;
    struct syslog_header header; /* before the first object */
};
struct concatenated_state {
    struct depth depth;
    uint8_t step, tail;
    bool in_array, newline_in_string;
    struct syslog_header header;        /* before the object */
    uint8_t priority[5], priority_size; /* "<191>": what may begin the next message */
};
struct octet_state {
    uint32_t left; /* bytes of the record; 0: its length is next */
    uint32_t length;
    uint8_t digits; /* of the length so far */
};
struct sequence_state {
    struct depth depth;
    uint8_t step;
    struct syslog_header header; /* before the object */
};
/* Frames that are answered alike, with consecutive transaction numbers. */
#define RELP_RUNS 8
struct relp_run {
    uint32_t txnr, count;
    uint8_t answer;
};
struct relp_state {
    uint8_t step, size; /* of the word or number so far */
    enum { RELP_UNKNOWN, RELP_OPEN, RELP_SYSLOG, RELP_CLOSE } command;
    enum { RELP_NAME, RELP_VERSION, RELP_COMMANDS, RELP_OTHER } offer;
    uint8_t word[16];            /* of the command, or of an offer */
    uint32_t txnr, length, left; /* left: bytes of the data */
    bool has_version, has_syslog, opened, said_goodbye;
    uint8_t first_run, run_count;
    struct relp_run runs[RELP_RUNS];     /* of frames that are not answered yet */
    uint64_t token, committed, answered; /* numbers of frames: taken, stored, answered */
};

/* Records of a window with consecutive sequence numbers. */
#define LUMBERJACK_RUNS       8
/* Records of a window.  Beats send 2048 by default; nothing is reserved for them. */
#define LUMBERJACK_WINDOW_MAX (1u << 20)
struct lumberjack_run {
    uint32_t sequence, count; /* of the first that is not known to be stored, and how many */
    bool ends_window;
};
struct lumberjack_state {
    uint8_t step, size; /* of the number so far */
    uint8_t type;       /* of the frame */
    bool inside;        /* of compressed data */
    uint8_t first_run, run_count;
    uint32_t bad;                                /* 0, or why the next byte is refused */
    uint32_t number, left;                       /* left: bytes of the record */
    uint32_t window_left;                        /* records of the window that are to come */
    uint32_t last_stored;                        /* of the oldest window, or 0 */
    struct lumberjack_run runs[LUMBERJACK_RUNS]; /* that are not answered yet */
    uint64_t token, committed, noted; /* numbers of records: taken, stored, removed from runs */
    uint64_t intact; /* the same: taken, and the checksum of their compressed data was right */
};

/* Of HTTP (http/request.h); readers of bodies use the first member as their own. */
struct http;
struct http_state {
    struct concatenated_state concatenated;
    struct http *http;
};

/* Of the forward protocol, in memory of its own (forward.c). */
struct forward;
struct forward_state {
    struct forward *forward;
};

/* What is remembered of one connection, or of a datagram while it is taken.  Embedded in a
 * connection, so it must stay small. */
struct session {
    const struct protocol *protocol;
    struct partial partial;
    bool datagram; /* its end ends the last record */
    /* 0; or the reason (quarantine.h) for which nothing more is taken: one rejected record says so,
     * and the connection is to be closed. */
    uint32_t refused;
    /* Of protocols that acknowledge.  waits: `take` takes no more until the session has acks, or
     * `committed` was called.  ended: the peer has said that it sends no more.  given_up: the session
     * cannot continue, and the peer has to begin another.  leaving: the connection ends after the next
     * replies; set by the connection. */
    bool waits, ended, given_up, leaving;
    bool nudged; /* the peer has waited long; set by the connection (`awaited`) */
    /* Of protocols with `nudge` and `head`.  busy: nothing is received until it is false again.
     * unfinished: more of what has begun must come, or the connection is overdue.  parked: it waits for
     * a batch; overdue: it ends for that reason; both set by the connection. */
    bool busy, unfinished, parked, overdue;
    bool abandons; /* at its end, nothing that it put into batches is waited for */
    /* Bytes of compressed data that come next.  The connection has them decompressed, gives what comes
     * of them to `take` (inside is true then), and calls `expanded` after it; compressed_more: not yet,
     * because more of the same data will follow other bytes. */
    uint32_t compressed;
    bool compressed_more, inside;
    enum { SESSION_ZLIB, SESSION_GZIP, SESSION_ZSTD } compression;
    /* A whole body that was collected.  The connection has it unfolded, gives what comes of it to
     * `take` (inside is true then), and calls `unfolded` after it.  NULL: there is none. */
    struct unfold_job *unfold;
    union {
        struct detect_state detect;
        struct concatenated_state concatenated;
        struct octet_state octet;
        struct sequence_state sequence;
        struct relp_state relp;
        struct lumberjack_state lumberjack;
        struct http_state http;
        struct forward_state forward;
    } state;
};

#define REPLY_ROOM_MIN 256

struct protocol {
    const char *name; /* as in the configuration; never changes */
    /* Optional, of protocols that are not detected: begins a session with the settings of its
     * listener.  False: out of memory. */
    bool (*begin)(struct session *session, void *settings);
    /* Of protocols with `begin`: it speaks first; it has something to send as soon as the connection is
     * open. */
    bool greets;
    /* Optional: frees the memory that the session has outside of its struct, and the most of that. */
    void (*forget)(struct session *session);
    size_t (*memory)(void);
    /* Optional: takes, before `take`, what needs no batch. */
    size_t (*head)(struct session *session, const uint8_t *bytes, size_t size, int64_t received_ns);
    /* Takes bytes of a connection, wherever the network has cut them.  Returns how many it took:
     * fewer than size if the batch has no room for the next record; called again with the rest and
     * an empty batch.  Not called after it has refused. */
    size_t (*take)(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size);
    /* The connection, or the datagram, has ended: what is unfinished is a record.  False: no room;
     * called again with an empty batch. */
    bool (*end)(struct session *session, const struct sink *sink);
    /* Optional: takes a datagram that needs no session, at once.  False: take and end do it. */
    bool (*is_plain_datagram)(const uint8_t *bytes, size_t size);
    /* Of protocols that set session->compressed: the compressed data is over.  reason: 0, or why it
     * could not be decompressed.  False: no room; called again with an empty batch. */
    bool (*expanded)(struct session *session, const struct sink *sink, uint32_t reason);
    /* Of protocols that set session->unfold, which becomes NULL: all of it was taken. */
    void (*unfolded)(struct session *session);
    /* The rest is for protocols that acknowledge; NULL: it does not.  `take` names the tokens
     * (acks.h). */
    void (*committed)(struct session *session, const struct commit *commit);
    /* Optional: does the peer wait for an answer?  If that takes long, session->nudged is set, and it
     * may owe a sign that the connection is alive. */
    bool (*awaited)(const struct session *session);
    /* Optional, instead of session->nudged. */
    void (*nudge)(struct session *session);
    /* Optional: the batch or the acknowledgement that the session waits for will not come.  The session
     * may then owe an answer.  Without this function the connection is closed, or waits for a batch. */
    void (*not_stored)(struct session *session);
    /* Is there something to be sent to the peer now? */
    bool (*owes)(const struct session *session);
    /* Writes as much of it as fits, at least REPLY_ROOM_MIN, and returns how many bytes.  Called
     * only when it owes something, and when what it wrote before has been sent. */
    size_t (*reply)(struct session *session, uint8_t *bytes, size_t size);
};

extern const struct protocol protocol_detect;       /* finds out which of the others it is */
extern const struct protocol protocol_newline;      /* lines that end in LF or CRLF */
extern const struct protocol protocol_nul;          /* records that end in NUL */
extern const struct protocol protocol_sequence;     /* RFC 7464: RS before each text */
extern const struct protocol protocol_octets;       /* RFC 6587: octet counting */
extern const struct protocol protocol_concatenated; /* objects one after the other, or in arrays */
extern const struct protocol protocol_relp;         /* rsyslog's protocol with acknowledgements */
extern const struct protocol protocol_lumberjack;   /* that of Beats */
extern const struct protocol protocol_http;         /* of listeners of its own; not in the table */
extern const struct protocol protocol_forward;      /* that of Fluentd and Fluent Bit */
extern const struct protocol
    protocol_forward_auth; /* the same with a shared key; not in the table */

/* The session is in the middle of an object, whose bytes so far are its unfinished record. */
void concatenated_resume(struct session *session, const struct depth *depth);

/* The protocol of this name in the configuration; NULL: there is none. */
const struct protocol *protocol_find(const char *name);
/* Their names: "auto, newline, ...". */
#define PROTOCOL_NAMES                                                                             \
    "auto, newline, nul, json-seq, octet-counting, concatenated, relp, lumberjack or forward"

/* Begins a session of a protocol without `begin`.  What no protocol accepts (foreign.h)
 * is refused in every protocol. */
void session_begin(struct session *session, const struct protocol *protocol);

/* Takes bytes as the protocol's `take` does; a refused session takes all and keeps nothing. */
static inline size_t session_take(struct session *session, const struct sink *sink,
                                  const uint8_t *bytes, size_t size) {
    if (session->refused) return size;
    return session->protocol->take(session, sink, bytes, size);
}
static inline bool session_end(struct session *session, const struct sink *sink) {
    return session->refused || session->protocol->end(session, sink);
}

static inline bool protocol_owes(const struct session *session) {
    return session->protocol->owes && session->protocol->owes(session);
}

/* A datagram: its end ends the last record in it.  False: no room; call again, with the same
 * arguments and an empty batch.  *session and *taken keep the place; both are zero before a
 * datagram, and again after it, except session->refused. */
bool protocol_take_datagram(const struct protocol *protocol, struct session *session, size_t *taken,
                            const struct sink *sink, const uint8_t *bytes, size_t size);

#endif
