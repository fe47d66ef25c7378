/* sim.c - the simulated port's clock, workers and completions.  See sim.h.
 *
 * A started op waits in its lane for a worker.  Its first event (BEGINS) runs its `run`, write
 * or sync; its second (RETURNS), some time later, completes it.  Other ops have their events in
 * between, so the order depends on the seed. */
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "port/error.h"
#include "tests/sim/strand.h"

#define ROUNDS_MAX 100000000u

/* An op's private words. */
enum { DUE_NS, ORDER, STAGE, REMOTE };
enum op_stage { BEGINS, RETURNS };

static struct sim *sim_of(const struct port *port) {
    return port->backend;
}

/* ---- events ---- */

static void schedule(struct sim *sim, struct port_op *op, enum op_stage stage, int64_t after_ns) {
    op->backend[DUE_NS] = (uint64_t)(sim->now_ns + after_ns);
    op->backend[ORDER] = sim->started++;
    op->backend[STAGE] = stage;
    port_list_append(&sim->under_way, op);
}

static int64_t due_ns(const struct port_op *op) {
    return (int64_t)op->backend[DUE_NS];
}

static struct port_op *next_due(const struct sim *sim) {
    struct port_op *next = NULL;
    for (struct port_op *op = sim->under_way.first; op != NULL; op = op->next)
        if (next == NULL || due_ns(op) < due_ns(next) ||
            (due_ns(op) == due_ns(next) && op->backend[ORDER] < next->backend[ORDER]))
            next = op;
    return next;
}

static int64_t latency(struct sim *sim, int64_t most_ns) {
    const int64_t ns = (int64_t)chance_below(&sim->chance, (uint64_t)most_ns + 1);
    return chance_one_in(&sim->chance, 64) ? ns * 100 : ns;
}

static int64_t latency_of(struct sim *sim, const struct port_op *op) {
    switch (op->kind) {
    case PORT_WRITE:
        if (sim->slow_path && strstr(disk_path(op->u.file.file), sim->slow_path))
            return sim->slow_ns;
        return latency(sim, sim->write_ns_max);
    case PORT_SYNC: return latency(sim, sim->sync_ns_max);
    default: return latency(sim, sim->work_ns_max);
    }
}

/* ---- workers ---- */

static struct sim_lane *lane_of(struct sim *sim, const struct port_op *op) {
    switch (op->kind) {
    case PORT_WRITE: return &sim->lanes[PORT_LANE_WRITE];
    case PORT_SYNC: return &sim->lanes[PORT_LANE_SLOW];
    default: return &sim->lanes[op->u.work.lane];
    }
}

static void lane_advance(struct sim *sim, struct sim_lane *lane) {
    while (lane->busy < lane->workers) { /* ends: each turn occupies a worker */
        struct port_op *op = port_list_take_first(&lane->queue);
        if (op == NULL) return;
        lane->busy++;
        schedule(sim, op, BEGINS, latency_of(sim, op));
    }
}

static void run(struct port_op *op) {
    switch (op->kind) {
    case PORT_WORK: op->u.work.run(op); break;
    case PORT_WRITE:
        op->result =
            file_write_at(op->u.file.file, op->u.file.bytes, op->u.file.size, op->u.file.offset);
        if (op->result == 0) op->result = (int64_t)op->u.file.size;
        break;
    case PORT_SYNC: op->result = file_sync(op->u.file.file); break;
    default: assert(!"not a worker's");
    }
}

static void remote_job_begins(struct sim *sim, struct port_op *op);

static void event(struct sim *sim, struct port_op *op) {
    port_list_remove(op);
    if (op->kind == PORT_REMOTE && op->backend[STAGE] == BEGINS) {
        remote_job_begins(sim, op);
        return;
    }
    if (op->backend[STAGE] == BEGINS) {
        run(op);
        schedule(sim, op, RETURNS, latency(sim, sim->work_ns_max));
        return;
    }
    if (op->kind == PORT_WORK || op->kind == PORT_WRITE || op->kind == PORT_SYNC) {
        struct sim_lane *lane = lane_of(sim, op);
        lane->busy--;
        lane_advance(sim, lane);
    }
    port_completed(sim->port, op, op->result);
}

/* INT64_MAX: there is none. */
static int64_t next_event_ns(const struct sim *sim) {
    const struct port_op *op = next_due(sim);
    const int64_t agenda_ns = agenda_next_ns(&sim->agenda);
    return op != NULL && due_ns(op) < agenda_ns ? due_ns(op) : agenda_ns;
}

static void next_event(struct sim *sim) {
    struct port_op *op = next_due(sim);
    if (op != NULL && due_ns(op) <= agenda_next_ns(&sim->agenda))
        event(sim, op);
    else
        agenda_run_first(&sim->agenda);
}

/* ---- remote lanes ---- */

/* A lane and its thread.  The thread is a strand, so that its job can stop in the middle of a call
 * that hangs; it lives as long as a job. */
struct sim_remote {
    struct sim *sim;
    struct strand *strand; /* NULL: it is idle, or its job has not begun */
    struct port_op *op;    /* not touched once the owner has left */
    port_remote_run *run;
    port_remote_release *release;
    void *job;
    int64_t result;
    bool left;   /* by the owner */
    bool killed; /* its process has ended: nothing that it does has an effect */
    struct sim_remote *next_hung;
    struct sim_remote *next; /* of all */
};

static int remote_open(struct port *port, const char *name, void **opened) {
    (void)name;
    struct sim_remote *remote = calloc(1, sizeof *remote);
    assert(remote != NULL);
    remote->sim = sim_of(port);
    remote->next = remote->sim->remotes;
    remote->sim->remotes = remote;
    *opened = remote;
    return 0;
}

static void remote_free(struct sim_remote *remote) {
    struct sim_remote **place = &remote->sim->remotes;
    while (*place != remote)
        place = &(*place)->next;
    *place = remote->next;
    free(remote);
}

static void remote_run(void *opened, struct port_op *op) {
    struct sim_remote *remote = opened;
    struct sim *sim = remote->sim;
    remote->op = op;
    remote->run = op->u.remote.run;
    remote->release = op->u.remote.release;
    remote->job = op->u.remote.job;
    op->backend[REMOTE] = (uint64_t)(uintptr_t)remote;
    schedule(sim, op, BEGINS, latency(sim, sim->work_ns_max));
}

static void strand_runs(void *context) {
    struct sim_remote *remote = context;
    remote->result = remote->run(remote->job);
}

/* Its job has had a turn: it has ended, or hangs. */
static void remote_turn_over(struct sim_remote *remote) {
    struct sim *sim = remote->sim;
    sim->remote_now = NULL;
    if (!strand_ended(remote->strand)) {
        struct sim_remote **last = &sim->remotes_hung;
        while (*last != NULL)
            last = &(*last)->next_hung;
        remote->next_hung = NULL;
        *last = remote;
        return;
    }
    strand_free(remote->strand);
    remote->strand = NULL;
    if (remote->left) {
        remote->release(remote->job);
        remote_free(remote);
        return;
    }
    struct port_op *op = remote->op;
    remote->op = NULL;
    op->result = remote->result == ERR_TIMED_OUT ? ERR_IO : remote->result;
    schedule(sim, op, RETURNS, latency(sim, sim->work_ns_max));
}

static void remote_job_begins(struct sim *sim, struct port_op *op) {
    struct sim_remote *remote = (struct sim_remote *)(uintptr_t)op->backend[REMOTE];
    sim->remote_now = remote;
    remote->strand = strand_new(strand_runs, remote);
    strand_resume(remote->strand);
    remote_turn_over(remote);
}

static void remotes_resume(struct sim *sim) {
    struct sim_remote *remote = sim->remotes_hung;
    sim->remotes_hung = NULL;
    while (remote != NULL) {
        struct sim_remote *next = remote->next_hung;
        sim->remote_now = remote;
        strand_resume(remote->strand);
        remote_turn_over(remote);
        remote = next;
    }
}

static bool remote_leave(void *opened) {
    struct sim_remote *remote = opened;
    if (remote->strand != NULL) { /* it hangs */
        remote->left = true;
        return true;
    }
    const bool waits = remote->op != NULL;
    if (waits) {
        port_list_remove(remote->op);
        remote->release(remote->job);
    }
    remote_free(remote);
    return waits;
}

static bool hangs(const struct sim *sim, const char *path) {
    for (uint32_t i = 0; i < sim->hung_path_count; i++) {
        const size_t length = strlen(sim->hung_paths[i]);
        if (strncmp(path, sim->hung_paths[i], length) == 0 &&
            (path[length] == '/' || path[length] == '\0'))
            return true;
    }
    return false;
}

static int admit(void *context, const char *path) {
    struct sim *sim = context;
    struct sim_remote *remote = sim->remote_now;
    if (remote != NULL && remote->killed) return ERR_IO;
    if (!hangs(sim, path)) return 0;
    assert(remote != NULL); /* only a job of a remote lane may touch what hangs */
    strand_stop(remote->strand);
    return remote->killed ? ERR_IO : 0;
}

/* Those left behind end with their process. */
static void remotes_end(struct sim *sim) {
    for (struct sim_remote *remote = sim->remotes_hung; remote != NULL;
         remote = remote->next_hung) {
        assert(remote->left);
        remote->killed = true;
    }
    remotes_resume(sim);
}

void sim_hang(struct sim *sim, const char *path) {
    assert(sim->hung_path_count < SIM_HANGS_MAX && strlen(path) < DISK_TEXT_MAX);
    strcpy(sim->hung_paths[sim->hung_path_count++], path);
}

void sim_end_hangs(struct sim *sim) {
    sim->hung_path_count = 0;
    remotes_resume(sim);
}

uint32_t sim_hung(const struct sim *sim) {
    uint32_t count = 0;
    for (const struct sim_remote *hung = sim->remotes_hung; hung != NULL; hung = hung->next_hung)
        count++;
    return count;
}

/* ---- the back end ---- */

static const char *back_end_name(const struct port *port) {
    (void)port;
    return "simulated";
}

static int back_end_open(struct port *port, const struct port_options *options) {
    struct sim *sim = PORT_CONTAINER(struct sim, backend, options->backend);
    assert(sim->port == NULL);
    sim->lanes[PORT_LANE_PACK].workers = options->pack_workers > 0 ? options->pack_workers : 2;
    sim->lanes[PORT_LANE_WRITE].workers =
        options->write_workers > 0 ? options->write_workers : PORT_WRITE_WORKERS;
    sim->lanes[PORT_LANE_URGENT].workers =
        options->urgent_workers > 0 ? options->urgent_workers : 2;
    sim->lanes[PORT_LANE_SLOW].workers = options->slow_workers > 0 ? options->slow_workers : 2;
    sim->lanes[PORT_LANE_IDLE].workers = 1;
    sim->port = port;
    port->backend = sim;
    port->files = &sim->disk.files;
    port->processes = &sim->processes;
    return 0;
}

static void back_end_close(struct port *port) {
    struct sim *sim = sim_of(port);
    assert(sim->under_way.count == 0 && sim->signal_op == NULL);
    remotes_end(sim);
    assert(sim->programs_running == 0);
    sim->port = NULL;
}

static void back_end_start(struct port *port, struct port_op *op) {
    struct sim *sim = sim_of(port);
    switch (op->kind) {
    case PORT_WORK:
    case PORT_WRITE:
    case PORT_SYNC: {
        struct sim_lane *lane = lane_of(sim, op);
        port_list_append(&lane->queue, op);
        lane_advance(sim, lane);
        break;
    }
    case PORT_SIGNAL:
        assert(sim->signal_op == NULL);
        sim->signal_op = op;
        for (int kept = PORT_SIGNAL_STOP; kept <= PORT_SIGNAL_ROTATE; kept++)
            if (sim->signals_kept & (1u << kept)) {
                sim->signals_kept &= ~(1u << kept);
                sim_signal(sim, (enum port_signal)kept);
                break;
            }
        break;
    default: sim->network_calls->start(sim->network, op);
    }
}

static void back_end_cancel(struct port *port, struct port_op *op) {
    struct sim *sim = sim_of(port);
    if (op == sim->signal_op) {
        sim->signal_op = NULL;
        port_completed(port, op, ERR_CANCELLED);
        return;
    }
    if (op->kind == PORT_ACCEPT || op->kind == PORT_RECEIVE || op->kind == PORT_RECEIVE_DATAGRAMS ||
        op->kind == PORT_SEND)
        sim->network_calls->cancel(sim->network, op);
    if (op->kind != PORT_WORK && op->kind != PORT_WRITE && op->kind != PORT_SYNC) return;
    struct sim_lane *lane = lane_of(sim, op);
    if (op->list != &lane->queue) return; /* too late */
    port_list_remove(op);
    port_completed(port, op, ERR_CANCELLED);
}

static void back_end_post(struct port *port, struct port_op *op) {
    struct sim *sim = sim_of(port);
    schedule(sim, op, RETURNS, latency(sim, SIM_US));
}

static void back_end_wait(struct port *port, int64_t timeout_ns) {
    struct sim *sim = sim_of(port);
    assert(sim->rounds_left-- > 0); /* the test does not end */
    const int64_t until_ns = timeout_ns < 0 || timeout_ns > INT64_MAX - sim->now_ns
                                 ? INT64_MAX
                                 : sim->now_ns + timeout_ns;
    /* A caller that does not wait wants everything that has arrived. */
    if (sim->network != NULL && timeout_ns == 0 && port->completed.count == 0)
        sim->network_calls->poll(sim->network);
    const int64_t next_ns = next_event_ns(sim);
    if (next_ns <= until_ns) {
        if (next_ns > sim->now_ns) sim->now_ns = next_ns;
    } else {
        assert(until_ns != INT64_MAX); /* it would wait for ever: there is no event */
        sim->now_ns = until_ns;
    }
    while (next_event_ns(sim) <= sim->now_ns)
        next_event(sim); /* ends: the number of workers is limited, and other events take time */
}

static int no_network(struct port *port, struct port_socket *socket, struct port_address *address) {
    (void)port, (void)socket, (void)address;
    return ERR_UNSUPPORTED;
}

static int no_datagrams(struct port *port, struct port_socket *socket, struct port_address *address,
                        uint32_t receive_bytes, uint32_t *granted) {
    (void)receive_bytes, (void)granted;
    return no_network(port, socket, address);
}

static int no_unix(struct port *port, struct port_socket *socket, const struct unix_place *place) {
    (void)port, (void)socket, (void)place;
    return ERR_UNSUPPORTED;
}

static void shut_nothing(struct port *port, struct port_socket *socket) {
    (void)port, (void)socket;
}

static uint64_t no_drops(const struct port_socket *socket) {
    (void)socket;
    return 0;
}

static int64_t back_end_now_ns(const struct port *port) {
    return sim_of(port)->now_ns;
}

static int64_t back_end_wall_ns(const struct port *port) {
    return sim_wall_ns(sim_of(port));
}

static void back_end_random(struct port *port, void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)chance_next(&sim_of(port)->chance);
}

/* ---- external programs ---- */

struct sim_program {
    int64_t ends_ns;
    int code;
    struct sim_program *next;
};

static struct sim *sim_of_processes(struct processes *processes) {
    return PORT_CONTAINER(struct sim, processes, processes);
}

static int program_start(struct processes *processes, const char *const *words,
                         struct process *process) {
    struct sim *sim = sim_of_processes(processes);
    const int refused = admit(sim, words[0]);
    if (refused != 0 || sim->disk.ended) return ERR_IO; /* the process has ended */
    const int code =
        sim->run_program != NULL ? sim->run_program(sim->program_context, words) : ERR_NOT_FOUND;
    if (code < 0) return code;
    struct sim_program *program = malloc(sizeof *program);
    assert(program != NULL);
    *program = (struct sim_program){
        .ends_ns = sim->now_ns + sim->program_ns, .code = code, .next = sim->programs};
    process->handle = (intptr_t)program;
    sim->programs = program;
    sim->programs_running++;
    return 0;
}

static bool program_ended(struct processes *processes, struct process *process, int *code) {
    struct sim *sim = sim_of_processes(processes);
    struct sim_program *program = (struct sim_program *)process->handle;
    if (sim->now_ns < program->ends_ns && !sim->disk.ended) return false;
    *code = program->code;
    struct sim_program **place = &sim->programs;
    while (*place != program)
        place = &(*place)->next;
    *place = program->next;
    free(program);
    sim->programs_running--;
    return true;
}

static void program_end(struct processes *processes, struct process *process, bool now) {
    struct sim_program *program = (struct sim_program *)process->handle;
    (void)now;
    program->ends_ns = sim_of_processes(processes)->now_ns;
    program->code = 143;
}

/* ---- the simulator ---- */

static int64_t wall_of_disk(void *context) {
    return sim_wall_ns(context);
}

void sim_open(struct sim *sim, uint64_t seed) {
    memset(sim, 0, sizeof *sim);
    sim->backend = (struct port_backend){.name = back_end_name,
                                         .open = back_end_open,
                                         .close = back_end_close,
                                         .start = back_end_start,
                                         .cancel = back_end_cancel,
                                         .post = back_end_post,
                                         .wait = back_end_wait,
                                         .listen = no_network,
                                         .bind = no_datagrams,
                                         .listen_unix = no_unix,
                                         .bind_unix = no_unix,
                                         .unix_access = no_unix,
                                         .end_datagrams = shut_nothing,
                                         .shut = shut_nothing,
                                         .kernel_drops = no_drops,
                                         .remote_open = remote_open,
                                         .remote_run = remote_run,
                                         .remote_leave = remote_leave,
                                         .now_ns = back_end_now_ns,
                                         .wall_ns = back_end_wall_ns,
                                         .random = back_end_random};
    sim->processes =
        (struct processes){.start = program_start, .ended = program_ended, .end = program_end};
    sim->program_ns = SIM_S;
    sim->chance.state = seed;
    disk_open(&sim->disk, chance_next(&sim->chance));
    sim->disk.wall_ns = wall_of_disk;
    sim->disk.wall_context = sim;
    sim->disk.admit = admit;
    sim->disk.admit_context = sim;
    sim->now_ns = (int64_t)chance_below(&sim->chance, 1000 * (uint64_t)SIM_DAY);
    sim_set_wall(sim, 1767225600 * SIM_S + (int64_t)chance_below(&sim->chance, 365 * SIM_DAY));
    sim->work_ns_max = 100 * SIM_US;
    sim->write_ns_max = SIM_MS;
    sim->sync_ns_max = 10 * SIM_MS;
    sim->rounds_left = ROUNDS_MAX;
}

void sim_close(struct sim *sim) {
    assert(sim->port == NULL);
    agenda_free(&sim->agenda);
    disk_close(&sim->disk);
}

static void forget_list(struct port_list *list) {
    *list = (struct port_list){0};
}

void sim_kill(struct sim *sim) {
    disk_end(&sim->disk);
    for (struct sim_remote *hung = sim->remotes_hung; hung != NULL; hung = hung->next_hung)
        hung->left = hung->killed = true;
    remotes_resume(sim);
    while (sim->remotes != NULL)
        remote_free(sim->remotes);
    forget_list(&sim->under_way);
    for (int lane = 0; lane < PORT_LANES; lane++) {
        forget_list(&sim->lanes[lane].queue);
        sim->lanes[lane].busy = 0;
    }
    sim->signal_op = NULL;
    sim->signals_kept = 0;
    while (sim->programs != NULL) {
        struct sim_program *program = sim->programs;
        sim->programs = program->next;
        free(program);
    }
    sim->programs_running = 0;
    if (sim->network != NULL) sim->network_calls->process_ended(sim->network);
    disk_close_all(&sim->disk);
    sim->port = NULL;
}

struct port *sim_port(struct sim *sim) {
    struct port *port;
    const int error = port_open(&(struct port_options){.backend = &sim->backend}, &port);
    assert(error == 0);
    return port;
}

int64_t sim_wall_ns(const struct sim *sim) {
    return sim->now_ns + sim->wall_ahead_ns;
}

void sim_set_wall(struct sim *sim, int64_t wall_ns) {
    sim->wall_ahead_ns = wall_ns - sim->now_ns;
}

void sim_step_wall(struct sim *sim, int64_t by_ns) {
    sim->wall_ahead_ns += by_ns;
}

void sim_pass(struct sim *sim, int64_t ns) {
    const int64_t end_ns = sim->now_ns + ns;
    while (sim->now_ns < end_ns) /* ends: each round advances to the next event, or to the end */
        port_wait(sim->port, end_ns - sim->now_ns);
}

void sim_signal(struct sim *sim, enum port_signal signal) {
    struct port_op *op = sim->signal_op;
    if (op == NULL) {
        sim->signals_kept |= 1u << signal;
        return;
    }
    sim->signal_op = NULL;
    op->result = signal;
    schedule(sim, op, RETURNS, 0);
}
