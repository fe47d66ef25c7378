/* handover.c - see handover.h.  One state machine: a look finds the next segment and starts the
 * command; a timer polls until it has ended; the manifest records it (handover_job.c).  When the
 * archive changes, the job in the previous archive's lane is detached: that archive may hang. */
#include "writer/keep/handover.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/system.h"
#include "writer/keep/handover_job.h"

#define SECOND_NS    (1000000000ll)
#define PAUSE_NS_MIN (60 * SECOND_NS)
#define PAUSE_NS_MAX (3600 * SECOND_NS)
/* How often a running command is polled: often at first, then once a second. */
#define POLL_NS_MIN  (SECOND_NS / 50)
#define POLL_NS_MAX  SECOND_NS
/* A command that was asked to end is killed after this time. */
#define END_NS       (5 * SECOND_NS)

enum step {
    HANDOVER_IDLE,
    HANDOVER_LOOKING,   /* job: finds the next segment, starts the command or deletes */
    HANDOVER_RUNNING,   /* timer: until the next poll */
    HANDOVER_RECORDING, /* job: appends to the manifest */
    HANDOVER_PAUSING,   /* timer: until the next look, or, if `unrecorded`, the next recording */
};

/* A detached look has started the command.  It is killed, and not recorded. */
struct orphan {
    struct port_op op; /* timer, until it has ended */
    struct handover *handover;
    struct process process;
};

struct handover {
    struct handover_options options;
    struct processes *processes;
    struct port_op op; /* a timer, of `step` */
    enum step step;
    struct lane_client client; /* its job is of `step` */
    uint32_t orphans;
    bool wanted, stopping;
    bool unrecorded;  /* the command has succeeded, and the manifest has no line yet */
    bool held;        /* the pause is after HANDOVER_FOUND_HELD */
    bool ended_by_us; /* the command was asked to end */
    struct sequences *ready;
    struct handover_command *command, *next_command; /* next: NULL: unchanged */
    struct handover_counts counts;
    int64_t pause_ns, poll_ns, deadline_ns;
    int reported_error; /* the last one */
    bool failing;       /* a failure of the command was reported */
    /* The present segment. */
    struct process process;
    struct segment_name name;
    char path[PATH_BYTES_MAX];
    bool could_not_start;
};

static void wait_over(struct port_op *op);
static void job_done(struct lane_client *client, struct lane_job *ended, int64_t result,
                     bool detached);
static void pause_for_longer(struct handover *h);

int handover_open(const struct handover_options *options, struct handover **handover) {
    struct handover *h = calloc(1, sizeof *h);
    if (h == NULL) return ERR_NO_MEMORY;
    h->options = *options;
    h->processes = port_processes(options->port);
    h->op.done = wait_over;
    h->client = (struct lane_client){.lanes = options->lanes, .done = job_done};
    *handover = h;
    return 0;
}

void handover_free(struct handover *handover) {
    assert(!handover_busy(handover));
    handover_command_release(handover->command);
    handover_command_release(handover->next_command);
    sequences_release(handover->ready);
    free(handover);
}

bool handover_busy(const struct handover *handover) {
    return handover->step != HANDOVER_IDLE || !lane_client_idle(&handover->client) ||
           handover->orphans > 0;
}

struct handover_counts handover_counts(const struct handover *handover) {
    return handover->counts;
}

/* ---- starting jobs ---- */

static void job_release(struct lane_job *lane) {
    struct handover_job *job = (struct handover_job *)lane;
    manifest_release(job->manifest);
    sequences_release(job->ready);
    handover_command_release(job->command);
    free(job);
}

/* False: no memory. */
static bool begin_job(struct handover *h, int64_t (*run)(struct lane_job *)) {
    struct handover_job *job = calloc(1, sizeof *job);
    if (job == NULL) return false;
    job->lane.run = run;
    job->lane.release = job_release;
    job->files = port_files(h->options.port);
    job->processes = h->processes;
    job->manifest = manifest_hold(h->options.manifest);
    job->command = handover_command_hold(h->command);
    job->ready = sequences_hold(h->ready);
    job->wall_ns = port_wall_ns(h->options.port);
    job->name = h->name;
    strcpy(job->path, h->path);
    strcpy(job->stream, h->options.stream);
    strcpy(job->directory, h->options.directory);
    return lane_client_begin(&h->client, h->command->archive, &job->lane);
}

static void start_job(struct handover *h, enum step step, int64_t (*run)(struct lane_job *)) {
    h->step = step;
    if (begin_job(h, run)) return;
    if (h->reported_error != ERR_NO_MEMORY)
        say("%s: handing over: %s; trying again later", h->options.stream,
            error_text(ERR_NO_MEMORY));
    h->reported_error = ERR_NO_MEMORY;
    pause_for_longer(h);
}

static void start_look(struct handover *h) {
    if (h->next_command != NULL) {
        handover_command_release(h->command);
        h->command = h->next_command;
        h->next_command = NULL;
        h->pause_ns = 0;
        h->reported_error = 0;
    }
    h->wanted = h->held = false;
    h->step = HANDOVER_IDLE;
    if (h->command == NULL || h->command->count == 0 || h->stopping) return;
    start_job(h, HANDOVER_LOOKING, handover_look_run);
}

/* A job runs in the lane of the previous archive. */
static bool runs_elsewhere(const struct handover *h) {
    return lane_client_job(&h->client) != NULL && h->next_command != NULL &&
           strcmp(h->command->archive, h->next_command->archive) != 0;
}

/* Stops a look.  A recording is not stopped: it runs when the previous archive answers. */
static void detach_job(struct handover *h) {
    lane_client_detach(&h->client, h->step == HANDOVER_LOOKING);
    h->unrecorded = false;
    start_look(h);
}

int handover_set_rules(struct handover *handover, const struct handover_rules *rules,
                       const char *archive_dir) {
    struct handover_command *kept = handover_command_keep(rules, archive_dir);
    if (kept == NULL) return ERR_NO_MEMORY;
    handover_command_release(handover->next_command);
    handover->next_command = kept;
    /* A corrected command is tried at once. */
    if (handover->step == HANDOVER_PAUSING) port_cancel(&handover->op);
    if (runs_elsewhere(handover)) detach_job(handover);
    return 0;
}

void handover_look(struct handover *handover, struct sequences *ready) {
    sequences_hold(ready); /* it may be the same set */
    sequences_release(handover->ready);
    handover->ready = ready;
    if (handover->step == HANDOVER_IDLE)
        start_look(handover);
    else
        handover->wanted = true;
    if (handover->held && handover->step == HANDOVER_PAUSING) port_cancel(&handover->op);
}

void handover_stop(struct handover *handover, bool now) {
    struct handover *h = handover;
    h->stopping = true;
    if (h->step == HANDOVER_PAUSING) port_cancel(&h->op);
    lane_client_stop(&h->client);
    if (h->step != HANDOVER_RUNNING) return; /* if it starts later, poll_command ends it */
    h->ended_by_us = true;
    h->processes->end(h->processes, &h->process, now);
    h->poll_ns = POLL_NS_MIN;
    port_cancel(&h->op);
}

/* ---- the owner's steps ---- */

static void timer(struct handover *h, enum step step, int64_t ns) {
    h->step = step;
    port_timer(h->options.port, &h->op, port_now_ns(h->options.port) + ns);
}

static void pause_for_longer(struct handover *h) {
    h->pause_ns *= 2;
    if (h->pause_ns < PAUSE_NS_MIN) h->pause_ns = PAUSE_NS_MIN;
    if (h->pause_ns > PAUSE_NS_MAX) h->pause_ns = PAUSE_NS_MAX;
    h->step = HANDOVER_IDLE;
    if (!h->stopping) timer(h, HANDOVER_PAUSING, h->pause_ns);
}

static void command_failed(struct handover *h, const char *why) {
    const bool by_stop = h->stopping; /* the next start does it */
    h->counts.failures += !by_stop;
    pause_for_longer(h);
    if (by_stop) return;
    h->failing = true;
    say("%s: archive_command %s: %s; trying again in %lld min", h->path, h->command->words[0], why,
        (long long)(h->pause_ns / (60 * SECOND_NS)));
}

static void start_recording(struct handover *h) {
    start_job(h, HANDOVER_RECORDING, handover_record_run);
    if (runs_elsewhere(h)) detach_job(h);
}

static void command_ended(struct handover *h, int code) {
    char why[64];
    /* A command that was asked to end may have done half of its work, whatever its exit code. */
    if (code == 0 && !h->ended_by_us) {
        h->counts.segments++;
        h->pause_ns = 0;
        h->unrecorded = true;
        if (h->failing)
            say_info("%s: archive_command %s: works again", h->path, h->command->words[0]);
        h->failing = false;
        start_recording(h);
        return;
    }
    if (h->ended_by_us)
        snprintf(why, sizeof why, "was ended after %llu s",
                 (unsigned long long)h->command->limit_s);
    else
        snprintf(why, sizeof why, "ended with %d", code);
    command_failed(h, why);
}

/* Checks whether the command has ended or takes too long. */
static void poll_command(struct handover *h) {
    int code;
    if (h->processes->ended(h->processes, &h->process, &code)) {
        command_ended(h, code);
        return;
    }
    const int64_t now = port_now_ns(h->options.port);
    if (now >= h->deadline_ns || (h->stopping && !h->ended_by_us)) {
        h->processes->end(h->processes, &h->process, h->ended_by_us);
        h->ended_by_us = true;
        h->deadline_ns = now + END_NS;
    }
    h->poll_ns = 2 * h->poll_ns < POLL_NS_MAX ? 2 * h->poll_ns : POLL_NS_MAX;
    if (h->stopping) h->poll_ns = POLL_NS_MIN;
    timer(h, HANDOVER_RUNNING, h->poll_ns);
}

static void looked(struct handover *h, int64_t result) {
    if (result == HANDOVER_FOUND_STARTED) {
        h->ended_by_us = false;
        h->poll_ns = POLL_NS_MIN / 2;
        h->deadline_ns = port_now_ns(h->options.port) + (int64_t)h->command->limit_s * SECOND_NS;
        poll_command(h);
    } else if (result == HANDOVER_FOUND_DELETED || (result >= 0 && h->wanted)) {
        start_look(h);
    } else if (result == HANDOVER_FOUND_HELD) {
        if (h->reported_error != ERR_BUSY)
            say("%s: handed over, but another program has it open; deleted later", h->path);
        h->reported_error = ERR_BUSY;
        h->held = true;
        h->step = HANDOVER_IDLE;
        if (!h->stopping) timer(h, HANDOVER_PAUSING, PAUSE_NS_MIN);
    } else if (result >= 0) {
        h->step = HANDOVER_IDLE;
    } else if (h->could_not_start) {
        command_failed(h, error_text((int)result));
    } else {
        if (h->reported_error != (int)result)
            say("%s: handing over: %s; trying again later",
                h->path[0] != '\0' ? h->path : h->options.stream, error_text((int)result));
        h->reported_error = (int)result;
        pause_for_longer(h);
    }
}

/* A failed recording is retried without running the command again. */
static void recorded(struct handover *h, int64_t result) {
    if (result < 0 && h->reported_error != (int)result)
        say("%s: recording that archive_command took it: %s; retrying", h->path,
            error_text((int)result));
    h->reported_error = (int)result;
    h->unrecorded = result < 0;
    if (h->unrecorded)
        pause_for_longer(h);
    else
        start_look(h);
}

static void take_results(struct handover *h, const struct handover_job *job) {
    h->process = job->process;
    h->name = job->name;
    strcpy(h->path, job->path);
    h->could_not_start = job->could_not_start;
}

static void end_orphan(struct port_op *op) {
    struct orphan *orphan = PORT_CONTAINER(struct orphan, op, op);
    struct handover *h = orphan->handover;
    int code;
    if (!h->processes->ended(h->processes, &orphan->process, &code)) {
        port_timer(h->options.port, op, port_now_ns(h->options.port) + POLL_NS_MIN);
        return;
    }
    h->orphans--;
    free(orphan);
}

static void kill_command_of(struct handover *h, struct handover_job *job) {
    struct orphan *orphan = calloc(1, sizeof *orphan);
    h->processes->end(h->processes, &job->process, true);
    if (orphan == NULL) return; /* no memory: it ends, and is not waited for */
    *orphan = (struct orphan){.op.done = end_orphan, .handover = h, .process = job->process};
    h->orphans++;
    end_orphan(&orphan->op);
}

static void detached_done(struct handover *h, struct handover_job *job, int64_t result) {
    const bool looked_for_one = job->lane.run == handover_look_run;
    if (looked_for_one && result == HANDOVER_FOUND_STARTED) kill_command_of(h, job);
    if (!looked_for_one && result < 0)
        say("%s: recording that archive_command took it: %s; it may run again for it", job->path,
            error_text((int)result));
}

static void job_done(struct lane_client *client, struct lane_job *ended, int64_t result,
                     bool detached) {
    struct handover *h = PORT_CONTAINER(struct handover, client, client);
    struct handover_job *job = (struct handover_job *)ended;
    if (job == NULL) { /* abandoned at a stop */
        if (!detached) h->step = HANDOVER_IDLE;
    } else if (detached) {
        detached_done(h, job, result);
    } else {
        take_results(h, job);
        if (h->step == HANDOVER_LOOKING)
            looked(h, result);
        else
            recorded(h, result);
    }
}

static void wait_over(struct port_op *op) {
    struct handover *h = PORT_CONTAINER(struct handover, op, op);
    if (h->step == HANDOVER_RUNNING)
        poll_command(h);
    else if (h->unrecorded && !h->stopping)
        start_recording(h);
    else
        start_look(h);
}
