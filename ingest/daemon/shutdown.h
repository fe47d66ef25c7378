/* shutdown.h - how the daemon stops, in order: connections are read to what has arrived; what was
 * read is packed and written; the segments are closed.
 *
 * Two limits hold whatever hangs: after drain_ms nothing more is read, after stop_ms what is not
 * stored is given up.  Owner only. */
#ifndef INGEST_DAEMON_SHUTDOWN_H
#define INGEST_DAEMON_SHUTDOWN_H

#include "ingest/daemon/retention_job.h"
#include "ingest/daemon/stream_set.h"
#include "ingest/daemon/volumes.h"
#include "ingest/network/intake.h"
#include "ingest/pipeline/pipeline.h"
#include "port/port.h"

enum shutdown_phase {
    SHUTDOWN_NONE,     /* serving */
    SHUTDOWN_DRAINING, /* reading what has arrived; connections in a backlog are accepted */
    SHUTDOWN_ENDING,   /* connections end; their last records go into batches */
    SHUTDOWN_PACKING,  /* batches are packed and appended to their streams */
    SHUTDOWN_FLUSHING, /* streams write; one that has written everything closes its segment */
    SHUTDOWN_CLOSING,  /* the last segments are closed and get their index */
    SHUTDOWN_STORED,   /* everything is stored, closed or given up */
    SHUTDOWN_HANGS,    /* the disk does not answer: operations will not come back */
};

/* What is stopped; all of it outlives the shutdown. */
struct shutdown_parts {
    struct port *port;
    struct intake *intake;
    struct pipeline *pipeline;
    struct stream_set *streams;
    struct retention_job *retention;
    struct volumes *volumes;
};

struct shutdown;

/* ERR_NO_MEMORY. */
int shutdown_open(const struct shutdown_parts *parts, struct shutdown **shutdown);
void shutdown_free(struct shutdown *shutdown); /* idle */
enum shutdown_phase shutdown_phase(const struct shutdown *shutdown);
/* Begins, if it has not begun. */
void shutdown_begin(struct shutdown *shutdown, uint64_t drain_ms, uint64_t stop_ms);
/* After each wait on the port.  collected: how many ops came back. */
void shutdown_step(struct shutdown *shutdown, uint32_t collected);
/* How long the next wait may take: less than for ever while something is polled. */
int64_t shutdown_wait_ns(const struct shutdown *shutdown);
/* Nothing was lost and nothing is left to store: the process may end at any moment. */
bool shutdown_all_stored(const struct shutdown *shutdown);
/* Cancels the timers; wait until it is idle. */
void shutdown_cancel(struct shutdown *shutdown);
bool shutdown_idle(const struct shutdown *shutdown);

#endif
