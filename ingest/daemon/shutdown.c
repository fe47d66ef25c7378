/* shutdown.c - how the daemon stops, in order: listeners close; connections are read to
 * their present end; what was read is packed and written; the segments are closed. */
#include "ingest/daemon/daemon_internal.h"
#include "port/system.h"

/* So long a stop waits for the indexes of what was closed last; whoever asks for it waits, too. */
#define INDEX_STOP_NS (250 * 1000000ll)
/* A disk that does not answer at all after stop_ms is left so much later. */
#define STOP_GRACE_NS (2 * 1000000000ll)

static void drain_over(struct port_op *op);
static void stop_over(struct port_op *op);
static void leave_now(struct port_op *op);
static void index_stop_over(struct port_op *op);

void stopping_prepare(struct daemon *daemon) {
    daemon->drain.done = drain_over;
    daemon->stop.done = stop_over;
    daemon->leave.done = leave_now;
    daemon->index_stop.done = index_stop_over;
}

void stopping_begin(struct daemon *daemon) {
    if (daemon->phase != PHASE_SERVING) return;
    const int64_t now = port_now_ns(daemon->port);
    daemon->phase = PHASE_DRAINING;
    port_cancel(&daemon->stats);
    /* What is read must still be stored: half of the time at least is left for that. */
    const int64_t stop_ns = (int64_t)daemon->config->stop_ms * 1000000;
    const int64_t drain_ns = (int64_t)daemon->config->drain_ms * 1000000;
    port_timer(daemon->port, &daemon->drain,
               now + (drain_ns < stop_ns / 2 ? drain_ns : stop_ns / 2));
    port_timer(daemon->port, &daemon->stop, now + stop_ns);
}

/* Connections are read until nothing more is there: a turn that brought nothing. */
static bool drained(const struct daemon *daemon, uint32_t collected) {
    return collected == 0 && !pipeline_anyone_parked(daemon->pipeline);
}

static void end_intake(struct daemon *daemon) {
    if (daemon->phase != PHASE_DRAINING) return;
    daemon->phase = PHASE_ENDING;
    port_cancel(&daemon->drain);
    intake_end(&daemon->intake);
}

static void drain_over(struct port_op *op) {
    end_intake(PORT_CONTAINER(struct daemon, drain, op));
}

static void stop_over(struct port_op *op) {
    struct daemon *daemon = PORT_CONTAINER(struct daemon, stop, op);
    if (op->result < 0) return;
    say("stop_ms is over: what is not stored by now is given up");
    end_intake(daemon);
    streams_abandon(daemon);
    port_timer(daemon->port, &daemon->leave, port_now_ns(daemon->port) + STOP_GRACE_NS);
}

static void index_stop_over(struct port_op *op) {
    struct daemon *daemon = PORT_CONTAINER(struct daemon, index_stop, op);
    if (op->result < 0) return;
    if (streams_stop_indexing(daemon))
        say("not every closed file has its index yet; the next start makes the rest, or logport "
            "archive");
}

static void leave_now(struct port_op *op) {
    struct daemon *daemon = PORT_CONTAINER(struct daemon, leave, op);
    if (op->result < 0) return;
    say("the disk does not answer: leaving");
    daemon_print_counters(daemon);
    system_exit_now(1);
}

/* Whoever asked for the stop learns of it when another daemon may take the directory. */
static void say_goodbye(struct daemon *daemon) {
    control_close(daemon->control);
    file_close(&daemon->lock);
    control_reply_later(daemon->control, "stop",
                        daemon_records_lost(daemon)
                            ? "{\"ok\":false,\"error\":\"not all records could be stored\"}"
                            : "{\"ok\":true}");
    control_reply_later(daemon->control, "rotate", "{\"ok\":true}");
}

void stopping_go_on(struct daemon *daemon, uint32_t collected) {
    switch (daemon->phase) {
    case PHASE_SERVING: return;
    case PHASE_DRAINING:
        if (drained(daemon, collected)) end_intake(daemon);
        return;
    case PHASE_ENDING:
        if (!intake_ended(&daemon->intake)) return;
        pipeline_finish(daemon->pipeline);
        daemon->phase = PHASE_FLUSHING;
        return;
    case PHASE_FLUSHING:
        if (pipeline_busy(daemon->pipeline) || daemon->rotating) return;
        streams_finish(daemon);
        port_timer(daemon->port, &daemon->index_stop, port_now_ns(daemon->port) + INDEX_STOP_NS);
        upkeep_stop(&daemon->upkeep);
        daemon->phase = PHASE_CLOSING;
        return;
    case PHASE_CLOSING:
        if (streams_busy(daemon)) return;
        if (!upkeep_quiet(&daemon->upkeep)) return;
        say_goodbye(daemon);
        port_cancel(&daemon->stop);
        port_cancel(&daemon->leave);
        port_cancel(&daemon->index_stop);
        port_cancel(&daemon->signal);
        daemon->phase = PHASE_STOPPED;
        return;
    case PHASE_STOPPED: return;
    }
}

bool stopping_over(const struct daemon *daemon) {
    return daemon->phase == PHASE_STOPPED && port_idle(&daemon->signal) &&
           port_idle(&daemon->stats) && port_idle(&daemon->drain) && port_idle(&daemon->stop) &&
           port_idle(&daemon->leave) && port_idle(&daemon->index_stop) &&
           reload_quiet(daemon->reload) && control_quiet(daemon->control);
}
