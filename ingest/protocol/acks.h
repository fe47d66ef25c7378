/* acks.h - what one connection has sent and waits to have acknowledged.
 *
 * A protocol numbers what it acknowledges: a frame, a window, a request.  The number is its token,
 * and tokens only grow.  After it has put the records of a token into a batch it names the token
 * (sink.h); when these records and those of all earlier tokens are stored as the listener promises,
 * the token is committed.  All records of a token are in one batch: records of an earlier batch that
 * were put there under no token are not waited for.
 *
 * A record that was rejected is stored when quarantine has it, or when it was dropped and counted as
 * quarantine_full: its sender could only send it again.  If records were given up, or a sync has
 * failed, nothing is committed any more, and the sender has to send them again.
 *
 * One struct ack for each batch that has records of the connection, whatever their number, and at
 * most ACKS_MAX of them: the memory is the connection's own.  Owner only. */
#ifndef INGEST_PROTOCOL_ACKS_H
#define INGEST_PROTOCOL_ACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "writer/live/batch.h"
#include "writer/live/stream.h"
#include "writer/live/waiters.h"

/* Batches of a connection that may be unacknowledged at a time. */
#define ACKS_MAX 8

/* The result of tokens, for the protocol. */
struct commit {
    uint64_t token;   /* this and all earlier ones */
    uint32_t records; /* tokens with records among them */
    /* Of the records of these tokens, if acks_report was called; NULL: it was not.  Until the next
     * call of acks_next. */
    const struct batch_report *report;
};

struct ack;

/* Of a batch: its valid records or its rejected ones. */
struct ack_part {
    struct waiter waiter;
    struct ack *ack;
};

struct ack {
    struct acks *acks;
    struct batch *batch; /* while it is open or with a worker; NULL then */
    struct ack_part records, rejects;
    uint64_t token;
    uint32_t tokens;             /* with records */
    uint32_t waits;              /* parts that are not stored yet */
    struct batch_report *report; /* the batch's while it has one; NULL: none */
    int result;                  /* the first error of them */
};

struct acks {
    struct ack ring[ACKS_MAX];
    uint32_t first, count;
    struct batch_report *unused; /* added to a batch, and not yet of an ack */
    struct batch_report *given;  /* by acks_next */
    bool synced;                 /* stored means synced; otherwise written */
    /* There is something for acks_next.  Called from the midst of writing: it must not fill
     * batches. */
    void (*ready)(struct acks *acks);
};

void acks_begin(struct acks *acks, bool synced, void (*ready)(struct acks *acks));
/* The connection ends: nothing is waited for any more. */
void acks_end(struct acks *acks);

/* These are what sink.h describes as sink_may_acknowledge, sink_await, sink_acknowledge_later and
 * sink_acknowledge_nothing; awaited: as sink_acknowledge. */
bool acks_room(const struct acks *acks, const struct batch *batch);
bool acks_has(const struct acks *acks, const struct batch *batch); /* records in this batch */
void acks_await(const struct acks *acks);
void acks_add(struct acks *acks, struct batch *batch, uint64_t token, bool awaited);
bool acks_raise(struct acks *acks, uint64_t token);

/* The report of what the connection puts into this batch, which its origin must name; each: with all
 * faults.  Call acks_add or acks_report_undo before anything else is put into the batch.  NULL: out of
 * memory. */
struct batch_report *acks_report(struct acks *acks, struct batch *batch, bool each);
void acks_report_undo(struct acks *acks, struct batch *batch);

/* The next token in order: 1: it is committed; 0: nothing has come back; or the error for which it
 * and all later ones never will be. */
int acks_next(struct acks *acks, struct commit *commit);
static inline bool acks_empty(const struct acks *acks) {
    return acks->count == 0;
}

/* ---- for the pipeline ---- */

/* The batch is packed: *list holds those that wait for its valid records; those that wait also for its
 * rejected ones are added to *rejects.  No further token joins them. */
void acks_packed(struct batch *batch, struct waiter **list, struct waiter **rejects);
/* What they wait for was written to this stream (NULL: there was nothing to write, or it was dropped
 * and counted), or given up. */
void acks_written(struct waiter **list, struct stream *stream, int result);

#endif
