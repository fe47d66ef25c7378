/* connection_unfold.c - connections whose protocol has collected a body that a worker unfolds
 * (session->unfold). */
#include <assert.h>
#include <stdlib.h>

#include "ingest/network/connection_internal.h"
#include "ingest/protocol/unfold_job.h"

static void run(struct port_op *op) {
    const struct unfolding *unfolding = PORT_CONTAINER(struct unfolding, op, op);
    unfold_job_run(unfolding->connection->session.unfold);
}

static void piece_is_done(struct port_op *op) {
    struct unfolding *unfolding = PORT_CONTAINER(struct unfolding, op, op);
    struct connection *connection = unfolding->connection;
    const struct unfold_job *job = connection->session.unfold;
    unfolding->working = false;
    connection->intake->expansions_working--;
    connection->listener->active = true;
    connection_take_piece(connection, job->piece, job->piece_size);
    connection_advance(connection);
}

static enum expand_step end(struct connection *connection) {
    struct session *session = &connection->session;
    if (connection->packed.waits) connection_leave_piece(connection);
    session->protocol->unfolded(session);
    session->unfold = NULL;
    return EXPAND_GO;
}

enum expand_step connection_unfold(struct connection *connection) {
    struct session *session = &connection->session;
    struct intake *intake = connection->intake;
    if (session->refused || session->given_up ||
        (connection->answers && connection->answers->failure))
        return end(connection);
    if (connection->packed.waits) {
        if (connection->taken < connection->size) return EXPAND_GO;
        connection_leave_piece(connection);
    }
    if (session->unfold->ended) return end(connection);
    if (!connection->unfolding) connection->unfolding = calloc(1, sizeof *connection->unfolding);
    struct unfolding *unfolding = connection->unfolding;
    if (!unfolding) return EXPAND_HOLD;
    unfolding->connection = connection;
    unfolding->op.done = piece_is_done;
    unfolding->working = true;
    intake->expansions_working++;
    port_work(intake->port, &unfolding->op, PORT_LANE_PACK, run);
    return EXPAND_WORKS;
}

void connection_end_unfolding(struct connection *connection) {
    assert(!connection->unfolding || !connection->unfolding->working);
    if (connection->session.unfold) end(connection);
    free(connection->unfolding);
    connection->unfolding = NULL;
}
