/* shutdown.c - see shutdown.h. */
#include "ingest/daemon/shutdown.h"

#include <assert.h>
#include <stdlib.h>

#include "port/system.h"

/* How long a stop waits for the indexes of the segments closed last: the operator waits too. */
#define INDEX_STOP_NS (1000 * 1000000ll)
/* After stop_ms, how long a disk that does not answer is waited for. */
#define STOP_GRACE_NS (2 * 1000000000ll)
/* While something is polled: the time between two looks. */
#define LOOK_NS       (10 * 1000000ll)

static void drain_over(struct port_op *op);
static void stop_over(struct port_op *op);
static void leave_due(struct port_op *op);
static void index_stop_over(struct port_op *op);

struct shutdown {
    struct shutdown_parts parts;
    enum shutdown_phase phase;
    struct port_op drain, stop, leave, index_stop; /* timers */
};

int shutdown_open(const struct shutdown_parts *parts, struct shutdown **shutdown) {
    struct shutdown *s = calloc(1, sizeof *s);
    if (!s) return ERR_NO_MEMORY;
    s->parts = *parts;
    s->drain.done = drain_over;
    s->stop.done = stop_over;
    s->leave.done = leave_due;
    s->index_stop.done = index_stop_over;
    *shutdown = s;
    return 0;
}

void shutdown_free(struct shutdown *shutdown) {
    assert(shutdown_idle(shutdown));
    free(shutdown);
}

enum shutdown_phase shutdown_phase(const struct shutdown *shutdown) {
    return shutdown->phase;
}

void shutdown_begin(struct shutdown *shutdown, uint64_t drain_ms, uint64_t stop_ms) {
    if (shutdown->phase != SHUTDOWN_NONE) return;
    struct port *port = shutdown->parts.port;
    const int64_t now = port_now_ns(port);
    shutdown->phase = SHUTDOWN_DRAINING;
    /* What is read must still be stored: at least half of the time is left for that. */
    const int64_t stop_ns = (int64_t)stop_ms * 1000000;
    const int64_t drain_ns = (int64_t)drain_ms * 1000000;
    port_timer(port, &shutdown->drain, now + (drain_ns < stop_ns / 2 ? drain_ns : stop_ns / 2));
    port_timer(port, &shutdown->stop, now + stop_ns);
    intake_drain(shutdown->parts.intake);
    stream_set_hurry(shutdown->parts.streams);
}

/* More may be read although a wait brings nothing. */
static bool reading_waits(const struct shutdown *shutdown) {
    return pipeline_anyone_parked(shutdown->parts.pipeline) ||
           intake_retries(shutdown->parts.intake);
}

/* Connections are read until a wait brings nothing. */
static bool drained(const struct shutdown *shutdown, uint32_t collected) {
    return collected == 0 && !reading_waits(shutdown);
}

static void end_intake(struct shutdown *shutdown) {
    if (shutdown->phase != SHUTDOWN_DRAINING) return;
    shutdown->phase = SHUTDOWN_ENDING;
    port_cancel(&shutdown->drain);
    intake_end(shutdown->parts.intake);
}

static void drain_over(struct port_op *op) {
    end_intake(PORT_CONTAINER(struct shutdown, drain, op));
}

static void stop_over(struct port_op *op) {
    struct shutdown *shutdown = PORT_CONTAINER(struct shutdown, stop, op);
    struct port *port = shutdown->parts.port;
    if (op->result < 0) return;
    say_error("stop_ms is over: giving up what is not stored yet");
    end_intake(shutdown);
    stream_set_abandon(shutdown->parts.streams);
    port_timer(port, &shutdown->leave, port_now_ns(port) + STOP_GRACE_NS);
}

static void index_stop_over(struct port_op *op) {
    struct shutdown *shutdown = PORT_CONTAINER(struct shutdown, index_stop, op);
    if (op->result < 0) return;
    if (stream_set_stop_indexing(shutdown->parts.streams))
        say("some closed segments have no index yet; the next start or logport archive makes it");
}

static void leave_due(struct port_op *op) {
    struct shutdown *shutdown = PORT_CONTAINER(struct shutdown, leave, op);
    if (op->result < 0) return;
    say_error("the disk does not answer: exiting without waiting for it");
    shutdown->phase = SHUTDOWN_HANGS;
}

void shutdown_step(struct shutdown *shutdown, uint32_t collected) {
    const struct shutdown_parts *parts = &shutdown->parts;
    switch (shutdown->phase) {
    case SHUTDOWN_DRAINING:
        if (drained(shutdown, collected)) end_intake(shutdown);
        return;
    case SHUTDOWN_ENDING:
        if (!intake_ended(parts->intake)) return;
        pipeline_finish(parts->pipeline);
        shutdown->phase = SHUTDOWN_PACKING;
        return;
    case SHUTDOWN_PACKING:
        /* A stream ends when its own lines are stored: it waits for no other, nor for quarantine. */
        if (!pipeline_all_appended(parts->pipeline)) return;
        stream_set_finish(parts->streams);
        shutdown->phase = SHUTDOWN_FLUSHING;
        return;
    case SHUTDOWN_FLUSHING:
        if (pipeline_busy(parts->pipeline)) return;
        stream_set_finish(parts->streams); /* those that gave up their lines */
        port_timer(parts->port, &shutdown->index_stop, port_now_ns(parts->port) + INDEX_STOP_NS);
        volumes_stop(parts->volumes);
        retention_job_stop(parts->retention);
        shutdown->phase = SHUTDOWN_CLOSING;
        return;
    case SHUTDOWN_CLOSING:
        if (stream_set_busy(parts->streams) || !retention_job_quiet(parts->retention)) return;
        if (!volumes_quiet(parts->volumes)) return;
        retention_job_seal(parts->retention);
        shutdown->phase = SHUTDOWN_STORED;
        return;
    case SHUTDOWN_NONE:
    case SHUTDOWN_STORED:
    case SHUTDOWN_HANGS: return;
    }
}

int64_t shutdown_wait_ns(const struct shutdown *shutdown) {
    if (shutdown->phase == SHUTDOWN_NONE) return -1;
    /* Draining ends at the first wait that brings nothing. */
    const bool draining = shutdown->phase == SHUTDOWN_DRAINING;
    return draining && !reading_waits(shutdown) ? 0 : LOOK_NS;
}

bool shutdown_all_stored(const struct shutdown *shutdown) {
    const bool read = shutdown->phase >= SHUTDOWN_PACKING;
    return read && !pipeline_busy(shutdown->parts.pipeline);
}

void shutdown_cancel(struct shutdown *shutdown) {
    port_cancel(&shutdown->drain);
    port_cancel(&shutdown->stop);
    port_cancel(&shutdown->leave);
    port_cancel(&shutdown->index_stop);
}

bool shutdown_idle(const struct shutdown *shutdown) {
    return port_idle(&shutdown->drain) && port_idle(&shutdown->stop) &&
           port_idle(&shutdown->leave) && port_idle(&shutdown->index_stop);
}
