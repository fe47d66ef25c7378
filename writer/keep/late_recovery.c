/* late_recovery.c - see late_recovery.h. */
#include "writer/keep/late_recovery.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "port/error.h"
#include "writer/live/recover.h"

#define SECOND_NS    INT64_C(1000000000)
#define PAUSE_MIN_NS (2 * SECOND_NS)
#define PAUSE_MAX_NS (60 * SECOND_NS)

struct late_recovery {
    struct port *port;
    struct port_op op; /* the timer, or the job */
    struct late_recovery_options options;
    int64_t pause_ns;
    uint32_t left_now; /* the job's */
    atomic_bool stop;
};

static void job_run(struct port_op *op);
static void job_done(struct port_op *op);
static void timer_done(struct port_op *op);

static void set_timer(struct late_recovery *r) {
    r->op.done = timer_done;
    port_timer(r->port, &r->op, port_now_ns(r->port) + r->pause_ns);
}

int late_recovery_open(struct port *port, const struct late_recovery_options *options,
                       struct late_recovery **recovery) {
    struct late_recovery *r = calloc(1, sizeof *r);
    if (r == NULL) return ERR_NO_MEMORY;
    r->port = port;
    r->options = *options;
    r->pause_ns = PAUSE_MIN_NS;
    if (r->options.left > 0) set_timer(r);
    *recovery = r;
    return 0;
}

static void timer_done(struct port_op *op) {
    struct late_recovery *r = PORT_CONTAINER(struct late_recovery, op, op);
    if (atomic_load(&r->stop)) return;
    r->op.done = job_done;
    port_work(r->port, &r->op, PORT_LANE_IDLE, job_run);
}

static void job_run(struct port_op *op) {
    struct late_recovery *r = PORT_CONTAINER(struct late_recovery, op, op);
    op->result = recover_left(port_files(r->port), r->options.folder, r->options.last_sequence,
                              &r->stop, &r->left_now);
}

/* After an error of the folder itself, or a stop, what is left is not known: it stays as it was. */
static void job_done(struct port_op *op) {
    struct late_recovery *r = PORT_CONTAINER(struct late_recovery, op, op);
    const uint32_t before = r->options.left;
    if (op->result == 0) r->options.left = r->left_now;
    if (r->options.left < before) r->options.recovered(r->options.context);
    if (r->options.left == 0 || atomic_load(&r->stop)) return;
    r->pause_ns = r->pause_ns < PAUSE_MAX_NS / 2 ? 2 * r->pause_ns : PAUSE_MAX_NS;
    set_timer(r);
}

uint32_t late_recovery_left(const struct late_recovery *recovery) {
    return recovery->options.left;
}

void late_recovery_stop(struct late_recovery *recovery) {
    atomic_store(&recovery->stop, true);
    if (!port_idle(&recovery->op)) port_cancel(&recovery->op);
}

bool late_recovery_busy(const struct late_recovery *recovery) {
    return !port_idle(&recovery->op);
}

void late_recovery_free(struct late_recovery *recovery) {
    assert(!late_recovery_busy(recovery));
    free(recovery);
}
