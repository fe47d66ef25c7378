/* connection_expand.c - connections whose protocol sends compressed data (session->compressed). */
#include <assert.h>

#include "ingest/network/connection_internal.h"

static void piece_is_done(struct expansion *expansion);

/* While the protocol takes a piece, the rest of what was received waits in connection->packed. */
static void take_piece(struct connection *connection) {
    const struct expansion *expansion = connection->expansion;
    connection->packed.bytes = connection->bytes;
    connection->packed.size = connection->size;
    connection->packed.taken = connection->taken;
    connection->packed.waits = true;
    connection->bytes = expansion->piece;
    connection->size = expansion->piece_size;
    connection->taken = 0;
}

static void leave_piece(struct connection *connection) {
    connection->bytes = connection->packed.bytes;
    connection->size = connection->packed.size;
    connection->taken = connection->packed.taken;
    connection->packed.waits = false;
}

void connection_end_expansion(struct connection *connection) {
    if (!connection->expansion) return;
    if (connection->packed.waits) leave_piece(connection);
    expansion_free(connection->expansion);
    connection->expansion = NULL;
    connection->session.compressed = 0;
    connection->intake->expansions--;
}

static bool add_result(void *context, struct batch *batch) {
    struct connection *connection = context;
    struct session *session = &connection->session;
    struct sink sink = intake_sink(connection->intake, batch, &connection->origin);
    return session->protocol->expanded(session, &sink, expansion_result(connection->expansion));
}

static enum expand_step begin(struct connection *connection) {
    struct intake *intake = connection->intake;
    if (intake->expansions < EXPANSIONS_MAX)
        connection->expansion = expansion_begin(intake->port, connection->session.compressed,
                                                piece_is_done, connection);
    if (!connection->expansion) return EXPAND_HOLD;
    intake->expansions++;
    return EXPAND_GO;
}

enum expand_step connection_expand(struct connection *connection) {
    struct session *session = &connection->session;
    struct intake *intake = connection->intake;
    if (!connection->expansion && session->compressed == 0) return EXPAND_GO;
    if (session->refused || session->given_up ||
        (connection->answers && connection->answers->failure)) {
        connection_end_expansion(connection);
        session->compressed = 0;
        return EXPAND_GO;
    }
    if (!connection->expansion && begin(connection) == EXPAND_HOLD) return EXPAND_HOLD;
    struct expansion *expansion = connection->expansion;
    if (connection->packed.waits) {
        if (connection->taken < connection->size) return EXPAND_GO;
        leave_piece(connection);
    }
    const bool over = expansion->reason || (session->compressed == 0 && !expansion->more);
    if (over) {
        if (!pipeline_fill(intake->pipeline, &connection->source, add_result, connection))
            return EXPAND_PARK;
        connection_end_expansion(connection);
        return EXPAND_GO;
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
    take_piece(connection);
    connection_advance(connection);
}
