/* connection_expand.c - connections whose protocol sends compressed data (session->compressed). */
#include <assert.h>

#include "ingest/network/connection_internal.h"
#include "port/system.h"

static void piece_is_done(struct expansion *expansion);

void connection_take_piece(struct connection *connection, const uint8_t *piece, uint32_t size) {
    connection->packed.bytes = connection->bytes;
    connection->packed.size = connection->size;
    connection->packed.taken = connection->taken;
    connection->packed.waits = true;
    connection->session.inside = true;
    connection->bytes = piece;
    connection->size = size;
    connection->taken = 0;
}

void connection_leave_piece(struct connection *connection) {
    connection->bytes = connection->packed.bytes;
    connection->size = connection->packed.size;
    connection->taken = connection->packed.taken;
    connection->packed.waits = false;
    connection->session.inside = false;
}

void connection_end_expansion(struct connection *connection) {
    struct intake *intake = connection->intake;
    if (!connection->expansion) return;
    if (connection->packed.waits) connection_leave_piece(connection);
    expansion_free(connection->expansion);
    connection->expansion = NULL;
    connection->session.compressed = 0;
    connection->session.compressed_more = false;
    uint32_t i = 0;
    while (intake->expanding[i] != connection) /* ends: it is there */
        i++;
    intake->expanding[i] = intake->expanding[--intake->expansions];
}

static bool add_result(void *context, struct batch *batch) {
    struct connection *connection = context;
    struct session *session = &connection->session;
    struct sink sink = intake_sink(connection->intake, batch, &connection->origin);
    if (connection->answers) sink.acks = &connection->answers->acks;
    return session->protocol->expanded(session, &sink, expansion_result(connection->expansion));
}

/* The one that its peer has left alone for longest, so that silent peers do not keep others out. */
static void end_stalled(struct intake *intake, bool zstd) {
    struct connection *stalled = NULL;
    const int64_t limit = port_now_ns(intake->port) - EXPANSION_STALLED_NS;
    for (uint32_t i = 0; i < intake->expansions; i++) {
        struct connection *other = intake->expanding[i];
        const bool idle = (!zstd || other->expansion->zstandard) && !other->expansion->working &&
                          !other->source.parked && !other->held && !other->waiting &&
                          !other->paced.waiting && !other->ending;
        const int64_t given_ns = other->expansion->given_ns;
        if (idle && given_ns <= limit && (!stalled || given_ns < stalled->expansion->given_ns))
            stalled = other;
    }
    if (!stalled) return;
    struct tcp_listener *listener = stalled->listener;
    char peer[ADDRESS_TEXT_MAX];
    intake->counters->connections_unfinished++;
    if (!listener->said_unfinished)
        say("%s: connection from %s: its compressed data was not finished, and others wait; the "
            "connection is closed (reported once)",
            listener->name, address_format(&stalled->origin.peer, peer));
    listener->said_unfinished = true;
    /* Not closed now: the caller may be going through the open connections. */
    stalled->ending = true;
    port_cancel(&stalled->receive);
}

static uint32_t count_zstd(const struct intake *intake) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < intake->expansions; i++)
        count += intake->expanding[i]->expansion->zstandard != NULL;
    return count;
}

static enum expand_step begin(struct connection *connection) {
    struct intake *intake = connection->intake;
    const bool zstd = connection->session.compression == SESSION_ZSTD;
    if (intake->expansions == EXPANSIONS_MAX)
        end_stalled(intake, false);
    else if (zstd && count_zstd(intake) == EXPANSIONS_ZSTD_MAX)
        end_stalled(intake, true);
    else
        connection->expansion =
            expansion_begin(intake->port, connection->session.compressed,
                            connection->session.compression, piece_is_done, connection);
    if (!connection->expansion) return EXPAND_HOLD;
    intake->expanding[intake->expansions++] = connection;
    return EXPAND_GO;
}

enum expand_step connection_expand(struct connection *connection) {
    struct session *session = &connection->session;
    struct intake *intake = connection->intake;
    if (session->unfold && !connection->expansion) return connection_unfold(connection);
    if (!connection->expansion && session->compressed == 0) return EXPAND_GO;
    if (session->refused || session->given_up ||
        (connection->answers && connection->answers->failure)) {
        connection_end_expansion(connection);
        session->compressed = 0;
        session->compressed_more = false;
        return EXPAND_GO;
    }
    if (!connection->expansion && begin(connection) == EXPAND_HOLD) return EXPAND_HOLD;
    struct expansion *expansion = connection->expansion;
    if (connection->packed.waits) {
        if (connection->taken < connection->size) return EXPAND_GO;
        connection_leave_piece(connection);
    }
    const bool over = expansion->reason ||
                      (session->compressed == 0 && !expansion->more && !session->compressed_more);
    if (over) {
        if (!pipeline_fill(intake->pipeline, &connection->source, add_result, connection))
            return EXPAND_PARK;
        connection_end_expansion(connection);
        return session->unfold ? connection_unfold(connection) : EXPAND_GO;
    }
    const uint32_t there = connection->size - connection->taken;
    const uint32_t size = there < session->compressed ? there : session->compressed;
    if (size == 0 && !expansion->more) return EXPAND_GO; /* more has to be received */
    intake->expansions_working++;
    expansion_run(expansion, connection->bytes + connection->taken, size);
    return EXPAND_WORKS;
}

static void piece_is_done(struct expansion *expansion) {
    struct connection *connection = expansion->context;
    struct session *session = &connection->session;
    const uint32_t there = connection->size - connection->taken;
    const uint32_t given = there < session->compressed ? there : session->compressed;
    const uint32_t used = given - (uint32_t)expansion->in_size;
    connection->intake->expansions_working--;
    connection->listener->active = true;
    connection->taken += used;
    session->compressed -= used;
    connection_take_piece(connection, connection->expansion->piece,
                          connection->expansion->piece_size);
    connection_advance(connection);
}
