/* retention_job.c - see retention_job.h. */
#include "ingest/daemon/retention_job.h"

#include <assert.h>
#include <string.h>

#include "port/system.h"
#include "writer/keep/retention_files.h"

#define LOOK_NS (60 * 1000000000ll)
/* What could not be deleted, for somebody had it open who shares nothing, is tried again: soon, and
 * then each time after twice as long. */
#define LEFT_NS (1 * 1000000000ll)

/* What a job brings back, when all else went well. */
enum { SOME_LEFT = 1 };

static void job_run(struct port_op *op);
static int64_t pause_ns(struct upkeep *upkeep);
static void came_back(struct port_op *op);

void upkeep_open(struct upkeep *upkeep, struct port *port, const char *directory) {
    struct files *files = port_files(port);
    const struct retention_folders folders = {.directory = directory};
    upkeep->port = port;
    upkeep->directory = directory;
    upkeep->op.done = came_back;
    int error = manifest_open(files, directory, &upkeep->manifest);
    if (error) upkeep->manifest = NULL;
    if (!error) error = retention_mend(files, &folders, upkeep->manifest, port_wall_ns(port));
    if (!error)
        error =
            retention_open(files, &folders, upkeep->manifest, &upkeep->rules, &upkeep->retention);
    if (error)
        say("%s/state/%s: %s; nothing is deleted by the rules of retention until the next start",
            directory, MANIFEST_FILE, error_text(error));
}

void upkeep_close(struct upkeep *upkeep) {
    retention_close(upkeep->retention);
    manifest_close(upkeep->manifest);
}

static void look(struct upkeep *upkeep) {
    upkeep->rules = upkeep->next_rules;
    memcpy(upkeep->streams, upkeep->next_streams, sizeof upkeep->streams);
    upkeep->rules.streams = upkeep->streams;
    if (upkeep->retention == NULL || !retention_wanted(&upkeep->rules)) return;
    upkeep->running = true;
    upkeep->wanted = false;
    port_work(upkeep->port, &upkeep->op, PORT_LANE_IDLE, job_run);
}

static void look_soon(struct upkeep *upkeep) {
    if (upkeep->stopping) return;
    upkeep->wanted = upkeep->running;
    if (upkeep->running) return;
    if (port_idle(&upkeep->op))
        look(upkeep);
    else
        port_cancel(&upkeep->op); /* the wait: it comes back, and looks */
}

void upkeep_set_rules(struct upkeep *upkeep, const struct retention_rules *rules) {
    assert(rules->stream_count <= STREAMS_MAX);
    upkeep->next_rules = *rules;
    for (uint32_t i = 0; i < rules->stream_count; i++)
        upkeep->next_streams[i] = rules->streams[i];
    look_soon(upkeep);
}

void upkeep_closed(struct upkeep *upkeep, uint64_t segments) {
    if (segments == upkeep->closed) return;
    upkeep->closed = segments;
    look_soon(upkeep);
}

void upkeep_stop(struct upkeep *upkeep) {
    upkeep->stopping = true;
    atomic_store(&upkeep->let_go, true);
    port_cancel(&upkeep->op);
}

bool upkeep_quiet(const struct upkeep *upkeep) {
    return port_idle(&upkeep->op);
}

static void came_back(struct port_op *op) {
    struct upkeep *upkeep = PORT_CONTAINER(struct upkeep, op, op);
    const bool was_job = upkeep->running;
    upkeep->running = false;
    if (upkeep->stopping) return;
    if (!was_job) {
        look(upkeep);
        return;
    }
    if (op->result < 0 && upkeep->said != (int)op->result) {
        upkeep->said = (int)op->result;
        say("%s: retention: %s; looking again later", upkeep->directory, error_text(upkeep->said));
    }
    const int64_t pause = upkeep->wanted ? 0 : pause_ns(upkeep);
    port_timer(upkeep->port, op, port_now_ns(upkeep->port) + pause);
}

static int64_t pause_ns(struct upkeep *upkeep) {
    const bool left = upkeep->op.result == ERR_BUSY || upkeep->op.result == SOME_LEFT;
    upkeep->left_ns = !left ? 0 : upkeep->left_ns ? 2 * upkeep->left_ns : LEFT_NS;
    return left && upkeep->left_ns < LOOK_NS ? upkeep->left_ns : LOOK_NS;
}

static void job_run(struct port_op *op) {
    struct upkeep *upkeep = PORT_CONTAINER(struct upkeep, op, op);
    const int64_t now_ns = port_wall_ns(upkeep->port);
    int64_t result = retention_look(upkeep->retention, now_ns);
    for (int64_t left = result; left > 0 && result >= 0; left--) {
        if (atomic_load_explicit(&upkeep->let_go, memory_order_relaxed)) break;
        result = retention_step(upkeep->retention, now_ns);
    }
    const bool left = retention_tally(upkeep->retention).left > 0;
    op->result = result < 0 ? result : left ? SOME_LEFT : 0;
}
