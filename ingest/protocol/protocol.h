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

#include "ingest/protocol/partial.h"
#include "ingest/protocol/sink.h"

struct protocol;

/* What a protocol remembers of one connection; embedded in the connection, so it must stay small.
 * All zero, then protocol_begin. */
struct session {
    const struct protocol *protocol;
    struct partial partial;
};

struct protocol {
    const char *name; /* as in the configuration; never changes */
    /* Takes bytes of a connection, wherever the network has cut them.  Returns how many it took:
     * fewer than size if the batch has no room for the next record; called again with the rest and
     * an empty batch. */
    size_t (*take)(struct session *session, const struct sink *sink, const uint8_t *bytes,
                   size_t size);
    /* The connection has ended: what is unfinished is a record.  False: no room; called again with
     * an empty batch. */
    bool (*end)(struct session *session, const struct sink *sink);
    /* A datagram: its end ends the last record in it.  False: no room; nothing was taken. */
    bool (*take_datagram)(const struct sink *sink, const uint8_t *bytes, size_t size);
};

/* Lines that end in LF or CRLF. */
extern const struct protocol protocol_newline;

void protocol_begin(struct session *session, const struct protocol *protocol);

/* The members of the session's protocol. */
static inline size_t session_take(struct session *session, const struct sink *sink,
                                  const uint8_t *bytes, size_t size) {
    return session->protocol->take(session, sink, bytes, size);
}
static inline bool session_end(struct session *session, const struct sink *sink) {
    return session->protocol->end(session, sink);
}

#endif
